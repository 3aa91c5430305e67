"""Checks on criteria that physicians wrote (HealthBench): they answer all, and do not cry wolf."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rubrics.lint import lint
from rubrics.schema import Aggregate, Criterion, Rubric

# Not about wording: no criterion there has an example, and some are pages long.
EXPECTED = {"E1", "W6"}


def healthbench(shared_data: Path) -> Iterator[Rubric]:
    """One rubric of points per conversation, its criteria as they were written."""
    with gzip.open(
        shared_data / "healthbench_sample" / "healthbench_judged_70.jsonl.gz", "rt", encoding="utf-8"
    ) as lines:
        for line in lines:
            written = json.loads(line)["rubrics"]
            criteria = [
                Criterion(id=f"c{n}", name=f"c{n}", question=one["criterion"], kind="points", points=one["points"])
                for n, one in enumerate(written, start=1)
            ]
            yield Rubric(id="r", title="R", criteria=tuple(criteria), aggregate=Aggregate(method="points"))


def test_few_of_the_criteria_are_found_weak(shared_data: Path) -> None:
    """One in ten at most. Compound ones are common among them, the rest is rare (docs/rubric-checks.md has counts)."""
    found: Counter[str] = Counter()
    asked = 0
    for rubric in healthbench(shared_data):
        asked += len(rubric.criteria)
        found.update(code for code, _ in {(warned.code, warned.criterion_id) for warned in lint(rubric)})
    assert asked == 781
    assert found["E1"] == asked
    assert 0 < sum(count for code, count in found.items() if code not in EXPECTED) < asked / 10
    assert found.most_common(3)[-1][0] == "W1"
