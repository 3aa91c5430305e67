"""Somebody's words on a page: shown as they were written, never read as Markdown, LaTeX or HTML."""

from functools import cache
from html import escape
from pathlib import Path
from typing import Literal

import streamlit as st

Kind = Literal["body", "quiet", "small", "response", "user", "machine"]

_SHEET = Path(__file__).parents[1] / "static/text.css"


def text_style() -> None:
    """Load the style sheet of plain texts; once on a page, before its first text. Takes no room on the page."""
    st.html(_sheet(st.context.theme.type))


def plain_text(text: str, kind: Kind = "body") -> None:
    """Show `text` literally, with its line breaks. An empty text shows nothing.

    Kinds: body (normal), quiet (dimmed), small (captions, reasons), response (what the person saw, set off by an accent
    bar), user (what the person wrote, tinted), machine (monospaced: raw files, identifiers).
    """
    if text.strip():
        st.html(plain_html(text, kind))


def plain_html(text: str, kind: Kind = "body") -> str:
    """The escaped markup of one text, for pieces that put several together."""
    # A blank line would be of no meaning to HTML, but is to a reader: the sheet keeps it (white-space: pre-wrap).
    return f'<div class="kardia-text kardia-{kind}" style="white-space: pre-wrap">{escape(text.strip())}</div>'


@cache
def _sheet(scheme: str | None) -> str:
    """A dialog stands outside the page's frame, and is not told by it whether it is light or dark."""
    dialogs = f'[data-testid="stDialog"] {{ color-scheme: {scheme}; }}' if scheme in ("light", "dark") else ""
    return f"<style>{_SHEET.read_text(encoding='utf-8')}{dialogs}</style>"
