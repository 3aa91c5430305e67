"""Every evaluated model, in tables of those that can be compared: same turns, rubric text, judge, draws and crises."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from pipeline.report.read import Evaluation
from pipeline.report.words import measure_name, scale_of, written

_COLUMNS = ("rubric", "emotion", "format", "crisis_met", "red_dialogues", "false_alarm")


class Board(NamedTuple):
    """One table, the best rubric score first; `runs` are the evaluations that it is made of, newest first."""

    title: str
    table: pd.DataFrame
    runs: tuple[str, ...]


def leaderboards(evaluations: Iterable[Evaluation]) -> list[Board]:
    """The boards, that of the newest evaluation first. `evaluations` come newest first; a model's newest counts."""
    groups: dict[tuple[str, ...], list[Evaluation]] = {}
    for found in evaluations:
        groups.setdefault(_comparable(found), []).append(found)
    return [_board(group) for group in groups.values()]


def _comparable(found: Evaluation) -> tuple[str, ...]:
    """What must be the same: the turns that were answered, the rubrics' texts, the judge, how answers are drawn, and
    which turns people named as ones in danger (none: the judge says so).
    """
    asked = found.answer_measures[["dialogue_id", "turn_index"]].drop_duplicates().astype(str).sort_values(
        ["dialogue_id", "turn_index"]
    )  # fmt: skip
    turns = hashlib.sha256("\n".join(asked["dialogue_id"] + ":" + asked["turn_index"]).encode()).hexdigest()
    request, config = found.request, found.config
    hashes = [reference.hash if reference else "" for reference in (request.rubric, request.flags)]
    drawn = f"{config.samples}/{config.temperature if config.samples > 1 else 0}/{config.max_completion_length}"
    return (
        turns,
        *hashes,
        request.models.get("judge", config.judge),
        drawn,
        *(sorted(set(config.crisis)) if request.flags else ()),
    )


def _board(group: list[Evaluation]) -> Board:
    rows: dict[str, tuple[float, dict[str, str]]] = {}
    newest = group[0]
    for found in group:
        for which in found.order:
            rows.setdefault(found.config.order[which], _row(found, which))
    ranked = [row for _, row in sorted(rows.values(), key=lambda one: -one[0])]
    table = pd.DataFrame(ranked).fillna("–")
    return Board(_title(newest), table, tuple(found.request.run_id for found in group))


def _row(found: Evaluation, which: str) -> tuple[float, dict[str, str]]:
    cells = {"Model": found.name(which)}
    for name in [name for name in _COLUMNS if name in found.measures]:
        line = found.score(which, name)
        scale = scale_of(found.rubric, name)
        cells[measure_name(found.rubric, name)] = written(scale, line["value"], line["low"], line["high"])
    value = found.score(which, "rubric")["value"]
    return (float(value) if value is not None else -1.0, cells)


def _title(found: Evaluation) -> str:
    reference = found.request.rubric
    version = f"version {reference.version}" if reference and reference.version else "a file of one's own"
    turns = len(found.answer_measures[["dialogue_id", "turn_index"]].drop_duplicates())
    judge = found.request.models.get("judge", found.config.judge)
    return f"{found.rubric.title}, {version}, judge {judge}, {turns} turns"
