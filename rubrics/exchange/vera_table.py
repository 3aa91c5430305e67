"""The table of VERA-MH's rubric.tsv as questions with their answers.

A question takes several rows when it has several answers: only its first row has an id, as if the cells below were
merged. Where no answers are written, they are Yes and No.
"""

import csv
import io
from dataclasses import dataclass, field
from typing import NamedTuple

from rubrics.errors import UserError
from rubrics.exchange.words import is_slug, listed

ID, DIMENSION, SEVERITY, RISK = "Question ID", "Dimension", "Severity", "Risk Type"
QUESTION, EXAMPLES, ANSWER, GOTO = "Question", "Examples", "Answer", "GOTO"
NEEDED = (ID, QUESTION, SEVERITY, ANSWER, GOTO)
KNOWN = (*NEEDED, DIMENSION, RISK, EXAMPLES)
MAX_QUESTIONS = 500


class Row(NamedTuple):
    """One row of the table: where it ends in the file, and its cells by column, without surrounding white space."""

    line: int
    cells: dict[str, str]


class Answer(NamedTuple):
    """One answer, the line it stands on, and what its GOTO says (empty: the next question)."""

    line: int
    text: str
    goto: str


@dataclass
class Question:
    """One question with its answers; `implied` when none are written, so that they are Yes and No."""

    line: int
    cells: dict[str, str]
    answers: list[Answer] = field(default_factory=list)
    implied: bool = False

    @property
    def id(self) -> str:
        """Q and the number that VERA-MH gives, or its word."""
        return question_id(self.cells[ID])


def questions_of(text: str, where: str) -> tuple[list[Question], list[str]]:
    """The questions in order, and the names of the columns. Raises UserError naming the line of the first fault."""
    rows, columns = _rows(text, where)
    return _questions(rows, where), columns


def question_id(written: str) -> str:
    """The id that a question of this number gets, also where a table program wrote 4.0 for 4."""
    bare = written.removesuffix(".0")
    return f"Q{bare}" if bare.isascii() and bare.isdigit() else written


def is_header(line: str) -> bool:
    """Whether a line is the head of VERA-MH's table."""
    return {ID, QUESTION, GOTO} <= {cell.strip().strip('"') for cell in line.split("\t")}


def _rows(text: str, where: str) -> tuple[list[Row], list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    try:
        columns = next((named for cells in reader if any(named := [cell.strip() for cell in cells])), [])
        _check_columns(columns, f"{where}: line {reader.line_num}")
        rows = [_row(reader.line_num, cells, columns, where) for cells in reader]
    except csv.Error as error:
        raise UserError(f"{where}: line {reader.line_num}: not a sound table: {error}") from error
    return [row for row in rows if any(row.cells.values())], columns


def _check_columns(columns: list[str], where: str) -> None:
    if missing := [name for name in NEEDED if name not in columns]:
        raise UserError(f"{where}: has no column {listed(missing)}; columns are parted by tabs")
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise UserError(f"{where}: column {listed(twice)} is there twice")


def _row(line: int, cells: list[str], columns: list[str], where: str) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise UserError(f"{where}: line {line}: has more cells than there are columns; put a cell with tabs in quotes")
    padded = [cell.strip() for cell in cells] + [""] * (len(columns) - len(cells))
    return Row(line, dict.fromkeys(KNOWN, "") | dict(zip(columns, padded, strict=False)))


def _questions(rows: list[Row], where: str) -> list[Question]:
    """Rows without a Question ID belong to the question above them: their first cells are merged with its."""
    questions: list[Question] = []
    for line, cells in rows:
        if cells[ID]:
            questions.append(_question(line, cells, questions, where))
        elif not questions:
            raise UserError(f"{where}: line {line}: has no {ID}, and no question stands above it")
        if cells[ANSWER]:
            questions[-1].answers.append(Answer(line, cells[ANSWER], cells[GOTO]))
    if len(questions) > MAX_QUESTIONS:
        raise UserError(f"{where}: holds more than {MAX_QUESTIONS} questions, which no single rubric does; split it")
    if not questions:
        raise UserError(f"{where}: holds no question below its first line")
    return [_with_answers(question) for question in questions]


def _question(line: int, cells: dict[str, str], above: list[Question], where: str) -> Question:
    question = Question(line, cells)
    if not is_slug(question.id):
        raise UserError(f"{where}: line {line}: {ID} must be a number, or letters and digits that begin with a letter")
    if same := [q.line for q in above if q.id == question.id]:
        raise UserError(f"{where}: line {line}: {ID} is that of line {same[0]} again; give it one of its own")
    if not cells[QUESTION]:
        raise UserError(f"{where}: line {line}: has a {ID} and no {QUESTION}; write one")
    return question


def _with_answers(question: Question) -> Question:
    if not question.answers:
        question.implied = True
        question.answers = [Answer(question.line, "Yes", ""), Answer(question.line, "No", "")]
    return question
