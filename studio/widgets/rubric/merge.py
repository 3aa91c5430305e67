"""Two people's changes to one draft brought together, field by field, as far as they do not touch the same field.

A place addresses one field of a body, wherever its criterion stands and whether it is archived or not:
("title",), ("aggregate", "method"), ("criterion", "empathy", "anchors", "3"), ("criterion", "empathy", "examples", 0).
"""

import copy
from typing import Any

from studio.widgets.rubric.bodies import Body

Place = tuple[str | int, ...]

CRITERION, ORDER, ARCHIVED = "criterion", "order", "archived"
NOTHING: Any = object()  # what stands at a place that a body does not have


def merged(base: Body, theirs: Body, mine: Body) -> tuple[Body, list[Place]]:
    """Both changes since `base` in one body, and the places that both changed differently: there `mine` stands.

    Of a criterion or field that one took away and the other changed, what was changed stays. An order that both changed
    is mine.
    """
    clashes: list[Place] = []
    body = _either(_keyed(base), _keyed(theirs), _keyed(mine), clashes, ())
    return _plain(body), clashes


def value_at(body: Body, place: Place) -> Any:
    """What a body says at a place; NOTHING where it has no such place."""
    found: Any = _keyed(body)
    for name in place:
        if isinstance(found, list):
            found = found[name] if isinstance(name, int) and name < len(found) else NOTHING
        else:
            found = found.get(name, NOTHING) if isinstance(found, dict) else NOTHING
    return found


def with_value(body: Body, place: Place, value: Any) -> Body:
    """A copy of the body that says `value` at a place; with NOTHING the place is taken out.

    Where what would hold the place is gone, there is nothing to set and the copy says the same.
    """
    keyed = copy.deepcopy(_keyed(body))
    holder: Any = keyed
    for name in place[:-1]:
        if isinstance(holder, dict):
            holder = holder.setdefault(name, {}) if name in ("anchors", "aggregate", "reward") else holder.get(name)
        elif isinstance(holder, list):
            holder = holder[name] if isinstance(name, int) and name < len(holder) else None
    _put(holder, place[-1], copy.deepcopy(value) if value is not NOTHING else NOTHING)
    return _plain(keyed)


def _put(holder: Any, name: str | int, value: Any) -> None:
    if isinstance(holder, list) and isinstance(name, int) and name < len(holder) and value is not NOTHING:
        holder[name] = value
    elif isinstance(holder, dict) and value is NOTHING:
        holder.pop(name, None)
    elif isinstance(holder, dict):
        holder[name] = value


def _keyed(body: Body) -> Body:
    """The body with its criteria by id and their order apart: so archiving one merges with a change of its words."""
    rows = {one["id"]: one for one in body.get("criteria", [])}
    archived = {one["id"]: {**one, ARCHIVED: True} for one in body.get(ARCHIVED, [])}
    rest = {name: value for name, value in body.items() if name not in ("criteria", ARCHIVED)}
    return {**rest, CRITERION: {**rows, **archived}, ORDER: list(rows)}


def _plain(keyed: Body) -> Body:
    rows = dict(keyed.pop(CRITERION))
    archived = [{k: v for k, v in one.items() if k != ARCHIVED} for one in rows.values() if one.get(ARCHIVED)]
    keyed = {name: value for name, value in keyed.items() if value != {}}  # as bodies do
    in_use = [cid for cid, one in rows.items() if not one.get(ARCHIVED)]
    order = [cid for cid in keyed.pop(ORDER) if cid in in_use]
    body = keyed | {"criteria": [rows[cid] for cid in order + [cid for cid in in_use if cid not in order]]}
    return body | ({ARCHIVED: sorted(archived, key=lambda one: str(one["id"]))} if archived else {})


def _either(base: Any, theirs: Any, mine: Any, clashes: list[Place], place: Place) -> Any:
    if theirs in (mine, base):
        return mine
    if mine == base:
        return theirs
    if isinstance(theirs, dict) and isinstance(mine, dict):
        return _of_dicts(base if isinstance(base, dict) else {}, theirs, mine, clashes, place)
    if place[-1:] == ("examples",) and _only_grew(base, theirs, mine):
        return _of_lists(base, theirs, mine, clashes, place)
    if place == (ORDER,):
        return [*mine, *(cid for cid in theirs if cid not in mine)]
    clashes.append(place)
    return theirs if mine is NOTHING else mine


def _of_dicts(base: Body, theirs: Body, mine: Body, clashes: list[Place], place: Place) -> Body:
    names = [*mine, *(name for name in theirs if name not in mine)]
    both = {
        name: _either(
            base.get(name, NOTHING), theirs.get(name, NOTHING), mine.get(name, NOTHING), clashes, (*place, name)
        )
        for name in names
    }
    return {name: value for name, value in both.items() if value is not NOTHING}


def _only_grew(base: Any, theirs: Any, mine: Any) -> bool:
    had = len(base) if isinstance(base, list) else 0
    return isinstance(theirs, list) and isinstance(mine, list) and len(theirs) >= had and len(mine) >= had


def _of_lists(base: Any, theirs: list[Any], mine: list[Any], clashes: list[Place], place: Place) -> list[Any]:
    """What both had merges one by one; then come mine, so that what is being written keeps its place, then theirs."""
    known = base if isinstance(base, list) else []
    both = [_either(was, theirs[n], mine[n], clashes, (*place, n)) for n, was in enumerate(known)]
    added = mine[len(known) :]
    return [*both, *added, *(one for one in theirs[len(known) :] if one not in added)]
