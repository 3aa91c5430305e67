"""Two texts of one rubric against each other: the draft or any version, with any other version."""

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from db.rubric_versions import Draft, Version
from rubrics.diff import compare
from rubrics.schema import Rubric
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric import work as works
from studio.widgets.rubric.bodies import lenient
from studio.widgets.rubric.changes import show_changes
from studio.widgets.rubric.words import STATES
from studio.widgets.times import ago

DRAFT = 0  # stands for the draft where a version number is asked for


@dataclass(frozen=True)
class Text:
    """One side of a comparison: what it says, and where it stands."""

    rubric: Rubric
    standing: str


def compare_tab(known: list[Version], stored: Draft | None, viewed: int | None) -> None:
    """Choose two texts and read what changed; at first the approved version and what came after it."""
    texts = _texts(known, stored)
    if len(texts) < 2:
        st.info("There is only one text so far. Once there is a draft or a second version, the difference shows here.")
        return
    first, second = _start(known, texts, viewed)
    left, right = st.columns(2)
    with left:
        before = _choose("From", "compare_from", texts, first)
    with right:
        after = _choose("To", "compare_to", texts, second)
    show_difference(before, after)


def _choose(label: str, key: str, texts: dict[int, Text], first: int) -> Rubric:
    numbers = list(texts)
    words = {n: f"Version {n}" for n in numbers} | {DRAFT: "Draft"}
    chosen = st.selectbox(label, numbers, index=numbers.index(first), key=key, format_func=words.__getitem__)
    st.caption(texts[chosen].standing)
    return texts[chosen].rubric


def show_difference(old: Rubric, new: Rubric) -> None:
    """What changed from `old` to `new`, or that nothing did."""
    changes = compare(old, new)
    if not changes:
        st.caption("Both say the same, word for word.")
        return
    places = len({change.criterion_id for change in changes})
    st.caption(
        f"{len(changes)} change{'s' if len(changes) > 1 else ''} in {places} part{'s' if places > 1 else ''}. "
        "Words taken out are struck through, words put in are underlined."
    )
    show_changes(changes, old, new)


def _texts(known: list[Version], stored: Draft | None) -> dict[int, Text]:
    texts: dict[int, Text] = {}
    if stored:
        work = works.held(stored.rubric_id)
        typed = work is not None and work.dirty
        standing = "with your unsaved changes" if typed else _by("Saved", stored.updated_by, stored.updated_at)
        texts[DRAFT] = Text(lenient(work.body if work and typed else stored.body), standing)
    for one in known:
        who, when = one.decided_by or one.submitted_by, one.decided_at or one.submitted_at
        word = STATES[one.state][0] if one.decided_by else "In review, submitted"
        texts[one.version] = Text(one.rubric, _by(word, who, when))
    return texts


def _by(what: str, person_id: str, when: datetime) -> str:
    return f"{what} by {escaped(name_of(person_id))} {ago(when)}"


def _start(known: list[Version], texts: dict[int, Text], viewed: int | None) -> tuple[int, int]:
    """From the approved version to the one that is open, the draft, or the newest: whatever is another text."""
    approved = next((one.version for one in known if one.state == "approved"), known[-1].version)
    wanted = [viewed, DRAFT, *(one.version for one in known)]
    return approved, next(n for n in wanted if n in texts and n != approved)
