"""Whom to turn to, a click away. The team writes its own contacts into resources.md in the studio's home."""

from pathlib import Path

import streamlit as st

from studio import service
from studio.widgets.plain_text import plain_text, text_style

FILE = "resources.md"
_EXAMPLE = Path(__file__).parents[2] / "static/resources.md"


def resources(key: str = "resources") -> None:
    """A quiet button that unfolds into the text."""
    with st.popover("Someone to talk to", icon=":material/support:", type="tertiary", key=key):
        text_style()
        plain_text(resources_text())


def resources_text() -> str:
    """The team's own text as it was written; without one the examples, which say how to put one there."""
    own = service.home() / FILE
    file = own if own.is_file() else _EXAMPLE
    return file.read_text(encoding="utf-8", errors="replace")
