"""The person here as a reader: their own settings, and saving what they do with them. Nobody else's are ever read."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import streamlit as st

from db import care
from db.audits import Receipt
from db.care import Care
from db.themes import names_of_themes, themes
from studio import service, session
from studio.run_cache import forget, once_a_run

_SESSION, _SEEN, _ANYWAY = "care_session", "care_seen", "care_opened_anyway"
THEMES = {theme.theme_id: theme.name.capitalize() for theme in themes()}


def wishes() -> Care:
    """How the person here wants to read."""
    here = session.here()
    return once_a_run(("wishes", here.person_id), lambda: care.settings(service.store(), here))


def covers() -> bool:
    """Whether turns that may be hard to read are covered for the person here."""
    return wishes().cover_severe


def change(**wanted: Any) -> Receipt:
    """Keep some settings of the person here and leave the rest. Raises UserError when refused."""
    store, here = service.store(), session.here()
    receipt = care.change(store, here, replace(care.settings(store, here), **wanted), uuid4().hex)
    forget(("wishes", here.person_id))
    return receipt


def keep_cover(key: str) -> None:
    """Callback of a switch: keep whether hard turns are covered as the switch says."""
    change(cover_severe=bool(st.session_state[key]))


def count_once(dialogue_id: str, turn: int) -> None:
    """Count a severe turn that the person here opened; once in a session of the browser."""
    seen: set[tuple[str, int]] = st.session_state.setdefault(_SEEN, set())
    if (dialogue_id, turn) in seen:
        return
    number = f"{st.session_state.setdefault(_SESSION, uuid4().hex)}/{dialogue_id}/{turn}"
    care.seen(service.store(), session.here(), dialogue_id, turn, number)
    seen.add((dialogue_id, turn))


def read_anyway(dialogue_id: str) -> None:
    """From now on in this session that dialogue is no longer kept back; also a callback."""
    st.session_state.setdefault(_ANYWAY, set()).add(dialogue_id)


def is_kept_back(dialogue_id: str) -> bool:
    """Whether the person here asked not to be given such dialogues, and has not opened this one anyway."""
    if dialogue_id in st.session_state.get(_ANYWAY, ()) or not wishes().themes_avoided:
        return False
    return dialogue_id in care.avoided(service.store(), session.here().person_id)


def in_words(theme_ids: list[str] | tuple[str, ...]) -> str:
    """The names of the themes as one phrase: "self-harm or suicide, addiction and grief"."""
    names = names_of_themes(theme_ids)
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
