"""Saying where a rubric's words are unclear, while one uses them: whoever edits the rubric reads it there."""

import streamlit as st

from db import audits
from db.rubric_versions import Version
from studio import service, session
from studio.widgets.audit.dialogue_open import Open
from studio.widgets.audit.dialogue_receipt import new_id, save

_DOOR = "unclear"


def unclear_panel(audit: Open, turn: int, version: Version) -> None:
    """A note on one criterion, with the turn that raised the question. An empty note takes an earlier one back."""
    where = [audit.dialogue.dialogue_id, turn, version]
    with st.popover(
        "Something in this rubric is unclear", icon=":material/help:", type="tertiary", key=_DOOR, on_change="rerun"
    ):
        code = st.selectbox(
            "Which part?",
            version.rubric.ids,
            index=_begin_with(audit, turn, version),
            format_func=lambda criterion_id: f"{criterion_id}: {version.rubric.criterion(criterion_id).name}",
            key="unclear_code",
        )
        key = "_".join(["unclear", code, *map(str, where[:2])])
        st.text_area(
            "What is unclear here?",
            _standing(audit, turn, version, code),
            key=key,
            height=100,
            placeholder="Such as: is a joke about dying a sign of danger?",
        )
        st.button(
            "Save", key="save_unclear", disabled=bool(audit.refusal), on_click=_save, args=[*where, code, key, new_id()]
        )


def _begin_with(audit: Open, turn: int, version: Version) -> int:
    """The newest code that one set on this turn: the question is most often about that one."""
    ids, own = version.rubric.ids, [flag.code for flag in audit.flags_on(turn)]
    return ids.index(own[-1]) if own and own[-1] in ids else 0


def _standing(audit: Open, turn: int, version: Version, code: str) -> str:
    noted = [
        note.text
        for note in audit.state.notes
        if (note.turn_index, note.rubric_id, note.code) == (turn, version.rubric_id, code)
    ]
    return noted[-1] if noted else ""


def _save(dialogue_id: str, turn: int, version: Version, code: str, key: str, client_id: str) -> None:
    text = st.session_state[key]
    saved = save(
        f"question about {code}, turn {turn + 1}",
        lambda: audits.note(
            service.store(),
            session.here(),
            dialogue_id,
            turn,
            text,
            client_id,
            code=code,
            rubric_id=version.rubric_id,
            rubric_version=version.version,
        ),
    )
    if saved:  # the receipt is beside the panel, which would hide it
        st.session_state[_DOOR] = False
