"""What the truth may be and who errs how, when nobody knows the truth (Dawid and Skene 1979).

A help for seeing who uses labels differently; it decides nothing: adjudicated gold comes from people.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rubrics.reliability.measure import Array, Undefined

_TOLERANCE, _MOST_ROUNDS = 1e-6, 500


@dataclass(frozen=True)
class Estimate:
    """`posterior`: units × categories, rows sum to 1. `marginals`: categories. `errors`: raters × true × given.

    A rater who met no unit of a true category has NaN in that row of `errors`: nothing is known of it.
    """

    units: tuple[object, ...]
    raters: tuple[object, ...]
    categories: tuple[float, ...]
    posterior: Array
    marginals: Array
    errors: Array
    rounds: int
    converged: bool


def dawid_skene(frame: pd.DataFrame) -> Estimate:
    """EM from one row a rating: unit, rater, value; a rater may rate a unit several times, as in the paper.

    Starts from each unit's share of ratings (equation 3.1). Raises Undefined with fewer than two raters or categories.
    """
    known = frame[frame["value"].notna()]
    units, unit_names = pd.factorize(known["unit"], sort=True)
    raters, rater_names = pd.factorize(known["rater"], sort=True)
    values, categories = pd.factorize(known["value"].astype(float), sort=True)
    if len(rater_names) < 2 or len(categories) < 2:
        raise Undefined("it needs two raters and two different labels")
    counts = np.zeros((len(unit_names), len(rater_names), len(categories)))
    np.add.at(counts, (units, raters, values), 1)
    posterior, marginals, errors, rounds, converged = _em(counts)
    names = tuple(unit_names), tuple(rater_names), tuple(float(c) for c in categories)
    return Estimate(*names, posterior, marginals, errors, rounds, converged)


def _em(counts: Array) -> tuple[Array, Array, Array, int, bool]:
    posterior = counts.sum(axis=1)
    posterior /= posterior.sum(axis=1, keepdims=True)
    before = np.full_like(posterior, np.inf)
    rounds = 0
    while np.abs(posterior - before).max() > _TOLERANCE and rounds < _MOST_ROUNDS:
        marginals, errors = _maximise(counts, posterior)
        before, posterior = posterior, _expect(counts, marginals, errors)
        rounds += 1
    marginals, errors = _maximise(counts, posterior)
    return posterior, marginals, errors, rounds, bool(np.abs(posterior - before).max() <= _TOLERANCE)


def _maximise(counts: Array, posterior: Array) -> tuple[Array, Array]:
    """Equations 2.3 and 2.4."""
    given = np.einsum("uj,ukl->kjl", posterior, counts)
    total = given.sum(axis=2, keepdims=True)
    errors = np.divide(given, total, out=np.full_like(given, np.nan), where=total > 0)
    return posterior.mean(axis=0), errors


def _expect(counts: Array, marginals: Array, errors: Array) -> Array:
    """Equation 2.5, in logarithms so that many ratings of one unit do not vanish."""
    with np.errstate(divide="ignore"):
        likely = np.log(np.nan_to_num(errors, nan=1.0).clip(1e-300))
        score = np.log(marginals) + np.einsum("ukl,kjl->uj", counts, likely)
    score -= score.max(axis=1, keepdims=True)
    posterior = np.exp(score)
    return np.asarray(posterior / posterior.sum(axis=1, keepdims=True))
