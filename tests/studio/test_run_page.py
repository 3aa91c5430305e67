"""The page of one run: how it goes, what it found, and what can be done about it."""

import pandas as pd
import pytest

from db import history
from db.store import Store
from pipeline.live import span
from studio.widgets.run.live import Pace, log_tail, pace, pace_words
from studio.widgets.run.results import asking_words, audit_link, criterion_means
from tests.studio import run_dirs
from tests.studio.opening import Open, texts


def test_a_score_run_shows_its_numbers_and_never_counts_a_failure_as_0(open_runs: Open, store: Store) -> None:
    run = run_dirs.scored(store, failed=2)
    at = open_runs(run=run.run_id)
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
def test_a_training_shows_how_it_learnt(open_runs: Open, store: Store, stage: str) -> None:
    run = run_dirs.trained(store, stage)  # type: ignore[arg-type]
    at = open_runs(run=run.run_id)
    shown = {str(element.value) for element in at.markdown}
    assert ("**Reward**" in shown, "**Loss**" in shown) == (stage == "grpo", stage == "sft")


def test_an_evaluation_says_better_only_where_the_interval_leaves_out_0(open_runs: Open, store: Store) -> None:
    model = run_dirs.trained(store)
    at = open_runs(run=run_dirs.evaluated(store, model.run_id).run_id)
    changes = next(frame.value for frame in at.dataframe if "What it says" in frame.value)
    told = changes.set_index("Measure")[["Change", "What it says"]]
    assert "Reward" in told.index
    for change, words in told.itertuples(index=False):
        low, high = (float(end.replace("−", "-").rstrip("%)")) for end in change.split("(")[1].split(" to "))
        assert words == ("more" if low > 0 else "less" if high < 0 else "no difference shown"), change


def test_a_regeneration_shows_what_the_judge_said(open_runs: Open, store: Store) -> None:
    at = open_runs(run=run_dirs.regenerated(store).run_id)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown == {
        "Dialogues": "2",
        "Exchanges": "3",
        "Answers written": "6",
        "Revisions per exchange": "0.5",
    }


def test_the_new_dialogues_are_a_click_away(open_runs: Open, store: Store) -> None:
    run = run_dirs.regenerated(store)
    at = open_runs(run=run.run_id)
    at.button(key="read_dialogues").click().run()
    assert not at.exception
    assert at.query_params["dialogue"] == f"{run.run_id}-a"


def test_a_run_under_way_shows_progress_and_signs_of_life(open_runs: Open, store: Store) -> None:
    run = run_dirs.running(store)
    at = open_runs(run=run.run_id)
    assert at.get("progress")[0].value == 33
    assert "Last sign of life" in texts(at)
    assert "judging" in at.code[0].value
    run.write_status(run.status().model_copy(update={"heartbeat": "2020-01-01T00:00:00"}))
    assert "No sign of life for" in texts(open_runs(run=run.run_id))


def test_cancelling_asks_once_more_and_then_stops(open_runs: Open, store: Store) -> None:
    run = run_dirs.lay_out(store, "score")
    at = open_runs(run=run.run_id)
    at.button(key="cancel_run").click().run()
    assert run.status().state == "queued"
    at.button(key="confirm_cancel").click().run()
    assert not at.exception
    assert run.status().state == "cancelled"
    assert history.recent(store, 1)[0].action == "run_cancelled"


def test_a_failed_run_says_why_and_can_be_resumed(open_runs: Open, store: Store) -> None:
    run = run_dirs.end(run_dirs.lay_out(store, "score"), "failed", message="the judge is down; start it")
    at = open_runs(run=run.run_id)
    assert at.error[0].value == "the judge is down; start it"
    at.button(key="resume_run").click().run()
    assert not at.exception
    assert run.status().state == "queued"
    assert history.recent(store, 1)[0].action == "run_resumed"


def test_a_reader_can_neither_cancel_nor_resume(open_runs: Open, store: Store) -> None:
    queued = run_dirs.lay_out(store, "score")
    failed = run_dirs.end(run_dirs.lay_out(store, "score"), "failed", message="no")
    keys = {b.key for run in (queued, failed) for b in open_runs("paul", run=run.run_id).button}
    assert not keys & {"cancel_run", "resume_run"}


def test_an_unknown_run_is_one_line(open_runs: Open) -> None:
    at = open_runs(run="nothing")
    assert "there is no such run here" in at.error[0].value


def test_a_changed_rubric_copy_is_told_and_hides_neither_log_nor_settings(open_runs: Open, store: Store) -> None:
    run = run_dirs.scored(store)
    copy = run.path / "rubric.yaml"
    copy.write_text(copy.read_text().replace("Kardia empathy", "Another"))
    at = open_runs(run=run.run_id)
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
