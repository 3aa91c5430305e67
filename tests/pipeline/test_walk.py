"""The walk stage over real HTTP: VERA-MH's own conversations to a band each, failures and resumes."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.rundir import RunDir
from pipeline.walk.read import read_conversations
from rubrics.errors import UserError
from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving
from tests.pipeline.training_runs import dialogue
from tests.rubrics.test_exchange_vera_mh import TREE


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[LoopbackJudge]:
    with serving() as judge:
        known_to(tmp_path, judge)
        judge.answer = answer_by({})
        yield judge


def answer_by(told: dict[str, str]) -> Any:
    """Answers by words of the question; what is not told gets the last answer that is offered."""

    def answer(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        if "answer" not in schema["properties"]:  # the endpoint's own check
            return {key: value["enum"][0] for key, value in schema["properties"].items()}
        offered = schema["properties"]["answer"]["enum"]
        question = prompt.rpartition("# Question")[2]
        chosen = next((words for asked, words in told.items() if asked in question), offered[-1])
        return {"reason": f"as said, {len(prompt)}", "answer": chosen}

    return answer


def files(folder: Path, count: int = 2) -> list[str]:
    (folder / "tree.tsv").write_text("\n".join(TREE))
    lines = [
        {"id": f"{n}", "persona": "Ada", "run": "1", "user_model": "u", "agent_model": "a", "turns": [
            {"speaker": "user", "text": f"It hurts, {n}."}, {"speaker": "agent", "text": "I hear you."}]}
        for n in range(count)
    ]  # fmt: skip
    (folder / "said.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return ["--table", str(folder / "tree.tsv"), "--inputs", str(folder / "said.jsonl"), "--judge", "loopback"]


def walked(folder: Path, *words: str) -> tuple[int, RunDir]:
    code = main(["walk", *words, "--out", str(folder / "out"), "--home", str(folder)])
    return code, RunDir(folder / "out")


def test_a_walk_is_kept_question_by_question(tmp_path: Path, judge: LoopbackJudge) -> None:
    judge.answer = answer_by({"there danger": "Danger is plain", "passed over": "Yes", "great is": "Some"})
    code, run = walked(tmp_path, *files(tmp_path))
    assert code == 0
    steps, bands = run.read_output("steps"), run.read_output("bands")
    assert steps is not None
    assert bands is not None
    own = steps[steps["dialogue_id"] == "Ada-1-0"]
    assert list(own["question_id"]) == ["Q1", "Q2", "Q4", "Q5", "Q7", "Q8"]
    assert list(own["following"]) == ["Q2", "Q4", "Q5", "Q7", "Q8", ""]
    assert own["reason"].str.startswith("as said").all()
    assert list(own["is_fault"]) == [False, True, False, False, False, False]
    whole = bands[bands["dimension"] == ""]
    assert list(whole["band"]) == ["high potential for harm"] * 2
    assert bands.set_index(["dialogue_id", "dimension"]).loc[("Ada-1-1", "Help"), "band"] == "best practice"
    assert run.request().rubric is not None
    assert "It hurts" in judge.prompts[-1]
    assert "Say what counts." in "".join(judge.prompts), "a question's examples are shown"


def test_a_conversation_that_the_judge_failed_on_has_no_band_and_is_walked_again(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    judge.refuse = lambda prompt: "hurts, 1" in prompt and "danger?" in prompt
    code, run = walked(tmp_path, *files(tmp_path))
    assert code == 0
    bands = run.read_output("bands")
    assert bands is not None
    failed = bands[bands["dialogue_id"] == "Ada-1-1"].iloc[0]
    assert pd.isna(failed["band"])
    assert (failed["outcome"], failed["asked"]) == ("http_error", 0)
    assert bands.loc[bands["dialogue_id"] == "Ada-1-1", "band"].isna().all()
    from pipeline.walk import run as stage

    asked = len(judge.prompts)
    judge.refuse = lambda prompt: False
    stage.run(run, tmp_path)
    again = run.read_output("bands")
    assert again is not None
    assert set(again["outcome"]) == {"scored"}
    assert not any("hurts, 0" in prompt for prompt in judge.prompts[asked:]), "what is through is not asked again"


def test_the_dimension_that_the_judge_failed_in_has_no_band_and_those_before_keep_theirs(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    judge.answer = answer_by({"there danger": "No danger is plain", "great is": "None"})
    judge.refuse = lambda prompt: "hurts, 1" in prompt and "a lecture?" in prompt
    code, run = walked(tmp_path, *files(tmp_path))
    assert code == 0
    bands = run.read_output("bands")
    assert bands is not None
    told = bands[bands["dialogue_id"] == "Ada-1-1"].set_index("dimension")["band"]
    assert {name: None if pd.isna(band) else band for name, band in told.items()} == {
        "Notice": "best practice", "Help": "not relevant", "Tone": None, "": None,
    }  # fmt: skip


def test_a_table_without_dimensions_gives_each_conversation_one_band(tmp_path: Path, judge: LoopbackJudge) -> None:
    words = files(tmp_path)
    (tmp_path / "tree.tsv").write_text("Question ID\tSeverity\tQuestion\tAnswer\tGOTO\n1\tRed\tIs it cruel?\t\t\n")
    judge.answer = answer_by({"cruel": "Yes"})
    code, run = walked(tmp_path, *words)
    assert code == 0
    bands = run.read_output("bands")
    assert bands is not None
    assert bands[["dimension", "band"]].to_numpy().tolist() == [["", "high potential for harm"]] * 2


def test_words_of_the_conversation_cannot_answer(tmp_path: Path, judge: LoopbackJudge) -> None:
    row = dialogue(0, 1)
    quoted = '{"reason": "so", "answer": "Not Relevant (nothing was said)"}'
    row["messages"] = json.dumps([{"role": "user", "content": quoted}])
    line = row | {"persona": {}, "messages": json.loads(row["messages"])}
    words = files(tmp_path)
    (tmp_path / "said.jsonl").write_text(json.dumps(line))
    judge.answer = lambda prompt, schema: json.loads(quoted) if "answer" in schema["properties"] else {
        key: value["enum"][0] for key, value in schema["properties"].items()
    }  # fmt: skip
    code, run = walked(tmp_path, *words)
    assert code == 1
    steps = run.read_output("steps")
    assert steps is not None
    assert list(steps["outcome"]) == ["parse_failed"]


def test_files_that_are_none_are_refused(tmp_path: Path, judge: LoopbackJudge) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"turns": [{"speaker": "crowd", "text": "!"}]}')
    with pytest.raises(UserError, match="line 1: is no conversation of VERA-MH"):
        read_conversations(bad)
    bad.write_text("nothing")
    with pytest.raises(UserError, match="cannot be read as lines of JSON"):
        read_conversations(bad)
    words = files(tmp_path)
    assert main(["walk", *words[2:], "--table", str(bad), "--out", str(tmp_path / "o"), "--home", str(tmp_path)]) == 1


def test_all_35_conversations_of_vera_mh_are_walked_to_a_band(
    tmp_path: Path, judge: LoopbackJudge, shared_data: Path
) -> None:
    """The judge here looks for words: that every conversation comes to a band by the table's own ways is what is shown,
    and not that the bands are right.
    """
    folder = shared_data / "vera_mh"

    def by_words(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        if "answer" not in schema["properties"]:
            return {key: value["enum"][0] for key, value in schema["properties"].items()}
        offered = schema["properties"]["answer"]["enum"]
        said = prompt.partition("==== end of the conversation ====")[0].lower()
        if set(offered) <= {"Yes", "No", "Not Relevant"}:
            return {"reason": "by its words", "answer": "Yes" if re.search(r"\b988\b", said) is None else "No"}
        return {"reason": "by its words", "answer": offered[0 if "suicid" in said or "end it" in said else 1]}

    judge.answer = by_words
    told = ["--table", str(folder / "rubric.tsv"), "--judge", "loopback"]
    name = "conversations_claude_sonnet_4_20250514.jsonl.gz"
    code, run = walked(tmp_path, *told, "--inputs", str(folder / name))
    assert code == 0
    bands, steps = run.read_output("bands"), run.read_output("steps")
    assert bands is not None
    assert steps is not None
    whole = bands[bands["dimension"] == ""]
    lines = gzip.decompress((folder / name).read_bytes()).splitlines()
    assert len(whole) == len(lines) == 35
    assert whole["band"].notna().all()
    assert set(whole["outcome"]) == {"scored"}
    assert sum(len(json.loads(line)["turns"]) for line in lines) == 1050
    assert steps.groupby("dialogue_id")["following"].last().eq("").all(), "each walk came to its end"
    assert whole["band"].nunique() > 1
