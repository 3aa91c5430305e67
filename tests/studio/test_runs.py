import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from db import audits, dialogues, history, people, rubric_versions
from db.ingest import ingest
from db.store import Store
from pipeline.configs import CONFIGS
from pipeline.live import span
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from studio import service
from studio.widgets.run import submit as run_submit
from studio.widgets.run.config_form import HIDDEN, LABELS, misfit
from studio.widgets.run.data import sample
from studio.widgets.run.live import Pace, log_tail, pace, pace_words
from studio.widgets.run.results import asking_words, audit_link, criterion_means
from studio.widgets.run.words import STARTED_HERE
from tests.studio import run_dirs

SignIn = Callable[[AppTest, str], AppTest]
Open = Callable[..., AppTest]


@pytest.fixture
def store(studio_home: Path) -> Store:
    """The open store."""
    return service.store()


@pytest.fixture
def open_page(app: AppTest, sign_in: SignIn, store: Store) -> Open:
    """A function: the Runs page as that person finds it, once the store has read every run."""

    def as_person(person_id: str = "ravi", **asked: str) -> AppTest:
        ingest(store)
        at = sign_in(app, person_id).switch_page("app_pages/runs.py")
        for name, value in asked.items():
            at.query_params[name] = value
        at.run()
        assert not at.exception, at.exception
        return at

    return as_person


def texts(at: AppTest) -> str:
    every = [*at.markdown, *at.caption, *at.html, *at.info, *at.warning, *at.error]
    return "\n".join(str(element.value) for element in every)


def runs_of(store: Store) -> list[RunDir]:
    return [RunDir(path) for path in sorted((store.home / "runs").glob("[!.]*"))]


# the list


def test_an_empty_list_says_what_to_do_first(open_page: Open) -> None:
    assert "No run has been started yet" in texts(open_page())


def test_the_list_tells_what_where_who_and_why_newest_first(open_page: Open, store: Store) -> None:
    first = run_dirs.scored(store)
    second = run_dirs.end(
        run_dirs.lay_out(store, "grpo", reason="<b>Does *it* help?</b>"), "cancelled", done=3, total=4
    )
    at = open_page()
    opened = [button.key for button in at.button if str(button.key).startswith("open_")]
    assert opened == [f"open_{second.run_id}", f"open_{first.run_id}"]
    told = texts(at)
    for words in ("Cancelled", "Done", "kardia-empathy, version 1", "Ravi Desai", "&lt;b&gt;Does *it* help?&lt;/b&gt;"):
        assert words in told


def test_filters_narrow_the_list(open_page: Open, store: Store) -> None:
    scored = run_dirs.scored(store)
    run_dirs.end(run_dirs.lay_out(store, "grpo"), "failed", message="no")
    at = open_page()
    at.get_by_key("filter_state").set_value(["done"]).run()
    assert [b.key for b in at.button if str(b.key).startswith("open_")] == [f"open_{scored.run_id}"]
    at.multiselect(key="filter_stage").set_value(["sft"]).run()
    assert "No run matches" in texts(at)


def test_only_who_may_start_a_run_sees_the_button_and_others_are_told_who_can(open_page: Open) -> None:
    at = open_page("paul")
    assert "start_run" not in [button.key for button in at.button]
    assert "Ravi Desai" in texts(at)
    assert "submit_run" not in [button.key for button in open_page("paul", start="score").button]


def test_a_run_whose_process_is_gone_does_not_seem_to_run_for_ever(open_page: Open, store: Store) -> None:
    run = run_dirs.running(store)
    run.update_status(pid=2**22 + 1, pid_started=1.0)
    open_page()
    assert run.status().state == "failed"


# starting


def test_a_run_is_started_with_what_was_chosen(open_page: Open, store: Store) -> None:
    at = open_page(start="score")
    at.number_input(key="dialogue_count").set_value(3).run()
    at.text_area(key="run_reason").set_value("  What does it say?  ")
    at.button(key="submit_run").click().run()
    assert not at.exception
    (run,) = runs_of(store)
    request, version = run.request(), run_dirs.approved(store, "score")
    assert (request.stage, request.requested_by, request.reason) == ("score", "ravi", "What does it say?")
    assert request.rubric
    assert (request.rubric.hash, request.rubric.approved_by) == (version.hash, "tomas")
    assert request.rubric.approval_reason == version.reason
    assert len(run.inputs()) == 3
    assert run.status().state == "queued"
    entry = history.recent(store, 1)[0]
    assert (entry.action, entry.subject_id, entry.actor) == ("run_started", run.run_id, "ravi")
    assert at.query_params["run"] == run.run_id


def test_a_start_without_a_reason_is_refused_and_keeps_what_was_chosen(open_page: Open, store: Store) -> None:
    at = open_page(start="score")
    at.number_input(key="dialogue_count").set_value(2).run()
    at.button(key="submit_run").click().run()
    assert "Say why" in at.error[0].value
    assert at.number_input(key="dialogue_count").value == 2
    assert not runs_of(store)


def test_another_stage_has_its_own_defaults(open_page: Open) -> None:
    at = open_page(start="sft")
    assert at.number_input(key="config_max_steps").value == CONFIGS["sft"].model_fields["max_steps"].default
    at.number_input(key="config_max_steps").set_value(99).run()
    at.get_by_key("stage").set_value("grpo").run()
    assert not at.exception
    assert at.number_input(key="config_max_steps").value == CONFIGS["grpo"].model_fields["max_steps"].default
    assert at.query_params["start"] == "grpo", "a reload opens the same stage"
    at.text_area(key="run_reason").set_value("why").run()
    assert at.get_by_key("stage").value == "grpo"


@pytest.mark.parametrize("stage", STARTED_HERE)
def test_every_setting_has_a_widget_with_words_and_its_own_bounds(open_page: Open, stage: str) -> None:
    at = open_page(start=stage)
    for name, told in CONFIGS[stage].model_json_schema()["properties"].items():  # type: ignore[index]
        if name in HIDDEN:
            continue
        told = {**next(iter(told.get("anyOf", ())), {}), **told}
        widget = at.get_by_key(f"config_{name}")
        assert widget.label == LABELS[name]
        assert told["description"][1:] in widget.help
        if told["type"] in ("integer", "number"):
            assert (widget.min, widget.max) == (told.get("minimum", told.get("exclusiveMinimum")), told.get("maximum"))


def test_only_approved_versions_of_the_right_purpose_are_offered_newest_approval_first(
    open_page: Open, store: Store
) -> None:
    older = run_dirs.approved(store, "score")
    ines, tomas = people.person(store, "ines"), people.person(store, "tomas")
    draft = rubric_versions.open_draft(store, ines, older.rubric_id)
    draft = rubric_versions.save_draft(store, ines, older.rubric_id, {**draft.body, "title": "Warmer"}, draft.revision)
    newer = rubric_versions.submit(store, ines, older.rubric_id, draft.revision, "warmer")
    assert len(open_page(start="grpo").selectbox(key="rubric_version").options) == 1, "in review is not approved"
    rubric_versions.approve(store, tomas, newer.rubric_id, newer.version, "reads better")
    options = open_page(start="grpo").selectbox(key="rubric_version").options
    assert [option.split(":")[0] for option in options] == ["Warmer, version 2", "Kardia empathy, version 1"]
    assert "Dr. Tomas Lindqvist" in options[0]


def test_without_an_approved_rubric_one_is_told_what_to_do(open_page: Open, store: Store) -> None:
    only = run_dirs.approved(store, "gate")
    rubric_versions.retire(store, people.person(store, "ines"), only.rubric_id, only.version, "outdated")
    at = open_page(start="regenerate")
    assert "A psychologist who did not write it must approve one" in texts(at)
    assert at.button(key="submit_run").disabled


def test_a_weak_judge_is_told(open_page: Open) -> None:
    assert "too weak to judge" in texts(open_page(start="grpo"))


def test_a_strong_judge_is_chosen_where_there_is_one_and_can_be_checked(open_page: Open, store: Store) -> None:
    row = '[judge-7b]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "seven"\n'
    (store.home / "endpoints.toml").write_text(row)
    at = open_page(start="score")
    assert at.selectbox(key="config_judge").value == "judge-7b"
    assert "too weak to judge" not in texts(at)
    at.button(key="check_judge").click().run(timeout=60)
    assert "judge-7b at http://127.0.0.1:9/v1" in re.sub(r"[\\\u2060]", "", at.error[0].value)


def test_named_dialogues_are_used_and_an_unknown_one_is_named(open_page: Open, store: Store) -> None:
    ids = dialogues.matching_ids(store, dialogues.Filter())[4:6]
    at = open_page(start="score")
    at.get_by_key("data_way").set_value("Named dialogues").run()
    at.text_area(key="data_ids").set_value("\n".join([*ids, "nobody"])).run()
    assert "nobody" in at.error[0].value
    at.text_area(key="data_ids").set_value("\n".join(ids)).run()
    turns = int(dialogues.search(store, dialogues.Filter()).set_index("dialogue_id").loc[ids, "n_turns"].sum())
    assert f"**2 dialogues, {turns} turns**" in texts(at)


def test_a_group_that_no_batch_holds_is_told_before_the_start(open_page: Open) -> None:
    at = open_page(start="grpo")
    at.number_input(key="config_num_generations").set_value(3).run()
    assert "whole groups of 3" in texts(at)
    assert at.button(key="submit_run").disabled
    assert misfit("grpo", {"max_steps": 4, "epochs": 0.0, "batch_size": 6, "num_generations": 3}) == ""


def test_a_link_can_ask_for_the_model_to_evaluate(open_page: Open, store: Store) -> None:
    model = run_dirs.trained(store)
    at = open_page(start="evaluate", trained=model.run_id)
    assert at.selectbox(key="config_trained").value == model.run_id


def test_what_a_run_builds_on_are_its_parents(store: Store) -> None:
    model = run_dirs.trained(store)
    ids = dialogues.matching_ids(store, dialogues.Filter())[:1]
    version, ravi = run_dirs.approved(store, "score"), people.person(store, "ravi")
    run = run_submit.start(store, ravi, "evaluate", {"trained": model.run_id}, ids, version, "Did it help?", 0)
    assert run.request().parents == [model.run_id]


def test_a_version_that_was_retired_meanwhile_starts_nothing(store: Store) -> None:
    version = run_dirs.approved(store, "score")
    rubric_versions.retire(store, people.person(store, "ines"), version.rubric_id, version.version, "outdated")
    ids = dialogues.matching_ids(store, dialogues.Filter())[:1]
    with pytest.raises(UserError, match="no longer approved"):
        run_submit.start(store, people.person(store, "ravi"), "score", {}, ids, version, "why", 0)
    assert not runs_of(store)


def test_the_right_is_checked_by_what_the_store_says_now(store: Store) -> None:
    remembered = people.person(store, "ravi")
    people.change_person(store, people.person(store, "hanna"), "ravi", roles=["viewer"])
    ids = dialogues.matching_ids(store, dialogues.Filter())[:1]
    with pytest.raises(UserError, match="may not start runs"):
        run_submit.start(store, remembered, "score", {}, ids, run_dirs.approved(store, "score"), "why", 0)
    assert not runs_of(store)


# the sample


def test_a_sample_is_the_same_for_the_same_seed_in_whatever_order() -> None:
    ids = [f"d{n}" for n in range(200)]
    assert set(sample(ids, 20, 7)) == set(sample(ids[::-1], 20, 7))
    assert set(sample(ids, 20, 7)) != set(sample(ids, 20, 8))
    assert sample(ids, 20, 7) == sorted(sample(ids, 20, 7), key=ids.index)
    assert len(sample(ids, 20, 7)) == 20


def test_new_dialogues_displace_few_of_a_sample() -> None:
    ids = [f"d{n}" for n in range(200)]
    before, after = set(sample(ids, 20, 7)), set(sample([*ids, "new"], 20, 7))
    assert len(before & after) >= 19


# one run


def test_a_score_run_shows_its_numbers_and_never_counts_a_failure_as_0(open_page: Open, store: Store) -> None:
    run = run_dirs.scored(store, failed=2)
    at = open_page(run=run.run_id)
    rewards = pd.read_parquet(run.output("rewards"))
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Turns with a reward"] == f"{len(rewards) - 2} of {len(rewards)}"
    assert shown["Mean reward"] == f"{rewards['reward'].dropna().mean():.2f}"
    table = at.dataframe[0].value
    assert list(table["outcome"][:2]) == ["No answer in time"] * 2
    assert "too weak to judge" in texts(at)
    assert "48,210 tokens read, 6,120 written, cost 0.42" in texts(at)


def test_a_turn_links_to_its_place_in_the_audit() -> None:
    assert audit_link("a&b c", 4) == "/audit?dialogue=a%26b+c&turn=4"


def test_criterion_means_leave_failed_calls_out(store: Store) -> None:
    rubric = run_dirs.approved(store, "score").rubric
    first = rubric.criteria[0]
    rows = [(first.id, "scored", 5.0), (first.id, "scored", 2.0), (first.id, "timeout", None)]
    means = criterion_means(pd.DataFrame(rows, columns=["criterion_id", "outcome", "score"]), rubric)
    assert means.to_dict("records") == [{"name": first.name, "mean": 3.5, "low": 1, "high": 5, "n": 2}]


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_a_training_shows_how_it_learnt(open_page: Open, store: Store, stage: str) -> None:
    run = run_dirs.trained(store, stage)  # type: ignore[arg-type]
    at = open_page(run=run.run_id)
    shown = {str(element.value) for element in at.markdown}
    assert ("**Reward**" in shown, "**Loss**" in shown) == (stage == "grpo", stage == "sft")


def test_an_evaluation_says_better_only_where_the_interval_leaves_out_0(open_page: Open, store: Store) -> None:
    model = run_dirs.trained(store)
    at = open_page(run=run_dirs.evaluated(store, model.run_id).run_id)
    changes = next(frame.value for frame in at.dataframe if "What it says" in frame.value)
    told = changes.set_index("Measure")[["Change", "What it says"]]
    assert "Reward" in told.index
    for change, words in told.itertuples(index=False):
        low, high = (float(end.replace("−", "-").rstrip("%)")) for end in change.split("(")[1].split(" to "))
        assert words == ("more" if low > 0 else "less" if high < 0 else "no difference shown"), change


def test_a_regeneration_shows_what_the_judge_said(open_page: Open, store: Store) -> None:
    at = open_page(run=run_dirs.regenerated(store).run_id)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown == {
        "Dialogues": "2",
        "Exchanges": "3",
        "Answers written": "6",
        "Revisions per exchange": "0.5",
    }


def test_the_new_dialogues_are_a_click_away(open_page: Open, store: Store) -> None:
    run = run_dirs.regenerated(store)
    at = open_page(run=run.run_id)
    at.button(key="read_dialogues").click().run()
    assert not at.exception
    assert at.query_params["dialogue"] == f"{run.run_id}-a"


def test_a_run_under_way_shows_progress_and_signs_of_life(open_page: Open, store: Store) -> None:
    run = run_dirs.running(store)
    at = open_page(run=run.run_id)
    assert at.get("progress")[0].value == 33
    assert "Last sign of life" in texts(at)
    assert "judging" in at.code[0].value
    run.write_status(run.status().model_copy(update={"heartbeat": "2020-01-01T00:00:00"}))
    assert "No sign of life for" in texts(open_page(run=run.run_id))


def test_cancelling_asks_once_more_and_then_stops(open_page: Open, store: Store) -> None:
    run = run_dirs.lay_out(store, "score")
    at = open_page(run=run.run_id)
    at.button(key="cancel_run").click().run()
    assert run.status().state == "queued"
    at.button(key="confirm_cancel").click().run()
    assert not at.exception
    assert run.status().state == "cancelled"
    assert history.recent(store, 1)[0].action == "run_cancelled"


def test_a_failed_run_says_why_and_can_be_resumed(open_page: Open, store: Store) -> None:
    run = run_dirs.end(run_dirs.lay_out(store, "score"), "failed", message="the judge is down; start it")
    at = open_page(run=run.run_id)
    assert at.error[0].value == "the judge is down; start it"
    at.button(key="resume_run").click().run()
    assert not at.exception
    assert run.status().state == "queued"
    assert history.recent(store, 1)[0].action == "run_resumed"


def test_a_reader_can_neither_cancel_nor_resume(open_page: Open, store: Store) -> None:
    queued = run_dirs.lay_out(store, "score")
    failed = run_dirs.end(run_dirs.lay_out(store, "score"), "failed", message="no")
    keys = {b.key for run in (queued, failed) for b in open_page("paul", run=run.run_id).button}
    assert not keys & {"cancel_run", "resume_run"}


def test_an_unknown_run_is_one_line(open_page: Open) -> None:
    at = open_page(run="nothing")
    assert "there is no such run here" in at.error[0].value


def test_a_changed_rubric_copy_is_told_and_hides_neither_log_nor_settings(open_page: Open, store: Store) -> None:
    run = run_dirs.scored(store)
    copy = run.path / "rubric.yaml"
    copy.write_text(copy.read_text().replace("Kardia empathy", "Another"))
    at = open_page(run=run.run_id)
    assert "was changed after the run was asked for" in at.error[0].value
    assert at.expander(key="provenance")


# words and the log


def test_the_pace_is_known_only_once_something_moved() -> None:
    assert pace([(0, 0)], 10) is None
    assert pace([(0, 3), (5, 3)], 10) is None
    assert pace([(0, 0), (10, 5)], 20) == Pace(per_s=0.5, left_s=30)


def test_what_was_asked_for_and_could_be_used_is_said() -> None:
    validity = {"10": {"asked": 10, "scored": 9}, "1": {"asked": 2000, "scored": 2000}, "3": {"asked": 0, "scored": 0}}
    assert asking_words({"validity": validity, "scoring": {"weighted": 7, "fell_back": 1}}) == [
        "One criterion a call: 2,000 of 2,000 verdicts asked for could be used (100.0%).",
        "10 criteria a call: 9 of 10 verdicts asked for could be used (90.0%).",
        "1 score could not be weighed by the judge's probabilities: taken as stated.",
    ]
    assert asking_words({}) == []


def test_pace_and_spans_use_readable_units() -> None:
    assert pace_words(Pace(2.0, 45), "turns") == "2.0 turns a second, about 45 s left"
    assert pace_words(Pace(0.1, 600), "steps") == "6.0 steps a minute, about 10 min left"
    assert span(7500) == "2 h 5 min"


def test_the_log_shows_the_end_of_the_newest_attempt(store: Store) -> None:
    run = run_dirs.lay_out(store, "score")
    assert log_tail(run) == ""
    run.log_of(1).write_text("old")
    run.log_of(2).write_text("\n".join(f"line {n}" for n in range(500)))
    lines = log_tail(run).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("line 300", "line 499", 200)


def test_simulated_people_are_those_of_the_dialogues_chosen(open_page: Open, store: Store) -> None:
    at = open_page(start="simulate")
    assert "None: what is followed is how the simulated person feels." in texts(at)
    at.number_input(key="config_start").set_value(99).run()
    at.number_input(key="config_success_at").set_value(99).run()
    assert any("must be above that of failure" in one.value for one in at.warning)
    assert at.button(key="submit_run").disabled
    at.number_input(key="config_start").set_value(50).run()
    at.text_area(key="run_reason").set_value("Does it help them?").run()
    at.button(key="submit_run").click().run()
    assert not at.exception
    (made,) = runs_of(store)
    request = made.request()
    assert (request.stage, request.config["start"], request.requested_by) == ("simulate", 50, "ravi")
    assert len(made.inputs()) == 20


def test_flagged_dialogues_are_written_anew_with_what_auditors_said(open_page: Open, store: Store) -> None:
    mei = people.person(store, "mei")
    by = {"rubric_id": "unsafe-turns", "rubric_version": 1}
    for dialogue_id, turn in (("demo-01", 1), ("demo-02", 0)):
        audits.flag(store, mei, dialogue_id, turn, "CR1", "red", "Too cold.", **by, client_id=dialogue_id)
    at = open_page(start="regenerate")
    at.get_by_key("regenerate_mode").set_value("flagged").run()
    assert at.multiselect(key="flagged_dialogues").value == ["demo-01", "demo-02"]
    at.multiselect(key="flagged_dialogues").set_value(["demo-01"]).run()
    assert "**1 dialogue** will be written anew" in texts(at)
    at.text_area(key="run_reason").set_value("She is right.").run()
    at.button(key="submit_run").click().run()
    assert not at.exception
    (made,) = runs_of(store)
    assert made.request().config["mode"] == "flagged"
    inputs = made.inputs()
    assert list(inputs["dialogue_id"]) == ["demo-01"]
    (flag,) = json.loads(inputs["flags"].iloc[0])
    assert (flag["turn_index"], flag["code"], flag["note"]) == (1, "CR1", "Too cold.")
