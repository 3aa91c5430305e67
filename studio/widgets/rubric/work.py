"""The working copy of a draft: what is typed and not saved yet, kept while criterion, tab or page changes.

It lives in the session until it is saved; the store has every saved revision. Whoever signs out gives it up.
"""

import copy
from dataclasses import dataclass, field
from datetime import datetime

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Draft, DraftClash
from studio import service, session
from studio.widgets.rubric import bodies as rubric_bodies
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.merge import merged

WHOLE = ""  # the focus on title, instructions and weights


@dataclass
class Work:
    """A body on top of stored `revision`. `clash` is what somebody else saved meanwhile, `aside` a body put aside."""

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
    clash: Draft | None = None
    aside: Body | None = None

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


def unsaved() -> list[str]:
    """The titles of the rubrics in which this session has typed something that is not saved."""
    copies = [one for one in st.session_state.values() if isinstance(one, Work) and one.dirty]
    return [str(one.body.get("title") or one.rubric_id) for one in copies]


def working_copy(stored: Draft) -> Work:
    """The working copy on top of `stored`. Typed text is never replaced, however much newer the store is."""
    known = held(stored.rubric_id)
    if known is None:
        known = _adopt(stored)
    elif not known.dirty and known.revision != stored.revision:
        _settle(known, stored)
        known.body = copy.deepcopy(stored.body)
    return known


def let_go(rubric_id: str) -> None:
    """Forget the working copy; what was saved stays in the store."""
    st.session_state.pop(_key(rubric_id), None)


def save(work: Work) -> Draft | None:
    """Save on top of the revision that was opened; None when somebody else saved first, and both texts are kept.

    Raises UserError when the draft is no longer open.
    """
    try:
        stored = rubric_versions.save_draft(service.store(), session.here(), work.rubric_id, work.body, work.revision)
    except DraftClash as clash:
        work.clash = clash.stored
        return None
    _settle(work, stored)
    return stored


def keep_mine(work: Work) -> Draft | None:
    """Save what is typed over the newer revision that was shown; None when yet another one came in between."""
    if work.clash:
        work.revision = work.clash.revision
        work.clash = None
    return save(work)


def keep_both(work: Work) -> Draft | None:
    """Save both changes together, mine where both changed the same field."""
    if work.clash:
        work.body, _ = merged(work.saved, work.clash.body, work.body)
    return keep_mine(work)


def take_theirs(work: Work) -> None:
    """Go on with the newer revision; what was typed is put aside and can be brought back."""
    if work.clash:
        mine, stored = work.body, work.clash
        _settle(work, stored)
        work.body, work.aside = copy.deepcopy(stored.body), mine


def bring_back(work: Work) -> None:
    """The body that was put aside becomes the typed one again, unsaved."""
    if work.aside is not None:
        work.body, work.aside = work.aside, None


def take_back(work: Work) -> None:
    """Back to what was saved; the typed text is put aside."""
    work.aside, work.body = work.body, copy.deepcopy(work.saved)


def touched(work: Work) -> list[str]:
    """The ids of criteria that differ from what was saved, and WHOLE when anything else does."""
    before = {one.get("id"): one for one in rubric_bodies.criteria(work.saved)}
    changed = [one["id"] for one in rubric_bodies.criteria(work.body) if before.get(one.get("id")) != one]
    whole = [{k: v for k, v in body.items() if k != "criteria"} for body in (work.saved, work.body)]
    rows = [[one.get("id") for one in rubric_bodies.criteria(body)] for body in (work.saved, work.body)]
    return ([WHOLE] if whole[0] != whole[1] or rows[0] != rows[1] else []) + changed


def _settle(work: Work, stored: Draft) -> None:
    work.revision, work.base_version = stored.revision, stored.base_version
    work.saved, work.clash = copy.deepcopy(stored.body), None
    work.saved_by, work.saved_at = stored.updated_by, stored.updated_at


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
