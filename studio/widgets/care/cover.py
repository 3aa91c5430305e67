"""What was said in a dialogue, folded away where it may be hard to read and the reader wants that.

For pages that show texts one by one. Where a turn of the store is shown, `turn_cover` also counts who looked at it.
"""

import streamlit as st

from db.themes import severe_themes_in
from studio.widgets.audit.turn_cover import COVERED
from studio.widgets.audit.turn_parts import folded_html
from studio.widgets.care.reader import covers
from studio.widgets.plain_text import Kind, plain_html


def said(text: str, kind: Kind = "body") -> None:
    """Show `text` literally, as `plain_text` does, behind a cover where its words call for one."""
    if text.strip():
        st.html(covered_html(plain_html(text, kind), text))


def line_of(text: str) -> str:
    """`text` for a row of a list, or that it is covered where its words call for that; the dialogue lifts it."""
    return COVERED if covers() and severe_themes_in(text) else text


def covered_html(markup: str, text: str) -> str:
    """The markup of `text`, which a click unfolds where it holds a severe theme and the person here wants covers."""
    return folded_html(COVERED, markup) if covers() and severe_themes_in(text) else markup
