"""What scoring runs said of the turn in focus: the reward and its parts, and the judge's verdicts with reasons."""

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from db import rubric_versions, runs
from db.dialogues import Dialogue
from pipeline.endpoints import load_endpoints
from rubrics.errors import UserError
from rubrics.schema import Rubric
from studio import service
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_html
from studio.widgets.run_words import OUTCOMES, number

_PARTS = {"r_format": "Format", "r_emotion": "Emotion", "r_rubric": "Rubric"}


def machine_scores(dialogue: Dialogue, turn: int) -> None:
    """One fold-out a run that scored this turn, the newest open."""
    rewards = runs.rewards_of(service.store(), dialogue.dialogue_id)
    verdicts = runs.verdicts_of(service.store(), dialogue.dialogue_id, turn)
    with st.container(key="machine_scores"):
        rows: list[Any] = list(rewards[rewards["turn_index"] == turn].itertuples())
        if not rows:
            st.caption("No run has scored this turn. Whoever may start runs can start one: Runs, “Score turns”.")
            st.page_link("app_pages/runs.py", label="Open Runs", icon=":material/play_circle:")
        for place, row in enumerate(rows):
            _run(row, verdicts[verdicts["run_id"] == row.run_id], expanded=place == 0)


def _run(row: Any, verdicts: pd.DataFrame, expanded: bool) -> None:
    rubric = _rubric(row)
    whole = f"reward {number(row.reward)}" if row.outcome == "scored" else "no reward"
    with st.expander(f"{whole} · {escaped(row.run_id)}", expanded=expanded, key=f"machine_{row.run_id}"):
        st.html(_reward_html(row, rubric))
        if _is_weak(row.judge):
            st.caption(
                f":material/info: {escaped(str(row.judge))} is a weak judge: it shows how the studio works; "
                "do not take its scores for a judgement."
            )
        st.html("".join(_verdict_html(verdict, rubric) for verdict in verdicts.itertuples()))
        _links(row)


def _reward_html(row: Any, rubric: Rubric | None) -> str:
    parts = "".join(
        f'<span class="kardia-term"><b>{number(getattr(row, name))}</b> {label}{_weight(rubric, label)}</span>'
        for name, label in _PARTS.items()
    )
    if row.outcome != "scored":
        words = OUTCOMES.get(row.outcome, "Not judged")
        return f'<div class="kardia-fault">No reward: {escape(words)}.</div><div class="kardia-sum">{parts}</div>'
    veto = f'<div class="kardia-fault">Set to 0 by a veto: {escape(row.vetoed_by)}.</div>' if row.vetoed_by else ""
    return (
        f'<div class="kardia-sum"><span class="kardia-whole">{number(row.reward)}</span>'
        f'<span class="kardia-of">reward, the weighted mean of</span>{parts}</div>{veto}'
    )


def _weight(rubric: Rubric | None, label: str) -> str:
    """The part's weight, where the parts do not weigh the same."""
    if rubric is None or rubric.reward.format == rubric.reward.emotion == rubric.reward.rubric:
        return ""
    return f" × {getattr(rubric.reward, label.lower()):g}"


def _verdict_html(verdict: Any, rubric: Rubric | None) -> str:
    known = rubric is not None and verdict.criterion_id in rubric.ids
    criterion = rubric.criterion(verdict.criterion_id) if rubric and known else None
    name = criterion.name if criterion else verdict.criterion_id
    if verdict.outcome == "scored":
        mark = f"{verdict.score:g}" + (f" of {criterion.scale[1]}" if criterion else "")
    else:
        mark = OUTCOMES.get(verdict.outcome, "Not judged")
    reason = plain_html(verdict.reason, "small") if isinstance(verdict.reason, str) and verdict.reason.strip() else ""
    return (
        f'<div class="kardia-verdict"><div><b>{escape(name)}</b> <span class="kardia-mark">{escape(mark)}</span></div>'
        f"{reason}</div>"
    )


def _links(row: Any) -> None:
    with st.container(horizontal=True, gap="small"):
        if row.rubric_id and not pd.isna(row.rubric_version):
            version = int(row.rubric_version)
            st.page_link(
                "app_pages/rubrics.py",
                label=f"{escaped(row.rubric_id)}, version {version}",
                icon=":material/rule:",
                query_params={"rubric": row.rubric_id, "version": str(version)},
            )
        st.page_link(
            "app_pages/runs.py", label="The run", icon=":material/play_circle:", query_params={"run": row.run_id}
        )


def _rubric(row: Any) -> Rubric | None:
    """The rubric the run judged by; None when it is not one of the store's versions."""
    if not row.rubric_id or pd.isna(row.rubric_version):
        return None
    try:
        return rubric_versions.version(service.store(), row.rubric_id, int(row.rubric_version)).rubric
    except UserError:
        return None


def _is_weak(judge: Any) -> bool:
    """Whether the endpoint of that name is known to be weak. One that is no longer configured says nothing."""
    known = load_endpoints(service.home()).get(str(judge))
    return bool(known and (known.weak or known.embedded))
