"""A draft's body as plain data: read leniently while it is half written, changed field by field.

A body leaves out every field that has its default, as `db` stores it, so that a change taken back leaves no trace.
Score anchors have text keys, "1" to "5".
"""

import copy
from itertools import zip_longest
from typing import Any, TypeVar

from pydantic import BaseModel

from rubrics.load import faults
from rubrics.schema import Aggregate, Calibration, Criterion, Example, RewardWeights, Rubric, Rule, Source, Veto

Body = dict[str, Any]
Piece = TypeVar("Piece", bound=BaseModel)


def set_field(piece: Body, field: str, value: Any, default: Any) -> None:
    """Write one field; its default is the same as saying nothing."""
    if value == default:
        piece.pop(field, None)
    else:
        piece[field] = value


def set_part(body: Body, part: str, field: str, default: Any, value: Any) -> None:
    """Write one field of a part of the body, such as its aggregate; a part with nothing left in it vanishes."""
    piece = dict(body.get(part, {}))
    set_field(piece, field, value, default)
    set_field(body, part, piece, {})


def criteria(body: Body) -> list[Body]:
    """The criteria as they stand in the body; changing one changes the body."""
    found: list[Body] = body.setdefault("criteria", [])
    return found


def criterion(body: Body, criterion_id: str) -> Body | None:
    """The criterion of that id, or None."""
    return next((one for one in criteria(body) if one.get("id") == criterion_id), None)


def new_criterion(criterion_id: str, name: str, purpose: str) -> Body:
    """A criterion to be written: yes or no for flags and gates, five levels for scores."""
    start: Body = {"id": criterion_id, "name": name, "question": ""}
    return start | ({"anchors": {"1": "", "5": ""}} if purpose == "score" else {"kind": "binary"})


def new_body(rubric_id: str, title: str, purpose: str) -> Body:
    """A rubric to be written, with one criterion; a gate is solved by it until somebody says otherwise."""
    body: Body = {"id": rubric_id, "title": title, "criteria": [new_criterion("first", "First criterion", purpose)]}
    set_field(body, "purpose", purpose, "score")
    if purpose == "gate":
        body["aggregate"] = {"method": "gate", "solved_by": "first"}
    return body


def archived(body: Body) -> list[Body]:
    """The criteria that were taken out of use; changing one changes the body, the list itself may be a new one."""
    found: list[Body] = body.get("archived", [])
    return found


def become(old: Body, new: Body) -> None:
    """Make `old` say what `new` says and keep its pieces: a field on the page writes into the piece it was given."""
    pieces = {one.get("id"): one for one in [*criteria(old), *archived(old)]}
    lists = {
        name: [_become(pieces.get(one.get("id")), one) for one in new.get(name, [])]
        for name in ("criteria", "archived")
    }
    _become(old, {name: value for name, value in new.items() if name not in lists})
    old |= {name: rows for name, rows in lists.items() if name in new}


def _become(old: Any, new: Any) -> Any:
    """`old` itself, made to say what `new` says, where both are of one kind; else a copy of `new`."""
    if isinstance(old, dict) and isinstance(new, dict):
        rest = {name: _become(old.get(name), value) for name, value in new.items()}
        old.clear()
        old |= rest
        return old
    if isinstance(old, list) and isinstance(new, list):
        old[:] = [_become(was, now) for was, now in zip_longest(old[: len(new)], new)]
        return old
    return copy.deepcopy(new)


def levels(piece: Body) -> range:
    """The levels that a criterion's form shows: from the lowest to the highest anchor, 0 and 1 for other kinds."""
    if piece.get("kind", "likert") != "likert":
        return range(0, 2)
    known = [int(score) for score in piece.get("anchors", {})] or [1, 5]
    return range(min(known), max(known) + 1)


def set_anchor(piece: Body, level: int, text: str) -> None:
    """Write one anchor. A blank one between the ends is left out; a blank end stays, or the scale would shrink."""
    shown = levels(piece)
    anchors: dict[str, str] = dict(piece.get("anchors", {}))
    is_end = piece.get("kind", "likert") == "likert" and level in (shown[0], shown[-1])
    anchors[str(level)] = text
    if not text.strip() and not is_end:
        del anchors[str(level)]
    set_field(piece, "anchors", dict(sorted(anchors.items(), key=lambda item: int(item[0]))), {})


def set_scale(piece: Body, low: int, high: int, parked: dict[str, str]) -> None:
    """Give a likert criterion the levels low to high; anchors outside them go to `parked` and come back from there."""
    parked |= {score: text for score, text in piece.get("anchors", {}).items() if text}
    anchors = {str(n): parked[str(n)] for n in range(low, high + 1) if str(n) in parked}
    for end in (low, high):
        anchors.setdefault(str(end), "")
    piece["anchors"] = dict(sorted(anchors.items(), key=lambda item: int(item[0])))


def set_kind(piece: Body, kind: str, parked: dict[str, str]) -> None:
    """Change the kind; anchors that belong to a scale are parked, and a word limit begins at 60."""
    was = piece.get("kind", "likert")
    if was == "likert":
        parked |= {score: text for score, text in piece.pop("anchors", {}).items() if text}
    for field in ("points", "rule") + (("anchors",) if kind in ("likert", "rule") else ()):
        piece.pop(field, None)
    set_field(piece, "kind", kind, "likert")
    if kind == "likert":
        known = [int(score) for score in parked] or [1, 5]
        set_scale(piece, min(known), max(known), parked)
    if kind == "points":
        piece["points"] = 1.0
    if kind == "rule":
        piece["rule"] = {"max_words": 60}


def problems(body: Body) -> list[tuple[str | None, str]]:
    """What keeps the body from being submitted: (criterion id or None for the whole, the fault in words)."""
    return [_addressed(body, fault) for fault in faults(body)]


def lenient(body: Body) -> Rubric:
    """The body as a Rubric for reading and comparing, however unfinished: nothing is validated, gaps are empty."""
    fields: Body = {"id": "", "title": ""} | body
    for name in ("criteria", "archived"):
        fields[name] = tuple(_lenient_criterion(one) for one in body.get(name, []))
    fields["aggregate"] = _made(Aggregate, body.get("aggregate", {}))
    fields["calibration"] = _made(Calibration, body.get("calibration", {}))
    fields["reward"] = _made(RewardWeights, {name: float(value) for name, value in body.get("reward", {}).items()})
    return _made(Rubric, fields)


def _lenient_criterion(piece: Body) -> Criterion:
    fields: Body = {"id": "", "name": "", "question": ""} | piece
    anchors = {int(score): text for score, text in piece.get("anchors", {}).items()}
    if piece.get("kind", "likert") == "likert" and not anchors:
        anchors = {1: "", 5: ""}
    fields["anchors"] = anchors
    fields["examples"] = tuple(_lenient_example(one) for one in piece.get("examples", []))
    fields["veto"] = _made(Veto, piece["veto"]) if piece.get("veto") else None
    fields["rule"] = _made(Rule, piece["rule"]) if piece.get("rule") else None
    fields["reads"] = tuple(piece["reads"]) if "reads" in piece else Criterion.model_fields["reads"].default
    fields["weight"] = float(piece.get("weight", 1.0))
    fields["tags"], fields["replaces"] = tuple(piece.get("tags", [])), tuple(piece.get("replaces", []))
    return _made(Criterion, fields)


def _lenient_example(one: Body) -> Example:
    source = _made(Source, one["source"]) if one.get("source") else None
    return _made(Example, {"text": "", "score": 0.0, "why": ""} | one | {"source": source})


def _made(piece: type[Piece], fields: Body) -> Piece:
    """A piece of the schema without validation; what else a body holds is no field of it and is left out."""
    own: Any = {name: value for name, value in fields.items() if name in piece.model_fields}
    return piece.model_construct(**own)


def _addressed(body: Body, fault: str) -> tuple[str | None, str]:
    """Which criterion a fault is about. `faults` begins such a line with "criterion 2 (empathy)"."""
    for number, one in enumerate(criteria(body), start=1):
        for place in (f"criterion {number} ({one.get('id')})", f"criterion {number}"):
            if fault.startswith((f"{place}: ", f"{place}, ")):
                return one.get("id"), fault.removeprefix(place).lstrip(":, ")
    return None, fault
