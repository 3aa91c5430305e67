"""The working copy of a draft: what this session has typed, on top of the revision that it knows from the store.

Whatever is typed is saved at once (see saving.py). What stays here alone is what waits for a choice, because somebody
else changed the same field, or could not be saved. Whoever signs out gives that up.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Draft
from rubrics.diff import compare
from studio import service
from studio.widgets.rubric import bodies as rubric_bodies
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.merge import NOTHING, Place, merged, value_at
from studio.widgets.rubric.told import told

WHOLE = ""  # the focus on title, instructions and weights


@dataclass(frozen=True)
class Contest:
    """Who else changed a field that was changed here, and when they saved it (naive UTC)."""

    who: str
    saved_at: datetime


@dataclass
class Work:
    """A body on top of stored `revision`; `saved` is what the store holds there.

    `contested` are the fields that somebody else changed too: the store has theirs, the body has mine, until somebody
    chooses. `news` tells what others changed, `fault` why the last save failed. `aside` is a body put aside.
    `undone` is the revision that was taken back last, `redo` what was taken back, as (after, before) pairs.
    """

    rubric_id: str
    revision: int
    base_version: int | None
    saved: Body
    body: Body
    saved_by: str
    saved_at: datetime
    focus: str = WHOLE
    note: str = ""
    parked: dict[str, dict[str, str]] = field(default_factory=dict)
    contested: dict[Place, Contest] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    fault: str = ""
    aside: Body | None = None
    undone: int | None = None
    redo: list[tuple[Body, Body]] = field(default_factory=list)

    @property
    def dirty(self) -> bool:
        """Whether something is typed that the store does not have."""
        return self.body != self.saved

    def parked_anchors(self, criterion_id: str) -> dict[str, str]:
        """Anchors of levels that the criterion has no more; they come back with the level."""
        return self.parked.setdefault(criterion_id, {})


def held(rubric_id: str) -> Work | None:
    """The working copy of this session, if there is one."""
    found: Work | None = st.session_state.get(_key(rubric_id))
    return found


def all_held() -> Iterator[Work]:
    """Every working copy of this session."""
    return (one for one in list(st.session_state.values()) if isinstance(one, Work))


def unsaved() -> list[str]:
    """The titles of the rubrics in which something typed waits for a choice or could not be saved."""
    waiting = (one for one in all_held() if one.dirty and (one.contested or one.fault))
    return [str(one.body.get("title") or one.rubric_id) for one in waiting]


def working_copy(stored: Draft) -> Work:
    """The working copy on top of `stored`, with what others saved meanwhile and nothing typed here lost."""
    known = held(stored.rubric_id)
    if known is None:
        return _adopt(stored)
    if stored.revision > known.revision:
        bring_together(known, stored)
    return known


def bring_together(work: Work, stored: Draft) -> None:
    """Put the working copy on top of a newer revision: both changes stay, and the same field waits for a choice."""
    base, mine = work.saved, work.dirty
    both, places = merged(base, stored.body, work.body)
    work.contested |= {place: Contest(stored.updated_by, stored.updated_at) for place in places}
    if news := told(
        compare(rubric_bodies.lenient(base), rubric_bodies.lenient(stored.body)), stored, places, both_kept=mine
    ):
        work.news.append(news)
    settle(work, stored)
    rubric_bodies.become(work.body, both)
    forget_settled(work)


def settle(work: Work, stored: Draft) -> None:
    """What the store holds is now `stored`; what is typed stays."""
    work.revision, work.base_version = stored.revision, stored.base_version
    work.saved = copy.deepcopy(stored.body)
    work.saved_by, work.saved_at = stored.updated_by, stored.updated_at


def let_go(rubric_id: str) -> None:
    """Forget the working copy; what was saved stays in the store."""
    st.session_state.pop(_key(rubric_id), None)


def focus_on(work: Work, place: str) -> None:
    """Put a criterion, or WHOLE, in focus, and let the address say so."""
    work.focus = place
    if not place:
        st.query_params.pop("criterion", None)
    elif st.query_params.get("criterion") != place:
        st.query_params["criterion"] = place


def follow_address(work: Work) -> None:
    """Put in focus what the address names; an address that names nothing known is mended."""
    asked = st.query_params.get("criterion", "")
    known = {one.get("id") for one in rubric_bodies.criteria(work.body)}
    focus_on(work, asked if asked in known else work.focus if work.focus in known else WHOLE)


def used_ids(work: Work) -> set[str]:
    """The ids that criteria of this rubric's versions have or had: no new criterion may take one."""
    found = rubric_versions.versions(service.store(), work.rubric_id)
    return {one.id for version in found for one in (*version.rubric.criteria, *version.rubric.archived)}


def forget_settled(work: Work) -> None:
    """A field that both now say the same of needs no choice."""
    for place in list(work.contested):
        mine, theirs = value_at(work.body, place), value_at(work.saved, place)
        if mine == theirs or (mine is NOTHING and theirs is NOTHING):
            del work.contested[place]


def _adopt(stored: Draft) -> Work:
    work = Work(
        stored.rubric_id,
        stored.revision,
        stored.base_version,
        copy.deepcopy(stored.body),
        copy.deepcopy(stored.body),
        stored.updated_by,
        stored.updated_at,
    )
    st.session_state[_key(stored.rubric_id)] = work
    return work


def _key(rubric_id: str) -> str:
    return f"work_{rubric_id}"
