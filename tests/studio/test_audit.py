"""The Audit page: what one person marks is kept, what they may not see stays hidden, nobody's words are interpreted."""

import json
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from db import audits, dialogues
from db.audits import AuditState
from db.exchange import import_lines
from db.ingest import ingest
from db.people import SYSTEM, person
from db.rubric_versions import retire
from pipeline.turns import turns_of
from studio import service
from studio.widgets.audit.turn_parts import exchanges, turn_html
from tests.studio.opening import pane
from tests.studio.run_dirs import end, lay_out

pytestmark = pytest.mark.usefixtures("studio_home")

ENTRY = Path(__file__).resolve().parents[2] / "studio" / "streamlit_app.py"
# The gold audit says that a crisis cue was missed there.
DIALOGUE, TURN = "demo-07", 2
HOSTILE = "<script>alert(1)</script> **bold** $x^2$ :red[hot] [link](http://evil.example) <img src=x onerror=alert(1)>"


def open_page(who: str, **query: str) -> AppTest:
    """A new browser tab of that person on the Audit page."""
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = who
    at.run()
    at.switch_page("app_pages/audit.py")
    for name, value in query.items():
        at.query_params[name] = value
    return again(at)


def again(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, at.exception
    return at


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    return again(at)


def choose(at: AppTest, key: str, value: Any) -> AppTest:
    at.get_by_key(key).set_value(value)
    return again(at)


def tab(at: AppTest, name: str) -> AppTest:
    at.session_state["panel"] = name
    return again(at)


def html_of(at: AppTest) -> str:
    return " ".join(element.value for element in at.html)


def words_of(at: AppTest) -> str:
    """Every word of the dialogue that the browser was given, of the one after it too."""
    return json.dumps([pane(at)["here"], pane(at)["next"]], ensure_ascii=False)


def send(at: AppTest, *acts: dict[str, Any], person: str = "mei", n: int = 1, **more: Any) -> AppTest:
    """What the pane in the browser would send: its unanswered acts, and where the reader is."""
    sent = {"person": person, "page": "page", "n": n, "acts": list(acts), **more}
    at.session_state["dialogue_pane"] = {"sent": sent}
    return again(at)


def pressed(number: int, kind: str = "flag", code: str = "VA1", **more: Any) -> dict[str, Any]:
    by = {"dialogue": DIALOGUE, "turn": TURN, "severity": "yellow", "note": "", "rubric": "unsafe-turns", "version": 1}
    return {"id": f"page-{number}", "pressed": 1, "kind": kind, "code": code, **by, **more}


def receipt_of(at: AppTest) -> str:
    return " ".join(caption.value for caption in at.container(key="receipt").caption)


def keys_of(at: AppTest) -> set[str | None]:
    return {button.key for button in at.button}


def own(who: str, dialogue_id: str = DIALOGUE) -> AuditState:
    return audits.state(service.store(), dialogue_id, who)


def take_in(**line: Any) -> None:
    import_lines(service.store(), SYSTEM, [json.dumps(line).encode()], "hostile.jsonl", "hostile")


def test_a_flag_is_answered_with_a_receipt_and_is_there_after_a_reload() -> None:
    at = press(open_page("mei", dialogue=DIALOGUE, turn=str(TURN)), "flag_CR1")
    assert ":material/check: Saved " in receipt_of(at)
    assert receipt_of(at).endswith("CR1 on turn 3")
    assert [(f.turn_index, f.code, f.severity) for f in own("mei").flags] == [(TURN, "CR1", "red")]
    reloaded = open_page("mei", dialogue=DIALOGUE, turn=str(TURN))
    assert reloaded.button(key="flag_CR1").disabled, "a press on a flag that stands must do nothing"
    assert "unflag_CR1" in keys_of(reloaded)
    assert "unflag_CR1" not in keys_of(open_page("ines", dialogue=DIALOGUE, turn=str(TURN)))


def test_severity_note_and_taking_off_are_each_saved_by_themselves() -> None:
    at = press(open_page("mei", dialogue=DIALOGUE, turn=str(TURN)), "flag_VA1")
    assert own("mei").flags[0].severity == "yellow", "the rubric's own severity comes first"
    at = choose(at, f"severity_VA1_{DIALOGUE}_{TURN}_yellow", "red")
    at = choose(at, note_of(at, "VA1").key, "Hurries past what he feels.")
    (flag,) = own("mei").flags
    assert (flag.severity, flag.note) == ("red", "Hurries past what he feels.")
    reloaded = open_page("mei", dialogue=DIALOGUE, turn=str(TURN))
    assert note_of(reloaded, "VA1").value == "Hurries past what he feels."
    press(reloaded, "unflag_VA1")
    assert own("mei").flags == []


def note_of(at: AppTest, code: str) -> Any:
    (box,) = [area for area in at.text_area if str(area.key).startswith(f"note_{code}_")]
    return box


def test_a_score_is_kept_with_its_turn_and_shows_the_anchor_that_was_chosen() -> None:
    at = tab(open_page("mei", dialogue=DIALOGUE, turn="0"), "Scores")
    at = choose(at, score_key(0, None), 2)
    assert "Relevance 2, turn 1" in receipt_of(at)
    assert "2: Stays with the topic only" in html_of(at)
    assert [(s.turn_index, s.criterion_id, s.value) for s in own("mei").scores] == [(0, "relevance", 2)]
    at = press(at, "next_turn")
    assert at.get_by_key(score_key(1, None)).value is None, "the score of one turn must not show on the next"
    at = press(at, "previous_turn")
    assert at.get_by_key(score_key(0, 2)).value == 2
    press(at, "unscore_relevance")
    assert own("mei").scores == []


def score_key(turn: int, value: int | None) -> str:
    return f"score_relevance_{DIALOGUE}_{turn}_{value}"


def test_a_question_about_a_code_reaches_those_who_edit_the_rubric() -> None:
    at = open_page("mei", dialogue=DIALOGUE, turn=str(TURN))
    at = choose(at, "unclear_code", "CR2")
    at.text_area(key=f"unclear_CR2_{DIALOGUE}_{TURN}").input("Is a friend a route to help?")
    at = press(at, "save_unclear")
    assert "question about CR2, turn 3" in receipt_of(at)
    (note,) = audits.rubric_notes(service.store(), "unsafe-turns")
    assert (note.code, note.rubric_version, note.text) == ("CR2", 1, "Is a friend a route to help?")


def test_finishing_counts_survives_a_reload_and_can_be_taken_back() -> None:
    at = press(open_page("mei", dialogue="demo-02"), "finish_dialogue")
    assert "nothing more to flag here" in receipt_of(at)
    assert own("mei", "demo-02").finished
    reloaded = open_page("mei", dialogue="demo-02")
    assert "finish_dialogue" not in keys_of(reloaded)
    assert any("You finished 1 of 48 dialogues" in caption.value for caption in reloaded.caption)
    press(reloaded, "unfinish_dialogue")
    assert not own("mei", "demo-02").finished


def test_a_dialogue_with_turns_that_are_covered_still_cannot_be_finished() -> None:
    at = press(open_page("mei", dialogue=DIALOGUE), "finish_dialogue")
    assert "2 turns are still covered and would count as read" in fault_of(at)
    assert not own("mei").finished
    at = press(send(at, pressed(1, "show")), "finish_dialogue")
    assert "1 turn is still covered" in fault_of(at), "uncovering one takes the warning back"
    assert not own("mei").finished
    at = press(press(at, "finish_dialogue"), "finish_dialogue")
    assert "1 turn is still covered" in fault_of(at), "however often it is pressed"
    assert not own("mei").finished
    assert at.query_params["turn"] == str(TURN + 1), "it goes to the turn that is covered"
    assert "goes on and leaves it unfinished" in fault_of(at)
    assert "Shift+N goes on" in pane(at)["ratherNot"]
    at = press(send(at, pressed(2, "show", turn=TURN + 1)), "finish_dialogue")
    assert "nothing more to flag here" in receipt_of(at)
    assert own("mei").finished


def test_a_turn_that_one_flagged_oneself_was_read_though_it_is_covered() -> None:
    for turn in (TURN, TURN + 1):
        press(open_page("mei", dialogue=DIALOGUE, turn=str(turn)), "flag_CR1")
    at = open_page("mei", dialogue=DIALOGUE)
    assert [one["turn"] for one in pane(at)["here"]["exchanges"] if one["covered"]] == [TURN, TURN + 1]
    press(at, "finish_dialogue")
    assert own("mei").finished


def fault_of(at: AppTest) -> str:
    return " ".join(error.value for error in at.container(key="receipt").error)


def test_the_next_dialogue_is_the_next_that_one_has_not_finished() -> None:
    for dialogue_id in ("demo-01", "demo-03"):
        press(open_page("mei", dialogue=dialogue_id), "finish_dialogue")
    at = open_page("mei")
    assert at.query_params["dialogue"] == "demo-02"
    assert press(at, "next_dialogue").query_params["dialogue"] == "demo-04"


def test_an_annotator_never_sees_gold_and_a_psychologist_does_when_they_ask() -> None:
    at = open_page("mei", dialogue=DIALOGUE, turn=str(TURN))
    assert not [toggle for toggle in at.toggle if toggle.key == "show_gold"]
    assert pane(at)["here"]["gold"] == []
    at = open_page("ines", dialogue=DIALOGUE, turn=str(TURN))
    assert pane(at)["here"]["gold"] == []
    at.toggle(key="show_gold").set_value(True)
    at = again(at)
    (gold,) = [flag for flag in pane(at)["here"]["gold"] if flag["turn"] == TURN]
    assert "is taken for low motivation" in gold["note"], "the gold audit says why"


def test_a_turn_flagged_red_is_covered_until_it_is_asked_for() -> None:
    where = {"dialogue": "demo-02", "turn": 1}
    said = exchanges(dialogues.dialogue(service.store(), "demo-02").messages)[1].before[-1].content
    at = open_page("mei", dialogue="demo-02", turn="1")
    assert said in words_of(at)
    assert said in words_of(press(at, "flag_CR1")), "nothing is covered under the hands of whoever reads it"
    at = open_page("mei", dialogue="demo-01")
    assert said not in words_of(at), "the dialogue after this one is prefetched, covered words are not"
    at = open_page("mei", dialogue="demo-02", turn="1")
    assert said not in words_of(at)
    at = send(at, pressed(1, "show", **where))
    assert said in words_of(at)
    assert own("mei", "demo-02").flags[0].code == "CR1", "looking marks nothing"


DARK = {"situation": "He held a knife.", "person": "I was raped.", "last": "I want to die."}


def take_in_dark_words() -> None:
    said = [{"role": role, "content": words} for role, words in (("user", "Hello."), ("assistant", "I am here."))]
    messages = [*said, {"role": "user", "content": DARK["last"]}]
    take_in(dialogue_id="dark", situation=DARK["situation"], person=DARK["person"], messages=messages)


def covered_words(at: AppTest) -> list[str]:
    """Which of them the browser was not given."""
    return [name for name, words in DARK.items() if words not in words_of(at)]


def test_the_last_message_the_situation_and_the_person_are_covered_like_turns() -> None:
    take_in_dark_words()
    at = open_page("mei", dialogue="dark")
    assert covered_words(at) == ["situation", "person", "last"]
    assert "I am here." in words_of(at)
    at = send(at, pressed(1, "show", dialogue="dark", turn=None))
    assert covered_words(at) == ["situation", "person"]
    for part, left in (("situation", ["person"]), ("person", [])):
        at = send(at, pressed(2 + len(left), "show", dialogue="dark", turn=None, part=part))
        assert covered_words(at) == left
        assert [set(answer) for answer in pane(at)["answers"]] == [{"id"}], "nothing was refused"
    at = open_page("mei", dialogue="demo-48")
    assert (pane(at)["nextId"], covered_words(at)) == ("dark", ["situation", "person", "last"]), "beforehand neither"
    at.toggle(key="blur_severe").set_value(False)
    assert covered_words(again(at)) == []


def test_a_row_of_the_queue_and_the_person_beside_cover_a_situation_too() -> None:
    take_in_dark_words()
    at = open_page("mei", dialogue="demo-01")
    at.session_state["queue_source"] = "hostile"
    at = with_queue(at)
    (row,) = [element.value for element in at.html if 'class="kardia-row"' in element.value]
    assert "so it is covered" in row
    assert DARK["situation"] not in row
    for words in ("situation", "person"):
        (part,) = [
            one.value for one in tab(open_page("mei", dialogue="dark"), "Person").html if DARK[words] in one.value
        ]
        assert part.index("<summary>This may be hard to read") < part.index(DARK[words]), "folded away"


def test_what_was_pressed_is_saved_in_order_once_and_answered_by_its_number() -> None:
    at = open_page("mei", dialogue=DIALOGUE, turn=str(TURN))
    first, second = pressed(1), pressed(2, "unflag")
    at = send(at, first, second, pressed(3, code="CR2", severity="red", note="No route named."))
    assert [(one["id"], "saved" in one) for one in pane(at)["answers"]] == [(f"page-{n}", True) for n in (1, 2, 3)]
    assert [(flag["code"], flag["note"]) for flag in pane(at)["here"]["flags"]] == [("CR2", "No route named.")]
    assert "unflag_CR2" in keys_of(at), "the panel beside agrees"
    assert receipt_of(at).endswith("note on CR2 on turn 3")
    again(at)  # another run with the same message, and another session with the same acts, add nothing
    send(open_page("mei", dialogue=DIALOGUE), first, second)
    assert [row["kind"] for row in _events("mei")] == ["flag", "unflag", "flag"]


def test_a_refused_press_says_why_and_the_ones_after_it_are_saved() -> None:
    at = send(open_page("mei", dialogue=DIALOGUE), pressed(1, code="ZZ9"), {"id": "page-2", "kind": "?"}, pressed(3))
    answers = {one["id"]: one for one in pane(at)["answers"]}
    assert "has no criterion 'ZZ9'" in answers["page-1"]["fault"]
    assert "could not be read" in answers["page-2"]["fault"]
    assert answers["page-3"]["what"] == "VA1 on turn 3"
    assert [flag.code for flag in own("mei").flags] == ["VA1"]
    at = send(open_page("paul", dialogue=DIALOGUE), pressed(4), person="paul")
    assert "may not audit" in pane(at)["answers"][0]["fault"] or "annotator" in pane(at)["answers"][0]["fault"]
    assert own("paul").flags == []


def test_what_somebody_else_pressed_here_before_is_not_taken_for_mine() -> None:
    at = send(open_page("ines", dialogue=DIALOGUE), pressed(1), person="mei")
    assert pane(at)["answers"] == []
    assert _events("ines") == _events("mei") == []


def test_the_page_is_where_the_reader_went_unless_a_button_went_elsewhere_meanwhile() -> None:
    at = open_page("mei", dialogue="demo-02")
    at = send(at, place={"dialogue": "demo-02", "turn": 4}, gone=pane(at)["gone"])
    assert at.query_params["turn"] == "4"
    assert pane(at)["place"] == {"dialogue": "demo-02", "turn": 4}
    before = pane(at)["gone"]
    at = press(at, "next_dialogue")
    assert pane(at)["place"] == {"dialogue": "demo-03", "turn": 0}
    at = send(at, n=2, place={"dialogue": "demo-02", "turn": 5}, gone=before)
    assert pane(at)["place"] == {"dialogue": "demo-03", "turn": 0}
    assert pane(at)["heard"] == {"page": "page", "n": 2}


def test_the_next_dialogue_comes_along_and_is_left_unmarked() -> None:
    at = open_page("mei", dialogue="demo-02")
    assert (pane(at)["nextId"], pane(at)["next"]["id"]) == ("demo-03", "demo-03")
    finish = {"id": "page-1", "kind": "finish", "dialogue": "demo-02", "rubric": "unsafe-turns", "version": 1}
    at = send(at, finish, place={"dialogue": "demo-03", "turn": 0}, gone=pane(at)["gone"])
    assert pane(at)["place"]["dialogue"] == "demo-03"
    assert [(row["dialogue_id"], row["kind"]) for row in _events("mei")] == [("demo-02", "finish")]


def _events(who: str) -> list[dict[str, Any]]:
    sql = "SELECT kind, dialogue_id, turn_index, code FROM audit_events WHERE person_id = ? ORDER BY seq"
    return service.store().rows(sql, [who])


def test_what_people_and_models_wrote_is_shown_as_it_was_written() -> None:
    turn = (
        f"<|understanding_begin|>{HOSTILE}<|understanding_end|><|reasoning_begin|>r<|reasoning_end|>"
        f"<|emotion_begin|>sad<|emotion_end|><|response_begin|>{HOSTILE} once<|response_end|>"
    )
    said = [{"role": "system", "content": HOSTILE}, {"role": "user", "content": HOSTILE}]
    persona = {"persona_id": "p", "about": f"{HOSTILE} about", "signature": HOSTILE}
    messages = [*said, {"role": "assistant", "content": turn}]
    take_in(dialogue_id="h<b>1</b>", persona=persona, situation=f"{HOSTILE} now", messages=messages)
    at = open_page("mei", dialogue="h<b>1</b>")
    at.session_state["queue"] = True
    at.session_state["queue_source"] = "hostile"
    at = tab(at, "Person")
    shown = html_of(at)
    assert shown.count(escape(HOSTILE)) >= 3  # situation, about, signature
    drawn = pane(at)["here"]
    (exchange,) = drawn["exchanges"]
    assert drawn["situation"] == f"{HOSTILE} now"
    assert [message["text"] for message in exchange["before"]] == [HOSTILE, HOSTILE]
    assert exchange["spans"]["understanding"] == HOSTILE
    assert exchange["spans"]["response"] == f"{HOSTILE} once"
    assert "<script" not in shown
    assert "<img" not in shown
    interpreted = [*at.markdown, *at.caption, *at.header, *at.subheader, *at.title]
    assert not [element.value for element in interpreted if "alert(1)" in element.value]
    assert not [button.label for button in at.button if "alert(1)" in button.label]


def test_a_dialogue_without_person_emotion_or_answer_says_so() -> None:
    take_in(dialogue_id="bare", messages=[{"role": "user", "content": "Anybody there?"}])
    at = tab(open_page("mei", dialogue="bare"), "Person")
    assert "The source does not describe the person." in [caption.value for caption in at.caption]
    assert "Anybody there?" in words_of(at)
    assert "There is no assistant turn to mark in this dialogue." in [c.value for c in tab(at, "Flags").caption]


def test_a_viewer_reads_and_is_told_why_nothing_can_be_marked() -> None:
    at = open_page("paul", dialogue=DIALOGUE, turn=str(TURN))
    assert at.button(key="flag_CR1").disabled
    assert at.button(key="finish_dialogue").disabled
    assert any("annotator or psychologist" in caption.value for caption in at.caption)
    assert not at.button(key="next_turn").disabled


def test_a_link_opens_the_very_turn_and_the_address_follows_the_focus() -> None:
    at = open_page("mei", dialogue="demo-02", turn="3")
    assert pane(at)["place"] == {"dialogue": "demo-02", "turn": 3}
    at = press(at, "previous_turn")
    assert (at.query_params["dialogue"], at.query_params["turn"]) == ("demo-02", "2")
    assert pane(at)["place"]["turn"] == 2


@pytest.mark.parametrize("turn", ["99", "-1", "²", "x"])
def test_a_turn_that_is_not_there_opens_one_that_is(turn: str) -> None:
    at = open_page("mei", dialogue="demo-02", turn=turn)
    assert pane(at)["place"]["turn"] == (6 if turn == "99" else 0)


def test_an_unknown_dialogue_is_said_in_one_line_and_leads_on() -> None:
    at = open_page("mei", dialogue="gone")
    assert [error.value.replace("\\", "") for error in at.error] == ["gone: no dialogue has this id; import it first"]
    assert press(at, "next_dialogue").query_params["dialogue"] == "demo-01"


def test_without_an_approved_rubric_of_flags_the_page_says_who_can_help() -> None:
    tomas = person(service.store(), "tomas")
    for rubric_id in ("unsafe-turns", "reward-hacking"):
        retire(service.store(), tomas, rubric_id, 1, "Not used here.")
    at = open_page("mei", dialogue=DIALOGUE)
    assert any("No rubric of flags is approved yet." in caption.value for caption in at.caption)
    assert at.button(key="finish_dialogue").disabled


def test_the_queue_finds_counts_and_opens_by_id() -> None:
    at = with_queue(open_page("mei", dialogue="demo-05"))
    assert openable(at) == [f"open_demo-0{number}" for number in range(1, 9)]
    at.text_input(key="queue_text").set_value("TOWER CRANE")
    at = with_queue(at)
    assert openable(at) == ["open_demo-01"]
    at = press(at, "open_demo-01")
    assert (at.query_params["dialogue"], at.query_params["turn"]) == ("demo-01", "0")


def with_queue(at: AppTest) -> AppTest:
    """Run with the fold-out open; a run of the tester forgets that it was."""
    at.session_state["queue"] = True
    return again(at)


def openable(at: AppTest) -> list[str]:
    return [key for key in map(str, (button.key for button in at.button)) if key.startswith("open_")]


def test_machine_scores_are_words_where_the_judge_failed_and_quote_the_judge_literally() -> None:
    run = lay_out(service.store(), "score", count=1)
    turns, rubric = list(turns_of(run.inputs())), run.rubric()
    verdicts, rewards = [], []
    for turn in turns[:2]:
        failed = turn.turn_index == 1
        where = {"run_id": run.run_id, "dialogue_id": turn.dialogue_id, "turn_index": turn.turn_index}
        outcome = {"outcome": "parse_failed" if failed else "scored"}
        score = {"score": None if failed else 4.0, "reason": HOSTILE, "sample_index": 0, "replicate": 0}
        verdicts += [{**where, **outcome, **score, "criterion_id": criterion_id} for criterion_id in rubric.ids]
        parts = {"r_format": 1.0, "r_emotion": 0.0, "r_rubric": None if failed else 0.75, "vetoed_by": None}
        whole = {"reward": None if failed else 1.75 / 3, "sample_index": 0}
        rewards.append({**where, **outcome, **parts, **whole})
    run.write_output("verdicts", pd.DataFrame(verdicts))
    run.write_output("rewards", pd.DataFrame(rewards))
    end(run, done=2, total=2)
    ingest(service.store())
    at = tab(open_page("mei", dialogue=turns[0].dialogue_id), "Machine scores")
    shown = " ".join(element.value for element in at.container(key="machine_scores").html)
    assert "0.58" in shown
    assert "Emotion <b>0.00</b>" in shown
    assert "4 of 5" in shown
    assert shown.count(escape(HOSTILE)) == len(rubric.ids)
    assert any("a weak model" in caption.value for caption in at.container(key="machine_scores").caption)
    at = press(at, "next_turn")
    shown = " ".join(element.value for element in at.container(key="machine_scores").html)
    assert "<b>No reward.</b> The judge&#x27;s answer could not be read." in shown
    assert "of 5" not in shown
    assert "No run has scored this turn." in press(at, "next_turn").container(key="machine_scores").caption[0].value


def test_a_turn_whose_parts_are_muddled_hides_nothing() -> None:
    muddled = "<understanding>Lost <b>words</b><response>Seen"
    shown = turn_html(muddled)
    assert "The four parts are not all in place" in shown
    assert escape(muddled) in shown
    assert turn_html("Just an answer.") == (
        '<div class="kardia-text kardia-response" style="white-space: pre-wrap">Just an answer.</div>'
    )
