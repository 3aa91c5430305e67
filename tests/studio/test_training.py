"""A training as it is watched: what needs attention first, the reward, the same prompts over the steps, comparison."""

import json
from html import escape
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from db.ingest import ingest
from db.store import Store
from pipeline import jobs
from studio import charts
from studio.widgets.model.card import facts
from studio.widgets.run.comparison import differences
from studio.widgets.run.panels import HEALTH, REWARD, metric_word
from studio.widgets.run.told import Alert, Told, read_on
from studio.widgets.run.training import alt_words, figure_of, logged
from tests.studio import run_dirs
from tests.studio.opening import SignIn, opened

PAGE = "app_pages/runs.py"


def words(at: AppTest) -> str:
    every = [*at.markdown, *at.caption, *at.html, *at.info, *at.warning, *at.error]
    return "\n".join(str(element.value) for element in every)


def test_events_are_read_on_from_where_the_last_look_ended(tmp_path: Path) -> None:
    file, told = tmp_path / "events.jsonl", Told()
    read_on(file, told)
    file.write_text('{"kind": "metric", "step": 1, "metrics": {"reward": 0.25}}\n{"kind": "metric", "step": 2, "met')
    read_on(file, told)
    assert told.metrics(["reward"]).to_dict("records") == [{"step": 1, "name": "reward", "value": 0.25}]
    with file.open("a") as handle:
        handle.write('rics": {"reward": 0.5}}\nnot an event\n')
        # A resumed run takes the step again, and tells of what it raised again.
        for value in (0.75, 0.5):
            handle.write(json.dumps({"kind": "metric", "step": 2, "metrics": {"reward": value}}) + "\n")
            handle.write(json.dumps({"kind": "alert", "step": 2, "name": "collapse", "told": "it is"}) + "\n")
    read_on(file, told)
    assert (told.values("reward"), told.steps) == ([0.25, 0.5], 2)
    assert told.alerts == [Alert("collapse", 2, "it is")]
    assert told.place == file.stat().st_size


def test_what_needs_attention_comes_first_in_sentences(app: AppTest, sign_in: SignIn, store: Store) -> None:
    run = run_dirs.looked_at(run_dirs.trained(store))
    ingest(store)
    at = opened(app, sign_in, PAGE, "ravi", run=run.run_id)
    alerts = [str(one.value) for one in at.container(key="training_alerts").warning]
    assert [alert.split(".")[0] for alert in alerts] == [
        "**The reward may rise for the wrong reason",
        "**The judge is failing",
    ]
    assert "Step 9: 25% of the verdicts failed" in alerts[1].replace("\\", "")
    assert "14%" in words(at).replace("\\", ""), "earlier ones are folded and not lost"
    figures = {one.label: one.value for one in at.metric}
    assert (figures["Best, at step 5"], figures["Answers without a reward"]) == ("0.80", "5%")


def test_what_a_second_judge_rejects_is_charted_beside_the_reward(app: AppTest, sign_in: SignIn, store: Store) -> None:
    run = run_dirs.trained(store, steps=3)
    newly, rejected, judge, other = [0.0, 0.2, 0.4], [0.1, 0.5, 0.75], [0.5, 0.6, 0.7], [0.5, 0.4, 0.3]
    for step, values in enumerate(zip(newly, rejected, judge, other, strict=True), start=1):
        names = ("second/newly_credited", "second/rejected", "second/judge", "second/other")
        run.append_event("metric", step=step, metrics=dict(zip(names, values, strict=True)))
    ingest(store)
    at = opened(app, sign_in, PAGE, "ravi", run=run.run_id)
    assert "**Newly paid for, and rejected by the second judge**" in words(at)
    told = Told()
    read_on(run.path / "events.jsonl", told)
    paid = logged(REWARD, told)["Newly paid for, and rejected by the second judge"]
    lines = {line.name: list(line.y) for line in figure_of(told, paid).data}
    assert lines == {"Newly credited": newly, "Of these, rejected by the other": rejected}
    both = logged(HEALTH, told)["Both judges on the same answers"]
    figure = figure_of(told, both)
    assert {line.name: list(line.y) for line in figure.data} == {"The judge": judge, "The second judge": other}
    assert alt_words("Both judges", both, figure).endswith(
        "The judge from 0.5 to 0.7, The second judge from 0.5 to 0.3"
    )


def test_without_a_second_judge_there_is_no_such_chart(app: AppTest, sign_in: SignIn, store: Store) -> None:
    run = run_dirs.trained(store, steps=3)
    ingest(store)
    assert "second judge" not in words(opened(app, sign_in, PAGE, "ravi", run=run.run_id))


def test_the_list_of_runs_says_which_need_a_look(app: AppTest, sign_in: SignIn, store: Store) -> None:
    run_dirs.looked_at(run_dirs.trained(store))
    run_dirs.trained(store)
    ingest(store)
    at = opened(app, sign_in, PAGE, "ravi")
    assert [str(one.value) for one in at.markdown if "alert" in str(one.value)] == [
        ":orange-badge[:material/warning: 2 alerts]"
    ]


def test_the_same_prompt_at_two_steps_with_its_reward_unfolded(app: AppTest, sign_in: SignIn, store: Store) -> None:
    run = run_dirs.looked_at(run_dirs.trained(store))
    ingest(store)
    at = opened(app, sign_in, PAGE, "ravi", run=run.run_id)
    assert {"**Step 0**", "**Step 10**"} <= {str(one.value) for one in at.markdown}
    for told in ("Said at step 0.", "Said at step 10.", "Reward 0.30", "Reward 0.60", "Warm at 10.", "Cut off by"):
        assert escape(told) in words(at)
    at.select_slider(key=f"sample_steps_{run.run_id}").set_range(0, 5).run()
    assert "Said at step 5." in words(at)
    assert "Said at step 10." not in words(at)


def test_trainings_are_compared_by_a_metric_and_only_where_they_differ(
    app: AppTest, sign_in: SignIn, store: Store
) -> None:
    one, other = run_dirs.trained(store, steps=4), run_dirs.looked_at(run_dirs.trained(store, steps=12))
    ingest(store)
    at = opened(app, sign_in, PAGE, "paul", compare=f"{one.run_id},{other.run_id}")
    assert at.selectbox(key="compared_metric").value == "reward"
    final, differing = [table.value for table in at.table]
    names = [f"GRPO model {run.run_id[-4:]}" for run in (one, other)]
    assert list(final.columns) == names
    assert final.loc["Best on held-out people"].tolist() == ["–", "0.800 at step 5"]
    assert final.loc["Steps"].tolist() == ["4", "12"]
    assert differing.to_dict("index") == {"Optimiser steps": {names[0]: "4", names[1]: "12"}}


def test_two_are_needed_to_compare(app: AppTest, sign_in: SignIn, store: Store) -> None:
    assert "Choose two or more" in words(opened(app, sign_in, PAGE, "ravi", compare=""))


def test_settings_that_only_one_has_are_differences() -> None:
    found, same = differences({"a": {"Seed": "0", "KL": "0.1"}, "b": {"Seed": "0", "Rank": "16"}})
    assert found == {"a": {"KL": "0.1", "Rank": "–"}, "b": {"KL": "–", "Rank": "16"}}
    assert same == 1
    assert differences({"a": {"Seed": "0"}, "b": {"Seed": "0"}}) == ({}, 1)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("reward", "Reward"),
        ("part/r_emotion", "Parts of the reward: Emotion"),
        ("criterion/empathy", "Criterion: Empathy"),
        ("validation/reward", "Reward on held-out people"),
        ("kl", "Distance from the start (KL)"),
        ("something/new", "something/new"),
    ],
)
def test_a_metric_is_called_the_same_everywhere(name: str, told: str) -> None:
    assert metric_word(name, {"empathy": "Empathy"}) == told


def test_two_thousand_steps_are_drawn_as_means_of_neighbours() -> None:
    rows = [(step, name, float(step)) for step in range(1, 2001) for name in ("reward", "reward_std")]
    metrics = pd.DataFrame(rows, columns=["step", "name", "value"])
    band, line = charts.lines(metrics, {"reward": "Reward"}, "Reward", spreads={"reward": "reward_std"}).data
    assert len(line.x) == 400
    assert (line.x[0], line.y[0]) == (3.0, 3.0), "the mean of steps 1 to 5"
    assert (max(band.y), min(band.y)) == (2 * 1998.0, 0.0), "one deviation to both sides"


def test_a_preset_fills_the_form_and_says_where_each_value_comes_from(
    app: AppTest, sign_in: SignIn, store: Store
) -> None:
    at = opened(app, sign_in, PAGE, "ravi", start="grpo", preset="kardia-paper")
    assert (at.number_input(key="config_epochs").value, at.number_input(key="config_max_steps").value) == (2.0, 0)
    assert at.number_input(key="config_learning_rate").value == 1e-6
    at.number_input(key="config_batch_size").set_value(64).run()
    table = at.table[0].value
    assert table.loc["Batch size"].tolist() == ["64", "Changed here", "the preset has 32"]
    assert table.loc["Learning rate", "From"] == "Reported in the paper"
    assert table.loc["Weight of the KL term", "From"] == "Our choice"
    at.number_input(key="config_max_steps").set_value(5).run()
    assert "give one of them, and 0 for the other" in words(at)
    assert at.button(key="submit_run").disabled


def test_a_run_keeps_the_preset_it_was_started_with(
    app: AppTest, sign_in: SignIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ensure_worker", lambda home: None)
    at = opened(app, sign_in, PAGE, "ravi", start="sft", preset="cpu-demo")
    at.number_input(key="config_batch_size").set_value(6).run()
    at.text_area(key="run_reason").set_value("Does the preset arrive?").run()
    at.button(key="submit_run").click().run()
    (request,) = [json.loads(file.read_text()) for file in store.home.glob("runs/*/request.json")]
    config = request["config"]
    assert (config["preset"], config["batch_size"], config["max_steps"], config["epochs"]) == ("cpu-demo", 6, 60, 0)


def test_a_card_says_whose_weights_these_are_and_who_stands_behind_them() -> None:
    card = {
        "base_model": "smollm2",
        "base": {"name": "SmolLM2-135M-Instruct", "licence": "apache-2.0"},
        "best": {"step": 40, "metric": "validation/reward", "value": 0.7142},
        "adapter": "merged",
        "data": {"dialogues": 8, "persons": 1, "used": 31, "held_out": 2},
        "rubric": {"rubric_id": "kardia-empathy", "version": 3, "approved_by": "tomas", "approved_at": None},
        "judges": {"judge": "judge-7b/Qwen"},
        "overrides": [{"name": "Dr. Ines Okafor", "reason": "To see it run."}],
    }
    told = dict(facts(card, {"tomas": "Dr. Tomas Lindqvist"}))
    assert told["Base"] == "SmolLM2-135M-Instruct, licence apache-2.0"
    assert told["Weights"] == "of step 40: the best reward on held-out people, 0.714; a LoRA adapter, merged in"
    assert told["Data"] == "8 dialogues of 1 person, 31 answers learnt from, 2 dialogues held out"
    assert told["Rubric"].startswith("kardia-empathy, version 3, approved by Dr. Tomas Lindqvist")
    assert told["Judge"] == "judge-7b/Qwen, not held against people"
    assert told["Overrides"] == "by Dr. Ines Okafor: To see it run."
    assert not any(told for _, told in facts({}, {})[1:]), "an old card is silent, not wrong"
