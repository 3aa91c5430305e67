"""Ratings of others into the store: their dialogues, their instrument as a rubric, and each rating as a score.

Raters are named after their source ("dices/r001"); they are nobody of the studio and can do nothing here. A rating
that is blank, no number or off its scale is a problem with its line, never a score of another value. The same file
again adds nothing; a file that says something else by now adds that.
"""

import csv
import json
import math
import uuid
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from db import history
from db.dialogue_rows import bulk_insert
from db.exchange import Problem, import_lines
from db.others.sources import SOURCES, Rating, Told
from db.people import SYSTEM, Person, authorize, person, require
from db.rubric_versions import Version, import_version
from db.store import Cursor, Store, next_seq, now, rows_of
from rubrics.errors import UserError
from rubrics.load import read_yaml, rubric_from
from rubrics.schema import Rubric

_INSTRUMENTS = Path(__file__).with_name("instruments.yaml")
_NOTE = "What the raters of an imported file were asked. No run uses it; approving it is not needed for its agreement."


@dataclass(frozen=True)
class RatingsReport:
    """What became of a file. `known` ratings were here already; each problem is a rating, or a line, left out."""

    rubric_id: str
    dialogues_new: int
    raters: int
    ratings_new: int
    known: int
    problems: list[Problem]


class _Score(NamedTuple):
    rating: Rating
    value: float


def import_ratings(store: Store, actor: Person, path: Path, source: str) -> RatingsReport:
    """Import a file of one of `SOURCES`. Raises UserError when it cannot be read or the actor may not import."""
    require(person(store, actor.person_id), "import_data")
    told = _read(path, SOURCES[source])
    version = import_version(store, SYSTEM, _instrument(told.instrument), _NOTE)
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in told.dialogues]
    dialogues = import_lines(store, actor, lines, path.name, source)
    if dialogues.renamed:
        raise UserError(f"{path}: dialogues of its ids are here with other texts; its ratings were not brought in")
    scores, problems = _checked(told, version)
    known = store.write(lambda cursor: _insert(cursor, actor, version, scores, path.name, len(problems)))
    raters = len({score.rating.rater for score in scores})
    return RatingsReport(version.rubric_id, dialogues.dialogues_new, raters, len(scores) - known, known, problems)


def _read(path: Path, read: Callable[[Path], Told]) -> Told:
    try:
        return read(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the name and its rights") from error
    except (EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is damaged or no UTF-8 text; fetch it again") from error
    except (KeyError, TypeError, csv.Error, json.JSONDecodeError) as error:
        raise UserError(f"{path}: is not laid out as this source's files are; fetch it again as published") from error


def _instrument(name: str) -> Rubric:
    return rubric_from({"id": name, **read_yaml(_INSTRUMENTS)[name]})


def _checked(told: Told, version: Version) -> tuple[list[_Score], list[Problem]]:
    scores, problems = [], list(told.problems)
    there = {str(record["dialogue_id"]) for record in told.dialogues}
    for rating in told.ratings:
        if why := _fault(rating, version, there):
            problems.append(Problem(rating.line, why))
        else:
            scores.append(_Score(rating, float(rating.value)))
    return scores, sorted(problems)


def _fault(rating: Rating, version: Version, there: set[str]) -> str:
    name, value = rating.criterion_id, rating.value.strip()
    if rating.dialogue_id not in there:
        return "rates a dialogue whose text is not beside it"
    if name not in version.rubric.ids:
        return "rates something that the others do not"
    if not value:
        return f"{name} is blank"
    low, high = version.rubric.criterion(name).scale
    try:
        number = float(value)
    except ValueError:
        return f"{name} is no number"
    if not math.isfinite(number):
        return f"{name} is no number"
    return "" if low <= number <= high else f"{name} is {number:g}, outside {low}–{high}"


def _insert(cursor: Cursor, actor: Person, version: Version, scores: Sequence[_Score], name: str, problems: int) -> int:
    """Insert what is new; how many were known."""
    authorize(cursor, actor, "import_data")
    sql = "SELECT client_id FROM audit_events WHERE rubric_id = ? AND starts_with(client_id, 'ratings/')"
    known = {row["client_id"] for row in rows_of(cursor, sql, [version.rubric_id])}
    new = {_client_id(one, version): one for one in scores if _client_id(one, version) not in known}
    answers = _last_answers(cursor, sorted({one.rating.dialogue_id for one in new.values()}))
    first, moment = next_seq(cursor, "audit_events"), now()
    rows: list[tuple[object, ...]] = []
    for seq, (client_id, (rating, value)) in enumerate(new.items(), start=first):
        who, where = f"{version.rubric_id}/{rating.rater}", (rating.dialogue_id, *answers[rating.dialogue_id])
        what = (rating.criterion_id, None, value, rating.note, version.rubric_id, version.version, False)
        rows.append((seq, moment, who, client_id, "score", *where, *what))
    bulk_insert(cursor, "audit_events", rows)
    detail = {"file": name, "rubric_id": version.rubric_id, "ratings_new": len(new), "problems": problems}
    if new:
        history.record(cursor, actor, "import_data", "ratings", f"ratings-{uuid.uuid4().hex[:12]}", detail)
    return len(scores) - len(new)


def _client_id(one: _Score, version: Version) -> str:
    """The same rating has the same number in every import; another value is another rating, and the newest stands."""
    rating = one.rating
    return f"ratings/{version.rubric_id}/{rating.rater}/{rating.dialogue_id}/{rating.criterion_id}={one.value:g}"


def _last_answers(cursor: Cursor, ids: list[str]) -> dict[str, tuple[int, str]]:
    sql = """
        SELECT dialogue_id, max(turn_index) AS turn_index, arg_max(text_hash, turn_index) AS text_hash FROM turns
        WHERE dialogue_id IN (SELECT unnest(?::TEXT[])) GROUP BY dialogue_id
    """
    return {row["dialogue_id"]: (row["turn_index"], row["text_hash"]) for row in rows_of(cursor, sql, [ids])}
