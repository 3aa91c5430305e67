"""The form that starts a run: what is offered, what bars it, and what comes of it."""

import json
import re
from pathlib import Path

import pytest

from db import audits, dialogues, history, people, rubric_versions
from db.dialogues import Filter
from db.store import Store
from pipeline.configs import CONFIGS
from rubrics.errors import UserError
from studio.widgets.run import submit as run_submit
from studio.widgets.run.config_form import HIDDEN, LABELS, misfit
from studio.widgets.run.data import sample
from studio.widgets.run.model_names import not_to_be_named
from studio.widgets.run.words import STARTED_HERE
from tests.rubrics.test_exchange_vera_mh import TREE
from tests.studio import run_dirs
from tests.studio.opening import Open, runs_of, texts


def test_a_run_is_started_with_what_was_chosen(open_runs: Open, store: Store) -> None:
    at = open_runs(start="score")
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


def test_a_start_without_a_reason_is_refused_and_keeps_what_was_chosen(open_runs: Open, store: Store) -> None:
    at = open_runs(start="score")
    at.number_input(key="dialogue_count").set_value(2).run()
    at.button(key="submit_run").click().run()
    assert "Say why" in at.error[0].value
    assert at.number_input(key="dialogue_count").value == 2
    assert not runs_of(store)


def test_another_stage_has_its_own_defaults(open_runs: Open) -> None:
    at = open_runs(start="sft")
    assert at.number_input(key="config_max_steps").value == CONFIGS["sft"].model_fields["max_steps"].default
    at.number_input(key="config_max_steps").set_value(99).run()
    at.get_by_key("stage").set_value("grpo").run()
    assert not at.exception
    assert at.number_input(key="config_max_steps").value == CONFIGS["grpo"].model_fields["max_steps"].default
    assert at.query_params["start"] == "grpo", "a reload opens the same stage"
    at.text_area(key="run_reason").set_value("why").run()
    assert at.get_by_key("stage").value == "grpo"


@pytest.mark.parametrize("stage", STARTED_HERE)
def test_every_setting_has_a_widget_with_words_and_its_own_bounds(open_runs: Open, stage: str) -> None:
    at = open_runs(start=stage)
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
    open_runs: Open, store: Store
) -> None:
    older = run_dirs.approved(store, "score")
    ines, tomas = people.person(store, "ines"), people.person(store, "tomas")
    draft = rubric_versions.open_draft(store, ines, older.rubric_id)
    draft = rubric_versions.save_draft(store, ines, older.rubric_id, {**draft.body, "title": "Warmer"}, draft.revision)
    newer = rubric_versions.submit(store, ines, older.rubric_id, draft.revision, "warmer")
    assert len(open_runs(start="grpo").selectbox(key="rubric_version").options) == 1, "in review is not approved"
    rubric_versions.approve(store, tomas, newer.rubric_id, newer.version, "reads better")
    options = open_runs(start="grpo").selectbox(key="rubric_version").options
    assert [option.split(":")[0] for option in options] == ["Warmer, version 2", "Kardia empathy, version 1"]
    assert "Dr. Tomas Lindqvist" in options[0]


def test_without_an_approved_rubric_one_is_told_what_to_do(open_runs: Open, store: Store) -> None:
    only = run_dirs.approved(store, "gate")
    rubric_versions.retire(store, people.person(store, "ines"), only.rubric_id, only.version, "outdated")
    at = open_runs(start="regenerate")
    assert "A psychologist who did not write it must approve one" in texts(at)
    assert at.button(key="submit_run").disabled


def test_a_weak_judge_is_told(open_runs: Open) -> None:
    assert "too weak to judge" in texts(open_runs(start="grpo"))


def test_a_strong_judge_is_chosen_where_there_is_one_and_can_be_checked(open_runs: Open, store: Store) -> None:
    row = '[judge-7b]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "seven"\n'
    (store.home / "endpoints.toml").write_text(row)
    at = open_runs(start="score")
    assert at.selectbox(key="config_judge").value == "judge-7b"
    assert "too weak to judge" not in texts(at)
    at.button(key="check_judge").click().run(timeout=60)
    assert "judge-7b at http://127.0.0.1:9/v1" in re.sub(r"[\\\u2060]", "", at.error[0].value)


def test_named_dialogues_are_used_and_an_unknown_one_is_named(open_runs: Open, store: Store) -> None:
    ids = dialogues.matching_ids(store, dialogues.Filter())[4:6]
    at = open_runs(start="score")
    at.get_by_key("data_way").set_value("Named dialogues").run()
    at.text_area(key="data_ids").set_value("\n".join([*ids, "nobody"])).run()
    assert "nobody" in at.error[0].value
    at.text_area(key="data_ids").set_value("\n".join(ids)).run()
    turns = int(dialogues.search(store, dialogues.Filter()).set_index("dialogue_id").loc[ids, "n_turns"].sum())
    assert f"**2 dialogues, {turns} turns**" in texts(at)


def test_a_group_that_no_batch_holds_is_told_before_the_start(open_runs: Open) -> None:
    at = open_runs(start="grpo")
    at.number_input(key="config_num_generations").set_value(3).run()
    assert "whole groups of 3" in texts(at)
    assert at.button(key="submit_run").disabled
    assert misfit("grpo", {"max_steps": 4, "epochs": 0.0, "batch_size": 6, "num_generations": 3}) == ""


def test_a_link_can_ask_for_the_model_to_evaluate(open_runs: Open, store: Store) -> None:
    model = run_dirs.trained(store)
    at = open_runs(start="evaluate", trained=model.run_id)
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


def test_simulated_people_are_those_of_the_dialogues_chosen(open_runs: Open, store: Store) -> None:
    at = open_runs(start="simulate")
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


def test_flagged_dialogues_are_written_anew_with_what_auditors_said(open_runs: Open, store: Store) -> None:
    mei = people.person(store, "mei")
    by = {"rubric_id": "unsafe-turns", "rubric_version": 1}
    for dialogue_id, turn in (("demo-01", 1), ("demo-02", 0)):
        audits.flag(store, mei, dialogue_id, turn, "CR1", "red", "Too cold.", **by, client_id=dialogue_id)
    at = open_runs(start="regenerate")
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


def test_a_walk_begins_with_a_table_and_the_next_can_take_its_questions(open_runs: Open, store: Store) -> None:
    at = open_runs(start="walk")
    assert at.button(key="submit_run").disabled
    at.file_uploader(key="walk_table").set_value(("vera.tsv", "\n".join(TREE).encode(), "text/plain")).run()
    at.number_input(key="dialogue_count").set_value(2).run()
    at.text_area(key="run_reason").set_value("Does it ask about danger?").run()
    at.button(key="submit_run").click().run()
    assert not at.exception
    (first,) = runs_of(store)
    request = first.request()
    assert (request.stage, request.config["table"], len(first.inputs())) == ("walk", "\n".join(TREE), 2)
    entry = history.recent(store, 1)[0]
    assert (entry.action, entry.subject_id, entry.actor) == ("run_started", first.run_id, "ravi")

    again = open_runs(start="walk")
    assert "As in the walk of" in again.selectbox(key="walk_earlier").options[0]
    again.text_area(key="run_reason").set_value("And now?").run()
    again.button(key="submit_run").click().run()
    second = next(run for run in runs_of(store) if run.run_id != first.run_id)
    assert second.request().config["table"] == request.config["table"]


@pytest.mark.parametrize("text", ["a\tb\n1\t2", "", "\0"])
def test_a_table_that_is_none_is_one_line_and_starts_nothing(open_runs: Open, store: Store, text: str) -> None:
    at = open_runs(start="walk")
    at.file_uploader(key="walk_table").set_value(("vera.tsv", text.encode(), "text/plain")).run()
    (error,) = at.error
    assert error.value.replace("\\", "").replace("\u2060", "").startswith("vera.tsv")
    assert "\n" not in error.value
    assert at.button(key="submit_run").disabled
    assert not runs_of(store)


def test_a_page_names_no_folder_of_the_server_as_a_model(open_runs: Open, store: Store, tmp_path: Path) -> None:
    elsewhere, inside = tmp_path / "elsewhere", store.home / "models" / "ours"
    for folder in (elsewhere, inside):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    model = run_dirs.trained(store)
    for name in ("", "smollm2", "tiny", model.run_id, "owner/name", str(inside)):
        assert not_to_be_named(name, store.home) == ""
    outside = (str(elsewhere), f"{store.home}/../elsewhere", "/etc", "..", "studio/widgets", "a/b/c", "none", "a\0/b")
    for name in outside:
        assert "cannot be used here: name a built-in model" in not_to_be_named(name, store.home), name
    at = open_runs(start="sft", model=str(elsewhere))
    assert any("cannot be used here" in one.value for one in at.warning)
    assert at.button(key="submit_run").disabled
    ids = dialogues.matching_ids(store, Filter())[:2]
    with pytest.raises(UserError, match="cannot be used here"):
        run_submit.start(store, people.person(store, "ravi"), "sft", {"model": str(elsewhere)}, ids, None, "why", 0)
