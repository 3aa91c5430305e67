"""Whom a model of an evaluation was trained on."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline import evaluate
from pipeline.held_out import trained_on
from pipeline.report.lineage import lineage
from pipeline.report.read import read_evaluation
from pipeline.report.tables import held_out_words
from pipeline.train.models import load_model
from rubrics.errors import UserError
from tests.pipeline.evaluation_runs import another_model, new_run
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.training_runs import dialogue, events, lay_out

pytestmark = pytest.mark.usefixtures("one_thread")


def test_people_whom_a_model_was_trained_on_are_told_and_left_out_when_asked(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    trained = lay_out(tmp_path, "sft", {"model": "tiny"}, pd.DataFrame([dialogue(0), dialogue(1)]))
    load_model("tiny", tmp_path)
    shutil.copytree(tmp_path / "models" / "tiny", trained.path / "model")
    run = new_run(tmp_path, pd.DataFrame([dialogue(1, 1), dialogue(2, 1)]), trained=trained.run_id)
    evaluate.run(run, tmp_path)
    (told,) = events(run, "held_out")
    assert (told["dialogues"], told["of_trained_people"], told["left_out"]) == (2, 1, False)
    strangers = new_run(tmp_path, run.inputs(), trained=trained.run_id, held_out=True)
    evaluate.run(strangers, tmp_path)
    answers = strangers.read_output("answers")
    assert answers is not None
    assert set(answers["dialogue_id"]) == {"d2"}
    with pytest.raises(UserError, match="every dialogue is about somebody"):
        evaluate.run(new_run(tmp_path, run.inputs().head(1), trained=trained.run_id, held_out=True), tmp_path)


@pytest.mark.parametrize("folder", ["model", "checkpoints/checkpoint-3", "best/step-2"])
def test_a_model_in_a_folder_of_its_run_is_known_by_that_run(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home, apart = tmp_path / "home", tmp_path / "out"
    first = lay_out(apart, "sft", {"model": "smollm2"}, pd.DataFrame([dialogue(0)]))
    (first.path / folder).mkdir(parents=True)
    relative = str((first.path / folder).relative_to(tmp_path))
    second = lay_out(home, "sft", {"model": relative}, pd.DataFrame([dialogue(1)]))
    assert trained_on([relative], home) == ({"p0"}, ())
    assert trained_on([str(first.path / folder), second.run_id], home) == ({"p0", "p1"}, ())


def test_a_model_that_no_run_trained_is_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "model").mkdir(parents=True)
    folder = str(tmp_path / "elsewhere" / "model")
    run = lay_out(tmp_path, "sft", {"model": "owner/base"}, pd.DataFrame([dialogue(0)]))
    assert trained_on(["smollm2", "tiny", folder], tmp_path) == (frozenset(), (folder,))
    assert trained_on(["smollm2", run.run_id], tmp_path) == ({"p0"}, ("owner/base",))


def test_a_folder_as_trained_model_leaves_its_people_out_and_one_from_elsewhere_is_named(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    trained = lay_out(tmp_path / "out", "sft", {"model": "tiny"}, pd.DataFrame([dialogue(1)]))
    elsewhere = another_model(tmp_path)
    shutil.copytree(elsewhere, trained.path / "model")
    people = pd.DataFrame([dialogue(1, 1), dialogue(2, 1)])
    run = new_run(tmp_path, people, models=[elsewhere], trained=str(trained.path / "model"), held_out=True)
    evaluate.run(run, tmp_path)
    answers = run.read_output("answers")
    assert answers is not None
    assert set(answers["dialogue_id"]) == {"d2"}
    (event,) = events(run, "held_out")
    assert (event["of_trained_people"], event["unknown"]) == (1, [elsewhere])
    told = held_out_words(read_evaluation(run))
    assert told.startswith("Held out: nobody in these dialogues")
    assert told.endswith(f" Whom {tmp_path.name}/other learnt from is not known, for no run here tells of it.")
    assert [step.run_id for step in lineage(read_evaluation(run))] == [run.run_id, trained.run_id]


def test_an_unknown_trained_model_is_told_before_anything_is_asked(tmp_path: Path, judge: LoopbackJudge) -> None:
    with pytest.raises(UserError, match='no model "20260101-nope"'):
        evaluate.run(new_run(tmp_path, trained="20260101-nope"), tmp_path)
    assert judge.prompts == []
