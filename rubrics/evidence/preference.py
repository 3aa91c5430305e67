"""Which of several models people or judges prefer, from choices between two replies, ties allowed.

Strengths are those of Bradley and Terry (Biometrika 39, 1952) with a tie as half a win for either side, fitted by
evalica. They exist only where no model, and no group of models, won or lost everything against the rest (Ford 1957).
Newman's iteration for ties of their own (JMLR 24, 2023) was tried: where nobody tied, evalica's goes round in circles.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Literal, NamedTuple

import evalica
import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from rubrics.evidence.bootstrap import ends, share_interval, times_drawn
from rubrics.evidence.paired import FEWEST

Won = Literal["first", "second", "tie"]
DRAWS = 500
_TOLERANCE, _ITERATIONS = 1e-10, 10_000
_WINNERS = {"first": evalica.Winner.X, "second": evalica.Winner.Y, "tie": evalica.Winner.Draw}
_POINTS: dict[Won, float] = {"first": 1.0, "second": 0.0, "tie": 0.5}


class Choice(NamedTuple):
    """One choice between the replies of two models; `cluster` is the dialogue that both replied in."""

    first: str
    second: str
    won: Won
    cluster: str


class Strength(NamedTuple):
    """A model's strength on the scale of log odds, 0 for the mean of all models, with its 95 % interval by dialogue.

    None where it cannot be told, and `why` says so. `wins`, `ties` and `losses` count choices.
    """

    model: str
    value: float | None
    low: float | None
    high: float | None
    wins: int
    ties: int
    losses: int
    why: str = ""


class Share(NamedTuple):
    """How often the first of two models was chosen, a tie counting half, with its 95 % interval by dialogue.

    The interval is None below two dialogues, and, where choices differ, below as many as can show anything (`FEWEST`).
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


def strengths(choices: Sequence[Choice], seed: int, draws: int = DRAWS) -> list[Strength]:
    """Every model's strength, the strongest first; without one, in order of their names at the end."""
    models = sorted({name for one in choices for name in (one.first, one.second)})
    fitted = _fit(choices, models, np.ones(len(choices), dtype=np.int64))
    if fitted is None:
        why = "a model won or lost every choice, or models were never held against each other"
        return [Strength(name, None, None, None, *_counts(choices, name), why) for name in models]
    low, high, why = _bounds(choices, models, seed, draws)
    rows = [
        Strength(
            name,
            float(fitted[i]),
            None if low is None else float(low[i]),
            None if high is None else float(high[i]),
            *_counts(choices, name),
            why,
        )
        for i, name in enumerate(models)
    ]
    return sorted(rows, key=lambda row: (-(row.value or 0.0), row.model))


def share(choices: Sequence[Choice], model: str, other: str, seed: int) -> Share:
    """How often `model` was chosen over `other`, of the choices between the two."""
    met = [one for one in choices if {one.first, one.second} == {model, other}]
    points = [_POINTS[one.won] if one.first == model else 1 - _POINTS[one.won] for one in met]
    if not points:
        return Share(None, None, None, 0)
    clusters = [one.cluster for one in met]
    enough = len(set(clusters)) >= FEWEST or len(set(points)) == 1
    low, high = (share_interval(points, clusters, seed) if enough else None) or (None, None)
    return Share(float(np.mean(points)), low, high, len(points))


def _bounds(
    choices: Sequence[Choice], models: Sequence[str], seed: int, draws: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, str]:
    """Ends of the intervals; draws in which a model won or lost everything are left out, and too many give none."""
    names, place = np.unique([one.cluster for one in choices], return_inverse=True)
    if len(names) < 2:
        return None, None, "no interval: one dialogue alone"
    fits = [_fit(choices, models, times[place]) for times in times_drawn(len(names), seed, draws)]
    known = [fit for fit in fits if fit is not None]
    if len(known) < 0.9 * draws:
        return None, None, "no interval: in too many draws of dialogues a model wins or loses everything"
    low, high = np.quantile(known, ends(len(names)), axis=0)
    return low, high, ""


def _fit(choices: Sequence[Choice], models: Sequence[str], weights: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Log strengths in the order of `models`, their mean 0; None where they do not exist."""
    counted: Counter[tuple[str, str, Won]] = Counter()
    for one, weight in zip(choices, weights, strict=True):
        if weight:
            counted[one.first, one.second, one.won] += int(weight)
    if len(models) < 2 or not _comparable(counted, models):
        return None
    firsts, seconds, won = zip(*counted, strict=True)
    found = evalica.bradley_terry(
        firsts,
        seconds,
        [_WINNERS[one] for one in won],
        weights=list(counted.values()),
        tolerance=_TOLERANCE,
        limit=_ITERATIONS,
    )
    scores: dict[Hashable, float] = found.scores.to_dict()
    logs = np.log([scores[name] for name in models])
    return np.asarray(logs - logs.mean(), dtype=np.float64)


def _comparable(counted: Iterable[tuple[str, str, Won]], models: Sequence[str]) -> bool:
    """Whether every model can be reached from every other by wins and ties (Ford's condition)."""
    at = {name: i for i, name in enumerate(models)}
    beat = np.zeros((len(models), len(models)))
    for first, second, won in counted:
        if won != "second":
            beat[at[first], at[second]] = 1
        if won != "first":
            beat[at[second], at[first]] = 1
    return int(connected_components(beat, directed=True, connection="strong", return_labels=False)) == 1


def _counts(choices: Sequence[Choice], model: str) -> tuple[int, int, int]:
    """Wins, ties and losses of a model."""
    mine = [one for one in choices if model in (one.first, one.second)]
    ties = sum(one.won == "tie" for one in mine)
    wins = sum((one.won == "first") == (one.first == model) for one in mine if one.won != "tie")
    return wins, ties, len(mine) - ties - wins
