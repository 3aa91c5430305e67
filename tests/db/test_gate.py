"""Overrides of the gate: a psychologist's alone, with a reason, on record for good, and shown by every model below."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from db import gate, history
from db.__main__ import main
from db.ingest import ingest
from db.lineage import lineage, overrides
from db.people import SYSTEM
from db.rubric_versions import approve, import_version, version
from db.store import Store
from pipeline.gate import read_gate
from pipeline.rundir import Request, RunDir
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.audit_people import audited_store, known
from tests.db.impact_stores import Judged, judged_run

JUDGE = "j/m"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = audited_store(tmp_path)
    approve(opened, known(opened, "paula"), "warmth", 1, "Reads well", without_preview=True)
    yield opened
    opened.close()


def let_through(store: Store, who: str = "paula", reason: str = "Only to try it", judge: str = JUDGE) -> gate.Override:
    found = version(store, "warmth", 1)
    actor = SYSTEM if who == "kardia" else known(store, who)
    return gate.grant(store, actor, "warmth", 1, judge, reason, gate.figures_now(store, found, judge))


def test_a_psychologist_lets_a_judge_through_and_it_is_on_record(store: Store) -> None:
    given = let_through(store)
    assert (given.by, given.name, given.reason, given.judge) == ("paula", "Paula", "Only to try it", JUDGE)
    assert given.shortfalls == ("Warm has 0 labels, at least 30 are needed",)
    assert gate.standing_override(store, version(store, "warmth", 1), JUDGE) == given
    assert gate.standing_override(store, version(store, "warmth", 1), "other/judge") is None
    (event,) = [one for one in history.recent(store) if one.action == "gate_granted"]
    assert (event.actor, event.reason, event.detail["judge"]) == ("paula", "Only to try it", JUDGE)


@pytest.mark.parametrize("who", ["ann", "rex", "kardia"])
def test_nobody_else_can(store: Store, who: str) -> None:
    with pytest.raises(UserError, match="may not let a model be trained on a judge"):
        let_through(store, who)
    assert gate.standing_override(store, version(store, "warmth", 1), JUDGE) is None


def test_it_takes_a_reason_an_approved_version_and_something_to_override(store: Store) -> None:
    with pytest.raises(UserError, match="Say why"):
        let_through(store, reason="  ")
    open_gate = rubric_from({**version(store, "warmth", 1).rubric.model_dump(), "calibration": {"min_labels": 0}})
    import_version(store, SYSTEM, open_gate, "")
    found = version(store, "warmth", 2)
    with pytest.raises(UserError, match="reaches every limit"):
        gate.grant(store, known(store, "paula"), "warmth", 2, JUDGE, "x", gate.figures_now(store, found, JUDGE))
    flags = version(store, "unsafe", 1)
    with pytest.raises(UserError, match="is not approved"):
        gate.grant(store, known(store, "paula"), "unsafe", 1, JUDGE, "x", gate.figures_now(store, flags, JUDGE))


def test_it_can_be_taken_back_and_both_stay_on_record(store: Store) -> None:
    let_through(store)
    gate.withdraw(store, known(store, "paula"), "warmth", 1, JUDGE, "It was tried")
    assert gate.standing_override(store, version(store, "warmth", 1), JUDGE) is None
    assert [one.action for one in history.recent(store)[:2]] == ["gate_withdrawn", "gate_granted"]
    with pytest.raises(UserError, match="no override stands"):
        gate.withdraw(store, known(store, "paula"), "warmth", 1, JUDGE, "Again")


def test_figures_of_now_count_what_people_and_judge_said(store: Store) -> None:
    from tests.db.audit_people import Auditor

    Auditor(store, "ann").score("d0", 0, 2).score("d0", 1, 4)
    judged_run(store, "r1", version(store, "warmth", 1).rubric, [Judged("d0", n, [3]) for n in range(3)], rewards=False)
    (own,) = gate.figures_now(store, version(store, "warmth", 1), JUDGE).criteria
    assert (own.criterion_id, own.labels, own.agreement, own.faults) == ("warm", 2, 0.0, 0)


def trained(store: Store, run_id: str, parents: list[str], override: gate.Override | None) -> None:
    found = version(store, "warmth", 1)
    request = Request(
        run_id=run_id,
        stage="grpo",
        config={},
        rubric=gate.as_it_stands(found),
        parents=parents,
        calibration=gate.figures_now(store, found, JUDGE),
        override=override,
        requested_by="rex",
        created_at="2026-11-23T09:12:00.000",
    )
    run = RunDir.create(store.home / "runs", request, pd.DataFrame())
    run.update_status(state="done")
    (run.path / "outputs").mkdir()
    told = {"stage": "grpo", "base_model": "smollm2", "path": "model", "parameters": 10, "steps": 4}
    (run.path / "outputs" / "model.json").write_text(json.dumps(told))
    ingest(store)


def test_the_lineage_carries_an_override_for_ever_and_to_every_model_trained_from_it(store: Store) -> None:
    trained(store, "g1", [], let_through(store))
    gate.withdraw(store, known(store, "paula"), "warmth", 1, JUDGE, "It was tried")
    trained(store, "g2", ["g1"], None)
    for run_id in ("g1", "g2"):
        (link,) = overrides(store, run_id)
        assert "Gate overridden by Paula" in link.title
        assert "Only to try it" in link.detail
        assert "Warm has 0 labels" in link.detail
    assert [one.title for one in lineage(store, "g2") if one.kind == "judge"] == ["Judge j/m"] * 2


def test_the_command_line_shows_overrides_and_exports_the_gate(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(store.home)
    store.close()
    words = ["warmth", "1", "--judge", "embedded", "--home", home]
    assert main(["gate", "show", *words]) == 1
    assert "Warm has 0 labels, at least 30 are needed" in capsys.readouterr().out
    assert main(["gate", "override", *words, "--as", "rex", "--reason", "I want to"]) == 1
    assert "it takes the role psychologist" in capsys.readouterr().err
    assert main(["gate", "override", *words, "--as", "paula", "--reason", "To try it"]) == 0
    assert main(["gate", "show", *words]) == 0
    file = store.home / "gate.json"
    assert main(["gate", "export", *words, "--out", str(file)]) == 0
    told = read_gate(file)
    assert told.rubric.approved_by == "paula"
    assert told.override is not None
    assert told.override.reason == "To try it"
    assert main(["gate", "withdraw", *words, "--as", "paula", "--reason", "Done"]) == 0
