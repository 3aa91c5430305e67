"""What a regeneration writes: new dialogues, or flagged ones anew; and whether unsafe turns are looked for."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from db import rewriting
from db.rubric_versions import Version
from db.store import Store
from studio.widgets.names import escaped
from studio.widgets.run.data import Choice
from studio.widgets.run.words import amount

Mode = Literal["new", "flagged"]
_MODES: dict[Mode, str] = {"new": "New dialogues", "flagged": "Flagged ones anew"}
_ABOUT: dict[Mode, str] = {
    "new": "Of each chosen dialogue the person, the situation and the emotion are taken, and none of its words.",
    "flagged": "What was said before the first flagged turn stays; that turn and what follows are written anew, and "
    "the assistant is told what auditors said. The old dialogues stay as they are.",
}


def choose_mode() -> Mode:
    """What is written."""
    mode: Mode = st.segmented_control(
        "What is written",
        list(_MODES),
        default="new",
        format_func=_MODES.__getitem__,
        required=True,
        key="regenerate_mode",
        label_visibility="collapsed",
    )
    st.caption(_ABOUT[mode])
    return mode


def choose_flagged(store: Store) -> Choice:
    """Dialogues that somebody flagged, all of them to begin with; the turns are those that will be written."""
    found = {one.dialogue_id: one for one in rewriting.flagged(store)}
    if not found:
        st.info("Nobody has flagged a turn yet. Flag some on the Audit page.", icon=":material/info:")
        return Choice([], 0)
    chosen = st.multiselect(
        "Flagged dialogues",
        list(found),
        default=list(found),
        format_func=lambda one: f"{one} ({amount(found[one].flags, 'flag')}, from turn {found[one].turns[0] + 1})",
        key="flagged_dialogues",
    )
    st.caption(f"**{amount(len(chosen), 'dialogue')}** will be written anew, each from its first flagged turn on.")
    return Choice(list(chosen), len(chosen))


def choose_flags_rubric(offered: Sequence[Version]) -> Version | None:
    """The version that unsafe turns are looked for by; None unless asked, since it takes as many calls again."""
    if not offered:
        return None
    newest = offered[0]
    asked = st.checkbox(
        f"Look for unsafe turns by {escaped(newest.rubric.title)}, version {newest.version}",
        key="look_for_unsafe",
        help="Every answer is judged once more when all are written. Dialogues with an unsafe turn are marked.",
    )
    return newest if asked else None
