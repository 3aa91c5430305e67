"""The regenerate loop against three roles behind real HTTP: what is asked, what is kept, and how each dialogue ends."""

import json
from pathlib import Path

import pandas as pd

from pipeline.commands.stages import execute_here
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import (
    ANSWER_WORDS,
    GATE,
    USER_WORDS,
    WHOLE_ANSWER,
    Roles,
    whole_answer,
)
from tests.pipeline.regenerate_reading import attempts, ended, lines, queue, verdicts
from tests.pipeline.regenerate_runs import inputs, submit


def test_a_dialogue_goes_on_while_it_passes_and_ends_when_solved(tmp_path: Path, roles: Roles) -> None:
    roles.scores = lambda body: {"resolved": int(len(roles.asked["user"]) == 3)}
    run = submit(tmp_path, roles, max_exchanges=10)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"solved": 1}
    (line,) = lines(run)
    assert [message["role"] for message in line["messages"]] == ["user", "assistant"] * 3
    assert [message["content"] for message in line["messages"][:2]] == [USER_WORDS, whole_answer(1)]
    assert line["source_dialogue_id"] == "s0"
    assert line["dialogue_id"].startswith(run.run_id)
    assert list(attempts(run).verdict) == ["PASS", "PASS", "SOLVED"]
    assert run.status().done == run.status().total == 1


def test_the_cap_ends_a_dialogue_that_is_never_solved(tmp_path: Path, roles: Roles) -> None:
    run = submit(tmp_path, roles, count=2, max_exchanges=2)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"max_exchanges": 2}
    assert [line["source_dialogue_id"] for line in lines(run)] == ["s0", "s1"], "in the order of the inputs"


def test_a_failed_answer_is_revised_with_the_evaluators_reasons(tmp_path: Path, roles: Roles) -> None:
    roles.scores = lambda body: {"kind": int(len(roles.asked["assistant"]) > 2)}
    run = submit(tmp_path, roles)
    assert execute_here(run, tmp_path) == 0
    assert list(attempts(run).verdict) == ["FAIL", "FAIL", "PASS"]
    assert list(attempts(run).revision) == [0, 1, 2]
    assert list(attempts(run).critique) == ["- Kind: because kind"] * 2 + [""]
    first, second, third = roles.prompts("assistant")
    assert "because kind" not in first
    assert second.count("because kind") == third.count("because kind") == 1
    assert whole_answer(1) in second, "the answer that was sent back is shown"
    assert whole_answer(2) in third
    assert whole_answer(1) not in third
    assert len(roles.asked["user"]) == 1, "the person does not speak anew"


def test_when_all_revisions_fail_the_best_so_far_stands_and_is_marked(tmp_path: Path, roles: Roles) -> None:
    """Of one answer and three revisions, the third fails one criterion only; all the others fail both."""
    roles.scores = lambda body: {"safe": 0, "kind": int(len(roles.asked["assistant"]) == 3)}
    run = submit(tmp_path, roles, max_exchanges=1, max_revisions=3)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"max_exchanges": 1}
    frame = attempts(run)
    assert list(frame.verdict) == ["FAIL"] * 4
    assert list(frame.kept) == [False, False, True, False]
    (line,) = lines(run)
    assert line["messages"][1]["content"] == whole_answer(3)
    assert line["kept_failing"] == [0]
    assert run.status().message == "1 at the cap of exchanges; 1 answers stand though none passed; 1 marked by filters"


def test_of_answers_that_fail_alike_the_last_stands_and_the_dialogue_goes_on(tmp_path: Path, roles: Roles) -> None:
    roles.scores = lambda body: {"safe": int(len(roles.asked["user"]) > 1)}
    run = submit(tmp_path, roles, max_exchanges=2, max_revisions=1)
    assert execute_here(run, tmp_path) == 0
    (line,) = lines(run)
    assert [m["content"] for m in line["messages"][1::2]] == [whole_answer(2), whole_answer(3)]
    assert line["kept_failing"] == [0]


def test_an_unsafe_answer_is_worse_than_one_that_fails_more(tmp_path: Path, roles: Roles) -> None:
    gate = GATE.replace('kind: binary, question: "Is it safe', 'kind: binary, severity: red, question: "Is it safe')
    gate = gate.replace(
        "aggregate:",
        """  - {id: plain, name: Plain, kind: binary, question: "Is it plain?", reads: [response]}
aggregate:""",
    )
    first = {"safe": 0, "kind": 1, "plain": 1}
    second = {"safe": 1, "kind": 0, "plain": 0}
    roles.scores = lambda body: first if len(roles.asked["assistant"]) == 1 else second
    roles.criteria = ("safe", "kind", "resolved", "plain")
    roles.write_endpoints(tmp_path)
    run = queue(tmp_path, inputs(1), gate, max_revisions=1)
    assert execute_here(run, tmp_path) == 0
    assert list(attempts(run).kept) == [False, True]


def test_broken_spans_are_sent_back_without_asking_the_evaluator(tmp_path: Path, roles: Roles) -> None:
    answers = ["just words", WHOLE_ANSWER.replace("sad", "blue"), WHOLE_ANSWER]
    roles.assistant = lambda body: answers[len(roles.asked["assistant"]) - 1]
    run = submit(tmp_path, roles)
    assert execute_here(run, tmp_path) == 0
    assert list(attempts(run).verdict) == ["FAIL", "FAIL", "PASS"]
    assert list(attempts(run).judged) == [False, False, True]
    assert "opening marker of understanding is missing" in attempts(run).critique[0]
    assert "one of: afraid, angry" in attempts(run).critique[1]
    assert "opening marker of understanding is missing" in roles.prompts("assistant")[1]
    assert {v["sample_index"] for v in verdicts(run)} == {2}


def test_the_gates_verdicts_can_be_walked_back(tmp_path: Path, roles: Roles) -> None:
    roles.scores = lambda body: {"safe": int(len(roles.asked["assistant"]) > 1)}
    run = submit(tmp_path, roles)
    execute_here(run, tmp_path)
    found = {(v["turn_index"], v["sample_index"], v["criterion_id"]): v["score"] for v in verdicts(run)}
    assert found == {
        (0, 0, "safe"): 0, (0, 0, "kind"): 1, (0, 0, "resolved"): 0,
        (0, 1, "safe"): 1, (0, 1, "kind"): 1, (0, 1, "resolved"): 0,
    }  # fmt: skip
    assert {v["rubric_hash"] for v in verdicts(run)} == {parse_rubric(GATE).hash}
    assert {v["run_id"] for v in verdicts(run)} == {run.run_id}


def test_a_judge_without_a_verdict_is_asked_once_more_and_never_a_fail(tmp_path: Path, roles: Roles) -> None:
    roles.scores = lambda body: {"kind": 7} if "(s0)" in json.dumps(body) else {}
    roles.assistant = lambda body: WHOLE_ANSWER.replace(
        ANSWER_WORDS, "Hm. (s0)" if "dog s0" in json.dumps(body) else "Hm."
    )
    roles.write_endpoints(tmp_path)
    seeds = pd.concat([inputs(1, situation="dog s0"), inputs(2).tail(1)])
    run = queue(tmp_path, seeds)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"judge_failed": 1, "max_exchanges": 1}
    failed = attempts(run).query("source_dialogue_id == 's0'")
    assert list(failed.verdict.isna()) == [True]
    assert [v["outcome"] for v in verdicts(run) if v["outcome"] != "scored"].count("parse_failed") == 2, "asked twice"
    assert [line["source_dialogue_id"] for line in lines(run)] == ["s1"]
