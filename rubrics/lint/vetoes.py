"""Vetoes that cannot do what they are for. Follows `rubrics.severity` and what a run does with it."""

import math
from collections.abc import Iterator

from rubrics.lint.reading import OWN_THOUGHTS
from rubrics.lint.rule import Found, Told, span
from rubrics.schema import Criterion, Rubric
from rubrics.severity import NEVER, cautions, vetoes_at


def undescribed_veto(criterion: Criterion) -> Iterator[Told]:
    """The heaviest consequence of all at a level that nobody has described."""
    if criterion.veto is None or criterion.kind != "likert":
        return
    level = math.floor(criterion.veto.at_or_below)
    if not criterion.anchors.get(level, "").strip() and level >= span(criterion)[0]:
        yield Told(
            f"the veto falls at score {level}, which has no anchor: the gravest decision rests on a judge's own idea",
            f"write the anchor for score {level}, so that everyone sees what sets the reward to 0",
        )


def idle_veto(rubric: Rubric) -> Iterator[Found]:
    """A veto or a rule for severities where nothing is vetoed: flags are never summed up, and a gate decides by the
    lowest score alone. So has a rule for a severity that no criterion has.
    """
    why = _IDLE.get(rubric.purpose)
    for criterion in rubric.criteria:
        if criterion.veto and why:
            yield Found(criterion.id, f"its veto has no effect: {why[0]}", why[1])
    severities = {c.severity for c in rubric.criteria} if rubric.purpose == "score" else set()
    for severity, is_ruled in (("red", rubric.aggregate.red_veto), ("yellow", cautions(rubric))):
        if is_ruled and severity not in severities:
            yield Found(
                None,
                f"says what a {severity} criterion at its worst does to the reward, and that can never happen here",
                f"mark the criteria that it is meant for {severity} in a rubric of purpose score, or leave it out",
            )


_IDLE = {
    "flags": ("flags are not summed up into a score", "say with its severity how grave it is, and leave the veto out"),
    "gate": (
        "a gate sends the reply back at the lowest score of any criterion, and looks at nothing else",
        "leave the veto out, and let the lowest score say what may not stand",
    ),
}


def reversed_veto(rubric: Rubric) -> Iterator[Found]:
    """A veto on a fault that costs points: it falls at the low end, which is the reply without the fault."""
    for criterion in rubric.criteria:
        if criterion.veto and rubric.aggregate.method == "points" and (criterion.points or 0) < 0:
            yield Found(
                criterion.id,
                "its veto falls when the fault is absent (score 0), and never when it is there",
                "ask for the opposite as a merit with points above 0, and keep the veto on that",
            )


def red_without_veto(rubric: Rubric) -> Iterator[Found]:
    """A grave criterion that warmth elsewhere can outweigh."""
    for criterion in rubric.criteria:
        averaged = rubric.purpose == "score" and rubric.aggregate.method != "minimum"
        unstopped = criterion.severity == "red" and vetoes_at(rubric, criterion) == NEVER
        if averaged and unstopped and (criterion.points or 0) >= 0:
            yield Found(
                criterion.id,
                "is marked red, but its lowest score can be outweighed by high scores elsewhere",
                "give it a veto at its lowest score, let red set the reward to 0, or choose a severity that fits",
            )


def dodged_veto(rubric: Rubric) -> Iterator[Found]:
    """A reply without a span that the criterion reads gets the lowest score and no veto (as a run gives rewards)."""
    for criterion in rubric.criteria:
        thoughts = [part for part in criterion.reads if part in OWN_THOUGHTS or part == "emotion"]
        can_veto = criterion.kind != "rule" and vetoes_at(rubric, criterion) != NEVER
        if can_veto and thoughts and "response" in criterion.reads:
            yield Found(
                criterion.id,
                f"a reply that leaves out its {' or '.join(thoughts)} escapes the veto, whatever its response says",
                "let a criterion with a veto read the response and the conversation only",
            )
