"""What can be done with whole criteria of a draft: add, copy, move, split, merge, archive, bring back, delete.

Ids are never used twice: not those of archived criteria, nor those that a criterion was split or merged from, nor,
given as `used`, those of earlier versions. A score is known by its criterion's id for ever.
"""

import copy
from collections.abc import Collection, Iterable
from typing import Any

from rubrics.schema import PARTS, slug
from studio.widgets.rubric.bodies import Body, archived, criteria, levels, set_field

_SEVERITIES = ("none", "yellow", "red")
_READS = ["situation", "history", "response"]


def free_id(body: Body, wanted: str, used: Collection[str] = ()) -> str:
    """`wanted`, or with a number behind it when a criterion has or had that id."""
    pieces = [*criteria(body), *archived(body)]
    taken = {one.get("id") for one in pieces} | {old for one in pieces for old in one.get("replaces", [])} | {*used}
    number = 2
    candidate = wanted
    while candidate in taken:
        candidate, number = f"{wanted}_{number}", number + 1
    return candidate


def duplicate(body: Body, criterion_id: str, used: Collection[str] = ()) -> str:
    """Put a copy of a criterion right behind it; gives the copy's id."""
    rows, place = criteria(body), _place(body, criterion_id)
    twin = copy.deepcopy(rows[place])
    twin["id"] = free_id(body, criterion_id, used)
    twin["name"] = f"{twin.get('name', '')} (copy)".strip()
    twin.pop("replaces", None)
    rows.insert(place + 1, twin)
    return str(twin["id"])


def move(body: Body, criterion_id: str, by: int) -> None:
    """Move a criterion up (by -1) or down (by 1); at the ends nothing happens."""
    move_to(body, criterion_id, _place(body, criterion_id) + by)


def move_to(body: Body, criterion_id: str, place: int) -> None:
    """Put a criterion at a place counted from 0; beyond an end, at that end."""
    rows = criteria(body)
    rows.insert(min(max(place, 0), len(rows) - 1), rows.pop(_place(body, criterion_id)))


def split(body: Body, criterion_id: str, names: tuple[str, str], used: Collection[str] = ()) -> tuple[str, str]:
    """One criterion becomes two of these names, where it stood; it is archived. Gives the two ids.

    Both carry all its words, and half its weight and points each, so that together they count for as much.
    """
    place = _place(body, criterion_id)
    ids: list[str] = []
    for number, name in enumerate(names):
        half = copy.deepcopy(criteria(body)[place + number])
        half |= {"id": free_id(body, slug(name), used), "name": name, "replaces": [criterion_id]}
        for field, default in (("weight", 1.0), ("points", None)):
            whole = half.get(field, default)
            set_field(half, field, whole / 2 if whole is not None else None, default)
        criteria(body).insert(place + number, half)
        ids.append(half["id"])
    archive(body, criterion_id, ids[0])
    return ids[0], ids[1]


def merge(body: Body, criterion_id: str, other_id: str, name: str, used: Collection[str] = ()) -> str:
    """Two criteria become one of this name, where the first stood; both are archived. Gives the id of the new one.

    Their words stand one below the other for an author to bring together. Kind and scale are the first one's.
    """
    first, second = (copy.deepcopy(criteria(body)[_place(body, cid)]) for cid in (criterion_id, other_id))
    one = {**first, "id": free_id(body, slug(name), used), "name": name, "replaces": [criterion_id, other_id]}
    for field in ("question", "use_when", "avoid_when"):
        set_field(
            one, field, _both_texts(first.get(field, ""), second.get(field, "")), "" if field != "question" else None
        )
    if first.get("kind") == second.get("kind"):
        set_field(one, "anchors", _both_anchors(first, second), {})
    _join_numbers(one, first, second)
    reads = {*first.get("reads", _READS), *second.get("reads", _READS)}
    set_field(one, "reads", [part for part in PARTS if part in reads], _READS)
    for field in ("examples", "tags"):
        set_field(one, field, _both_lists(first.get(field, []), second.get(field, [])), [])
    criteria(body).insert(_place(body, criterion_id), one)
    archive(body, criterion_id, one["id"])
    archive(body, other_id, one["id"])
    return str(one["id"])


def archive(body: Body, criterion_id: str, heir: str | None = None) -> None:
    """Take a criterion out of use and keep it. A gate that was solved by it, and criteria that it limits, go over to
    its `heir`, if it has one; else it is for an author to say what becomes of them.
    """
    kept = criteria(body).pop(_place(body, criterion_id))
    body["archived"] = sorted([*archived(body), kept], key=lambda one: str(one["id"]))
    for one in criteria(body) if heir else ():
        if one.get("limited_by") == criterion_id:
            set_field(one, "limited_by", heir if heir != one["id"] else None, None)
    if heir and body.get("aggregate", {}).get("solved_by") == criterion_id:
        body["aggregate"] = {**body["aggregate"], "solved_by": heir}


def restore(body: Body, criterion_id: str) -> None:
    """Bring an archived criterion back into use, behind the others."""
    criteria(body).append(next(one for one in archived(body) if one["id"] == criterion_id))
    delete(body, criterion_id)


def delete(body: Body, criterion_id: str) -> None:
    """Take a criterion out of the archive for good."""
    set_field(body, "archived", [one for one in archived(body) if one["id"] != criterion_id], [])


def _place(body: Body, criterion_id: str) -> int:
    return next(i for i, one in enumerate(criteria(body)) if one.get("id") == criterion_id)


def _join_numbers(one: Body, first: Body, second: Body) -> None:
    """Weights and points add up; of two vetoes or severities the stricter holds."""
    set_field(one, "weight", first.get("weight", 1.0) + second.get("weight", 1.0), 1.0)
    if "points" in first and "points" in second:
        one["points"] = first["points"] + second["points"]
    vetoes = [piece["veto"] for piece in (first, second) if piece.get("veto")]
    set_field(one, "veto", max(vetoes, key=lambda veto: float(veto["at_or_below"])) if vetoes else None, None)
    severities = [piece.get("severity", "none") for piece in (first, second)]
    set_field(one, "severity", max(severities, key=_SEVERITIES.index), "none")


def _both_anchors(first: Body, second: Body) -> dict[str, str]:
    """Of each level both texts, as far as the first one's scale goes."""
    ours, others = first.get("anchors", {}), second.get("anchors", {})
    known = sorted({int(level) for level in (*ours, *others)} & {*levels(first)})
    return {str(n): _both_texts(ours.get(str(n), ""), others.get(str(n), "")) for n in known}


def _both_texts(first: str, second: str) -> str:
    return "\n\n".join(dict.fromkeys(text for text in (first, second) if text.strip()))


def _both_lists(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    return [*first, *(one for one in second if one not in first)]
