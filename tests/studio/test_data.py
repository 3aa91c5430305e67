"""The Data page: what is found, kept and opened, and what each person may look by."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import agreement, campaigns
from db.dialogues import dialogue
from db.exchange import import_lines
from db.finding import Filter
from db.finding_saved import filters, save_filter
from db.people import SYSTEM, person
from pipeline.spans import read_spans
from studio import service

SignIn = Callable[[AppTest, str], AppTest]


@pytest.fixture
def data(app: AppTest, sign_in: SignIn) -> Callable[[str], AppTest]:
    def opened(person_id: str) -> AppTest:
        at = sign_in(app, person_id)
        at.switch_page("app_pages/data.py").run()
        assert not at.exception
        return at

    return opened


def said(at: AppTest) -> str:
    return " ".join(one.value for one in (*at.markdown, *at.caption, *at.info, *at.error))


def test_everything_is_there_at_first_and_conditions_narrow_it(data: Callable[[str], AppTest]) -> None:
    at = data("ravi")
    assert "**48 dialogues**" in said(at)
    at.selectbox(key="find_persona_id").set_value("p01").run()
    expected = service.store().rows("SELECT dialogue_id FROM dialogues WHERE persona_id = 'p01'")
    assert {button.key for button in at.button if button.key and button.key.startswith("find_open_")} == {
        f"find_open_{row['dialogue_id']}" for row in expected
    }
    at.text_input(key="find_text").set_value("nobody said this").run()
    assert "No dialogue matches" in said(at)
    assert not at.exception


def test_a_situation_that_may_be_hard_to_read_is_covered_in_the_list(data: Callable[[str], AppTest]) -> None:
    line = {"dialogue_id": "dark", "situation": "He held a knife.", "messages": [{"role": "user", "content": "Hello."}]}
    import_lines(service.store(), SYSTEM, [json.dumps(line).encode()], "dark.jsonl", "dark")
    at = data("mei")
    at.selectbox(key="find_source").set_value("dark").run()
    (row,) = [element.value for element in at.html if 'class="kardia-row"' in element.value]
    assert "so it is covered" in row
    assert "knife" not in row


def test_a_kept_filter_is_opened_by_its_address(data: Callable[[str], AppTest], studio_home: Path) -> None:
    ravi = person(service.store(), "ravi")
    at = data("ravi")
    kept = save_filter(service.store(), ravi, "Exams", Filter(text="exam", mbti="INTP"), shared=True)
    at.query_params["filter"] = kept.filter_id
    at.run()
    assert (at.text_input(key="find_text").value, at.selectbox(key="find_mbti").value) == ("exam", "INTP")
    assert "found" in said(at)
    # Other conditions are no longer that filter.
    at.text_input(key="find_text").set_value("garden").run()
    assert "filter" not in at.query_params
    assert at.text_input(key="find_text").value == "garden"
    assert filters(service.store(), ravi)[0].filter == Filter(text="exam", mbti="INTP")
    assert not at.exception


def test_an_address_that_names_nothing_says_so(data: Callable[[str], AppTest]) -> None:
    at = data("ravi")
    at.query_params["filter"] = "f-nowhere"
    at.run()
    assert "no filter that you can open" in said(at)
    assert not at.exception


def test_an_annotator_finds_by_their_own_marks_only(data: Callable[[str], AppTest]) -> None:
    at = data("mei")
    assert at.selectbox(key="find_flag_by").options == ["Me"]
    assert at.selectbox(key="find_score_by").options == ["A judge"]
    assert not [toggle for toggle in at.toggle if toggle.key == "find_disagreement"]
    at.selectbox(key="find_flag_code").set_value(at.selectbox(key="find_flag_code").options[0]).run()
    assert "No dialogue matches" in said(at)  # she has flagged nothing
    assert not at.exception


def test_a_shared_filter_on_gold_is_refused_to_an_annotator(data: Callable[[str], AppTest]) -> None:
    at = data("mei")
    ines = person(service.store(), "ines")
    kept = save_filter(service.store(), ines, "Gold", Filter(flag_by="gold"), shared=True)
    assert kept.filter.flag_by == "gold"
    at.query_params["filter"] = kept.filter_id
    at.run()
    assert "may not find dialogues by the gold audit" in said(at)
    assert not [button for button in at.button if button.key and button.key.startswith("find_open_")]
    assert not at.exception


def test_only_those_who_may_bring_files_in_and_out(data: Callable[[str], AppTest]) -> None:
    at = data("mei")
    assert not [one for one in at.button if one.key == "data_import"]
    assert not [one for one in at.selectbox if one.key == "data_export_format"]


def test_a_researcher_may_bring_files_in_and_out(data: Callable[[str], AppTest]) -> None:
    at = data("ravi")
    assert [one for one in at.button if one.key == "data_import"]
    at.selectbox(key="data_export_format").set_value("labelstudio").run()
    assert not at.exception


def test_a_dialogue_found_by_its_words_opens_at_the_turn_that_has_them(data: Callable[[str], AppTest]) -> None:
    store = service.store()
    answers = [one.content for one in dialogue(store, "demo-07").messages if one.role == "assistant"]
    text = read_spans(answers[2]).response.strip()[:60]
    at = data("ravi")
    at.text_input(key="find_text").set_value(text).run()
    at.button(key="find_open_demo-07").click().run()
    told = [value[0] if isinstance(value, list) else value for value in map(at.query_params.get, ("dialogue", "turn"))]
    assert told == ["demo-07", "2"]


def test_a_reader_is_told_how_many_dialogues_a_search_leaves_out(data: Callable[[str], AppTest]) -> None:
    store = service.store()
    campaigns.create(store, person(store, "ines"), "Spring", "unsafe-turns", 1, ["demo-01", "demo-02"], ["ines"], 1)
    at = data("ines")
    assert "left out" not in said(at)
    at.selectbox(key="find_flag_by").set_value("gold").run()
    assert "2 dialogues of your open campaigns left out" in said(at)
    assert "find_open_demo-02" not in {button.key for button in at.button}


def test_published_ratings_come_in_with_their_texts_and_what_cannot_be_told_is_named(
    data: Callable[[str], AppTest],
) -> None:
    at = data("ravi")

    def again(*, now: bool = True) -> None:
        """A whole run shuts a dialog here, where a browser draws the dialog alone: so it is opened in each."""
        at.button(key="data_import").click()
        (at.button(key="ratings_now").click() if now else at).run()

    at.session_state["data_import_what"] = "Published ratings"
    again(now=False)
    lines = "item_id,rater,q_overall\n1,r001,No\n1,r002,Yes\n1,r003,Maybe\n2,r001,Yes\n"
    at.file_uploader(key="ratings_file").set_value(("ratings_long.csv", lines.encode(), "text/csv"))
    again(now=False)
    again()
    assert "the texts that it rates are in items.jsonl.gz; put that file beside it" in at.error[0].value.replace(
        "\\", ""
    )
    item = {"item_id": 1, "context": "USER: Hello.\nLAMDA: Hello.\nUSER: I am low.", "response": "Tell me more."}
    texts = ("items.jsonl.gz", gzip.compress(json.dumps(item).encode()), "application/gzip")
    at.file_uploader(key="ratings_texts").set_value(texts)
    again(now=False)
    again()
    assert not at.exception
    assert "2 new ratings by 2 raters, 0 known already; 1 new dialogue." in at.success[0].value
    (left_out,) = [frame.value for frame in at.dataframe if "reason" in frame.value]
    assert left_out.values.tolist() == [
        [4, "q_overall is no number"],
        [5, "rates a dialogue whose text is not beside it"],
    ]
    found = agreement.score_ratings(service.store(), "dices", 1, "q_overall")
    assert sorted(found.values.ravel().tolist()) == [0.0, 2.0]
