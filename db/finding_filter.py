"""Which dialogues somebody looks for, and the condition in SQL that says so.

Every condition on marks asks about those that stand now; taken back is as never made. Gold is never somebody's flag.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from db.search_texts import saying
from rubrics.schema import Severity

Condition = tuple[str, list[Any]]
ANYONE, GOLD = "anyone", "gold"


@dataclass(frozen=True)
class Filter:
    """Which dialogues: all conditions at once; the defaults let everything through.

    `text` is a plain substring of the situation or of any message, upper and lower case alike. `unfinished_by` and
    `finished_by` are the person_id of somebody who has not, or has, finished them. `flag_code` and `flag_severity` ask
    for one flag that is both, set by `flag_by`: "anyone" (of the people), "gold", or a person_id. A score of
    `score_criterion` lies within `score_low` and `score_high` (both included; None is open) and was given by people or
    by a judge. `disagreement`: of those who finished a dialogue, some flagged a turn with a code and some did not.
    `run_id` is a run that took the dialogue as an input. `rubric_id` and `rubric_version` narrow flags, scores,
    disagreement and finishing to that rubric; without any of these they ask for any mark or run by it.
    """

    text: str = ""
    emotion: str | None = None
    persona_id: str | None = None
    source: str | None = None
    flagged: bool | None = None
    unfinished_by: str | None = None
    mbti: str | None = None
    finished_by: str | None = None
    flag_code: str | None = None
    flag_severity: Severity | None = None
    flag_by: str | None = None
    score_criterion: str | None = None
    score_low: float | None = None
    score_high: float | None = None
    score_by: Literal["people", "judge"] = "people"
    disagreement: bool = False
    run_id: str | None = None
    rubric_id: str | None = None
    rubric_version: int | None = None

    @property
    def asks_flag(self) -> bool:
        """Whether it asks for one particular flag."""
        return bool(self.flag_code or self.flag_severity or self.flag_by)

    @property
    def asks_score(self) -> bool:
        """Whether it asks for a score."""
        return self.score_criterion is not None

    @property
    def asks_finished(self) -> bool:
        """Whether it asks what somebody finished."""
        return bool(self.finished_by or self.unfinished_by)


def where(filter: Filter) -> Condition:
    """The condition on `dialogues d`, and its parameters. The text comes last: it is the dearest to look at."""
    conditions = list(_conditions(filter))
    sql = " AND ".join(["true", *(sql for sql, _ in conditions)])
    return sql, [value for _, values in conditions for value in values]


def _conditions(filter: Filter) -> Iterator[Condition]:
    for column in ("emotion", "persona_id", "source", "mbti"):
        if (value := getattr(filter, column)) is not None:
            yield f"d.{column} = ?", [value]
    if filter.flagged is not None:
        yield _among(f"SELECT dialogue_id FROM ({_standing()}) WHERE kind = 'flag'", [], filter.flagged)
    if filter.asks_flag:
        yield _among(*_flags(filter))
    if filter.asks_score:
        yield _among(*(_judged(filter) if filter.score_by == "judge" else _scores(filter)))
    if filter.disagreement:
        yield _among(*_disagreement(filter))
    if filter.run_id is not None:
        yield _among("SELECT dialogue_id FROM run_inputs WHERE run_id = ?", [filter.run_id])
    for person_id, is_wanted in ((filter.finished_by, True), (filter.unfinished_by, False)):
        if person_id is not None:
            yield _among(*_finished(filter, person_id), is_wanted)
    if filter.rubric_id and not (filter.asks_flag or filter.asks_score or filter.disagreement or filter.asks_finished):
        yield _among(*_touched(filter))
    if filter.text.strip():
        yield saying(filter.text.strip())


def _among(sql: str, params: list[Any], is_wanted: bool = True) -> Condition:
    return f"d.dialogue_id {'IN' if is_wanted else 'NOT IN'} ({sql})", params


def _equal(**columns: Any) -> Condition:
    """`AND column = ?` for each that has a value."""
    asked = {column: value for column, value in columns.items() if value is not None}
    return "".join(f" AND {column} = ?" for column in asked), list(asked.values())


def _rubric(filter: Filter) -> dict[str, Any]:
    return {"rubric_id": filter.rubric_id, "rubric_version": filter.rubric_version}


def _flags(filter: Filter) -> Condition:
    """Of one code and severity, by the person asked for; gold belongs to nobody."""
    is_gold, person_id = filter.flag_by == GOLD, filter.flag_by if filter.flag_by not in (None, ANYONE, GOLD) else None
    of_events, event_params = _equal(code=filter.flag_code, person_id=person_id)
    of_newest, newest_params = _equal(severity=filter.flag_severity, **_rubric(filter))
    sql = f"SELECT dialogue_id FROM ({_standing(is_gold, of_events)}) WHERE kind = 'flag'{of_newest}"
    return sql, event_params + newest_params


def _standing(is_gold: bool = False, of_events: str = "") -> str:
    """The newest word on each flag. As the view `current_flags`, in half the time: it sorts nothing."""
    whose = "" if is_gold else ", person_id"
    return f"""
        SELECT dialogue_id, turn_index, code{whose}, arg_max(kind, seq) AS kind, arg_max(severity, seq) AS severity,
            arg_max(rubric_id, seq) AS rubric_id, arg_max(rubric_version, seq) AS rubric_version
        FROM audit_events WHERE kind IN ('flag', 'unflag') AND {"" if is_gold else "NOT "}is_gold{of_events}
        GROUP BY dialogue_id, turn_index, audit_events.code{whose}
    """


def _scores(filter: Filter) -> Condition:
    marks, params = _equal(code=filter.score_criterion, **_rubric(filter))
    within, limits = _within(filter, "value")
    return f"SELECT dialogue_id FROM current_scores WHERE true{marks}{within}", params + limits


def _judged(filter: Filter) -> Condition:
    """Scoring runs alone: what other stages judge is not in the dialogue."""
    runs, of_rubric = _equal(**_rubric(filter))
    within, limits = _within(filter, "score")
    return (
        "SELECT dialogue_id FROM verdicts WHERE outcome = 'scored' AND criterion_id = ? "
        f"AND run_id IN (SELECT run_id FROM runs WHERE stage = 'score'{runs}){within}",
        [filter.score_criterion, *of_rubric, *limits],
    )


def _within(filter: Filter, column: str) -> Condition:
    limits = {">=": filter.score_low, "<=": filter.score_high}
    asked = {sign: value for sign, value in limits.items() if value is not None}
    return "".join(f" AND {column} {sign} ?" for sign in asked), list(asked.values())


def _finished(filter: Filter, person_id: str) -> Condition:
    """From the events and not the view, which has to look at everybody's before it can say whose they are."""
    rubric, params = _equal(**_rubric(filter))
    sql = f"""
        SELECT dialogue_id FROM (
            SELECT dialogue_id, rubric_id, arg_max(kind, seq) AS kind, arg_max(rubric_version, seq) AS rubric_version
            FROM audit_events WHERE person_id = ? AND kind IN ('finish', 'unfinish') AND NOT is_gold GROUP BY ALL
        ) WHERE kind = 'finish'{rubric}
    """
    return sql, [person_id, *params]


def _disagreement(filter: Filter) -> Condition:
    """A turn and code that fewer flagged than finished the dialogue by that rubric, counting finishers alone.

    Readers are told apart by a hash of 64 bits, which halves the time of half a million of them; that two of those
    share one, and a dialogue is found or missed for it, is a chance of one in a hundred million.
    """
    rubric, of_rubric = _equal(rubric_id=filter.rubric_id)
    version, of_version = _equal(version=filter.rubric_version)
    newest = ", arg_max(rubric_version, seq) AS version" if version else ""
    sql = f"""
        WITH done AS MATERIALIZED (
            SELECT reader, dialogue FROM (
                SELECT hash(dialogue_id, rubric_id, person_id) AS reader,
                    any_value(hash(dialogue_id, rubric_id)) AS dialogue,
                    max(seq * 2 + (kind = 'finish')::INTEGER) % 2 AS is_done{newest}
                FROM audit_events WHERE kind IN ('finish', 'unfinish') AND NOT is_gold{rubric} GROUP BY reader
            ) WHERE is_done = 1{version}
        ), readers AS (
            SELECT dialogue, count(*) AS readers FROM done GROUP BY dialogue
        ), flagged AS (
            SELECT dialogue_id, hash(dialogue_id, rubric_id) AS dialogue, count(*) AS flagging FROM ({_standing()})
            WHERE kind = 'flag' AND hash(dialogue_id, rubric_id, person_id) IN (SELECT reader FROM done)
            GROUP BY dialogue_id, rubric_id, turn_index, code
        )
        SELECT dialogue_id FROM flagged JOIN readers USING (dialogue) WHERE flagging < readers
    """
    return sql, of_rubric + of_version


def _touched(filter: Filter) -> Condition:
    rubric, params = _equal(**_rubric(filter))
    sql = f"""
        SELECT dialogue_id FROM audit_events WHERE NOT is_gold{rubric} UNION ALL
        SELECT dialogue_id FROM run_inputs JOIN runs USING (run_id) WHERE true{rubric}
    """
    return sql, params * 2
