"""Suites: an evaluation from one file whose limits fail the command."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.commands.suite import Limit, held, hold_to_limits, read_suite
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from rubrics.load import dump_rubric
from tests.pipeline.evaluations import evaluated
from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving
from tests.pipeline.training_runs import RUBRIC, spans


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def judge(home: Path) -> Iterator[LoopbackJudge]:
    with serving() as judge:
        known_to(home, judge)
        yield judge


@pytest.fixture(scope="module")
def run(home: Path, judge: LoopbackJudge) -> RunDir:
    return evaluated(home)


@pytest.fixture(scope="module")
def found(run: RunDir) -> Evaluation:
    return read_evaluation(run)


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        ({"measure": "emotion", "at_least": 0.9}, True),
        ({"measure": "emotion", "model": "base", "at_least": 0.9}, False),
        ({"measure": "emotion", "model": "base", "at_most": 0.1}, True),
        ({"measure": "emotion", "against": "base", "at_least": 0.5, "by": "low"}, True),
        ({"measure": "emotion", "model": "base", "against": "trained", "at_least": -0.5, "by": "low"}, False),
        ({"measure": "empathy", "at_least": 1, "at_most": 5}, True),
        ({"measure": "empathy", "at_most": 1, "by": "high"}, False),
        ({"measure": "crisis_met", "at_least": 0.0}, False),
    ],
)
def test_a_limit_is_held_against_the_mean_or_an_end_of_its_interval(
    found: Evaluation, limit: dict[str, object], kept: bool
) -> None:
    assert held(found, Limit.model_validate(limit)).kept is kept


def test_what_was_not_measured_keeps_no_limit_and_says_so(found: Evaluation) -> None:
    told = held(found, Limit(measure="crisis_met", at_least=0.95)).words
    assert told == "crisis_met of trained was not measured; at least 0.95"
    with pytest.raises(UserError, match="has no model sft"):
        held(found, Limit(measure="emotion", model="sft", at_least=0.95))


def test_a_limit_by_an_end_of_an_interval_that_is_not_known_says_so(found: Evaluation) -> None:
    base = {name: found.changes[name].where(found.changes["measure"] != "emotion") for name in ("low", "high")}
    few = replace(found, changes=found.changes.assign(**base))
    told = held(few, Limit(measure="emotion", against="base", at_least=0.5, by="low"))
    assert (told.kept, told.words) == (
        False,
        "Emotion named exactly of trained against base: 100.0%, too few dialogues for an interval; "
        "at least 0.5, lower end",
    )


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("measure: warmth", r"limit on warmth: there is no such measure \(reward, rubric, emotion"),
        ("measure: empathy, model: sft", r"limit on empathy: the evaluation has no model sft \(base, trained\)"),
        ("measure: empathy, against: bas", r"limit on empathy: the evaluation has no model bas \(base, trained\)"),
    ],
)
def test_a_limit_that_can_never_be_kept_is_told_before_anything_is_asked(
    tmp_path: Path, limit: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.__main__ import main

    head = "inputs: test.jsonl\nrubric: small.yaml\nconfig: {base: tiny, trained: tiny}\nlimits:\n"
    suite = written(tmp_path, f"{head}  - {{measure: crisis_met, at_least: 1}}\n  - {{{limit}, at_least: 1}}\n")
    assert main(["evaluate", "--suite", str(suite), "--out", str(tmp_path / "out"), "--home", str(tmp_path)]) == 1
    assert re.search(reason, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def written(folder: Path, text: str) -> Path:
    (folder / "small.yaml").write_text(dump_rubric(RUBRIC))
    path = folder / "suite.yaml"
    path.write_text(text)
    return path


def test_a_suite_says_each_limit_and_fails_when_one_is_not_kept(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "inputs: test.jsonl\nrubric: small.yaml\nlimits:\n  - {measure: emotion, at_least: 0.9}\n"
    suite = read_suite(written(tmp_path, head))
    assert (suite.inputs, suite.rubric) == (tmp_path / "test.jsonl", tmp_path / "small.yaml")
    assert hold_to_limits(suite, run) == 0
    assert "kept      Emotion named exactly of trained: 100.0%" in capsys.readouterr().out
    worse = read_suite(written(tmp_path, head + "  - {measure: emotion, model: base, at_least: 0.9, by: low}\n"))
    assert hold_to_limits(worse, run) == 1
    assert "NOT KEPT  Emotion named exactly of base: 0.0%" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("limits: [{measure: emotion, at_least: 1}]\nrubric: r.yaml\n", "inputs: Field required"),
        ("inputs: a\nrubric: r\nlimits: []\n", "limits: List should have at least 1 item"),
        ("inputs: a\nrubric: r\nlimits: [{measure: emotion}]\n", "needs at_least or at_most"),
        ("inputs: a\nrubric: r\nlimit: 3\n", "limits: Field required"),
        ("inputs: [\n", "cannot be read as YAML"),
    ],
)
def test_a_suite_that_says_too_little_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=reason):
        read_suite(written(tmp_path, text))


@pytest.mark.slow
def test_the_command_runs_the_suite_and_exits_1_when_a_limit_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.__main__ import main

    line = '{"emotion": "sad", "messages": [{"role": "user", "content": "It hurts."}, {"role": "assistant", "content": '
    (tmp_path / "test.jsonl").write_text(line + f"{spans('sad', 'I hear you.')!r}".replace("'", '"') + "}]}\n")
    head = "inputs: test.jsonl\nrubric: small.yaml\nconfig: {base: tiny, max_completion_length: 8, judge: loopback}\n"
    suite = written(tmp_path, head + "limits:\n  - {measure: format, at_least: 0.5}\n")
    with serving() as judge:
        known_to(tmp_path / "home", judge)
        words = ["evaluate", "--suite", str(suite), "--out", str(tmp_path / "out"), "--home", str(tmp_path / "home")]
        assert main(words) == 1
    assert "NOT KEPT  All four spans in order of base: 0.0%" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate", "--suite", str(suite), "--run-dir", str(tmp_path / "out")])
    assert main([*words, "--out", str(tmp_path / "other"), "--base", "nowhere"]) == 1
