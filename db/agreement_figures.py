"""The figures of agreement of one code or criterion, together: no single one of them is to be believed alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from db.agreement import FlagTable, Level
from db.store import Store
from rubrics.reliability import (
    Measure,
    Ratings,
    Undefined,
    fleiss_kappa,
    gwet_ac,
    intraclass,
    krippendorff_alpha,
    specific_agreement,
)
from rubrics.reliability.measure import DRAWS, by_cluster, measured, undefined


@dataclass(frozen=True)
class FlagFigures:
    """How far people agree on one flag. `prevalence` is the share of ratings that set it (0–1); `present` and `absent`
    are how often a second person says the same when one sets it, or leaves it.

    By severity, `alpha` is ordinal and `ac` is AC2; else nominal alpha and AC1. `kappa` is Fleiss', which knows no
    order. `warning` speaks of pooled versions.
    """

    prevalence: Measure
    alpha: Measure
    ac: Measure
    kappa: Measure
    present: Measure
    absent: Measure
    flagged: int
    ratings: int
    raters: int
    warning: str


@dataclass(frozen=True)
class ScoreFigures:
    """How far people agree on the scores of one criterion: ordinal alpha, alpha that takes scores for equal steps
    (`by_steps`), AC2 and, for turns that all scored, ICC.
    """

    alpha: Measure
    by_steps: Measure
    ac: Measure
    single: Measure
    mean: Measure
    average: float | None
    ratings: int
    raters: int
    warning: str


@dataclass(frozen=True)
class GoldFigures:
    """People held against gold: of turns that gold flags how many they flagged, and of turns it leaves how many (0–1).

    `hits` of `gold` turns by people, `false_alarms` of `clear`.
    """

    found: Measure
    alarmed: Measure
    hits: int
    gold: int
    false_alarms: int
    clear: int


def flag_figures(table: FlagTable, code: str, level: Level = "flag", draws: int = DRAWS) -> FlagFigures:
    """All figures of one code (`db.agreement.ANY`: of any flag)."""
    ratings = table.ratings(code)
    ranked = ratings if level == "flag" else table.ratings(code, "severity")
    alpha = krippendorff_alpha(ranked, "nominal" if level == "flag" else "ordinal", draws)
    return FlagFigures(
        prevalence=share("Prevalence", ratings, np.isfinite(ratings.values), ratings.values == 1, draws),
        alpha=alpha,
        ac=gwet_ac(ranked, "identity" if level == "flag" else "ordinal", draws),
        kappa=fleiss_kappa(ranked, draws),
        present=specific_agreement(ratings, 1, draws),
        absent=specific_agreement(ratings, 0, draws),
        flagged=int((ratings.values == 1).sum()),
        ratings=ratings.n_ratings,
        raters=_raters(ratings),
        warning=ratings.pooled_warning,
    )


def score_figures(ratings: Ratings, draws: int = DRAWS) -> ScoreFigures:
    """All figures of one criterion's scores."""
    known = ratings.values[np.isfinite(ratings.values)]
    return ScoreFigures(
        alpha=krippendorff_alpha(ratings, "ordinal", draws),
        by_steps=krippendorff_alpha(ratings, "interval", draws),
        ac=gwet_ac(ratings, "ordinal", draws),
        single=intraclass(ratings, "single", draws),
        mean=intraclass(ratings, "mean", draws),
        average=float(known.mean()) if len(known) else None,
        ratings=ratings.n_ratings,
        raters=_raters(ratings),
        warning=ratings.pooled_warning,
    )


def gold_figures(
    store: Store,
    table: FlagTable,
    rubric_id: str,
    code: str,
    people: Sequence[str] | None = None,
    draws: int = DRAWS,
    *,
    without: Collection[str] = (),
) -> GoldFigures:
    """People (None: all in the table) against gold, on turns that both looked at. Gold is no rater.

    `without` are dialogues left out: those of which whoever looks may not know gold (`campaigns.gold_hidden_ids`).
    """
    ratings, truth = _beside_gold(store, table, rubric_id, code, without)
    values = ratings.values
    if people is not None:
        values = values[:, [ratings.raters.index(one) for one in people if one in ratings.raters]]
    known = np.isfinite(values)
    is_gold, is_clear = known & (truth[:, None] == 1), known & (truth[:, None] == 0)
    hits, alarms = is_gold & (values == 1), is_clear & (values == 1)
    return GoldFigures(
        found=share("Found", ratings, is_gold, hits, draws),
        alarmed=share("False alarms", ratings, is_clear, alarms, draws),
        hits=int(hits.sum()),
        gold=int(is_gold.sum()),
        false_alarms=int(alarms.sum()),
        clear=int(is_clear.sum()),
    )


def share(name: str, ratings: Ratings, among: np.ndarray, counted: np.ndarray, draws: int = DRAWS) -> Measure:
    """Σ counted / Σ among (both units × raters), with an interval over dialogues; undefined where there are none."""
    try:
        if not among.any():
            raise Undefined("there is no such turn that both looked at")
        rows = np.stack([counted.sum(axis=1), among.sum(axis=1)], axis=1).astype(float)
        sums = by_cluster(rows, ratings.clusters, ratings.n_clusters)
        sums = sums[sums[:, 1] > 0]
        units = int(among.any(axis=1).sum())
        found = measured(name, sums, _quotient, units, int(among.sum()), draws)
        # What was never seen, or always, is so in every draw as well: that is no interval.
        return found if 0 < counted.sum() < among.sum() else replace(found, low=None, high=None, why=_ALL_ALIKE)
    except Undefined as reason:
        return undefined(name, reason)


def long(ratings: Ratings) -> pd.DataFrame:
    """One row a rating: unit, rater, value (for Dawid and Skene)."""
    rows, columns = np.nonzero(np.isfinite(ratings.values))
    raters = np.array(ratings.raters, dtype=object)[columns]
    return pd.DataFrame({"unit": rows, "rater": raters, "value": ratings.values[rows, columns]})


_ALL_ALIKE = "no interval: all of them are alike, so draws of them are as well"


def _quotient(sums: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])


def _raters(ratings: Ratings) -> int:
    return int(np.isfinite(ratings.values).any(axis=0).sum()) if len(ratings.values) else 0


# A dialogue that gold finished is known throughout; elsewhere only what was settled, or flagged, turn by turn.
_GOLD = """
    SELECT d.ordinal, t.turn_index, t.value FROM (
        SELECT dialogue_id, turn_index, max(value) AS value FROM (
            SELECT dialogue_id, turn_index, 1 AS value FROM current_flags
            WHERE is_gold AND rubric_id = $1 AND ($2 = '' OR code = $2)
            UNION ALL
            SELECT dialogue_id, turn_index, is_flagged::INT FROM (
                SELECT * FROM current_decisions WHERE rubric_id = $1 AND $2 <> '' AND code = $2
                QUALIFY row_number() OVER (PARTITION BY dialogue_id, turn_index ORDER BY seq DESC) = 1
            ) WHERE NOT is_flagged
        ) GROUP BY dialogue_id, turn_index
    ) t JOIN dialogues d USING (dialogue_id)
"""
_GOLD_FINISHED = """
    SELECT d.ordinal FROM current_finished f JOIN dialogues d USING (dialogue_id)
    JOIN (SELECT version, unnest(json_extract_string(body, '$.criteria[*].id')) AS code, rubric_id
        FROM rubric_versions) v ON (v.rubric_id, v.version) = (f.rubric_id, f.rubric_version)
    WHERE f.is_gold AND f.rubric_id = $1 AND ($2 = '' OR v.code = $2) GROUP BY d.ordinal
"""


_ORDINALS = "SELECT ordinal FROM dialogues WHERE dialogue_id IN (SELECT unnest(?::TEXT[]))"


def _beside_gold(
    store: Store, table: FlagTable, rubric_id: str, code: str, without: Collection[str]
) -> tuple[Ratings, np.ndarray]:
    """The ratings, and for each of their turns what gold says: 1, 0, or NaN where gold says nothing."""
    whole = np.full(int(table.n_turns.sum()), np.nan)
    finished, given, hidden = store.read(
        lambda cursor: (
            cursor.execute(_GOLD_FINISHED, [rubric_id, code]).df()["ordinal"].to_numpy(np.int64),
            cursor.execute(_GOLD, [rubric_id, code]).df(),
            cursor.execute(_ORDINALS, [list(without)]).df()["ordinal"].to_numpy(np.int64),
        )
    )
    whole[np.repeat(np.isin(table.ordinals, finished), table.n_turns)] = 0
    rows = table.rows_of(given["ordinal"].to_numpy(np.int64), given["turn_index"].to_numpy(np.int64))
    whole[rows[rows >= 0]] = given["value"].to_numpy()[rows >= 0]
    whole[np.repeat(np.isin(table.ordinals, hidden), table.n_turns)] = np.nan
    return table.ratings(code), whole[table.rated(code)]
