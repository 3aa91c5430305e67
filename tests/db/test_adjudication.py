"""Settling disagreements: found and ordered as counted by hand; gold, event and history together; never a machine's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import audits, history
from db.adjudication import counts, decide, decisions, disagreements, rubric_gaps
from db.audits import Receipt
from db.people import SYSTEM
from db.rubric_lessons import lessons
from db.rubric_versions import import_version, version
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.audit_people import Auditor, audited_store, flags_rubric, known
from tests.db.impact_stores import Judged, judged_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = audited_store(tmp_path)
    yield opened
    opened.close()


def settle(store: Store, client_id: str = "s1", who: str = "paula", **told: Any) -> Receipt:
    """Paula settles F1 on the first turn of d0 as a red flag, a slip, unless told otherwise."""
    given = {"dialogue_id": "d0", "turn_index": 0, "code": "F1", "is_flagged": True, "severity": "red"}
    given |= {"error_type": "slip", "why": "The goodbye was overlooked.", "rubric_id": "unsafe", "rubric_version": 1}
    return decide(store, known(store, who), client_id=client_id, **given | told)


def places(store: Store, **how: Any) -> list[tuple[str, int, str]]:
    return [(one.dialogue_id, one.turn_index, one.code) for one in disagreements(store, "unsafe", 1, **how)]


def test_disagreements_are_those_of_people_who_finished_the_most_disagreed_first(store: Store) -> None:
    ann, bob, cat = (Auditor(store, name) for name in ("ann", "bob", "cat"))
    ann.flag("d0", 0, severity="yellow").flag("d0", 1).flag("d0", 2, "F2", "yellow").flag("d1", 0)
    bob.flag("d0", 1, severity="yellow").flag("d0", 2, "F2", "yellow")
    cat.flag("d0", 1).flag("d0", 2, "F2", "yellow").flag("d2", 0)
    ann.finish("d0", "d1", "d2")
    bob.finish("d0", "d1")
    cat.finish("d0")
    found = disagreements(store, "unsafe", 1)
    # d1/0: the only pair differs, 1. d0/0: two of three pairs differ, 2/3. d0/1: all set it, of three pairs two differ
    # in severity, which counts half: 1/3. d0/2 all agree; on d2 cat flagged but did not finish.
    assert [(one.dialogue_id, one.turn_index, one.flagged, one.of) for one in found] == [
        ("d1", 0, 1, 2),
        ("d0", 0, 1, 3),
        ("d0", 1, 3, 3),
    ]
    assert [one.weight for one in found] == pytest.approx([1, 2 / 3, 1 / 3])
    assert {mark.person_id: mark.severity for mark in found[1].marks} == {"ann": "yellow", "bob": None, "cat": None}
    assert counts(store, "unsafe", 1) == (3, 0)
    assert places(store, limit=1, offset=1) == [("d0", 0, "F1")]


def test_versions_are_settled_apart_and_gold_is_no_side(store: Store) -> None:
    import_version(store, SYSTEM, rubric_from(flags_rubric("F1", "F3")), "")
    Auditor(store, "ann").flag("d0", 0).finish("d0")
    Auditor(store, "bob").finish("d0", version=2)
    Auditor(store, "paula").flag("d0", 1, is_gold=True).finish("d0", is_gold=True)
    assert disagreements(store, "unsafe", 1) == []
    assert disagreements(store, "unsafe", 2) == []


@pytest.fixture
def differing(store: Store) -> Store:
    """Ann calls the first turn of d0 red; bob finished without a flag."""
    Auditor(store, "ann").flag("d0", 0, note="a veiled goodbye").finish("d0")
    Auditor(store, "bob").finish("d0")
    return store


def test_a_decision_writes_gold_with_who_and_why_and_moves_to_the_settled(differing: Store) -> None:
    receipt = settle(differing)
    (gold,) = audits.gold(differing, "d0")
    assert (gold.turn_index, gold.code, gold.severity, gold.person_id) == (0, "F1", "red", "paula")
    assert gold.note == "The goodbye was overlooked."
    assert places(differing) == []
    (one,) = disagreements(differing, "unsafe", 1, settled=True)
    assert one.decision is not None
    assert (one.decision.decided_by, one.decision.error_type, one.decision.why) == ("paula", "slip", gold.note)
    assert one.decision.decided_at == receipt.saved_at
    assert not one.is_changed
    assert counts(differing, "unsafe", 1) == (0, 1)
    assert len(audits.state(differing, "d0", "ann").flags) == 1
    assert audits.state(differing, "d0", "bob").flags == []


def test_dialogues_that_somebody_is_blind_to_are_left_out(differing: Store) -> None:
    assert places(differing, without=["d0"]) == []
    assert counts(differing, "unsafe", 1, without=["d0"]) == (0, 0)
    assert places(differing, without=["d1"]) == [("d0", 0, "F1")]
    settle(differing)
    assert places(differing, settled=True, without=["d0"]) == []
    assert counts(differing, "unsafe", 1, without=["d1"]) == (0, 1)


def test_the_diary_tells_of_it_without_a_word_of_the_dialogue(differing: Store) -> None:
    settle(differing)
    (event,) = [one for one in history.recent(differing, subject_id="d0") if one.action == "adjudicate"]
    assert event.actor == "paula"
    assert (event.detail["code"], event.detail["error_type"], event.detail["severity"]) == ("F1", "slip", "red")
    assert "goodbye" not in str(history.recent(differing))


def test_deciding_again_undoes_the_gold_and_keeps_both(differing: Store) -> None:
    settle(differing)
    settle(differing, "s2", is_flagged=False, severity=None, error_type="real_disagreement", why="A figure of speech.")
    assert audits.gold(differing, "d0") == []
    assert [one.is_flagged for one in decisions(differing, "d0")] == [False, True]
    (one,) = disagreements(differing, "unsafe", 1, settled=True)
    assert one.decision is not None
    assert (one.decision.is_flagged, one.decision.severity) == (False, None)
    settle(differing, "s3", severity="yellow", why="On reflection.")
    assert [flag.severity for flag in audits.gold(differing, "d0")] == ["yellow"]


def test_a_repeated_decision_is_acknowledged_once_and_another_under_its_number_is_refused(differing: Store) -> None:
    first = settle(differing)
    assert settle(differing) == first
    assert len(decisions(differing, "d0")) == 1
    with pytest.raises(UserError, match="was not saved"):
        settle(differing, is_flagged=False)
    assert len(audits.gold(differing, "d0")) == 1


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"why": "  "}, "say why"),
        ({"severity": None}, "needs a severity"),
        ({"error_type": "bad_mood"}, "what kind of disagreement"),
        ({"code": "F9"}, "has no flag 'F9'"),
        ({"turn_index": 9}, "has no turn 9"),
        ({"rubric_version": 7}, "7"),
        ({"rubric_id": "warmth", "code": "warm"}, "has no flag 'warm'"),
        ({"who": "ann"}, "may not settle disagreements"),
        ({"who": "rex"}, "may not settle disagreements"),
    ],
)
def test_what_is_refused_changes_nothing_at_all(differing: Store, told: dict[str, Any], words: str) -> None:
    before = differing.rows("SELECT count(*) AS n FROM audit_events"), len(history.recent(differing))
    with pytest.raises(UserError, match=words):
        settle(differing, **told)
    assert (differing.rows("SELECT count(*) AS n FROM audit_events"), len(history.recent(differing))) == before
    assert decisions(differing, "d0") == []


def test_a_later_scoring_run_with_other_verdicts_changes_no_gold_and_no_decision(differing: Store) -> None:
    settle(differing)
    before = audits.gold(differing, "d0"), decisions(differing, "d0"), disagreements(differing, "unsafe", 1)
    rubric = version(differing, "unsafe", 1).rubric
    for number, given in enumerate(((1, 1), (0, 0), ("timeout", 0))):
        judged_run(differing, f"20261123-09120{number}-score-aa", rubric, [Judged("d0", 0, given)], rewards=False)
    assert differing.rows("SELECT count(*) AS n FROM verdicts")[0]["n"] == 6
    assert (audits.gold(differing, "d0"), decisions(differing, "d0"), disagreements(differing, "unsafe", 1)) == before


def test_marks_made_after_the_decision_are_told_of(differing: Store) -> None:
    settle(differing)
    Auditor(differing, "cat").finish("d0")
    (one,) = disagreements(differing, "unsafe", 1, settled=True)
    assert one.is_changed
    assert (one.flagged, one.of) == (1, 3)


def test_gaps_of_the_rubric_reach_those_who_edit_it_until_decided_otherwise(differing: Store) -> None:
    settle(differing, error_type="rubric_gap", why="It does not say whether irony counts.")
    (gap,) = rubric_gaps(differing, "unsafe")
    assert (gap.criterion_id, gap.dialogue_id, gap.turn_index, gap.rubric_version) == ("F1", "d0", 0, 1)
    first = lessons(differing, "unsafe")[0]
    assert (first.kind, first.criterion_id, first.text) == ("gap", "F1", "It does not say whether irony counts.")
    assert "paula" not in str(gap) + str(first)
    assert rubric_gaps(differing, "warmth") == []
    settle(differing, "s2", error_type="ambiguous_text", why="It can be read both ways.")
    assert rubric_gaps(differing, "unsafe") == []
    assert {one.kind for one in lessons(differing, "unsafe")} == {"disagreement"}
