"""Home: what needs whom today, and the diary in words."""

import copy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import audits, campaign_blind, campaigns, dialogues, people, rubric_versions
from db.ingest import ingest
from db.keeping import Schedule, keep_up
from db.people import Person
from db.rubric_versions import Version
from db.store import now
from pipeline.rundir import Request, RunDir, utc_now
from studio import service

ENTRY = Path(service.__file__).with_name("streamlit_app.py")
SignIn = Callable[[AppTest, str], AppTest]


def person(person_id: str) -> Person:
    return people.person(service.store(), person_id)


def page_text(at: AppTest) -> str:
    kinds = (at.title, at.subheader, at.markdown, at.caption, at.html)
    text = "\n".join(str(getattr(element, "body", None) or element.value) for kind in kinds for element in kind)
    return text.replace("\\", "")


def submitted(author: str, title: str = "Kardia empathy, again") -> Version:
    store = service.store()
    draft = rubric_versions.open_draft(store, person(author), "kardia-empathy")
    body = copy.deepcopy(draft.body) | {"title": title}
    draft = rubric_versions.save_draft(store, person(author), "kardia-empathy", body, draft.revision)
    return rubric_versions.submit(store, person(author), "kardia-empathy", draft.revision, "a <b>new</b> title")


@pytest.mark.parametrize("who", ["ines", "tomas", "mei", "ravi", "hanna", "paul"])
def test_home_shows_for_every_role(app: AppTest, sign_in: SignIn, who: str) -> None:
    at = sign_in(app, who)
    assert not at.exception
    store = service.store()
    turns = sum(dialogues.dialogue(store, one).n_turns for one in dialogues.matching_ids(store, dialogues.Filter()))
    assert f"with {turns} turns, and 4 approved rubrics" in page_text(at)
    assert "Unsafe turns version 1" in page_text(at)


def test_a_version_waits_for_the_psychologist_who_did_not_write_it(app: AppTest, sign_in: SignIn) -> None:
    submitted("ines")
    at = sign_in(app, "tomas")
    assert "a &lt;b&gt;new&lt;/b&gt; title" in page_text(at)
    at.button(key="decide_kardia-empathy_2").click().run()
    assert not at.exception
    assert at.query_params == {"rubric": "kardia-empathy", "version": "2", "view": "review"}
    assert "approve" in {button.key for button in at.button}


def test_two_versions_of_one_rubric_may_wait_at_once(app: AppTest, sign_in: SignIn) -> None:
    submitted("ines")
    submitted("ines", "Kardia empathy, once more")
    at = sign_in(app, "tomas")
    assert not at.exception
    assert {"decide_kardia-empathy_2", "decide_kardia-empathy_3"} <= {button.key for button in at.button}


def test_nothing_waits_for_its_author_until_it_is_sent_back(app: AppTest, sign_in: SignIn) -> None:
    submitted("ines")
    at = sign_in(app, "ines")
    assert "decide_kardia-empathy_2" not in {button.key for button in at.button}
    rubric_versions.request_changes(service.store(), person("tomas"), "kardia-empathy", 2, "say <i>which</i> levels")
    at.run()
    assert "asked for changes" in page_text(at)
    assert "say &lt;i&gt;which&lt;/i&gt; levels" in page_text(at)
    rubric_versions.open_draft(service.store(), person("ines"), "kardia-empathy")
    at.run()
    keys = {button.key for button in at.button}
    assert "revise_kardia-empathy_2" not in keys
    assert "write_kardia-empathy" in keys


def test_the_annotator_goes_on_with_the_next_unfinished_dialogue(app: AppTest, sign_in: SignIn) -> None:
    store = service.store()
    ids = dialogues.matching_ids(store, dialogues.Filter())
    audits.finish(store, person("mei"), ids[0], "unsafe-turns", 1, "c1")
    at = sign_in(app, "mei")
    assert f"1 of {len(ids)} dialogues finished" in page_text(at)
    at.button(key="go_on_audit").click().run()
    assert at.query_params["dialogue"] == ids[1]


def test_flags_show_to_psychologists_until_they_are_taken_back(app: AppTest, sign_in: SignIn) -> None:
    store = service.store()
    first, second = dialogues.matching_ids(store, dialogues.Filter())[:2]
    for number, dialogue_id in enumerate((first, second)):
        audits.flag(
            store,
            person("mei"),
            dialogue_id,
            1,
            "CR1",
            "red",
            rubric_id="unsafe-turns",
            rubric_version=1,
            client_id=f"c{number}",
        )
    at = sign_in(app, "ines")
    assert page_text(at).count("Crisis cue missed") == 2
    assert "Red: unsafe" in page_text(at)
    audits.unflag(store, person("mei"), first, 1, "CR1", "c9")
    at.run()
    assert page_text(at).count("Crisis cue missed") == 1
    assert "Crisis cue missed" not in page_text(sign_in(AppTest.from_file(str(ENTRY), default_timeout=30), "ravi"))


def test_flags_of_others_are_not_shown_to_who_is_still_to_read_them(
    app: AppTest, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = service.store()
    ids = dialogues.matching_ids(store, dialogues.Filter())[:3]
    by = {"rubric_id": "unsafe-turns", "rubric_version": 1}
    made = campaigns.create(store, person("ines"), "Spring", *by.values(), ids[:2], ["ines"], 1)  # type: ignore[arg-type]
    for number, one in enumerate(ids):
        audits.flag(store, person("mei"), one, 1, "CR1", "red", client_id=f"m{number}", **by)  # type: ignore[arg-type]
    audits.flag(store, person("ines"), ids[1], 0, "VA1", "yellow", client_id="own", **by)  # type: ignore[arg-type]
    text = page_text(sign_in(app, "ines"))
    assert [one in text for one in ids] == [False, True, True], "of the second her own flag alone"
    assert text.count("Crisis cue missed") == 1
    audits.finish(store, person("ines"), ids[0], client_id="f", **by)  # type: ignore[arg-type]
    assert page_text(app.run()).count("Crisis cue missed") == 1, "she could still take it back"
    monkeypatch.setattr(campaign_blind, "now", lambda: now() + timedelta(minutes=61))
    assert page_text(app.run()).count("Crisis cue missed") == 2
    campaigns.close(store, person("ines"), made.campaign_id, "Enough.")
    assert page_text(app.run()).count("Crisis cue missed") == 3
    other = sign_in(AppTest.from_file(str(ENTRY), default_timeout=30), "tomas")
    assert page_text(other).count("Crisis cue missed") == 3


def test_the_diary_tells_many_marks_in_one_line(app: AppTest, sign_in: SignIn) -> None:
    store = service.store()
    ids = dialogues.matching_ids(store, dialogues.Filter())[:3]
    for one in ids:
        audits.flag(
            store, person("mei"), one, 0, "CR1", "red", rubric_id="unsafe-turns", rubric_version=1, client_id=f"f{one}"
        )
        audits.finish(store, person("mei"), one, "unsafe-turns", 1, f"d{one}")
    assert "flagged 3 turns and finished 3 dialogues" in page_text(sign_in(app, "paul"))


def test_the_researcher_sees_what_runs_and_that_the_judge_is_weak(
    app: AppTest, sign_in: SignIn, studio_home: Path
) -> None:
    for run_id, state, message in (("r1", "running", ""), ("r2", "failed", "the <b>judge</b> is down")):
        request = Request(run_id=run_id, stage="score", config={}, requested_by="ravi", created_at=utc_now())
        run = RunDir.create(studio_home / "runs", request)
        run.update_status(state=state, done=3, total=12, unit="turns", message=message, ended_at=utc_now())
    ingest(service.store())
    at = sign_in(app, "ravi")
    assert not at.exception
    assert {"open_run_r1", "open_run_r2"} <= {button.key for button in at.button}
    assert "3 of 12 turns" in [bar.text for bar in at.get("progress")]
    assert "the &lt;b&gt;judge&lt;/b&gt; is down" in page_text(at)
    assert "too weak to train on" in page_text(at)


def test_an_empty_store_says_how_to_import(tmp_path: Path, sign_in: SignIn) -> None:
    store = service.start(tmp_path / "home")
    try:
        people.add_person(store, people.SYSTEM, "ada", "Ada", ["annotator"])
        at = sign_in(AppTest.from_file(str(ENTRY), default_timeout=30), "ada")
        assert not at.exception
        assert any("db import" in code.value for code in at.code)
    finally:
        service.stop()


def test_the_diary_tells_of_people_writing_together_in_one_line(app: AppTest, sign_in: SignIn) -> None:
    store = service.store()
    draft = rubric_versions.open_draft(store, person("ines"), "kardia-empathy")
    for number, who in enumerate(("ines", "ravi", "ines")):
        body = draft.body | {"instructions": f"Read {number} times."}
        draft = rubric_versions.save_draft(store, person(who), "kardia-empathy", body, draft.revision)
    text = page_text(sign_in(app, "paul"))
    assert "<strong>Dr. Ines Okafor and Ravi Desai</strong> saved the draft of Kardia empathy, 3 times" in text


def test_open_drafts_of_others_show_to_psychologists_only(app: AppTest, sign_in: SignIn) -> None:
    store = service.store()
    draft = rubric_versions.open_draft(store, person("ines"), "kardia-empathy")
    rubric_versions.save_draft(store, person("ines"), "kardia-empathy", draft.body | {"title": "K"}, draft.revision)
    seen = {}
    for who in ("ines", "tomas", "ravi", "mei"):
        at = sign_in(AppTest.from_file(str(ENTRY), default_timeout=30), who)
        seen[who] = "write_kardia-empathy" in {button.key for button in at.button}
    assert seen == {"ines": True, "tomas": True, "ravi": False, "mei": False}


def test_who_looks_after_data_is_told_how_old_the_backup_is(app: AppTest, sign_in: Callable[..., AppTest]) -> None:
    at = sign_in(app, "hanna")
    assert any("No backup has been made yet" in one.value for one in at.caption)
    keep_up(service.store(), Schedule())
    at.run()
    assert any("was proved less than an hour ago" in one.value for one in at.caption)
    assert not any("backup" in one.value for one in sign_in(app, "mei").caption)
