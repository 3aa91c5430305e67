"""KardiaBench's table of statistics, for our data beside the published one.

The published figures are those reported from arXiv 2512.01282. Its unit of length is not told; ours are words between
white space, so lengths are to be compared in their proportions and not by their size.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.dataset.split import person_of
from pipeline.spans import read_spans


class Statistics(NamedTuple):
    """One column of the table: counts, and means per dialogue (turns) or per exchange (lengths)."""

    dialogues: int
    pairs: int
    turns: float
    query: float
    understanding: float
    reasoning: float
    response: float
    emotions: int
    profiles: int


ROWS = {
    "dialogues": "Dialogues",
    "pairs": "Query–response pairs",
    "turns": "Mean turns",
    "query": "Mean query length",
    "understanding": "Mean understanding length",
    "reasoning": "Mean reasoning length",
    "response": "Mean response length",
    "emotions": "Emotions",
    "profiles": "Profiles",
}
PUBLISHED = {
    "train": Statistics(19_533, 157_790, 8.078, 51.34, 41.49, 53.21, 26.94, 32, 639),
    "test": Statistics(2_547, 20_290, 7.966, 51.57, 41.28, 52.82, 26.83, 32, 32),
    "all": Statistics(22_080, 178_080, 8.07, 51.36, 41.46, 53.17, 26.93, 32, 671),
}


def statistics(lines: Iterable[Mapping[str, Any]]) -> Statistics:
    """The statistics of some dialogues; means are 0 where there is nothing."""
    totals = dict.fromkeys(("query", "understanding", "reasoning", "response"), 0)
    dialogues = pairs = queries = 0
    people, emotions = set(), set()
    for line in lines:
        dialogues += 1
        people.add(person_of(line))
        emotions.add(line.get("emotion", ""))
        for message in line["messages"]:
            if message["role"] == "user":
                queries += 1
                totals["query"] += _words(message["content"])
            elif message["role"] == "assistant":
                pairs += 1
                spans = read_spans(message["content"])
                for name in ("understanding", "reasoning", "response"):
                    totals[name] += _words(getattr(spans, name))
    means = {name: _mean(total, queries if name == "query" else pairs) for name, total in totals.items()}
    return Statistics(
        dialogues, pairs, _mean(pairs, dialogues), **means, emotions=len(emotions - {""}), profiles=len(people)
    )


def table(ours: Mapping[str, Statistics], titles: tuple[str, str] = ("ours", "KardiaBench")) -> str:
    """The table in Markdown: for train, test and all our figure and the published one."""
    parts = [part for part in ("train", "test", "all") if part in ours]
    head = ["", *(f"{part}, {title}" for part in parts for title in titles)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for field, name in ROWS.items():
        cells = [_shown(getattr(one, field)) for part in parts for one in (ours[part], PUBLISHED[part])]
        rows.append([name, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def by_side(lines: Sequence[Mapping[str, Any]], sides: Sequence[str]) -> dict[str, Statistics]:
    """The statistics of train, test and all."""
    found = {
        side: statistics(line for line, at in zip(lines, sides, strict=True) if at == side)
        for side in ("train", "test")
        if side in sides
    }
    return {**found, "all": statistics(lines)}


def _words(text: str) -> int:
    return len(text.split())


def _mean(total: int, count: int) -> float:
    return total / count if count else 0.0


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
