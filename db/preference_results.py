"""What people's choices come to: how often each model is preferred, how sure that is, and who agrees with whom."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from db.preferences import Comparison, comparison
from db.store import Store
from rubrics.evidence import Choice, Strength, share, share_interval, strengths
from rubrics.evidence.preference import Share
from rubrics.reliability import Measure, krippendorff_alpha, table


class Beside(NamedTuple):
    """How often decided choices of people are the judge's too: share of `n`, with its interval by dialogue."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    judge_ties: int
    judge_failed: int


@dataclass(frozen=True)
class Results:
    """One comparison's results. `share` is of its first model; `left` is how often the left reply was preferred."""

    comparison: Comparison
    wins: int
    ties: int
    losses: int
    share: Share
    agreement: Measure
    judge: Beside
    left: float | None
    people: pd.DataFrame
    reasons: pd.DataFrame


def results(store: Store, comparison_id: str, seed: int = 0) -> Results:
    """Everything about one comparison. Who may see it is for `preferences.may_see` to say."""
    known, rows = comparison(store, comparison_id), _rows(store, comparison_id)
    choices = _choices(rows)
    counts = Counter(one.won for one in choices)
    decided = rows[rows["won"] != "tie"]
    named = {"unit": rows["item"], "rater": rows["person_id"], "cluster": rows["dialogue_id"]}
    ratings = table(pd.DataFrame({**named, "value": rows["won"].map(_CODES)}))
    return Results(
        known,
        counts["first"],
        counts["tie"],
        counts["second"],
        share(choices, known.first, known.second, seed),
        krippendorff_alpha(ratings, "nominal"),
        _beside(rows, seed),
        float((decided["won"] == decided["left_was"]).mean()) if len(decided) else None,
        _by_person(rows),
        rows.loc[rows["reason"] != "", ["dialogue_id", "turn_index", "won", "reason"]],
    )


def all_strengths(store: Store, seed: int = 0) -> list[Strength]:
    """Every model that people compared, over all comparisons, the strongest first."""
    return strengths(_choices(_rows(store)), seed)


_CODES = {"first": 1.0, "tie": 2.0, "second": 3.0}
_SQL = """
    SELECT p.*, i.dialogue_id, i.turn_index, i.first_score, i.second_score, c.first, c.second
    FROM current_preferences p
    JOIN comparison_items i USING (comparison_id, item) JOIN comparisons c USING (comparison_id)
    WHERE (? IS NULL OR comparison_id = ?) ORDER BY comparison_id, item, person_id
"""


def _rows(store: Store, comparison_id: str | None = None) -> pd.DataFrame:
    return store.frame(_SQL, [comparison_id, comparison_id])


def _choices(rows: pd.DataFrame) -> list[Choice]:
    columns = (rows[name] for name in ("first", "second", "won", "dialogue_id"))
    return [Choice(*cells) for cells in zip(*columns, strict=True)]


def _beside(rows: pd.DataFrame, seed: int) -> Beside:
    """A judge's tie or failure says nothing of whom it prefers: both are counted apart."""
    known = rows[rows["first_score"].notna() & rows["second_score"].notna()]
    parted = known[known["first_score"] != known["second_score"]]
    both = parted[parted["won"] != "tie"]
    told = {"judge_ties": len(known) - len(parted), "judge_failed": len(rows) - len(known)}
    if both.empty:
        return Beside(None, None, None, 0, **told)
    same = ((both["first_score"] > both["second_score"]) == (both["won"] == "first")).astype(float)
    low, high = share_interval(same.tolist(), both["dialogue_id"].tolist(), seed) or (None, None)
    return Beside(float(same.mean()), low, high, len(both), **told)


def _by_person(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a person: how many choices, how many ties, how often the left of the decided ones."""
    found = [
        {
            "person_id": person,
            "choices": len(own),
            "ties": int((own["won"] == "tie").sum()),
            "left": float((decided["won"] == decided["left_was"]).mean())
            if len(decided := own[own["won"] != "tie"])
            else None,
        }
        for person, own in rows.groupby("person_id")
    ]
    return pd.DataFrame(found, columns=["person_id", "choices", "ties", "left"])
