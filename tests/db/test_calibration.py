"""Judge and people on the same turns, as the store has them: which verdicts and labels count, counted by hand."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from db import adjudication, calibration
from db.people import SYSTEM
from db.rubric_versions import import_version, version
from db.store import Store
from rubrics.calibration.fault import Fault
from rubrics.calibration.figures import calibrate
from rubrics.load import rubric_from
from tests.db.audit_people import Auditor, audited_store, flags_rubric, known
from tests.db.impact_stores import Judged, judged_run

JUDGE = "j/m"
MISSING = np.nan


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = audited_store(tmp_path)
    yield opened
    opened.close()


def judge(store: Store, run_id: str, turns: list[Judged], rubric_id: str = "unsafe", number: int = 1, **more) -> None:
    rubric = version(store, rubric_id, number).rubric
    judged_run(store, run_id, rubric, turns, version=number, rewards=False, **more)


def pairs(store: Store, rubric_id: str = "unsafe", number: int = 1) -> dict:
    found = calibration.pairs(store, version(store, rubric_id, number), JUDGE)
    return {one.criterion_id: one for one in found}


def test_flags_meet_the_judges_verdicts_turn_by_turn(store: Store) -> None:
    Auditor(store, "ann").flag("d0", 1).finish("d0")
    Auditor(store, "bob").flag("d0", 1).flag("d0", 2).finish("d0")
    judge(store, "r1", [Judged("d0", n, given) for n, given in enumerate([[0, 0], [1, 1], ["timeout", 0]])])
    judge(store, "r2", [Judged("d1", 0, [1, 0])])
    one = pairs(store)["F1"]
    np.testing.assert_array_equal(one.judge, [0, 1, MISSING, 1])
    np.testing.assert_array_equal(one.truth, [0, 1, MISSING, MISSING])
    np.testing.assert_array_equal(one.clusters, [0, 0, 0, 1])
    assert (one.fault, dict(one.failed)) == (Fault(1, True), {"timeout": 1})
    found = calibrate(one)
    assert (found.labels, found.by_several, found.unlabelled, found.judged) == (2, 2, 1, 4)
    assert one.words.tolist() == [1, 1, 1, 1]


def test_gold_goes_before_people_and_settles_what_they_are_split_over(store: Store) -> None:
    Auditor(store, "ann").flag("d0", 0).flag("d0", 2).finish("d0")
    Auditor(store, "bob").flag("d0", 0).finish("d0")
    Auditor(store, "paula").flag("d1", 1, is_gold=True).finish("d1", is_gold=True)
    paula = known(store, "paula")
    by = {"rubric_id": "unsafe", "rubric_version": 1}
    adjudication.decide(store, paula, "d0", 2, "F1", True, "red", "slip", "It is there", "x1", **by)
    adjudication.decide(store, paula, "d0", 0, "F1", False, None, "slip", "It is not", "x2", **by)
    judge(store, "r1", [Judged(f"d{d}", t, [1, 0]) for d in (0, 1) for t in range(3)])
    one = pairs(store)["F1"]
    np.testing.assert_array_equal(one.truth, [0, 0, 1, 0, 1, 0])
    assert (calibrate(one).by_gold, calibrate(one).by_several) == (5, 1)


def test_scores_of_a_scale_and_the_newest_verdict_of_a_turn(store: Store) -> None:
    Auditor(store, "ann").score("d0", 0, 3).score("d0", 1, 5)
    Auditor(store, "bob").score("d0", 0, 4)
    judge(store, "r1", [Judged("d0", 0, [1]), Judged("d0", 1, [2])], "warmth")
    judge(store, "r2", [Judged("d0", 0, [5])], "warmth")
    judge(store, "r3", [Judged("d0", 1, [1])], "warmth", stage="grpo")
    judge(store, "r4", [Judged("d0", 1, [4])], "warmth", temperature=0.7)
    judge(store, "r5", [Judged("d0", 1, [3.4])], "warmth", weighted=True)
    one = pairs(store, "warmth")["warm"]
    np.testing.assert_array_equal(one.judge, [5, 2])
    np.testing.assert_array_equal(one.truth, [3, 5])
    assert one.fault is None
    assert calibration.judges(store, version(store, "warmth", 1)) == [(JUDGE, 2)]


def test_versions_and_judges_are_never_pooled(store: Store) -> None:
    import_version(store, SYSTEM, rubric_from(flags_rubric("F1", "F3")), "")
    Auditor(store, "ann").flag("d0", 0).finish("d0")
    Auditor(store, "bob").finish("d1", version=2)
    judge(store, "r1", [Judged("d0", 0, [1, 0]), Judged("d1", 0, [1, 0])])
    judge(store, "r2", [Judged("d0", 0, [0, 0])], number=2)
    first, second = pairs(store)["F1"], pairs(store, number=2)["F1"]
    np.testing.assert_array_equal(first.judge, [1, MISSING, MISSING, 1])
    np.testing.assert_array_equal(first.truth, [1, 0, 0, MISSING])
    assert calibrate(second).labels == 0
    assert calibration.pairs(store, version(store, "unsafe", 1), "other/judge")[0].both.sum() == 0
    assert calibration.known_versions(store) == [("unsafe", 1), ("unsafe", 2)]
    assert calibration.labelled(store, version(store, "unsafe", 2)) == ["d1"]


def test_the_table_of_pairs_names_nobody(store: Store) -> None:
    Auditor(store, "ann").flag("d0", 1).finish("d0")
    judge(store, "r1", [Judged("d0", 0, ["refused", 1])])
    table = calibration.paired_table(store, version(store, "unsafe", 1), JUDGE)
    own = table[table["criterion_id"] == "F1"]
    assert own["outcome"].tolist() == ["refused", "not judged", "not judged"]
    assert own["label"].tolist() == [0, 1, 0]
    assert own["raters"].tolist() == [1, 1, 1]
    assert "ann" not in table.to_csv()


def test_an_empty_store_gives_pairs_without_a_row(store: Store) -> None:
    found = calibrate(pairs(store)["F1"])
    assert (found.labels, found.judged, found.agreement.value) == (0, 0, None)
    assert calibration.paired_table(store, version(store, "unsafe", 1), JUDGE).empty
    assert calibration.known_versions(store) == []
