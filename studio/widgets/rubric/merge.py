"""Two people's changes to one draft brought together, field by field, as far as they do not touch the same field."""

from typing import Any

from studio.widgets.rubric.bodies import Body

_NOTHING: Any = object()


def merged(base: Body, theirs: Body, mine: Body) -> tuple[Body, int]:
    """Both changes since `base` in one body, and how many fields both changed differently: there `mine` stands.

    A criterion counts as changed by whoever removed it; an order that both changed is mine.
    """
    clashes: list[str] = []
    body: Body = _either(_keyed(base), _keyed(theirs), _keyed(mine), clashes)
    rows = body.pop("criteria")
    order = [cid for cid in rows.pop("order") if cid in rows]
    return body | {"criteria": [rows[cid] for cid in order + [cid for cid in rows if cid not in order]]}, len(clashes)


def _keyed(body: Body) -> Body:
    """The body with its criteria by id, and their order apart, so that they merge like any other field."""
    rows = {one["id"]: one for one in body.get("criteria", [])}
    return {**body, "criteria": {"order": list(rows), **rows}}


def _either(base: Any, theirs: Any, mine: Any, clashes: list[str], name: str = "") -> Any:
    if theirs in (mine, base):
        return mine
    if mine == base:
        return theirs
    if isinstance(theirs, dict) and isinstance(mine, dict):
        was = base if isinstance(base, dict) else {}
        names = [*mine, *(field for field in theirs if field not in mine)]
        both = {
            n: _either(was.get(n, _NOTHING), theirs.get(n, _NOTHING), mine.get(n, _NOTHING), clashes, n) for n in names
        }
        return {n: value for n, value in both.items() if value is not _NOTHING}
    if name != "order":
        clashes.append(name)
    return theirs if mine is _NOTHING else mine
