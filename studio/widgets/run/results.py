"""What came of a run: a table and a few charts for each stage. Read from the store once the run has ended."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from db import runs
from db.store import Store
from pipeline.rundir import Request, RunDir
from rubrics.overall import as_asked
from rubrics.schema import Rubric
from studio import charts
from studio.widgets.model.scorecard import scorecard
from studio.widgets.probe.report import probe_report
from studio.widgets.run.compared import compared
from studio.widgets.run.regenerated import regenerated
from studio.widgets.run.told import told_of
from studio.widgets.run.training import training
from studio.widgets.run.watch import watch
from studio.widgets.run.words import OUTCOMES, amount, no_results, number
from studio.widgets.simulate.view import simulations
from studio.widgets.walk.view import walks


def live_results(run: RunDir, request: Request) -> None:
    """What can be seen of a run before it has ended: a training's metrics, a draft's turns."""
    if request.stage in ("sft", "grpo"):
        training(run)
    elif request.stage == "preview":
        compared(run)
    elif request.stage == "regenerate":
        watch(run)


def results(store: Store, run: RunDir, request: Request) -> None:
    """Everything that a finished run left; an early end may have left nothing, which is said."""
    if request.stage == "score":
        _scored(store, run)
    elif request.stage == "regenerate":
        regenerated(store, run)
    elif request.stage == "preview":
        compared(run)
    elif request.stage == "probe":
        probe_report(run)
    elif request.stage == "evaluate":
        scorecard(run)
    elif request.stage == "walk":
        walks(run)
    elif request.stage == "simulate":
        simulations(store, run)
    else:
        _trained(run)


def _scored(store: Store, run: RunDir) -> None:
    rewards, verdicts = runs.rewards(store, run.run_id), runs.verdicts(store, run.run_id)
    if rewards.empty:
        no_results()
        return
    st.subheader("What came of it")
    _score_figures(rewards)
    grid = st.grid(2, min_column_width=360)
    with grid.container():
        st.markdown("**Rewards of turns**")
        figure = charts.share_histogram(rewards["reward"], "Reward", "Turns")
        charts.draw(figure, "chart_rewards", "How the rewards of the turns are spread between 0 and 1")
    with grid.container():
        st.markdown("**Mean of each criterion**")
        means = criterion_means(verdicts, as_asked(run.rubric()))
        charts.draw(charts.criterion_means(means), "chart_criteria", "Mean score of each criterion on its own scale")
    _outcomes(rewards)
    for line in asking_words(runs.summary(store, run.run_id)):
        st.caption(line)
    _turn_table(rewards)


def _score_figures(rewards: pd.DataFrame) -> None:
    scored = int(rewards["reward"].notna().sum())
    with st.grid(4):
        st.metric("Turns with a reward", f"{scored} of {len(rewards)}")
        st.metric("Mean reward", number(rewards["reward"].mean()), help="From 0 to 1, over the turns that have one.")
        st.metric("Emotion named exactly", number(rewards["r_emotion"].mean()), help="Share of turns, 0 to 1.")
        st.metric("Set to 0 by a veto", str(int(rewards["vetoed_by"].notna().sum())))


def asking_words(summary: Mapping[str, Any]) -> list[str]:
    """How many of the verdicts that were asked for could be used, by how many criteria shared a call; and how many
    scores were to be weighed by the judge's probabilities and could not be.
    """
    validity: dict[str, dict[str, int]] = summary.get("validity", {})
    lines = [
        f"{'One criterion' if together == '1' else f'{together} criteria'} a call: {found['scored']:,} of "
        f"{found['asked']:,} verdicts asked for could be used ({found['scored'] / found['asked']:.1%})."
        for together, found in sorted(validity.items(), key=lambda one: int(one[0]))
        if found["asked"]
    ]
    if stated := summary.get("scoring", {}).get("fell_back", 0):
        lines.append(f"{amount(stated, 'score')} could not be weighed by the judge's probabilities: taken as stated.")
    return lines


def criterion_means(verdicts: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """name, mean, low, high, n of every criterion with a score, in the rubric's order; failed calls do not count."""
    scored = verdicts[verdicts["outcome"] == "scored"]
    rows = []
    for criterion in rubric.criteria:
        own = scored.loc[scored["criterion_id"] == criterion.id, "score"]
        if len(own):
            rows.append((criterion.name, float(own.mean()), *criterion.scale, len(own)))
    return pd.DataFrame(rows, columns=["name", "mean", "low", "high", "n"])


def _outcomes(rewards: pd.DataFrame) -> None:
    """How many turns have no reward, and why."""
    failed = rewards.loc[rewards["outcome"] != "scored", "outcome"]
    if failed.empty:
        st.caption(f"{amount(len(rewards), 'turn')}, and every one has a reward.")
        return
    st.markdown("**Turns with and without a reward, and why**")
    table = charts.counted(rewards["outcome"].map(lambda outcome: OUTCOMES.get(outcome, outcome)))
    charts.draw(charts.counts(table, "Turns"), "chart_outcomes", "How many turns were scored, and why others were not")
    st.caption("A turn without a reward is not a turn with reward 0: it is left out of every mean.")


def _turn_table(rewards: pd.DataFrame) -> None:
    table = rewards.sort_values(["reward", "dialogue_id", "turn_index"], na_position="first")
    table = table.assign(
        outcome=table["outcome"].map(lambda outcome: OUTCOMES.get(outcome, outcome)),
        turn=table["turn_index"] + 1,
        open=[audit_link(*address) for address in zip(table["dialogue_id"], table["turn_index"], strict=True)],
    )
    part = st.column_config.NumberColumn
    st.markdown("**Turns, the lowest reward first**")
    st.dataframe(
        table[["open", "dialogue_id", "turn", "reward", "r_format", "r_emotion", "r_rubric", "vetoed_by", "outcome"]],
        hide_index=True,
        key="turns",
        placeholder="–",
        alt="Rewards of every turn and their parts",
        column_config={
            "open": st.column_config.LinkColumn("Audit", display_text="Open", width="small"),
            "dialogue_id": "Dialogue",
            "turn": part("Turn", width="small"),
            "reward": part("Reward", format="%.2f"),
            "r_format": part("Format", format="%.0f"),
            "r_emotion": part("Emotion", format="%.0f"),
            "r_rubric": part("Rubric", format="%.2f"),
            "vetoed_by": "Vetoed by",
            "outcome": "Outcome",
        },
    )


def audit_link(dialogue_id: str, turn_index: int) -> str:
    """The address of a turn on the Audit page."""
    return f"/audit?{urlencode({'dialogue': dialogue_id, 'turn': int(turn_index)})}"


def _trained(run: RunDir) -> None:
    """The model, which weights it has, and how it learnt."""
    if (run.path / "outputs" / "model.json").is_file():
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            model = {"model": run.run_id}
            st.page_link(
                "app_pages/models.py", label="Open the model", icon=":material/model_training:", query_params=model
            )
            # A link to a page on which one is already is drawn as if it were chosen.
            if st.button("Compare with others", key="compare_run", type="tertiary", icon=":material/compare_arrows:"):
                st.switch_page("app_pages/runs.py", query_params={"compare": run.run_id})
    if not told_of(run).by_name:
        no_results()
        return
    st.subheader("How it learnt")
    training(run)
