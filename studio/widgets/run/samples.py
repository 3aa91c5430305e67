"""Answers to the same held-out prompts over a training, two steps side by side, and answers that it was trained on.

Each with its reward, unfolded to the criteria where the verdicts are known. Words that may be hard to read are covered
as on the Audit page.
"""

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from db.themes import severe_themes_in
from pipeline.rundir import RunDir
from pipeline.turns import Turn, turns_of
from rubrics.errors import UserError
from rubrics.limits import check_table
from rubrics.overall import as_asked
from rubrics.schema import Rubric
from studio.widgets.audit.turn_cover import COVERED
from studio.widgets.audit.turn_machine import expanded_html
from studio.widgets.audit.turn_parts import folded_html, said_html, turn_html
from studio.widgets.care.reader import covers
from studio.widgets.run.words import OUTCOMES, amount, number

_ADDRESS = ["dialogue_id", "turn_index"]
_SHOWN = "samples_shown"
_SITUATION = 70


def samples(run: RunDir) -> None:
    """What the model answers as it learns; nothing where the run has written none yet."""
    held, trained = _read(run, "samples"), _read(run, "completions")
    if held is None and trained is None:
        return
    st.subheader("What it answers")
    if held is not None and len(held):
        _over_the_steps(run, held)
    if trained is not None and len(trained):
        with st.expander(
            "Answers that it was trained on", key="trained_on", icon=":material/forum:", on_change="rerun"
        ) as fold:
            if fold.open:
                _trained_on(run, trained)


def _over_the_steps(run: RunDir, held: pd.DataFrame) -> None:
    """One prompt, and the answers at two steps beside each other."""
    turns = _turns(run)
    addresses = [one for one in held[_ADDRESS].drop_duplicates().itertuples(index=False, name=None) if one in turns]
    steps = sorted(int(step) for step in held["step"].unique())
    if not addresses:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address = st.selectbox(
            "Held-out prompt", addresses, format_func=lambda one: _prompt_words(turns[one]), key="sample_prompt"
        )
        left, right = steps[0], steps[-1]
        if len(steps) > 1:
            left, right = st.select_slider("At the steps", steps, (left, right), key=f"sample_steps_{run.run_id}")
    shown = list(dict.fromkeys([left, right]))
    own = held[(held["dialogue_id"] == address[0]) & (held["turn_index"] == address[1])]
    rows = [(step, own[own["step"] == step]) for step in shown]
    _side_by_side(run, turns[address], [(f"Step {step}", row) for step, row in rows], "sample_verdicts")


def _trained_on(run: RunDir, trained: pd.DataFrame) -> None:
    """One group of a step: answers to one prompt beside each other, the best reward first."""
    turns = _turns(run)
    steps = sorted(int(step) for step in trained["step"].unique())
    step = st.select_slider("Step", steps, steps[-1], key=f"trained_step_{run.run_id}") if len(steps) > 1 else steps[0]
    group = trained[trained["step"] == step]
    addresses = [one for one in group[_ADDRESS].drop_duplicates().itertuples(index=False, name=None) if one in turns]
    if not addresses:
        return
    address = addresses[0]
    if len(addresses) > 1:
        address = st.selectbox(
            "Prompt", addresses, format_func=lambda one: _prompt_words(turns[one]), key="trained_prompt"
        )
    group = group[(group["dialogue_id"] == address[0]) & (group["turn_index"] == address[1])]
    group = group.sort_values("reward", ascending=False, na_position="last")
    rewards = _read(run, "rewards")
    if rewards is not None:
        parts = rewards[["sample_index", "r_format", "r_emotion", "r_rubric", "vetoed_by"]]
        group = group.merge(parts, on="sample_index", how="left")
    told = amount(len(group), "answer")
    st.caption(f"{told} to this prompt, the best reward first: what stands above the mean becomes likelier.")
    ends = group if len(group) < 3 else group.iloc[[0, -1]]
    titles = ["The best", "The worst"] if len(ends) == 2 else ["The answer"]
    rows = [(title, ends.iloc[[place]]) for place, title in enumerate(titles)]
    _side_by_side(run, turns[address], rows, "verdicts")


def _side_by_side(run: RunDir, turn: Turn, rows: Sequence[tuple[str, pd.DataFrame]], verdicts_in: str) -> None:
    """What was said before, then each answer in a column of its own."""
    texts = [str(one.iloc[0]["text"]) for _, one in rows if len(one)]
    key = (run.run_id, turn.dialogue_id, turn.turn_index)
    if _covered("\n".join([*(message.content for message in turn.history), *texts]), key):
        return
    *before, last = turn.history or (None,)
    earlier = "".join(said_html(m) if m.role == "user" else turn_html(m.content) for m in before if m)
    st.html((folded_html("What was said before", earlier) if earlier else "") + (said_html(last) if last else ""))
    for (title, own), column in zip(rows, st.columns(len(rows)), strict=True):
        with column:
            st.markdown(f"**{title}**")
            if own.empty:
                st.caption("No answer: the prompt did not fit.")
            else:
                _answer(run, own.iloc[0], verdicts_in)


def _answer(run: RunDir, row: Any, verdicts_in: str) -> None:
    """The answer, and its reward unfolded on a click."""
    whole = f"Reward {number(row['reward'])}"
    if pd.isna(row["reward"]):
        whole = f"No reward: {OUTCOMES.get(str(row['outcome']), 'not judged').lower()}"
    filled = {"vetoed_by": None, "r_format": None, "r_emotion": None, "r_rubric": None, **row.to_dict()}
    head, ledger = expanded_html(pd.Series(filled), _verdicts(run, row, verdicts_in), _rubric(run))
    cut = '<div class="kardia-fault">Cut off by the limit of tokens.</div>' if row.get("truncated") else ""
    fold = f'<details class="kardia-fold"><summary><b>{escape(whole)}</b></summary>{head}{ledger}</details>'
    st.html(turn_html(str(row["text"])) + cut + fold)


def _verdicts(run: RunDir, row: Any, name: str) -> list[Any]:
    """The verdicts on one answer; nothing where the run keeps none."""
    every = _read(run, name)
    if every is None:
        return []
    same = [column for column in ("sample_index", "step", *_ADDRESS) if column in every and column in row]
    for column in same:
        every = every[every[column] == row[column]]
    return list(every.itertuples())


def _covered(text: str, key: tuple[str, str, int]) -> bool:
    """Whether the answers stay covered; if so, the way to see them is drawn."""
    shown: set[tuple[str, str, int]] = st.session_state.setdefault(_SHOWN, set())
    if not covers() or key in shown or not severe_themes_in(text):
        return False
    st.html(f'<div class="kardia-covered">{COVERED}</div>')
    st.button("Show these answers", key=f"sample_show_{key[1]}_{key[2]}", on_click=shown.add, args=[key])
    return True


def _prompt_words(turn: Turn) -> str:
    """Such as "lonely, turn 2: A friend moved away"."""
    about = turn.situation[:_SITUATION] + ("…" if len(turn.situation) > _SITUATION else "")
    return f"{turn.gold_emotion or turn.dialogue_id}, turn {turn.turn_index + 1}: {about or turn.dialogue_id}"


def _rubric(run: RunDir) -> Rubric | None:
    try:
        return as_asked(run.rubric())
    except UserError:
        return None


def _read(run: RunDir, name: str) -> pd.DataFrame | None:
    """An output as it is now; a page that follows a run asks every two seconds, and most often nothing is new."""
    file = run.output(name)
    return _read_at(file, file.stat().st_mtime_ns) if file.is_file() else None


@lru_cache(maxsize=16)
def _read_at(file: Path, mtime_ns: int) -> pd.DataFrame:
    check_table(file)
    return pd.read_parquet(file)


def _turns(run: RunDir) -> dict[tuple[str, int], Turn]:
    """The run's turns by their address; its inputs never change."""
    return _turns_in(run.path)


@lru_cache(maxsize=4)
def _turns_in(path: Path) -> dict[tuple[str, int], Turn]:
    return {(turn.dialogue_id, turn.turn_index): turn for turn in turns_of(RunDir(path).inputs())}
