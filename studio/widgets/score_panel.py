"""Scores of the turn in focus by an approved rubric: one control a criterion, each choice saved at once."""

import streamlit as st

from db import audits
from db.rubric_versions import Version
from rubrics.schema import Criterion
from studio import service, session
from studio.widgets.dialogue_open import Open
from studio.widgets.dialogue_receipt import new_id, save
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_text

_YES_NO = {0: "No", 1: "Yes"}


def score_panel(audit: Open, turn: int, version: Version) -> None:
    """Every criterion that a person can judge; rules are computed and not asked."""
    given = {
        score.criterion_id: int(score.value)
        for score in audit.state.scores
        if score.turn_index == turn and score.rubric_id == version.rubric_id
    }
    for criterion in version.rubric.criteria:
        if criterion.kind != "rule":
            _criterion(audit, turn, version, criterion, given.get(criterion.id))
    st.page_link(
        "app_pages/rubrics.py",
        label=f"All anchors with examples: {escaped(version.rubric.title)}, version {version.version}",
        icon=":material/menu_book:",
        query_params={"rubric": version.rubric_id, "version": str(version.version)},
    )


def _criterion(audit: Open, turn: int, version: Version, criterion: Criterion, value: int | None) -> None:
    key, (low, high) = f"score_{criterion.id}", criterion.scale
    # The store says what stands: the same control serves every turn, and a refused choice falls back.
    st.session_state[key] = value
    with st.container(gap="xsmall"):
        st.segmented_control(
            escaped(criterion.name),
            list(range(low, high + 1)),
            key=key,
            format_func=lambda level: str(level) if criterion.kind == "likert" else _YES_NO[level],
            help=_anchors(criterion),
            disabled=bool(audit.refusal),
            on_change=_change,
            args=[audit.dialogue.dialogue_id, turn, criterion.id, criterion.name, version, key],
        )
        anchor = criterion.anchors.get(value, "") if value is not None else ""
        plain_text(f"{value}: {anchor}" if anchor else criterion.question, "small")


def _anchors(criterion: Criterion) -> str:
    anchors = [f"**{level}** {escaped(anchor)}" for level, anchor in sorted(criterion.anchors.items())]
    return "\n\n".join([escaped(criterion.question), *anchors])


def _change(dialogue_id: str, turn: int, criterion_id: str, name: str, version: Version, key: str) -> None:
    value: int | None = st.session_state[key]
    what = f"{escaped(name)} {'taken back' if value is None else value}, turn {turn + 1}"
    save(
        what,
        lambda: audits.score(
            service.store(),
            session.here(),
            dialogue_id,
            turn,
            criterion_id,
            value,
            "",
            rubric_id=version.rubric_id,
            rubric_version=version.version,
            client_id=new_id(),
        ),
    )
