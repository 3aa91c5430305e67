"""The dialogue as it is read and flagged by keys: one component that draws its turns and sends what was pressed."""

from pathlib import Path

import streamlit as st

from rubrics.errors import UserError
from studio import session
from studio.widgets.audit.dialogue_open import Open, open_dialogue
from studio.widgets.audit.dialogue_place import Place, last_going
from studio.widgets.audit.flag_names import working_rubric
from studio.widgets.audit.keys import action_keys, my_keys
from studio.widgets.audit.pane_data import codes_data, dialogue_data, rather_not_words
from studio.widgets.audit.pane_events import PANE, answers
from studio.widgets.audit.turn_cover import COVERED
from studio.widgets.care.reader import is_kept_back

_STUDIO = Path(__file__).parents[2]
_PARTS = _STUDIO / "components/dialogue_pane"


def _read(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


_PANE = st.components.v2.component(
    "kardia_dialogue_pane",
    html=_read(_PARTS / "pane.html"),
    css=_read(_STUDIO / "static/text.css", _PARTS / "pane.css"),
    # One script of three files: a component in line cannot import.
    js=_read(_PARTS / "events.js", _PARTS / "turns.js", _PARTS / "pane.js"),
)


def dialogue_pane(audit: Open, blur: bool, show_gold: bool, next_id: str | None) -> None:
    """Every exchange of the dialogue; `blur` covers turns that are flagged red until somebody asks to see them.

    The dialogue `next_id` goes with it, so that it can be painted at once; that alone marks nothing in it.
    """
    version = working_rubric("flags")
    heard, answered = answers()
    upcoming = _upcoming(next_id)
    _PANE(
        key=PANE,
        data={
            "person": session.here().person_id,
            "heard": heard,
            "answers": answered,
            "place": {"dialogue": audit.dialogue.dialogue_id, "turn": audit.turn or 0},
            "gone": last_going(),
            "mayMark": not audit.refusal,
            "rubric": version.rubric_id if version else "",
            "version": version.version if version else None,
            "codes": codes_data(version),
            "keys": action_keys(my_keys()),
            "here": dialogue_data(audit, blur, show_gold, version),
            "covered": COVERED,
            "ratherNot": rather_not_words(),
            "nextId": next_id,
            "next": dialogue_data(upcoming, blur, show_gold, version) if upcoming else None,
        },
        on_sent_change=lambda: None,
    )


def _upcoming(next_id: str | None) -> Open | None:
    """The dialogue after this one; None when there is none, it has gone, or the person asked not to be given it."""
    if not next_id or is_kept_back(next_id):
        return None
    try:
        return open_dialogue(Place(next_id, 0))
    except UserError:
        return None
