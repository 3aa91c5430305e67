"""Every figure of one criterion: judge against people, and beside it people against people."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rubrics.calibration.agreeing import Clusters, difference, kappa, rank_correlation, same, whole
from rubrics.calibration.corrected import Corrected, corrected
from rubrics.calibration.fault import Fault
from rubrics.calibration.paired import Paired, others_consensus
from rubrics.calibration.rates import Rate, missed_and_alarmed
from rubrics.reliability.measure import DRAWS, Array, Measure

MANY_DIALOGUES = 2000


@dataclass(frozen=True)
class Ceiling:
    """Each person against what the others agree on, all of them together: what a judge can be asked to reach.

    `pairs` counts a person's score on a turn that others scored as well; `raters` how many people gave such a score.
    """

    agreement: Measure
    same: Measure
    missed: Rate
    false_alarms: Rate
    pairs: int
    raters: int


@dataclass(frozen=True)
class Calibrated:
    """`labels` turns have both a score of the judge and a label; of these labels `by_gold` were settled or set as the
    reference, `by_several` are what two or more people agree on, `by_one` is one person's word.

    `agreement` is quadratically weighted kappa, `same` the share of equal scores, `difference` judge minus people.
    `confusion` has a row for each of people's `levels` and a column for each of the judge's. `length` is how the
    judge's score goes with the length of the response, `length_people` how people's does on the same turns. `failed`
    counts verdicts without a score by outcome, `unlabelled` turns that only the judge scored, `split` those that people
    are split over.
    """

    criterion_id: str
    fault: Fault | None
    levels: tuple[int, ...]
    labels: int
    dialogues: int
    by_gold: int
    by_several: int
    by_one: int
    unlabelled: int
    split: int
    failed: Mapping[str, int]
    agreement: Measure
    same: Measure
    difference: Measure
    missed: Rate
    false_alarms: Rate
    confusion: tuple[tuple[int, ...], ...]
    length: Measure
    length_people: Measure
    ceiling: Ceiling
    corrected: Corrected

    @property
    def is_yes_or_no(self) -> bool:
        """Whether there are only two scores."""
        return len(self.levels) == 2

    @property
    def judged(self) -> int:
        """Verdicts asked for: those with a score and those without."""
        return self.labels + self.unlabelled + sum(self.failed.values())


def calibrate(paired: Paired, draws: int | None = None) -> Calibrated:
    """All figures of one criterion, with intervals from so many draws of dialogues; of thousands fewer draws do."""
    if draws is None:
        draws = DRAWS if len(np.unique(paired.clusters)) <= MANY_DIALOGUES else DRAWS // 5
    both = paired.both
    judge, truth, words, clusters = paired.judge[both], paired.truth[both], paired.words[both], paired.clusters[both]
    raters = np.isfinite(paired.people).sum(axis=1)
    gold = np.isfinite(paired.gold)
    missed, alarmed = missed_and_alarmed(judge, truth, paired.fault)
    scored = np.isfinite(paired.judge)
    return Calibrated(
        criterion_id=paired.criterion_id,
        fault=paired.fault,
        levels=paired.levels,
        labels=int(both.sum()),
        dialogues=len(np.unique(clusters)),
        by_gold=int((both & gold).sum()),
        by_several=int((both & ~gold & (raters > 1)).sum()),
        by_one=int((both & ~gold & (raters == 1)).sum()),
        unlabelled=int((scored & ~both).sum()),
        split=int((scored & ~both & (raters > 1)).sum()),
        failed=dict(paired.failed),
        agreement=kappa(judge, truth, clusters, paired.levels, draws),
        same=same(judge, truth, clusters, draws),
        difference=difference(judge, truth, clusters, draws),
        missed=missed,
        false_alarms=alarmed,
        confusion=_confusion(truth, whole(judge), paired.levels),
        length=rank_correlation(judge, words, clusters, draws),
        length_people=rank_correlation(truth, words, clusters, draws),
        ceiling=_ceiling(paired, draws),
        corrected=corrected(paired, draws),
    )


def _confusion(truth: Array, judge: Array, levels: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(((truth == row) & (judge == column)).sum()) for column in levels) for row in levels)


def _ceiling(paired: Paired, draws: int) -> Ceiling:
    own, others, clusters, raters = _each_against_the_others(paired)
    missed, alarmed = missed_and_alarmed(own, others, paired.fault)
    return Ceiling(
        agreement=kappa(own, others, clusters, paired.levels, draws),
        same=same(own, others, clusters, draws),
        missed=missed,
        false_alarms=alarmed,
        pairs=len(own),
        raters=raters,
    )


def _each_against_the_others(paired: Paired) -> tuple[Array, Array, Clusters, int]:
    """Every score that somebody gave where the others agree on one: theirs, the others', the dialogue; and how many
    people gave any.
    """
    own, others, clusters = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    raters = 0
    for rater in range(paired.people.shape[1]):
        theirs, rest = paired.people[:, rater], others_consensus(paired.people, rater, paired.scale)
        both = np.isfinite(theirs) & np.isfinite(rest)
        raters += bool(both.any())
        own, others = [*own, theirs[both]], [*others, rest[both]]
        clusters.append(paired.clusters[both])
    return np.concatenate(own), np.concatenate(others), np.concatenate(clusters), raters
