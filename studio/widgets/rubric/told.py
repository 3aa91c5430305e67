"""What somebody else changed in a draft, in one sentence; and a field of a draft by name."""

from collections.abc import Sequence

from db.rubric_versions import Draft
from rubrics.diff import Change
from studio import session
from studio.widgets.names import name_of
from studio.widgets.rubric import bodies
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.merge import CRITERION, Place
from studio.widgets.rubric.words import field_words

SHOWN = 3  # changes that a sentence can carry
VERBS = ("changed", "added", "took out")


def told(changes: Sequence[Change], stored: Draft, left_out: Sequence[Place], both_kept: bool) -> str:
    """Such as "Mei Tanaka changed the anchor for score 3 of Empathy; your changes are kept too."; "" for nothing."""
    waiting = {_change_place(place) for place in left_out}
    found = [one for one in changes if (one.criterion_id, one.field) not in waiting]
    names = {verb: [_name(one.criterion_id, stored.body) for one in found if _verb(one) == verb] for verb in VERBS}
    names["changed"] = [_field(one, stored.body) for one in found if _verb(one) == "changed"]
    said = [f"{verb} {_joined(what)}" for verb, what in names.items() if what]
    if not said:
        return ""
    return f"{who(stored.updated_by)} {_and(said)}" + ("; your changes are kept too." if both_kept else ".")


def who(person_id: str) -> str:
    """The other writer by name; one's own second tab says so."""
    return "You, in another tab," if person_id == session.here().person_id else name_of(person_id)


def place_words(place: Place, body: Body) -> str:
    """A place in words, such as "Anchor for score 3 of Empathy"."""
    criterion_id, field = _change_place(place)
    words = field_words(Change(criterion_id, field, "wording", None, None))
    return f"{words} of {_name(criterion_id, body)}" if criterion_id else words


def _verb(change: Change) -> str:
    if change.field != "criterion":
        return "changed"
    return "added" if change.kind == "added" else "took out"


def _field(change: Change, body: Body) -> str:
    words = field_words(change)
    words = f"the {words[:1].lower()}{words[1:]}"
    return f"{words} of {_name(change.criterion_id, body)}" if change.criterion_id else words


def _joined(what: list[str]) -> str:
    return _and([*what[:SHOWN], f"{len(what) - SHOWN} more"] if len(what) > SHOWN else what)


def _and(what: list[str]) -> str:
    return " and ".join([", ".join(what[:-1]), what[-1]]) if len(what) > 1 else what[0]


def _name(criterion_id: str | None, body: Body) -> str:
    pieces = [*bodies.criteria(body), *bodies.archived(body)]
    return next(
        (str(one.get("name") or one["id"]) for one in pieces if one.get("id") == criterion_id), str(criterion_id)
    )


def _change_place(place: Place) -> tuple[str | None, str]:
    """A place as `rubrics.diff` addresses it: (criterion id or None, field)."""
    if place[0] != CRITERION:
        return None, ".".join(str(name) for name in place)
    rest = [str(name) for name in place[2:]] or ["criterion"]
    return str(place[1]), rest[0] if rest[0] in ("examples", "veto", "rule") else ".".join(rest)
