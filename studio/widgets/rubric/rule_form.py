"""What a computed criterion looks for: length, the four spans, the label, phrases."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from studio.widgets.rubric import fields
from studio.widgets.rubric.bodies import Body


def rule_form(piece: Body) -> None:
    """The fields of the rule; a reply has to keep to all that is set."""
    st.markdown("**What a reply has to keep to**")
    left, right = st.columns(2)
    with left:
        _length(piece, "max_words", "At most so many words", "0 is no limit.")
        _phrases(piece, "avoids", "Must not say", "A reply that says one of them does not keep to the rule.")
        _switch(piece, "spans", "Has all four spans, in order")
    with right:
        _length(piece, "min_words", "At least so many words", "0 is no limit.")
        _phrases(piece, "says", "Must say one of", "One of them is enough.")
        _switch(piece, "label", "Names one of the 32 emotions")


def _length(piece: Body, field: str, label: str, help: str) -> None:
    words = int(_rule(piece).get(field) or 0)
    fields.number(label, f"{field}_{piece['id']}", words, _setting(piece, field, int), step=1, min_value=0, help=help)


def _switch(piece: Body, field: str, label: str) -> None:
    fields.choice(
        label, f"{field}_{piece['id']}", bool(_rule(piece).get(field)), [False, True], _yes_no, _setting(piece, field)
    )


def _yes_no(value: bool) -> str:
    return "Must be so" if value else "Does not matter"


def _phrases(piece: Body, field: str, label: str, help: str) -> None:
    fields.long_text(
        label,
        f"{field}_{piece['id']}",
        "\n".join(_rule(piece).get(field, ())),
        _setting(piece, field, lambda text: [line.strip() for line in text.splitlines() if line.strip()]),
        placeholder="One phrase a line",
        help=f"One phrase a line, in any case. {help}",
    )


def _setting(piece: Body, field: str, read: Callable[[Any], Any] = lambda value: value) -> Callable[[Any], None]:
    """What writes one part of the rule; nothing is the same as not saying it."""

    def write(value: Any) -> None:
        rule = {name: v for name, v in _rule(piece).items() if name != field}
        piece["rule"] = rule | ({field: said} if (said := read(value)) else {})

    return write


def _rule(piece: Body) -> dict[str, Any]:
    return dict(piece.get("rule") or {})
