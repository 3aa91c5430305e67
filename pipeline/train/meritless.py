"""Answers without merit, rewarded beside the model's own at each look: is what they earn all that is learnt?

Whoever only repeats the rubric's words, strings the right words together or flatters has done nothing for the person,
and neither has an empty answer. Where the rubric's score of one of these is as high as that of the model's answers, a
rising reward says little (pipeline.train.alerts). In the four spans, all but the response empty; a few turns only, the
same in every look.
"""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from pipeline.probing.rewrites import best_words, probes
from pipeline.rewards.combine import Reward
from pipeline.spans import Spans, render_spans
from pipeline.turns import Turn
from rubrics.schema import Rubric

TURNS = 2
PREFIX = "probe/"


class Meritless(NamedTuple):
    """A turn answered without merit, and the name of the metric that tells what it earned."""

    metric: str
    turn: Turn


def made(turns: Sequence[Turn], rubric: Rubric) -> list[Meritless]:
    """Such answers to the first turns."""
    return [
        Meritless(PREFIX + name, turn._replace(text=render_spans(Spans("", "", "", words))))
        for turn in turns[:TURNS]
        for name, words in _words(rubric)
    ]


def earned(answers: Sequence[Meritless], rewards: Sequence[Reward]) -> dict[str, float]:
    """The mean r_rubric (0-1) of each kind, of what is known: a judge's call that failed is no score."""
    known: dict[str, list[float]] = {}
    for one, reward in zip(answers, rewards, strict=True):
        if reward.r_rubric is not None:
            known.setdefault(one.metric, []).append(reward.r_rubric)
    return {metric: fmean(values) for metric, values in known.items()}


def _words(rubric: Rubric) -> Iterator[tuple[str, str]]:
    if best := best_words(rubric):
        yield "echo", best
    yield from ((name, probes()[name].texts[0]) for name in ("keywords", "flattery"))
    yield "empty", ""
