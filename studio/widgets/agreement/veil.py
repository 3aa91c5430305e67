"""Names that are hidden until somebody asks: letters in place of people, in an order that does not follow the names."""

from collections.abc import Sequence
from hashlib import sha256

import streamlit as st

from db.agreement import MACHINE
from studio.widgets.names import name_of


def names_switch(key: str) -> bool:
    """Whether to show names; off until asked, and kept for this session."""
    return st.toggle(
        "Show names",
        key=key,
        persist_state="session",
        help="Hidden to begin with, so that what was said is weighed and not who said it.",
    )


def veiled(raters: Sequence[str], shown: bool, salt: str) -> dict[str, str]:
    """What each rater is called here, in the order to show them in: by letter, or by name; judges keep theirs, last.

    `salt` deals the letters anew, so that nobody is "Person A" everywhere.
    """
    people = [one for one in raters if not one.startswith(MACHINE)]
    dealt = sorted(people, key=lambda one: sha256(f"{salt} {one}".encode()).hexdigest())
    called = {one: name_of(one) if shown else f"Person {_letter(place)}" for place, one in enumerate(dealt)}
    return called | {one: f"{one} (a machine)" for one in raters if one.startswith(MACHINE)}


def _letter(place: int) -> str:
    """A, B … Z, A2, B2 …"""
    return chr(ord("A") + place % 26) + (str(place // 26 + 1) if place >= 26 else "")
