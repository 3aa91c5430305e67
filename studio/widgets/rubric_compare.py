"""Two texts of one rubric against each other: the draft or any version, with any other version."""

from dataclasses import dataclass

import streamlit as st

from db.rubric_versions import Draft, Version
from rubrics.diff import compare
from rubrics.schema import Rubric
from studio.widgets import rubric_work as works
from studio.widgets.rubric_bodies import lenient
from studio.widgets.rubric_changes import show_changes
from studio.widgets.rubric_words import STATES
from studio.widgets.times import ago

DRAFT = 0  # stands for the draft where a version number is asked for


@dataclass(frozen=True)
class Text:
    """One side of a comparison: a label to choose it by, and what it says."""

    label: str
    rubric: Rubric


def compare_tab(known: list[Version], stored: Draft | None, viewed: int | None) -> None:
    """Choose two texts and read what changed; at first the approved version and what came after it."""
    texts = _texts(known, stored)
    if len(texts) < 2:
        st.info("There is only one text so far. Once there is a draft or a second version, the difference shows here.")
        return
    first, second = _start(known, texts, viewed)
    left, right = st.columns(2)
    before = left.selectbox(
        "From", list(texts), index=list(texts).index(first), key="compare_from", format_func=lambda n: texts[n].label
    )
    after = right.selectbox(
        "To", list(texts), index=list(texts).index(second), key="compare_to", format_func=lambda n: texts[n].label
    )
    show_difference(texts[before].rubric, texts[after].rubric)


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
        if work and work.dirty:
            texts[DRAFT] = Text("Draft, with your unsaved changes", lenient(work.body))
        else:
            texts[DRAFT] = Text(f"Draft, saved {ago(stored.updated_at)}", lenient(stored.body))
    for one in known:
        texts[one.version] = Text(f"Version {one.version}, {STATES[one.state][0].lower()}", one.rubric)
    return texts


def _start(known: list[Version], texts: dict[int, Text], viewed: int | None) -> tuple[int, int]:
    """From the approved version to the one that is open, the draft, or the newest: whatever is another text."""
    approved = next((one.version for one in known if one.state == "approved"), known[-1].version)
    wanted = [viewed, DRAFT, *(one.version for one in known)]
    return approved, next(n for n in wanted if n in texts and n != approved)
