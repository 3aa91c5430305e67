"""Saving a working copy as one writes: by compare-and-set, and on top of what others saved in the meantime.

Changes of different fields are brought together and said. Where two changed the same field, the store keeps what was
there first, the one who came second is asked, and everything else goes on being saved.
"""

import copy
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from db import draft_revisions, rubric_versions
from db.rubric_versions import DraftClash
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.rubric import bodies
from studio.widgets.rubric import work as works
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.merge import Place, merged, value_at, with_value
from studio.widgets.rubric.work import Work

TRIES = 5  # saves by others between reading and writing; more in a row would be no people


class LeftOver(NamedTuple):
    """What a browser kept of a field: how to write it, what the field said before, and what was typed."""

    write: Callable[[Any], None]
    was: str
    typed: str


def save_all() -> None:
    """Save whatever this session has typed into any draft. A failed save is said by the bar of its draft."""
    for work in works.all_held():
        save(work)


def save(work: Work) -> bool:
    """Save everything that waits for no choice; whether nothing is left to save. The reason why not is `work.fault`."""
    work.fault = ""
    works.forget_settled(work)
    if work.dirty:
        try:
            _write(work)
        except UserError as error:
            work.fault = str(error)
    return not work.dirty


def take_up(work: Work, left_over: Sequence[LeftOver]) -> bool:
    """Save what was typed before this session began, on top of what the store has now; whether anything came of it.

    What somebody else wrote into the same field since then waits for a choice, as always. While something else waits
    for one, nothing is taken up: the browser keeps it and asks again.
    """
    stored = rubric_versions.draft(service.store(), work.rubric_id)
    if work.dirty or not left_over or stored is None:
        return False
    for one in left_over:
        one.write(one.was)
    work.saved = copy.deepcopy(work.body)
    for one in left_over:
        one.write(one.typed)
    works.bring_together(work, stored)
    save(work)
    work.news.append("What you typed last, before this page was closed or the studio ended, is back.")
    return True


def keep_mine(work: Work, place: Place) -> None:
    """Of a contested field, what is typed here; theirs stays in the draft's history."""
    work.contested.pop(place, None)
    save(work)


def take_theirs(work: Work, place: Place) -> None:
    """Of a contested field, what the other saved; what was typed here is put aside and can be brought back."""
    work.contested.pop(place, None)
    work.aside = copy.deepcopy(work.body)
    bodies.become(work.body, with_value(work.body, place, value_at(work.saved, place)))
    save(work)


def bring_back(work: Work) -> None:
    """The body that was put aside becomes the typed one again."""
    if work.aside is not None:
        mine, work.aside = work.aside, copy.deepcopy(work.body)
        bodies.become(work.body, mine)
        save(work)


def undo(work: Work) -> datetime | None:
    """Take back the last own save that still stands, and nothing of what others did; when it was made, or None."""
    step = last_step(work)
    if step is None:
        return None
    now = copy.deepcopy(work.body)
    body, _ = merged(step.after, work.body, step.before)
    _become_saved(work, body)
    work.undone = step.revision
    work.redo.append((copy.deepcopy(work.body), now))
    return step.saved_at


def redo(work: Work) -> None:
    """Bring back what was taken back last."""
    if work.redo:
        after, before = work.redo.pop()
        rest, undone = work.redo, work.undone
        body, _ = merged(after, work.body, before)
        _become_saved(work, body)
        work.redo, work.undone = rest, undone if rest else None


def last_step(work: Work) -> draft_revisions.Step | None:
    """The own save that `undo` would take back."""
    return draft_revisions.last_step(service.store(), work.rubric_id, session.here().person_id, work.undone)


def _become_saved(work: Work, body: Body) -> None:
    bodies.become(work.body, body)
    redo, undone = work.redo, work.undone
    save(work)
    work.redo, work.undone = redo, undone


def _write(work: Work) -> None:
    for _ in range(TRIES):
        body = _without_contested(work)
        if body == work.saved:
            return
        try:
            stored = rubric_versions.save_draft(service.store(), session.here(), work.rubric_id, body, work.revision)
        except DraftClash as clash:
            works.bring_together(work, clash.stored)
            continue
        works.settle(work, stored)
        work.undone, work.redo = None, []
        return
    raise UserError("others are saving this draft all the time; what you typed is still here and is tried again")


def _without_contested(work: Work) -> Body:
    body = work.body
    for place in work.contested:
        body = with_value(body, place, value_at(work.saved, place))
    return body
