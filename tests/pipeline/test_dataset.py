"""A finished regeneration as a data set: who is on which side, what is easy, what a card says, and that it loads."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.mock_roles import serving
from pipeline.__main__ import main
from pipeline.commands.stages import execute_here
from pipeline.dataset.difficulty import difficulty
from pipeline.dataset.split import check_disjoint, person_of, split
from pipeline.dataset.statistics import PUBLISHED, statistics
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from tests.pipeline.test_regenerate_killed import queued


def people(*counts: int) -> list[dict[str, Any]]:
    return [{"persona_id": f"p{n}", "person": f"about {n}"} for n, count in enumerate(counts) for _ in range(count)]


def test_nobody_is_on_both_sides() -> None:
    lines = people(*[4] * 30)
    sides = split(lines, 0.1, seed=0)
    assert sides.count("test") == 12
    assert not {person_of(x) for x, side in zip(lines, sides, strict=True) if side == "test"} & {
        person_of(x) for x, side in zip(lines, sides, strict=True) if side == "train"
    }
    assert sides == split(lines, 0.1, seed=0) != split(lines, 0.1, seed=1)


def test_one_person_under_two_ids_is_found() -> None:
    lines = [{"persona_id": "a", "person": "the same words"}, {"persona_id": "b", "person": "the same words"}]
    with pytest.raises(UserError, match="both in train and in test, by person"):
        check_disjoint(lines, ["train", "test"])


def test_one_person_cannot_be_split() -> None:
    with pytest.raises(UserError, match="needs two"):
        split(people(5), 0.1, seed=0)
    assert split(people(5), 0.0, seed=0) == ["train"] * 5


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["PASS", "PASS", "FAIL"], "easy"),
        (["FAIL", "PASS"], "hard"),
        (["FAIL", "FAIL", "PASS"], "hard"),
        (["FAIL", "SOLVED", "SOLVED"], "easy"),
        ([None, "PASS"], "easy"),
        ([], "hard"),
    ],
)
def test_easy_is_less_than_half_failed_and_a_tie_is_hard(verdicts: list[str | None], expected: str) -> None:
    assert difficulty(verdicts) == expected


def test_the_published_table_agrees_with_itself() -> None:
    for one in PUBLISHED.values():
        assert one.pairs / one.dialogues == pytest.approx(one.turns, abs=0.006)
    assert PUBLISHED["train"].dialogues + PUBLISHED["test"].dialogues == PUBLISHED["all"].dialogues


def test_lengths_are_words() -> None:
    text = "<|understanding_begin|>a b<|understanding_end|><|reasoning_begin|>c<|reasoning_end|>" + (
        "<|emotion_begin|>sad<|emotion_end|><|response_begin|>d e f<|response_end|>"
    )
    said = [{"role": "user", "content": "one two three four"}, {"role": "assistant", "content": text}]
    found = statistics([{"persona_id": "p", "emotion": "sad", "messages": said}])
    assert (found.dialogues, found.pairs, found.turns, found.emotions, found.profiles) == (1, 1, 1.0, 1, 1)
    assert (found.query, found.understanding, found.reasoning, found.response) == (4.0, 2.0, 1.0, 3.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    folder = tmp_path_factory.mktemp("made")
    with serving(solved=0.1) as mock:
        run = queued(folder / "home", mock, dialogues=40, people=10)
        assert execute_here(run, folder / "home") == 0
    return run


def test_the_data_set_loads_and_holds_the_record_exactly(finished: RunDir, tmp_path: Path, capsys: Any) -> None:
    import datasets

    out = tmp_path / "set"
    words = ["dataset", str(finished.path), "--out", str(out), "--licence", "cc-by-4.0", "--test-share", "0.2"]
    assert main([*words, "--with-marked"]) == 0
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert sorted(loaded) == ["test", "train"]
    assert len(loaded["train"]) + len(loaded["test"]) == 40
    assert loaded["train"].column_names == ["person", "mbti", "emotion", "situation", "anon_username", "messages"]
    first = loaded["train"][0]["messages"]
    assert [m["role"] for m in first[:3]] == ["system", "user", "assistant"]
    assert not set(loaded["train"]["person"]) & set(loaded["test"]["person"])
    attempts = datasets.load_dataset(str(out), "attempts", cache_dir=str(tmp_path / "cache"))["train"]
    assert {"text", "critique", "verdict", "kept"} <= set(attempts.column_names)
    easy, hard = ((out / f"{name}.jsonl") for name in ("easy", "hard"))
    counted = sum(len(f.read_text().splitlines()) for f in (easy, hard) if f.is_file())
    assert counted == len(loaded["train"])


def test_the_card_says_how_it_was_made(finished: RunDir, tmp_path: Path) -> None:
    out = tmp_path / "set"
    assert main(["dataset", str(finished.path), "--out", str(out), "--licence", "cc-by-4.0", "--with-marked"]) == 0
    card = (out / "README.md").read_text()
    request = finished.request()
    assert request.rubric is not None
    for told in ("license: cc-by-4.0", request.rubric.hash[:12], "loopback/mock", "pFAIL < 0.5", "| copy |", "178,080"):
        assert told in card, told


def test_marked_dialogues_are_apart_and_not_lost(finished: RunDir, tmp_path: Path) -> None:
    marked = set(finished.read_output("marks").dialogue_id)  # type: ignore[union-attr]
    assert 0 < len(marked) < 40, "the mock's emotions jump now and then"
    out = tmp_path / "set"
    assert main(["dataset", str(finished.path), "--out", str(out), "--licence", "cc-by-4.0"]) == 0
    counts = {f.stem: len(f.read_text(encoding="utf-8").splitlines()) for f in out.glob("*.jsonl")}
    assert counts["marked"] == len(marked)
    assert counts["train"] + counts["test"] + counts["marked"] == 40


def test_one_command_prints_the_table_beside_the_published_one(finished: RunDir, tmp_path: Path, capsys: Any) -> None:
    assert main(["statistics", str(finished.path / "outputs" / "dialogues.jsonl")]) == 0
    told = capsys.readouterr().out
    assert "| Dialogues | 40 | 19,533 | 40 | 22,080 |" in told
    assert "| Mean response length |" in told


def test_a_run_that_has_not_ended_is_refused(tmp_path: Path, capsys: Any) -> None:
    with serving() as mock:
        run = queued(tmp_path / "home", mock, dialogues=1)
    assert main(["dataset", str(run.path), "--out", str(tmp_path / "set"), "--licence", "x"]) == 1
    assert "is no regeneration that has ended" in capsys.readouterr().err


def test_marks_stand_on_the_rows(finished: RunDir) -> None:
    lines = [json.loads(one) for one in (finished.path / "outputs/dialogues.jsonl").read_text().splitlines()]
    marks = finished.read_output("marks")
    assert marks is not None
    assert sum(len(line["marks"]) for line in lines) == len(marks)
    assert all({"filter", "turn_index", "reason"} == set(mark) for line in lines for mark in line["marks"])
