"""Finding dialogues by what people, gold, judges and runs made of them; who may look by what; filters that are kept."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from db import audits, campaign_blind, campaigns, finding
from db.exchange import import_lines
from db.finding import Filter
from db.finding_saved import filters, remove_filter, save_filter, saved_filter
from db.history import recent
from db.people import SYSTEM, Person, Role, add_person
from db.rubric_versions import approve, import_version
from db.store import Store, now
from rubrics.errors import UserError
from rubrics.load import rubric_from

CRITERIA = [{"id": code, "name": code, "question": "Does it?", "kind": "binary"} for code in ("blame", "haste")]
FLAGS = {"id": "flags", "title": "Flags", "purpose": "flags", "criteria": CRITERIA}
WARMTH = {"id": "warm", "name": "Warm", "question": "How warm?", "anchors": {1: "cold", 5: "warm"}}
SCORE = {"id": "empathy", "title": "Empathy", "purpose": "score", "criteria": [WARMTH]}
BY = {"rubric_id": "flags", "rubric_version": 1}
MARKED = """<|understanding_begin|>She is tired.<|understanding_end|><|reasoning_begin|>Rest.<|reasoning_end|>
<|emotion_begin|>sad<|emotion_end|><|response_begin|>Sleep well.<|response_end|>"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": MARKED}] * 2
    lines = [{"dialogue_id": f"d{n}", "mbti": ["INFP", "ESTJ"][n % 2], "messages": said} for n in range(6)]
    import_lines(opened, SYSTEM, (json.dumps(line).encode() for line in lines), "lines", "made")
    for body in (FLAGS, SCORE):
        import_version(opened, SYSTEM, rubric_from(body), "For the tests.")
    yield opened
    opened.close()


def somebody(store: Store, name: str, *roles: Role) -> Person:
    return add_person(store, SYSTEM, name, name.title(), roles)


@pytest.fixture
def ines(store: Store) -> Person:
    return somebody(store, "ines", "psychologist")


@pytest.fixture
def mei(store: Store) -> Person:
    return somebody(store, "mei", "annotator")


def flag(
    store: Store, actor: Person, dialogue_id: str, code: str = "blame", severity: Any = "red", **more: Any
) -> None:
    client_id = f"{actor.person_id} {dialogue_id} {code} {severity} {more}"
    audits.flag(store, actor, dialogue_id, 0, code, severity, client_id=client_id, **BY, **more)


def finish(store: Store, actor: Person, dialogue_id: str) -> None:
    audits.finish(store, actor, dialogue_id, "flags", 1, f"finish {actor.person_id} {dialogue_id}")


def ids(store: Store, actor: Person, **conditions: Any) -> list[str]:
    """What is found, after looking that the page, the count and the ids tell the same."""
    filter = Filter(**conditions)
    found = finding.matching_ids(store, actor, filter)
    result = finding.find(store, actor, filter, limit=3)
    assert result.page["dialogue_id"].tolist() == found[:3]
    assert (result.total, finding.count(store, actor, filter)) == (len(found), len(found))
    return found


def test_flags_are_found_by_code_severity_and_whose_they_are(store: Store, ines: Person, mei: Person) -> None:
    flag(store, mei, "d1")
    flag(store, mei, "d2", "haste", "yellow")
    flag(store, ines, "d2", "blame", "yellow")
    flag(store, ines, "d3", is_gold=True)
    assert ids(store, ines, flag_code="blame") == ["d1", "d2"]
    assert ids(store, ines, flag_severity="yellow") == ["d2"]
    # One flag must be both, not one flag each.
    assert ids(store, ines, flag_code="haste", flag_severity="red") == []
    assert ids(store, ines, flag_by="anyone") == ["d1", "d2"]
    assert ids(store, ines, flag_by="gold") == ["d3"]
    assert ids(store, ines, flag_by="mei", flag_code="blame") == ["d1"]
    assert ids(store, ines, flag_code="blame", rubric_id="flags", rubric_version=2) == []
    audits.unflag(store, mei, "d1", 0, "blame", "back")
    assert ids(store, ines, flag_code="blame") == ["d2"]
    assert ids(store, mei, flag_by="mei") == ["d2"]


def test_a_flag_that_was_set_again_counts_as_it_stands(store: Store, mei: Person) -> None:
    flag(store, mei, "d1", severity="red")
    flag(store, mei, "d1", severity="yellow")
    assert ids(store, mei, flag_by="mei", flag_severity="red") == []
    assert ids(store, mei, flag_by="mei", flag_severity="yellow") == ["d1"]


def test_scores_of_people_and_of_judges_lie_within_the_limits(store: Store, ines: Person) -> None:
    for dialogue_id, value in (("d1", 2.0), ("d2", 3.0), ("d3", 5.0)):
        audits.score(store, ines, dialogue_id, 0, "warm", value, "", "empathy", 1, f"score {dialogue_id}")
    judged(store, "run-1", "score", {"d4": 2.0, "d5": 4.5})
    judged(store, "run-2", "grpo", {"d0": 4.5})  # judged another text than the dialogue's
    assert ids(store, ines, score_criterion="warm") == ["d1", "d2", "d3"]
    assert ids(store, ines, score_criterion="warm", score_low=3) == ["d2", "d3"]
    assert ids(store, ines, score_criterion="warm", score_low=3, score_high=4) == ["d2"]
    assert ids(store, ines, score_criterion="warm", score_low=3, score_by="judge") == ["d5"]
    audits.score(store, ines, "d3", 0, "warm", None, "", "empathy", 1, "taken back")
    assert ids(store, ines, score_criterion="warm", score_low=4) == []


def judged(store: Store, run_id: str, stage: str, scores: dict[str, float]) -> None:
    texts = ("state", "message", "requested_by", "reason", "unit", "code_version")
    zeros = ("done", "total", "cost", "tokens_in", "tokens_out", "attempt", "seed")
    run = {"run_id": run_id, "stage": stage, "rubric_id": "empathy", "rubric_version": 1}
    run |= dict.fromkeys(texts, "") | dict.fromkeys(zeros, 0) | {"config": "{}", "packages": "{}", "parents": "[]"}

    def work(cursor: Any) -> None:
        cursor.execute(f"INSERT INTO runs ({', '.join(run)}) VALUES ({', '.join('?' * len(run))})", [*run.values()])
        for dialogue_id, score in scores.items():
            cursor.execute("INSERT INTO run_inputs VALUES (?, ?)", [run_id, dialogue_id])
            sql = "INSERT INTO verdicts (run_id, dialogue_id, turn_index, criterion_id, outcome, score) VALUES "
            cursor.execute(f"{sql} (?, ?, 0, 'warm', 'scored', ?)", [run_id, dialogue_id, score])

    store.write(work)


def test_runs_rubric_versions_and_types(store: Store, ines: Person, mei: Person) -> None:
    judged(store, "run-1", "score", {"d4": 2.0, "d5": 4.5})
    flag(store, mei, "d1")
    assert ids(store, ines, run_id="run-1") == ["d4", "d5"]
    assert ids(store, ines, rubric_id="empathy", rubric_version=1) == ["d4", "d5"]
    assert ids(store, ines, rubric_id="flags") == ["d1"]
    assert ids(store, ines, mbti="ESTJ", run_id="run-1") == ["d5"]


def test_disagreement_is_between_those_who_finished(store: Store, ines: Person, mei: Person) -> None:
    ana = somebody(store, "ana", "annotator")
    for dialogue_id in ("d0", "d1", "d2"):
        finish(store, mei, dialogue_id)
    for dialogue_id in ("d0", "d1", "d3"):
        finish(store, ana, dialogue_id)
    flag(store, mei, "d0")  # Ana finished d0 and did not
    flag(store, mei, "d1")
    flag(store, ana, "d1")  # both
    flag(store, mei, "d2")  # Mei alone has finished it
    flag(store, mei, "d3")  # Mei has not finished it: her flag says nothing yet
    assert ids(store, ines, disagreement=True) == ["d0"]
    assert ids(store, ines, disagreement=True, rubric_id="flags", rubric_version=2) == []
    audits.unfinish(store, ana, "d0", "flags", 1, "again")
    assert ids(store, ines, disagreement=True) == []


def test_finished_and_unfinished_by_one_person(store: Store, mei: Person) -> None:
    finish(store, mei, "d1")
    finish(store, mei, "d2")
    audits.unfinish(store, mei, "d2", "flags", 1, "again")
    assert ids(store, mei, finished_by="mei") == ["d1"]
    assert ids(store, mei, unfinished_by="mei") == ["d0", "d2", "d3", "d4", "d5"]
    assert ids(store, mei, finished_by="mei", rubric_id="flags", rubric_version=2) == []


def test_the_markers_of_spans_are_nothing_that_was_said(store: Store, ines: Person) -> None:
    assert ids(store, ines, text="understanding") == []
    assert ids(store, ines, text="she is TIRED") == [f"d{n}" for n in range(6)]


@pytest.mark.parametrize(
    "peek",
    [
        {"flagged": True},
        {"flag_code": "blame"},
        {"flag_by": "anyone"},
        {"flag_by": "gold"},
        {"flag_by": "ines"},
        {"score_criterion": "warm"},
        {"disagreement": True},
        {"finished_by": "ines"},
        {"unfinished_by": "ines"},
        {"rubric_id": "flags"},
        {"rubric_id": "flags", "flag_by": "gold"},
        {"flag_by": "mei", "disagreement": True},
    ],
)
def test_an_annotator_is_not_told_what_others_marked(store: Store, mei: Person, peek: dict[str, Any]) -> None:
    for ask in (finding.find, finding.count, finding.matching_ids):
        with pytest.raises(UserError, match="Mei may not find dialogues by"):
            ask(store, mei, Filter(**peek))
    with pytest.raises(UserError, match="Mei may not find dialogues by"):
        save_filter(store, mei, "Peek", Filter(**peek), shared=False)


def test_the_page_counts_ones_own_flags_where_others_may_not_be_known(store: Store, ines: Person, mei: Person) -> None:
    flag(store, mei, "d1")
    flag(store, ines, "d1")
    flag(store, ines, "d2")
    assert finding.find(store, ines, Filter()).page["flags"].tolist() == [0, 2, 1, 0, 0, 0]
    assert finding.find(store, mei, Filter()).page["flags"].tolist() == [0, 1, 0, 0, 0, 0]


BLIND_TO = ["d1", "d2"]


def pass_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished till now is final, and what others marked there is shown."""
    monkeypatch.setattr(campaign_blind, "now", lambda: now() + timedelta(minutes=61))


@pytest.fixture
def reading(store: Store, ines: Person, mei: Person) -> str:
    """Ines and Mei are to read d1 and d2 in a campaign; Ana marked d1 and d3, a judge scored both; gold flags them."""
    ana = somebody(store, "ana", "annotator")
    for dialogue_id in ("d1", "d3"):
        flag(store, ana, dialogue_id)
        flag(store, somebody(store, f"gold-{dialogue_id}", "psychologist"), dialogue_id, is_gold=True)
        audits.score(store, ana, dialogue_id, 0, "warm", 2.0, "", "empathy", 1, f"s {dialogue_id}")
        finish(store, ana, dialogue_id)
        finish(store, somebody(store, f"other-{dialogue_id}", "annotator"), dialogue_id)
    judged(store, "run-1", "score", {"d1": 2.0, "d3": 2.0})
    approve(store, ines, "flags", 1, "Read it.")
    made = campaigns.create(store, ines, "Spring", "flags", 1, BLIND_TO, ["ines", "mei"], 2)
    return made.campaign_id


@pytest.mark.parametrize(
    "peek",
    [
        {"flagged": True},
        {"flag_code": "blame"},
        {"flag_by": "ana"},
        {"score_criterion": "warm"},
        {"score_criterion": "warm", "score_by": "judge"},
        {"disagreement": True},
        {"finished_by": "ana"},
        {"rubric_id": "flags"},
    ],
)
@pytest.mark.usefixtures("reading")
def test_a_reader_finds_nothing_by_others_marks_before_theirs_are_final(
    store: Store, ines: Person, peek: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ids(store, ines, **peek) == ["d3"]
    assert finding.leaves_out(store, ines, Filter(**peek)) == 2
    finish(store, ines, "d1")
    pass_an_hour(monkeypatch)
    assert ids(store, ines, **peek) == ["d1", "d3"]
    assert finding.leaves_out(store, ines, Filter(**peek)) == 1
    assert ids(store, somebody(store, "tom", "psychologist"), **peek) == ["d1", "d3"]


def test_nothing_is_told_of_what_is_left_out_by_asking_for_the_contrary(
    store: Store, ines: Person, reading: str
) -> None:
    assert ids(store, ines, flagged=False) == ["d0", "d4", "d5"]
    assert ids(store, ines, unfinished_by="ana") == ["d0", "d4", "d5"]
    # By what nobody else made of them they are found like any other.
    assert ids(store, ines, unfinished_by="ines", mbti="ESTJ") == ["d1", "d3", "d5"]
    assert finding.leaves_out(store, ines, Filter(unfinished_by="ines")) == 0
    kept = save_filter(store, ines, "Flagged", Filter(flagged=True), shared=True)
    assert [one.total for one in filters(store, ines)] == [1]
    campaigns.close(store, ines, reading, "Enough.")
    assert saved_filter(store, ines, kept.filter_id).filter == Filter(flagged=True)
    assert [one.total for one in filters(store, ines)] == [2]


def test_an_annotator_does_not_find_by_a_judge_before_theirs_are_final(
    store: Store, mei: Person, reading: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_judge: dict[str, Any] = {"score_criterion": "warm", "score_by": "judge", "score_high": 3.0}
    assert ids(store, mei, **by_judge) == ["d3"]
    finish(store, mei, "d1")
    assert ids(store, mei, **by_judge) == ["d3"]
    pass_an_hour(monkeypatch)
    assert ids(store, mei, **by_judge) == ["d1", "d3"]


def test_gold_is_not_found_by_its_campaigns_reader_before_it_is_closed(
    store: Store, ines: Person, reading: str
) -> None:
    finish(store, ines, "d1")
    assert ids(store, ines, flag_by="gold") == ["d3"]
    assert finding.leaves_out(store, ines, Filter(flag_by="gold")) == 2
    campaigns.close(store, ines, reading, "Enough.")
    assert ids(store, ines, flag_by="gold") == ["d1", "d3"]


@pytest.mark.usefixtures("reading")
def test_the_page_counts_ones_own_flags_alone_where_one_is_blind(
    store: Store, ines: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finding.find(store, ines, Filter()).page["flags"].tolist() == [0, 0, 0, 1, 0, 0]
    flag(store, ines, "d1", "haste")
    assert finding.find(store, ines, Filter()).page["flags"].tolist() == [0, 1, 0, 1, 0, 0]
    finish(store, ines, "d1")
    pass_an_hour(monkeypatch)
    assert finding.find(store, ines, Filter()).page["flags"].tolist() == [0, 2, 0, 1, 0, 0]


def test_words_are_found_with_the_turn_that_has_them(store: Store, ines: Person) -> None:
    said = [
        {"role": "user", "content": "Nothing."},
        {"role": "assistant", "content": "I see."},
        {"role": "user", "content": "The BRIDGE again."},
        {"role": "assistant", "content": MARKED},
        {"role": "user", "content": "Goodnight."},
    ]
    line = {"dialogue_id": "long", "situation": "Winter.", "messages": said}
    import_lines(store, SYSTEM, [json.dumps(line).encode()], "lines", "made")

    def turn(text: str) -> int:
        page = finding.find(store, ines, Filter(text=text)).page
        return int(page.set_index("dialogue_id")["turn"]["long"])

    assert [turn(text) for text in ("see", "bridge", "is TIRED", "goodnight", "winter")] == [0, 1, 1, 1, 0]
    assert finding.find(store, ines, Filter()).page["turn"].tolist() == [0] * 7


def test_a_page_beyond_the_last_still_knows_the_count(store: Store, ines: Person) -> None:
    found = finding.find(store, ines, Filter(), limit=4, offset=8)
    assert (len(found.page), found.total) == (0, 6)
    assert finding.find(store, ines, Filter(), limit=4, offset=4).page["dialogue_id"].tolist() == ["d4", "d5"]


def test_a_kept_filter_comes_back_with_its_count_and_keeps_its_id(store: Store, ines: Person) -> None:
    first = save_filter(store, ines, "  Types  I ", Filter(mbti="INFP"), shared=False)
    assert (first.name, first.filter, first.owner) == ("Types I", Filter(mbti="INFP"), "ines")
    again = save_filter(store, ines, "Types I", Filter(mbti="ESTJ", text="tired"), shared=False)
    assert again.filter_id == first.filter_id
    assert [(one.filter, one.total) for one in filters(store, ines)] == [(Filter(mbti="ESTJ", text="tired"), 3)]
    with pytest.raises(UserError, match="has no name"):
        save_filter(store, ines, "  ", Filter(), shared=False)


def test_a_private_filter_is_nobody_elses_and_its_name_is_not_told(store: Store, ines: Person, mei: Person) -> None:
    kept = save_filter(store, ines, "About the bridge", Filter(text="bridge"), shared=False)
    assert filters(store, mei) == []
    with pytest.raises(UserError, match="no filter that you can open"):
        saved_filter(store, mei, kept.filter_id)
    with pytest.raises(UserError, match="no filter of yours"):
        remove_filter(store, mei, kept.filter_id)
    assert "bridge" not in str(recent(store, subject_kind="filter"))


def test_a_shared_me_is_whoever_opens_it(store: Store, ines: Person, mei: Person) -> None:
    finish(store, ines, "d0")
    kept = save_filter(store, ines, "To do", Filter(unfinished_by="ines"), shared=True)
    assert kept.filter.unfinished_by == "ines"
    assert [(one.filter.unfinished_by, one.total) for one in filters(store, mei)] == [("mei", 6)]
    assert [(one.filter.unfinished_by, one.total) for one in filters(store, ines)] == [("ines", 5)]


def test_a_shared_filter_on_gold_tells_an_annotator_nothing(store: Store, ines: Person, mei: Person) -> None:
    flag(store, ines, "d3", is_gold=True)
    save_filter(store, ines, "Gold", Filter(flag_by="gold"), shared=True)
    assert [one.total for one in filters(store, ines)] == [1]
    assert [one.total for one in filters(store, mei)] == [None]


def test_a_removed_filter_is_gone(store: Store, ines: Person) -> None:
    kept = save_filter(store, ines, "Gone", Filter(mbti="INFP"), shared=True)
    remove_filter(store, ines, kept.filter_id)
    assert filters(store, ines) == []
    with pytest.raises(UserError, match="no filter that you can open"):
        saved_filter(store, ines, kept.filter_id)


def test_an_old_store_loses_the_markers_and_keeps_the_words(tmp_path: Path) -> None:
    old = Store.open(tmp_path)
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": MARKED}]
    line = json.dumps({"dialogue_id": "d0", "messages": said}).encode()
    import_lines(old, SYSTEM, [line], "lines", "made")

    def as_before(cursor: Any) -> None:
        cursor.execute("ALTER TABLE dialogues ADD COLUMN search_text TEXT")
        cursor.execute("UPDATE dialogues SET search_text = ?", [f"hi\n{MARKED}".lower()])
        for column in ("text", "understanding", "reasoning", "emotion", "response"):
            cursor.execute(f"ALTER TABLE turns ADD COLUMN {column} TEXT")
        cursor.execute("DROP VIEW saved_filters; DROP TABLE saved_filter_events; DROP TABLE search_texts")
        cursor.execute("DELETE FROM migrations WHERE name IN ('012_finding', '013_texts_once')")

    old.write(as_before)
    old.close()
    new = Store.open(tmp_path)
    assert finding.count(new, SYSTEM, Filter(text="understanding")) == 0
    assert finding.count(new, SYSTEM, Filter(text="sleep well")) == 1
    new.close()
