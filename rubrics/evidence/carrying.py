"""Which criteria carry a rubric's number, which never vary, and which move together, over turns that a judge scored."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from rubrics.contributions import rubric_terms
from rubrics.overall import as_asked
from rubrics.schema import Rubric

# Below so many turns a share or a correlation is chance.
FEWEST = 10
CLOSE = 0.8


class Carried(NamedTuple):
    """One criterion over `n` turns. `share` of the differences between turns it carries, 0–1 (below 0: it works against
    the number, and so makes turns more alike); None where the number never differs. `levels`: score → how many turns.
    """

    criterion_id: str
    share: float | None
    levels: dict[float, int]
    n: int

    @property
    def never_varies(self) -> bool:
        """Every turn got the same score: nothing can be learnt from it, and nobody is told apart by it."""
        return len(self.levels) == 1


class Together(NamedTuple):
    """Two criteria and Spearman's rho of their scores over `n` turns; None where one of them never varies."""

    first: str
    second: str
    rho: float | None
    n: int


def carrying(rubric: Rubric, scores: pd.DataFrame) -> list[Carried]:
    """Every criterion, in the rubric's order. `scores`: turns × criterion ids, NaN where there is no score.

    The rubric's number of a turn is a sum of terms (`rubrics.contributions`), so that its variance is the sum of each
    term's covariance with it: a criterion's share is that covariance by the variance (Feldman 2005 for risks, whatever
    the terms are). Only turns with every score count towards shares.
    """
    ids = [i for i in as_asked(rubric).ids if i in scores]
    whole = scores[ids].dropna()
    rows = ({i: float(score) for i, score in zip(ids, row, strict=True)} for row in whole.to_numpy())
    terms = pd.DataFrame([_terms(rubric, row) for row in rows], index=whole.index)
    shares = _shares(terms) if len(ids) == len(as_asked(rubric).ids) else {}
    return [Carried(i, shares.get(i), _levels(scores[i]), int(scores[i].notna().sum())) for i in ids]


def together(scores: pd.DataFrame) -> list[Together]:
    """Every pair of criteria, those that move together most first."""
    found = []
    for first, second in combinations(scores.columns, 2):
        known = scores[[first, second]].dropna()
        varies = len(known) > 2 and known[first].nunique() > 1 and known[second].nunique() > 1
        rho = float(stats.spearmanr(known[first], known[second]).statistic) if varies else None
        found.append(Together(str(first), str(second), rho, len(known)))
    return sorted(found, key=lambda one: -abs(one.rho or 0.0))


def _terms(rubric: Rubric, scores: Mapping[str, float]) -> dict[str, float]:
    return {term.ids[0]: term.amount for term in rubric_terms(rubric, scores) if term.ids}


def _shares(terms: pd.DataFrame) -> dict[str, float]:
    if len(terms) < 2:
        return {}
    total = terms.sum(axis=1).to_numpy()
    spread = float(np.var(total))
    if spread < 1e-12:
        return {}
    return {str(name): float(np.cov(terms[name], total, ddof=0)[0, 1]) / spread for name in terms}


def _levels(scores: pd.Series) -> dict[float, int]:
    counted = scores.dropna().value_counts().sort_index()
    return {float(str(level)): int(count) for level, count in counted.items()}
