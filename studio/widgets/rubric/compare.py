"""Two texts of one rubric against each other: the draft or any version, with any other. ?from=2&to=draft reopens it."""

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
SIDES = {"from": "compare_from", "to": "compare_to"}  # what the address calls a side, and the field that chooses it


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
    first, second = _asked(texts, _start(known, texts, viewed))
    left, between, right = st.columns([10, 1, 10])
    with left:
        before = _choose("From", "from", texts, first)
    with between:
        st.button("", key="compare_swap", icon=":material/swap_horiz:", help="Swap", type="tertiary", on_click=_swap)
    with right:
        after = _choose("To", "to", texts, second)
    show_difference(before, after)


def address_of(first: int, second: int) -> dict[str, str]:
    """What the address says for a comparison of two texts, `DRAFT` being one of them."""
    return {"view": "compare", "from": _word(first), "to": _word(second)}


def _choose(label: str, side: str, texts: dict[int, Text], wanted: int) -> Rubric:
    key = SIDES[side]
    if st.session_state.get(key) != wanted:
        st.session_state[key] = wanted
    words = {n: f"Version {n}" for n in texts} | {DRAFT: "Draft"}
    st.selectbox(label, list(texts), key=key, format_func=words.__getitem__, on_change=_remember)
    st.caption(texts[wanted].standing)
    return texts[wanted].rubric


def _remember() -> None:
    """Callback: the address names both sides."""
    st.query_params.update({side: _word(st.session_state[key]) for side, key in SIDES.items()})


def _swap() -> None:
    """Callback: the address names the sides the other way round, and the fields follow it."""
    st.query_params.update(address_of(st.session_state["compare_to"], st.session_state["compare_from"]))


def _word(number: int) -> str:
    return "draft" if number == DRAFT else str(number)


def _asked(texts: dict[int, Text], otherwise: tuple[int, int]) -> tuple[int, int]:
    """The two texts that the address names, each replaced by the usual one where there is no such text."""
    known = {_word(number): number for number in texts}
    asked = [known.get(st.query_params.get(side, "")) for side in SIDES]
    first, second = (usual if one is None else one for one, usual in zip(asked, otherwise, strict=True))
    return first, second


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
