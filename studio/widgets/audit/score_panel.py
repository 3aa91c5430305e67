"""Scores of the turn in focus by an approved rubric: one control a criterion, each choice saved at once."""

from typing import Any

import streamlit as st

from db import audits
from db.rubric_versions import Version
from rubrics.schema import Criterion
from studio import service, session
from studio.widgets.audit.dialogue_open import Open
from studio.widgets.audit.dialogue_receipt import new_id, save
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
    low, high = criterion.scale
    # What stands is part of the key, so that nothing but a choice ever changes the control: see flag_panel.
    key = "_".join(["score", criterion.id, audit.dialogue.dialogue_id, str(turn), str(value)])
    where = [audit.dialogue.dialogue_id, turn, criterion.id, criterion.name, version]
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.segmented_control(
                escaped(criterion.name),
                list(range(low, high + 1)),
                default=value,
                key=key,
                format_func=lambda level: str(level) if criterion.kind == "likert" else _YES_NO[level],
                help=_anchors(criterion),
                required=True,  # pressing the chosen level again must not take it back
                disabled=bool(audit.refusal),
                on_change=_change,
                args=[*where, key],
            )
            if value is not None and not audit.refusal:
                st.button(
                    "Take back",
                    key=f"unscore_{criterion.id}",
                    type="tertiary",
                    on_click=_take_back,
                    args=[*where, new_id()],
                )
        anchor = criterion.anchors.get(value, "") if value is not None else ""
        plain_text(f"{value}: {anchor}" if anchor else criterion.question, "small")


def _anchors(criterion: Criterion) -> str:
    anchors = [f"**{level}** {escaped(anchor)}" for level, anchor in sorted(criterion.anchors.items())]
    return "\n\n".join([escaped(criterion.question), *anchors])


def _change(dialogue_id: str, turn: int, criterion_id: str, name: str, version: Version, key: str) -> None:
    value = st.session_state[key]
    _save(f"{escaped(name)} {value}, turn {turn + 1}", dialogue_id, turn, criterion_id, version, value, new_id())


def _take_back(dialogue_id: str, turn: int, criterion_id: str, name: str, version: Version, client_id: str) -> None:
    what = f"{escaped(name)} taken back, turn {turn + 1}"
    _save(what, dialogue_id, turn, criterion_id, version, None, client_id)


def _save(
    what: str, dialogue_id: str, turn: int, criterion_id: str, version: Version, value: int | None, client_id: str
) -> None:
    by: dict[str, Any] = {"rubric_id": version.rubric_id, "rubric_version": version.version, "client_id": client_id}
    save(
        what,
        lambda: audits.score(service.store(), session.here(), dialogue_id, turn, criterion_id, value, "", **by),
    )
