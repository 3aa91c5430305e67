"""VERA-MH's rubric.tsv: a tree of questions with severities, where an answer says which question comes next.

Where no answers are written, VERA-MH's program takes Yes and No, and a Yes goes on to the next dimension. Kardia asks
every criterion. The way to a question is kept as words where an answer that is written leads to it; the program's own
short cuts are not, or a fault would hide the next one. A note says so for each row.
"""

import difflib
from typing import Any

from rubrics.errors import UserError
from rubrics.exchange.pieces import READS, Imported, sound_rubric
from rubrics.exchange.vera_table import (
    DIMENSION,
    EXAMPLES,
    KNOWN,
    QUESTION,
    RISK,
    SEVERITY,
    Answer,
    Question,
    questions_of,
)
from rubrics.exchange.vera_walk import next_question
from rubrics.exchange.words import identifier, listed, short_name

WHOLE_CONVERSATION = (
    "VERA-MH asks about a whole conversation; here each question is asked of one reply, knowing what came before it"
)
NO_BRANCHES = "every criterion is asked: which question follows which answer is kept as words, or not at all"
OWN_PROMPT = "the prompt that VERA-MH keeps beside its questions is not read: Kardia writes its own"
_ENDS = {"END", "ASSIGN_END"}


def read_vera_mh(text: str, where: str, name: str) -> Imported:
    """One rubric of flags. Raises UserError naming the line of the first fault: half a tree is no tree."""
    questions, columns = questions_of(text, where)
    ways = _ways(questions)
    worded = {question_id for question_id, way in ways.items() if way}
    body = {
        "id": identifier(f"vera-mh-{name}", "vera-mh"),
        "title": f"VERA-MH, {name}",
        "purpose": "flags",
        "criteria": [_criterion(q, ways[q.id], where) for q in questions],
    }
    rubric = sound_rubric(body, where)
    notes = [NO_BRANCHES, WHOLE_CONVERSATION, OWN_PROMPT, *_column_notes(columns), *_row_notes(questions, worded)]
    return Imported([rubric], notes, "vera-mh")


def _ways(questions: list[Question]) -> dict[str, str]:
    """For each question in words which answers lead to it; empty where no written answer does."""
    leading: dict[str, dict[str, list[str]]] = {q.id: {} for q in questions}
    written: set[str] = set()
    for at, question in enumerate(questions):
        for answer in question.answers:
            if following := next_question(questions, at, answer):
                leading[following].setdefault(answer.text, []).append(question.id)
                written |= set() if question.implied else {following}
    return {question_id: _way(answers) if question_id in written else "" for question_id, answers in leading.items()}


def _way(answers: dict[str, list[str]]) -> str:
    parts = [f"{' or '.join(ids)} was answered “{text}”" for text, ids in answers.items()]
    return f"Asked only when {', or '.join(parts)}." if parts else ""


def _criterion(question: Question, way: str, where: str) -> dict[str, Any]:
    cells = question.cells
    risk = f"Only for a person whose risk is: {cells[RISK]}." if cells[RISK] else ""
    tags = [f"{word}:{cells[column]}" for word, column in (("dimension", DIMENSION), ("risk", RISK)) if cells[column]]
    return {
        "id": question.id,
        "name": short_name(cells[QUESTION]),
        "question": "\n\n".join(filter(None, (cells[QUESTION], cells[EXAMPLES]))),
        "severity": _severity(question, where),
        "use_when": " ".join(filter(None, (risk, way))),
        "tags": tags,
        "reads": READS,
        **_scale(question),
    }


def _scale(question: Question) -> dict[str, Any]:
    """Yes and No, or two answers, are a yes/no question; more are levels in their order. Not Relevant scores 0."""
    beside = [a.text for a in question.answers if _is_beside(a)]
    texts = [a.text for a in question.answers if not _is_beside(a)]
    if len(texts) > 2:
        return {"kind": "likert", "anchors": dict(enumerate(texts, start=1))}
    if question.implied:
        return {"kind": "binary"}
    texts.sort(key=lambda text: text.casefold() == "no")
    zero = ", or: ".join([*texts[1:], *beside])
    return {"kind": "binary", "anchors": {1: texts[0]} | ({0: zero} if zero else {})} if texts else {"kind": "binary"}


def _is_beside(answer: Answer) -> bool:
    return answer.text.casefold().startswith("not relevant")


def _severity(question: Question, where: str) -> str:
    """Red or yellow; a word one letter off is read as what it is meant to be. Raises UserError for any other word."""
    written = question.cells[SEVERITY].casefold()
    near = difflib.get_close_matches(written, ("red", "yellow"), n=1, cutoff=0.8)
    if written and not near:
        raise UserError(f"{where}: line {question.line}: {SEVERITY} must be Red, Yellow or empty")
    return near[0] if near else "none"


def _column_notes(columns: list[str]) -> list[str]:
    others = [name for name in columns if name and name not in KNOWN]
    return [f"not kept: column {listed(others)}"] if others else []


def _row_notes(questions: list[Question], worded: set[str]) -> list[str]:
    """One note a row: what was read otherwise than it is written, and where its answer would have led."""
    said: dict[int, list[str]] = {}
    for at, question in enumerate(questions):
        said.setdefault(question.line, [f"line {question.line}, {question.id}"]).extend(_read_otherwise(question))
        for answer in question.answers:
            said.setdefault(answer.line, [f"line {answer.line}, {question.id}"]).append(
                _lead(questions, at, answer, worded)
            )
    return [": ".join((parts[0], "; ".join(parts[1:]))) for _, parts in sorted(said.items())]


def _read_otherwise(question: Question) -> list[str]:
    severity, scale = question.cells[SEVERITY], _scale(question)
    notes = ["no answers are written, so that they are Yes and No"] if question.implied else []
    if severity and severity.casefold() not in ("red", "yellow"):
        notes.append(f"severity “{short_name(severity)}” is read as {_severity(question, '')}")
    if scale["kind"] == "likert":
        notes.append(f"its answers became levels 1 to {len(scale['anchors'])} in their order")
        notes += [f"“{short_name(a.text)}” has no level" for a in question.answers if _is_beside(a)]
    elif any(_is_beside(answer) for answer in question.answers):
        notes.append("Not Relevant scores 0, as No does")
    return notes


def _lead(questions: list[Question], at: int, answer: Answer, worded: set[str]) -> str:
    if following := next_question(questions, at, answer):
        kept = "in words only" if following in worded else "which is not kept"
        return f"“{short_name(answer.text)}” leads to {following}, {kept}"
    if not answer.goto or answer.goto in _ENDS:
        return f"“{short_name(answer.text)}” ends the questions, which is not kept"
    return f"GOTO “{short_name(answer.goto)}” of “{short_name(answer.text)}” names no question and is not kept"
