"""What is amiss in a draft, beside the field that it concerns: what cannot be submitted, and what weakens it."""

import json
import re
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from rubrics.lint import RULES, Warned, lint
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies
from studio.widgets.rubric.bodies import Body

Faults = list[tuple[str | None, str]]

_IN_FULL = 2
TOP = ""  # remarks that belong to no single field stand above the form
GUIDE = Path(__file__).parents[3] / "docs/rubric-checks.md"
# Which field of the form a check is about: by its code, else by the code's letter.
_FIELD_OF = {
    "A": "anchors",
    "W": "question",
    "W3": "anchors",
    "R": "reads",
    "S": "weight",
    "V": "weight",
    "E": "examples",
    "H": "question",
}
_FIELDS = ("name", "question", "kind", "anchors", "points", "rule", "weight", "severity", "veto", "reads", "examples")
_SHOWN_WITH = {"points": "kind", "rule": "kind", "severity": "weight", "veto": "weight", "limited_by": "weight"}
# Faults of a criterion as a whole name no field; what they are about stands in their words.
_SAID_BY = {"anchor": "anchors", "example": "examples", **_SHOWN_WITH}


class Found(NamedTuple):
    """All faults and warnings of one body."""

    faults: Faults
    warned: list[Warned]


class Beside(NamedTuple):
    """The remarks on the part in focus, by field; `key` tells them from those of other parts."""

    key: str
    faults: dict[str, list[str]]
    warned: dict[str, list[Warned]]

    def show(self, field: str) -> None:
        """Draw what concerns one field, in a place that is always there: a field must not move while it is typed in."""
        with st.container(key=f"remark_{self.key}_{field or 'top'}", gap=None):
            for fault in self.faults.get(field, []):
                st.caption(f":red[:material/edit_note: Before it can be submitted: {escaped(fault)}]")
            for code, found in groupby(self.warned.get(field, []), key=lambda one: one.code):
                _warn(code, list(found))


def _warn(code: str, found: list[Warned]) -> None:
    """A few remarks of one kind in full; the rest are counted, so that they do not push the form out of sight."""
    for one in found[:_IN_FULL]:
        words = f":material/lightbulb: {_sentence(one.message)} :gray[{_sentence(one.mend)}] :small[{code}]"
        st.caption(words, help=explained(code))
    if rest := found[_IN_FULL:]:
        st.caption(f"And {len(rest)} more of this kind.", help="  \n".join(_sentence(one.message) for one in rest[:20]))


def found_in(body: Body) -> Found:
    """Every fault and warning; looked up again only when the body says something else."""
    return _found(json.dumps(body, sort_keys=True, ensure_ascii=False))


def beside(found: Found, focus: str) -> Beside:
    """The remarks on a criterion, or, for "", on the rubric as a whole, sorted by field."""
    faults: dict[str, list[str]] = {}
    warned: dict[str, list[Warned]] = {}
    for place, text in found.faults:
        if (place or "") == focus:
            faults.setdefault(_field_of_fault(text) if focus else TOP, []).append(text)
    for one in found.warned:
        if (one.criterion_id or "") == focus:
            field = _FIELD_OF.get(one.code) or _FIELD_OF.get(one.code[:1], TOP)
            warned.setdefault(field if focus else TOP, []).append(one)
    return Beside(focus or "whole", faults, warned)


def explained(code: str) -> str:
    """What the guide says about a check, as Markdown; its title and reason where the guide has no section on it."""
    rule = RULES[code]
    return _guide().get(code) or f"**{code} {rule.title}**\n\n{rule.why}"


@lru_cache(maxsize=64)
def _found(text: str) -> Found:
    body: Body = json.loads(text)
    return Found(bodies.problems(body), lint(bodies.lenient(body)))


@cache
def _guide() -> dict[str, str]:
    """The sections of docs/rubric-checks.md by the code that their heading begins with."""
    if not GUIDE.is_file():
        return {}
    sections: dict[str, str] = {}
    for section in re.split(r"^#{2,4} ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        if code := re.match(r"([A-Z]\d+)\b", heading):
            sections[code[1]] = f"**{heading.strip()}**\n\n{rest.strip()}"
    return sections


def _sentence(text: str) -> str:
    return escaped(f"{text[:1].upper()}{text[1:].rstrip('.')}.")


def _field_of_fault(text: str) -> str:
    named = re.match(r"[a-z]+", text)
    field = named[0] if named and named[0] in _FIELDS else ""
    field = field or next((field for word, field in _SAID_BY.items() if word in text), TOP)
    return _SHOWN_WITH.get(field, field)
