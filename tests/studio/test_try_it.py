"""Trying a draft in the studio: choosing turns, the estimate, the start, and the result side by side."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from db import dialogues, history, rubric_versions, runs
from db.dialogues import Filter
from db.ingest import ingest
from db.people import person
from db.store import Store
from pipeline import jobs, preview
from pipeline.rundir import RunDir
from pipeline.stage import execute
from pipeline.turns import turns_of
from rubrics.load import rubric_from
from tests.pipeline import loopback_judge
from tests.pipeline.loopback_judge import LoopbackJudge

RUBRIC = "kardia-empathy"
Page = Callable[..., AppTest]


@pytest.fixture
def judge(studio_home: Path) -> Iterator[LoopbackJudge]:
    with loopback_judge.serving() as served:
        row = served.endpoint_row() + "price_in = 1.0\nprice_out = 2.0\n"
        (studio_home / "endpoints.toml").write_text(row)
        yield served


@pytest.fixture
def draft(store: Store) -> dict[str, Any]:
    """An open draft of Ines in which the first criterion asks something else."""
    return change(store, lambda body: body["criteria"][0].update(question="Does it name what the person feels?"))


def change(store: Store, edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    ines = person(store, "ines")
    opened = rubric_versions.open_draft(store, ines, RUBRIC)
    edit(opened.body)
    return rubric_versions.save_draft(store, ines, RUBRIC, opened.body, opened.revision).body


@pytest.fixture
def page(app: AppTest, sign_in: Callable[[AppTest, str], AppTest], store: Store) -> Page:
    """A function: the tab Foresee as that person finds it, once the store has read every run."""

    def as_person(person_id: str = "ines", **asked: str) -> AppTest:
        ingest(store)
        at = sign_in(app, person_id).switch_page("app_pages/rubrics.py")
        for name, value in {"rubric": RUBRIC, "view": "foresee", **asked}.items():
            at.query_params[name] = value
        at.run()
        assert not at.exception, at.exception
        return at

    return as_person


def texts(at: AppTest) -> str:
    every = [*at.markdown, *at.caption, *at.html, *at.info, *at.warning, *at.error]
    return "\n".join(str(element.value) for element in every)


def keys(at: AppTest) -> list[str]:
    return [str(button.key) for button in at.button]


def tried(store: Store) -> list[RunDir]:
    return [run for run in jobs.all_runs(store.home) if run.request().stage == "preview"]


def first_turns(store: Store, count: int) -> list[list[Any]]:
    ids = dialogues.matching_ids(store, Filter())[:count]
    return [[turn.dialogue_id, turn.turn_index] for turn in turns_of(dialogues.inputs_frame(store, ids))][:count]


def done(store: Store, body: dict[str, Any], turns: list[list[Any]], **config: Any) -> RunDir:
    """A finished trial of that body against the approved version."""
    base = rubric_versions.approved(store, "score")[0]
    assert base.rubric_id == RUBRIC
    from studio.widgets.run.submit import try_draft

    config = {"judge": "loopback", "turns": turns, **config}
    run = try_draft(store, person(store, "ines"), rubric_from(body), base, config, [one for one, _ in turns])
    assert execute(run, store.home, preview.run) == 0, run.status().message
    return run


def test_the_estimate_comes_before_the_start_and_the_start_queues_what_was_chosen(
    page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    at = page()
    at.number_input(key="try_limit").set_value(3).run()
    at.number_input(key="try_max_calls").set_value(5).run()
    told = texts(at)
    assert "3 turns" in told
    assert "expected to cost" in told
    assert "budget of 5 calls will not suffice" in told
    assert judge.prompts == [], "nothing is asked before it is started"
    at.button(key="start_try").click().run()
    assert not at.exception
    (run,) = tried(store)
    request = run.request()
    assert request.rubric is not None
    assert request.base is not None
    assert (request.rubric.version, request.rubric.hash) == (0, rubric_from(draft).hash)
    assert request.base.hash == rubric_versions.approved(store, "score")[0].hash
    assert request.base.approved_by
    assert (request.requested_by, request.config["judge"], request.config["max_calls"]) == ("ines", "loopback", 5)
    assert len(request.config["turns"]) == 3
    assert "3 turns" in request.reason
    entry = history.recent(store, 1)[0]
    assert (entry.action, entry.actor, entry.subject_id) == ("run_started", "ines", run.run_id)
    assert at.query_params["try"] == run.run_id
    assert "Queued" in texts(at)
    assert "cancel_run" in keys(at)


def test_what_was_answered_before_is_taken_off_the_estimate(
    page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    turns = first_turns(store, 1)
    run = done(store, draft, turns)
    asked = len(judge.prompts)
    assert run.status().calls > 0
    at = page()
    at.get_by_key("try_way").set_value("One turn of your choice").run()
    at.text_input(key="try_search").set_value(turns[0][0]).run()
    assert at.selectbox(key="try_dialogue").value == turns[0][0]
    assert "all answered before" in texts(at)
    assert len(judge.prompts) == asked


def test_the_result_is_read_side_by_side(page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]) -> None:
    run = done(store, draft, first_turns(store, 2))
    told = texts(page(**{"try": run.run_id}))
    comparison, verdicts = run.read_output("comparison"), run.read_output("verdicts")
    assert comparison is not None
    assert verdicts is not None
    for words in ("2 turns tried", "This draft", "Version 1 (approved)", "changed, asked anew", "asked alike"):
        assert words in told
    assert "by its hash" in told, "the judge's reasons"
    assert f"{comparison.tokens.sum():,} tokens" in told
    assert "the draft as it stands" in told


def test_a_budget_that_was_used_up_and_calls_that_failed_are_told_as_such(
    page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    turns = first_turns(store, 3)
    judge.refuse = lambda prompt: "Profile of the person" in prompt
    run = done(store, draft, turns, max_calls=9)
    comparison = run.read_output("comparison")
    assert comparison is not None
    assert "budget_stopped" in set(comparison.draft_outcome)
    at = page(**{"try": run.run_id})
    told = texts(at)
    assert "left out, because the budget was used up" in told
    assert "No score: the endpoint failed" in told
    assert "Not known" in told
    last = comparison[comparison.draft_outcome == "budget_stopped"].iloc[-1]
    at.selectbox(key=f"tried_turn_{run.run_id}").set_value(f"{last.dialogue_id}:{last.turn_index}").run()
    assert "No score: the budget was used up" in texts(at)


def test_a_try_of_an_older_text_says_so(page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]) -> None:
    run = done(store, draft, first_turns(store, 1))
    change(store, lambda body: body["criteria"][0].update(question="Does it listen?"))
    told = texts(page(**{"try": run.run_id}))
    assert "This try is of an older text of the draft" in told
    assert "an older text of the draft" in told


def test_a_draft_that_is_not_whole_is_not_tried_and_says_what_to_mend(page: Page, store: Store) -> None:
    change(store, lambda body: body["criteria"][0].update(question=""))
    at = page()
    assert "start_try" not in keys(at)
    assert "question" in texts(at)


def test_who_may_not_edit_rubrics_reads_what_others_tried(
    page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    run = done(store, draft, first_turns(store, 1))
    at = page("paul", **{"try": run.run_id})
    assert "start_try" not in keys(at)
    assert "This draft" in texts(at)


def test_whoever_decides_reads_what_was_tried_of_this_text_and_tries_it_too(
    page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    earlier = done(store, draft, first_turns(store, 1))
    body = change(store, lambda body: body["criteria"][0].update(question="Does it name the feeling?"))
    run = done(store, body, first_turns(store, 2))
    opened = rubric_versions.draft(store, RUBRIC)
    assert opened is not None
    found = rubric_versions.submit(store, person(store, "ines"), RUBRIC, opened.revision, "")
    at = page("tomas", view="review", version=str(found.version))
    assert "2 turns tried." in texts(at)
    assert {f"show_{run.run_id}", f"show_{earlier.run_id}"} & {*keys(at)} == {f"show_{run.run_id}"}
    assert "every turn, on the criterion" in texts(at), "what the edits set in motion"
    at.button(key=f"show_{run.run_id}").click().run()
    assert not at.exception
    assert "changed, asked anew" in texts(at)
    at.button(key=f"try_version_{RUBRIC}_{found.version}").click().run()
    at.number_input(key="try_limit").set_value(1).run()
    at.button(key="start_try").click().run()
    assert not at.exception
    (request,) = [one.request() for one in tried(store) if one.request().requested_by == "tomas"]
    assert request.rubric is not None
    assert request.rubric.hash == found.hash
    assert request.base is not None
    assert request.base.version == found.parent_version


def test_what_was_known_of_a_version_stays_with_it_after_the_decision(
    page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    run = done(store, draft, first_turns(store, 2))
    opened = rubric_versions.draft(store, RUBRIC)
    assert opened is not None
    found = rubric_versions.submit(store, person(store, "ines"), RUBRIC, opened.revision, "")
    rubric_versions.approve(store, person(store, "tomas"), RUBRIC, found.version, "It names the feeling.")
    at = page("ravi", view="review", version=str(found.version))
    assert f"show_{run.run_id}" not in keys(at)
    at.button(key="what_was_known").click().run()
    assert not at.exception
    assert "2 turns tried." in texts(at)
    assert f"try_version_{RUBRIC}_{found.version}" not in keys(at), "what is decided is not tried any more"


def test_a_severe_turn_is_covered_with_the_reasons_until_somebody_asks(
    page: Page, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    (dialogue_id, turn_index) = first_turns(store, 1)[0]
    flag_red(store, dialogue_id, turn_index)
    run = done(store, draft, [[dialogue_id, turn_index]])
    turn = next(t for t in turns_of(run.inputs()) if t.turn_index == turn_index)
    words = turn.spans.response.split("\n")[0][:40]
    at = page(**{"try": run.run_id})
    assert words not in texts(at)
    assert "by its hash" not in texts(at)
    assert "What the judge said may quote the turn" in texts(at)
    at.button(key="tried_1_0" if turn_index == 0 else f"tried_1_{turn_index}").click().run()
    assert words in texts(at)
    assert "by its hash" in texts(at)


def flag_red(store: Store, dialogue_id: str, turn_index: int) -> None:
    from db import audits

    flags = rubric_versions.approved(store, "flags")[0]
    audits.flag(
        store,
        person(store, "ines"),
        dialogue_id,
        turn_index,
        flags.rubric.ids[0],
        "red",
        rubric_id=flags.rubric_id,
        rubric_version=flags.version,
        client_id="test",
    )


def test_a_weak_judge_is_said_to_be_weak(page: Page, draft: dict[str, Any]) -> None:
    assert "too weak to judge" in texts(page())


def test_the_hardest_turns_say_when_none_is_known(page: Page, draft: dict[str, Any], store: Store) -> None:
    at = page()
    at.get_by_key("try_way").set_value("The ten hardest").run()
    assert not at.exception
    assert at.button(key="start_try").disabled == ("none is known to be hard" in texts(at))


def test_verdicts_of_a_trial_are_filed_under_the_draft_and_count_for_no_turn(
    store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    turns = first_turns(store, 2)
    run = done(store, draft, turns)
    ingest(store)
    filed = runs.verdicts(store, run.run_id)
    base = rubric_versions.approved(store, "score")[0]
    pairs = set(zip(filed.rubric_hash, filed.rubric_version, strict=True))
    assert pairs == {(rubric_from(draft).hash, 0), (base.hash, base.version)}
    stored = runs.run(store, run.run_id)
    assert (stored["stage"], stored["rubric_version"], stored["message"]) == ("preview", 0, "")
    dialogue_id, turn_index = turns[0]
    assert runs.rewards_of(store, dialogue_id).empty
    assert runs.verdicts_of(store, dialogue_id, turn_index).empty
    assert len(runs.verdicts_of(store, dialogue_id, turn_index, run.run_id)) == len(filed) / 2
    assert [link.title for link in runs.lineage(store, run.run_id) if link.kind == "rubric"] == [f"{RUBRIC}, a draft"]


def test_runs_list_a_trial_show_its_comparison_and_do_not_offer_it_as_a_stage(
    app: AppTest, sign_in: Any, store: Store, judge: LoopbackJudge, draft: dict[str, Any]
) -> None:
    run = done(store, draft, first_turns(store, 2))
    ingest(store)
    at = sign_in(app, "ravi").switch_page("app_pages/runs.py").run()
    assert not at.exception
    assert "Try a draft" in [b.label.strip("*") for b in at.button]
    assert f"{RUBRIC}, a draft" in texts(at)
    at.query_params["run"] = run.run_id
    at.run()
    assert not at.exception
    assert "This draft" in texts(at)
    at.query_params.clear()
    at.query_params["start"] = "preview"
    at.run()
    assert not at.exception
    assert at.get_by_key("stage").value == "score"


@pytest.mark.parametrize("action", ["cancel", "resume"])
def test_a_psychologist_may_stop_and_resume_a_trial_and_no_other_run(store: Store, action: str) -> None:
    from rubrics.errors import UserError
    from studio.widgets.run import submit as run_submit
    from tests.studio import run_dirs

    ines = person(store, "ines")
    body = change(store, lambda body: None)
    base = rubric_versions.approved(store, "score")[0]
    turns = first_turns(store, 1)
    run = run_submit.try_draft(
        store, ines, rubric_from(body), base, {"judge": "embedded", "turns": turns}, [turns[0][0]]
    )
    run_submit.cancel(store, ines, run)
    assert run.status().state == "cancelled"
    if action == "resume":
        run_submit.resume(store, ines, run)
        assert run.status().state == "queued"
    with pytest.raises(UserError, match="may not start runs"):
        getattr(run_submit, action)(store, ines, run_dirs.lay_out(store, "score"))
