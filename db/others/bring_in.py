"""Ratings of others into the store: their dialogues, their instrument as a rubric, and each rating as a score.

Raters are named after their source ("dices/r001"); they are nobody of the studio and can do nothing here. A rating
that is blank, no number or off its scale is a problem with its line, never a score of another value. The same file
again adds nothing; a file that says something else by now adds that. All of a file comes in one write, or nothing does.
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
from db.exchange import Problem, insert_lines
from db.others.sources import SOURCES, Rating, Told
from db.people import SYSTEM, Person, authorize, person, require
from db.rubric_foresight import write_foreseen
from db.rubric_versions import Version, insert_version
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


# Of each dialogue that has one, the number of its last answer and that text's hash.
_Answers = dict[str, tuple[int, str]]


class _Score(NamedTuple):
    rating: Rating
    value: float


def import_ratings(store: Store, actor: Person, path: Path, source: str) -> RatingsReport:
    """Import a file of one of `SOURCES`. Raises UserError when it cannot be read or the actor may not import."""
    require(person(store, actor.person_id), "import_data")
    told, lines = _read(path, SOURCES[source])

    def work(cursor: Cursor, foreseen: bool) -> RatingsReport:
        version = insert_version(cursor, SYSTEM, _instrument(told.instrument), _NOTE, foreseen)
        dialogues = insert_lines(cursor, actor, lines, path.name, source)
        if dialogues.renamed:
            raise UserError(f"{path}: dialogues of its ids are here with other texts; nothing of it was brought in")
        answers = _last_answers(cursor, [str(record["dialogue_id"]) for record in told.dialogues])
        scores, problems = _checked(told, version, answers)
        known = _insert(cursor, actor, version, scores, answers, path.name, len(problems))
        raters = len({score.rating.rater for score in scores})
        return RatingsReport(version.rubric_id, dialogues.dialogues_new, raters, len(scores) - known, known, problems)

    return write_foreseen(store, work)


def _read(path: Path, read: Callable[[Path], Told]) -> tuple[Told, list[bytes]]:
    """What a file tells, and its dialogues as lines to import."""
    try:
        told = read(path)
        return told, [json.dumps(record, ensure_ascii=False).encode() for record in told.dialogues]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the name and its rights") from error
    except (EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is damaged or no UTF-8 text; fetch it again") from error
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, csv.Error) as error:
        raise UserError(f"{path}: is not laid out as this source's files are; fetch it again as published") from error


def _instrument(name: str) -> Rubric:
    return rubric_from({"id": name, **read_yaml(_INSTRUMENTS)[name]})


def _checked(told: Told, version: Version, answers: _Answers) -> tuple[list[_Score], list[Problem]]:
    scores, problems = [], list(told.problems)
    beside = {str(record["dialogue_id"]) for record in told.dialogues}
    for rating in told.ratings:
        if why := _unanswered(rating, beside, answers) or _fault(rating, version):
            problems.append(Problem(rating.line, why))
        else:
            scores.append(_Score(rating, float(rating.value)))
    return scores, sorted(problems)


def _unanswered(rating: Rating, beside: set[str], answers: _Answers) -> str:
    if rating.dialogue_id not in beside:
        return "rates a dialogue whose text is not beside it"
    return "" if rating.dialogue_id in answers else "rates a dialogue that has no answer, or no text that can be read"


def _fault(rating: Rating, version: Version) -> str:
    name, value = rating.criterion_id, rating.value.strip()
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


def _insert(
    cursor: Cursor,
    actor: Person,
    version: Version,
    scores: Sequence[_Score],
    answers: _Answers,
    name: str,
    problems: int,
) -> int:
    """Insert what is new; how many were known."""
    authorize(cursor, actor, "import_data")
    sql = "SELECT client_id FROM audit_events WHERE rubric_id = ? AND starts_with(client_id, 'ratings/')"
    known = {row["client_id"] for row in rows_of(cursor, sql, [version.rubric_id])}
    new = {_client_id(one, version): one for one in scores if _client_id(one, version) not in known}
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


def _last_answers(cursor: Cursor, ids: list[str]) -> _Answers:
    sql = """
        SELECT dialogue_id, max(turn_index) AS turn_index, arg_max(text_hash, turn_index) AS text_hash FROM turns
        WHERE dialogue_id IN (SELECT unnest(?::TEXT[])) GROUP BY dialogue_id
    """
    return {row["dialogue_id"]: (row["turn_index"], row["text_hash"]) for row in rows_of(cursor, sql, [ids])}
