"""Which criteria carry a score: shares against a regression, and what stands out."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rubrics.evidence.carrying import carrying, together
from rubrics.load import rubric_from

IDS = ["a", "b", "c"]


def rubric(**aggregate: object):  # type: ignore[no-untyped-def]
    criteria = [
        {"id": i, "name": i, "question": f"Is it {i}?", "anchors": {1: "no", 5: "yes"}, "weight": w}
        for i, w in zip(IDS, (2.0, 1.0, 1.0), strict=True)
    ]
    return rubric_from({"id": "three", "title": "Three", "criteria": criteria, "aggregate": aggregate})


def scores(n: int = 200) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    a = draw.integers(1, 6, n)
    return pd.DataFrame({"a": a, "b": np.clip(a + draw.integers(-1, 2, n), 1, 5), "c": np.full(n, 4)}).astype(float)


def test_shares_are_those_of_the_weighted_sum_and_add_up_to_one() -> None:
    table = scores()
    found = {one.criterion_id: one for one in carrying(rubric(method="weighted_mean"), table)}
    total = (2 * table["a"] + table["b"] + table["c"]) / 4
    slope = stats.linregress(total, 2 * table["a"] / 4).slope  # covariance by variance, from another library
    assert found["a"].share == pytest.approx(slope)
    assert sum(one.share or 0 for one in found.values()) == pytest.approx(1)
    assert found["c"].share == pytest.approx(0)
    assert found["c"].never_varies
    assert found["c"].levels == {4.0: 200}
    assert not found["a"].never_varies


def test_under_the_minimum_the_worst_carries() -> None:
    table = pd.DataFrame({"a": [1.0, 5, 3, 5, 2] * 4, "b": [5.0] * 20, "c": [5.0] * 20})
    found = {one.criterion_id: one.share for one in carrying(rubric(method="minimum"), table)}
    assert found["a"] == pytest.approx(1)


def test_what_never_differs_has_no_share_and_missing_scores_are_left_out() -> None:
    table = scores(12)
    table.loc[3, "b"] = np.nan
    found = carrying(rubric(method="weighted_mean"), table)
    assert [one.n for one in found] == [12, 11, 12]
    flat = pd.DataFrame({i: [3.0] * 5 for i in IDS})
    assert {one.share for one in carrying(rubric(method="weighted_mean"), flat)} == {None}


def test_criteria_that_move_together_come_first() -> None:
    table = scores()
    first, *rest = together(table)
    assert (first.first, first.second) == ("a", "b")
    assert first.rho == pytest.approx(stats.spearmanr(table["a"], table["b"]).statistic)
    assert {one.rho for one in rest} == {None}
