"""The limits of a rubric against a judge's figures: each is named when it fails, and only then."""

from typing import Any

import pytest

from rubrics.calibration.limits import shortfalls, told
from rubrics.calibration.snapshot import CriterionFigures, JudgeFigures
from rubrics.diff import compare
from rubrics.load import dump_rubric, parse_rubric
from rubrics.schema import Calibration, Rubric

ANCHORS = {1: "low", 5: "high"}
GOOD = {"labels": 30, "agreement": 0.4, "faults": 10, "missed": 2, "clear": 20, "false_alarms": 10}


def rubric(**limits: Any) -> Rubric:
    criteria: list[dict[str, Any]] = [
        {"id": "warm", "name": "Warm", "question": "W?", "anchors": ANCHORS},
        {"id": "safe", "name": "Safe", "question": "S?", "anchors": ANCHORS, "severity": "red"},
        {"id": "short", "name": "Short", "question": "Short?", "kind": "rule", "rule": {"max_words": 9}},
    ]
    return Rubric.model_validate({"id": "r", "title": "R", "criteria": criteria, "calibration": limits})


def figures(of: Rubric, **safe: Any) -> JudgeFigures:
    rest = {"agreement_low": None, "agreement_high": None, "why": "", "failed": 0, "people_agreement": None}
    each = {"warm": GOOD, "safe": {**GOOD, **safe}}
    criteria = tuple(CriterionFigures(criterion_id=name, **{**rest, **one}) for name, one in each.items())
    return JudgeFigures(judge="j/m", rubric_hash=of.hash, taken_at="2026-11-28T09:00:00.000", criteria=criteria)


def test_figures_exactly_at_the_limits_pass() -> None:
    assert shortfalls(rubric(), figures(rubric())) == []


@pytest.mark.parametrize(
    ("limit", "bad", "words"),
    [
        ("min_labels", {"labels": 29}, "Safe has 29 labels, at least 30 are needed"),
        ("min_agreement", {"agreement": 0.399}, "Safe agrees by kappa 0.40, at least 0.4 is needed"),
        ("min_agreement", {"agreement": None, "why": "all alike"}, "has no kappa (all alike)"),
        ("min_red_faults", {"faults": 9, "missed": 1}, "Safe has 9 red faults among its labels, at least 10"),
        ("max_red_miss_rate", {"missed": 3}, "Safe misses 3 of 10 red faults, at most 20% are allowed"),
        ("max_red_false_alarms", {"false_alarms": 11}, "Safe raises 11 false alarms on 20 turns, at most 50%"),
    ],
)
def test_the_figure_that_fails_is_named_with_its_limit(limit: str, bad: dict[str, Any], words: str) -> None:
    (short,) = shortfalls(rubric(), figures(rubric(), **bad))
    assert (short.criterion_id, short.limit) == ("safe", limit)
    assert words in short.words


def test_without_figures_or_with_those_of_another_version_every_judged_criterion_lacks_labels() -> None:
    expected = [("warm", "min_labels"), ("safe", "min_labels")]
    assert [short[:2] for short in shortfalls(rubric(), None)] == expected
    assert [short[:2] for short in shortfalls(rubric(), figures(rubric(min_labels=31)))] == expected
    assert told(shortfalls(rubric(), None), most=1).endswith("; and 1 more")


def test_a_rubric_sets_its_own_limits_and_old_hashes_stay() -> None:
    assert rubric(min_labels=30).hash == rubric().hash
    assert "calibration" not in rubric().canonical_json
    strict = rubric(min_labels=50, max_red_miss_rate=0.05)
    assert strict.hash != rubric().hash
    assert parse_rubric(dump_rubric(strict)) == strict
    assert {short.limit for short in shortfalls(strict, figures(strict))} == {"min_labels", "max_red_miss_rate"}
    assert shortfalls(rubric(min_labels=0), None) == []
    changes = compare(rubric(), strict)
    assert [(one.field, one.kind, one.before, one.after) for one in changes] == [
        ("calibration.min_labels", "limit", "30", "50"),
        ("calibration.max_red_miss_rate", "limit", "0.2", "0.05"),
    ]


def test_limits_out_of_reason_are_refused() -> None:
    for limits in ({"min_labels": -1}, {"max_red_miss_rate": 1.1}, {"min_agreement": 2}, {"min_label": 3}):
        with pytest.raises(ValueError):
            Calibration.model_validate(limits)
