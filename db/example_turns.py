"""Real turns that could stand as examples of a criterion: what was said there, and what people and judges made of it.

A mark is somebody's answer to the criterion on one turn: a flag (1), a turn that was read to the end and not flagged
(0), a person's score, a judge's verdict in a scoring run. Where several stand on one turn, people come before judges.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from db import dialogues
from db.dialogues import Filter
from db.store import Store
from pipeline.spans import read_spans
from rubrics.errors import UserError

MarkKind = Literal["gold", "person", "finished", "judge"]


class Place(NamedTuple):
    """One turn: an assistant message of a dialogue, counted from 0."""

    dialogue_id: str
    turn_index: int


@dataclass(frozen=True)
class Candidate:
    """One turn with its mark. `said` is what the person wrote just before, `response` what they then saw.

    Without a mark `score` and `mark` are None. `who` is a person_id or the judge's endpoint, empty for the gold audit;
    `why` is the note or the judge's reason. `is_severe`: a flag that may be known calls the turn red.
    """

    place: Place
    said: str
    response: str
    emotion: str
    score: float | None = None
    mark: MarkKind | None = None
    who: str = ""
    why: str = ""
    rubric_version: int | None = None
    is_severe: bool = False


# $1 rubric, $2 criterion, $3 whether gold may be known. A version without the criterion asked nobody about it, so
# having finished with that one says nothing. A turn flagged in the gold audit is no counter-example for anybody.
_MARKS = f"""
    WITH asking AS (
        SELECT version FROM rubric_versions
        WHERE rubric_id = $1 AND list_contains(json_extract_string(body, '$.criteria[*].id'), $2)
    ), flagged AS (
        SELECT * FROM current_flags WHERE rubric_id = $1 AND code = $2
    ), read_to_the_end AS (
        SELECT dialogue_id, arg_max(CASE WHEN is_gold THEN '' ELSE person_id END, seq) AS who,
            arg_max(rubric_version, seq) AS rubric_version, max(created_at) AS moment
        FROM current_finished
        WHERE rubric_id = $1 AND rubric_version IN (FROM asking) AND (NOT is_gold OR $3) GROUP BY dialogue_id
    ), answers AS (
        SELECT dialogue_id, turn_index, 1.0 AS score, CASE WHEN is_gold THEN 'gold' ELSE 'person' END AS mark,
            CASE WHEN is_gold THEN '' ELSE person_id END AS who, note AS why, rubric_version, created_at AS moment
        FROM flagged WHERE NOT is_gold OR $3
        UNION ALL BY NAME
        SELECT dialogue_id, turn_index, value AS score, 'person' AS mark, person_id AS who, note AS why, rubric_version,
            created_at AS moment
        FROM current_scores WHERE rubric_id = $1 AND code = $2
        UNION ALL BY NAME
        SELECT dialogue_id, turn_index, 0.0 AS score, 'finished' AS mark, who, '' AS why, rubric_version, moment
        FROM turns JOIN read_to_the_end USING (dialogue_id) ANTI JOIN flagged USING (dialogue_id, turn_index)
        UNION ALL BY NAME
        SELECT v.dialogue_id, v.turn_index, v.score, 'judge' AS mark,
            coalesce(json_extract_string(r.config, '$.judge'), v.judge, '') AS who, coalesce(v.reason, '') AS why,
            r.rubric_version, r.created_at AS moment
        FROM verdicts v JOIN runs r USING (run_id)
        WHERE r.stage = 'score' AND r.rubric_id = $1 AND v.outcome = 'scored' AND v.criterion_id = $2
    ), marks AS (
        SELECT *, list_position({list(get_args(MarkKind))}, mark) AS rank FROM answers
        QUALIFY row_number() OVER (PARTITION BY dialogue_id, turn_index ORDER BY rank, moment DESC) = 1
    )
"""


def spread(store: Store, rubric_id: str, criterion_id: str, with_gold: bool) -> dict[int, int]:
    """How many turns have each score of this criterion, a judge's fraction rounded; scores that none has are absent."""
    sql = f"{_MARKS} SELECT round(score)::INTEGER AS score, count(*) AS turns FROM marks GROUP BY 1 ORDER BY 1"
    return {row["score"]: row["turns"] for row in store.rows(sql, [rubric_id, criterion_id, with_gold])}


def fitting(
    store: Store, rubric_id: str, criterion_id: str, score: int, *, with_gold: bool, limit: int = 6, offset: int = 0
) -> list[Candidate]:
    """Turns with that score, the most telling first.

    People before judges; what was not flagged in a dialogue that has the flag elsewhere before other unflagged turns;
    then from as many dialogues as there are, the newest marks first.
    """
    sql = f"""
        {_MARKS}, chosen AS (
            SELECT *, dialogue_id IN (SELECT dialogue_id FROM flagged WHERE NOT is_gold OR $3) AS is_near,
                row_number() OVER (PARTITION BY dialogue_id, rank ORDER BY moment DESC, turn_index) AS nth
            FROM marks WHERE round(score) = $4
        )
        SELECT * EXCLUDE (rank, nth, is_near, moment) FROM chosen
        ORDER BY rank, is_near DESC, nth, moment DESC, dialogue_id, turn_index LIMIT $5 OFFSET $6
    """
    found = store.rows(sql, [rubric_id, criterion_id, with_gold, score, limit, offset])
    marks = {Place(row.pop("dialogue_id"), row.pop("turn_index")): row for row in found}
    return _candidates(store, marks, with_gold)


def matching(
    store: Store, rubric_id: str, criterion_id: str, filter: Filter, *, with_gold: bool, limit: int = 6, offset: int = 0
) -> list[Candidate]:
    """Turns of the dialogues that the filter lets through, `limit` dialogues a page, in order of arrival.

    With words to look for: the turns in which the person or the response says them, else the dialogue's first turn.
    """
    ids = dialogues.search(store, filter, limit, offset)["dialogue_id"].tolist()
    words, exchanges = filter.text.strip().lower(), _exchanges(store, ids)
    places = [Place(one, turn) for one in ids for turn in _telling(exchanges[one].pairs, words)]
    return _candidates(store, _marks_on(store, rubric_id, criterion_id, places, with_gold), with_gold)


def candidate(store: Store, rubric_id: str, criterion_id: str, place: Place, with_gold: bool) -> Candidate:
    """One turn with what was made of it. Raises UserError when the store has no such turn."""
    found = _candidates(store, _marks_on(store, rubric_id, criterion_id, [place], with_gold), with_gold)
    if not found:
        raise UserError(f"{place.dialogue_id}: the store has no turn {place.turn_index + 1} of this dialogue")
    return found[0]


def stored_texts(store: Store, places: Iterable[Place]) -> dict[Place, str]:
    """What an example taken from these turns would say today; turns that are not in the store are left out."""
    wanted = set(places)
    if not wanted:
        return {}
    known = _exchanges(store, [place.dialogue_id for place in wanted])
    return {
        Place(one, turn): example_text(*pair)
        for one, told in known.items()
        for turn, pair in enumerate(told.pairs)
        if (one, turn) in wanted
    }


def example_text(said: str, response: str) -> str:
    """The text of an example: what the person wrote, then the response."""
    return f"Person: {said}\nResponse: {response}" if said else f"Response: {response}"


class _Told(NamedTuple):
    """A dialogue's emotion, and for each turn what the person wrote before it and the response that they saw."""

    emotion: str
    pairs: list[tuple[str, str]]


def _exchanges(store: Store, ids: Sequence[str]) -> dict[str, _Told]:
    sql = "SELECT dialogue_id, emotion, messages FROM dialogues WHERE dialogue_id IN (SELECT unnest($1::TEXT[]))"
    found = store.rows(sql, [list(dict.fromkeys(ids))])
    return {row["dialogue_id"]: _Told(row["emotion"], _pairs(json.loads(row["messages"]))) for row in found}


def _pairs(messages: list[dict[str, str]]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    said: list[str] = []
    for message in messages:
        if message["role"] == "assistant":
            pairs.append(("\n".join(said), read_spans(message["content"]).response.strip()))
            said = []
        elif message["role"] == "user":
            said.append(message["content"].strip())
    return pairs


def _telling(pairs: list[tuple[str, str]], words: str) -> list[int]:
    saying = [turn for turn, pair in enumerate(pairs) if words and any(words in text.lower() for text in pair)]
    return saying or list(range(len(pairs)))[:1]


def _marks_on(
    store: Store, rubric_id: str, criterion_id: str, places: list[Place], with_gold: bool
) -> dict[Place, dict[str, Any]]:
    """The mark of each of these turns, in this order; an empty one where nobody marked it."""
    sql = f"{_MARKS} SELECT * EXCLUDE (rank, moment) FROM marks WHERE dialogue_id IN (SELECT unnest($4::TEXT[]))"
    ids = list({place.dialogue_id for place in places})
    found = store.rows(sql, [rubric_id, criterion_id, with_gold, ids])
    known = {Place(row.pop("dialogue_id"), row.pop("turn_index")): row for row in found}
    return {place: known.get(place, {}) for place in places}


def _candidates(store: Store, marks: dict[Place, dict[str, Any]], with_gold: bool) -> list[Candidate]:
    """The turns of these marks with their words; turns that are not in the store (any more) are left out."""
    ids = [place.dialogue_id for place in marks]
    told, severe = _exchanges(store, ids), _severe(store, ids, with_gold)
    return [
        Candidate(place, *told[place[0]].pairs[place[1]], told[place[0]].emotion, **mark, is_severe=place in severe)
        for place, mark in marks.items()
        if place.dialogue_id in told and place.turn_index < len(told[place.dialogue_id].pairs)
    ]


def _severe(store: Store, ids: list[str], with_gold: bool) -> set[Place]:
    sql = """
        SELECT DISTINCT dialogue_id, turn_index FROM current_flags
        WHERE severity = 'red' AND (NOT is_gold OR $1) AND dialogue_id IN (SELECT unnest($2::TEXT[]))
    """
    return {Place(row["dialogue_id"], row["turn_index"]) for row in store.rows(sql, [with_gold, ids])}
