"""Audited dialogues written anew: what stays, what the assistant is told, and budgets that end with whole dialogues."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import jobs
from pipeline.__main__ import main
from pipeline.commands.stages import execute_here
from pipeline.configs import RegenerateConfig
from pipeline.inputs import read_inputs
from pipeline.rundir import RunDir
from pipeline.spending import AT_FIRST, Spending, Spent
from rubrics.load import dump_rubric, parse_rubric
from tests.pipeline.loopback_roles import GATE, WHOLE_ANSWER, Roles, dialogue_line, whole_answer
from tests.pipeline.regenerate_runs import ALL_LOOPBACK, inputs

OLD = [("Hello.", "old one"), ("It got worse.", "old two"), ("Nobody sees it.", "old three"), ("Bye.", "old four")]
FLAGS = [
    {
        "turn_index": 1,
        "code": "VA1",
        "name": "Invalidation",
        "note": "Passes over that it got worse.",
        "person_id": "mei",
    },
    {"turn_index": 3, "code": "CR4", "name": "Abandonment", "note": None, "severity": "red"},
]


def audited(folder: Path) -> Path:
    said = [
        {"role": role, "content": text} for pair in OLD for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    lines = [dialogue_line("audited", messages=said, flags=FLAGS), dialogue_line("clean", messages=said)]
    file = folder / "audited.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def write_anew(home: Path, roles: Roles, **config: Any) -> RunDir:
    roles.write_endpoints(home)
    run = jobs.submit(
        home,
        "regenerate",
        {**ALL_LOOPBACK, "mode": "flagged", **config},
        inputs=read_inputs(audited(home)),
        rubric=parse_rubric(GATE),
        reference=None,
        requested_by="me",
    )
    assert execute_here(run, home) == 0
    return run


def lines(run: RunDir) -> list[dict[str, Any]]:
    text = (run.path / "outputs" / "dialogues.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_only_the_flagged_turn_and_what_follows_is_written_anew(tmp_path: Path, roles: Roles) -> None:
    (new,) = lines(write_anew(tmp_path, roles))
    texts = [message["content"] for message in new["messages"]]
    assert texts[:3] == ["Hello.", "old one", "It got worse."], "the words that the flagged turn answered stay"
    assert texts[3::2] == [whole_answer(1), whole_answer(2), whole_answer(3)]
    assert len(texts) == 2 * len(OLD), "as many exchanges as before"
    assert (new["source_dialogue_id"], new["written_anew_from"]) == ("audited", 1)
    assert len(roles.asked["user"]) == 2, "what comes after is said anew"


def test_the_assistant_is_told_what_auditors_said_and_by_whom_nobody(tmp_path: Path, roles: Roles) -> None:
    write_anew(tmp_path, roles)
    first, second, third = roles.prompts("assistant")
    assert "old two" in first, "the answer that is to be mended"
    assert "- VA1 Invalidation: Passes over that it got worse." in first
    assert "VA1" not in second
    assert "- CR4 Abandonment" in third
    assert "of an earlier version" in third
    assert all("mei" not in prompt for role in roles.asked for prompt in roles.prompts(role))


def test_the_note_stays_with_the_answer_until_it_passes(tmp_path: Path, roles: Roles) -> None:
    roles.scores = lambda body: {"kind": int(len(roles.asked["assistant"]) > 1)}
    write_anew(tmp_path, roles)
    second = roles.prompts("assistant")[1]
    assert "because kind" in second
    assert "Passes over that it got worse." in second
    assert whole_answer(1) in second


def test_from_the_command_line(tmp_path: Path, roles: Roles) -> None:
    roles.write_endpoints(tmp_path)
    gate = tmp_path / "gate.yaml"
    gate.write_text(dump_rubric(parse_rubric(GATE)))
    words = [f"--{role}={name}" for role, name in ALL_LOOPBACK.items()]
    out = tmp_path / "anew"
    command = ["regenerate", "--out", str(out), "--inputs", str(audited(tmp_path)), "--rubric", str(gate)]
    assert main([*command, *words, "--mode", "flagged", "--home", str(tmp_path)]) == 0
    assert len(lines(RunDir(out))) == 1


def test_without_a_flag_there_is_nothing_to_write_anew(tmp_path: Path, roles: Roles) -> None:
    roles.write_endpoints(tmp_path)
    run = jobs.submit(
        tmp_path, "regenerate", {**ALL_LOOPBACK, "mode": "flagged"}, inputs=inputs(1), rubric=parse_rubric(GATE),
        reference=None, requested_by="me",
    )  # fmt: skip
    assert execute_here(run, tmp_path) == 1
    assert "none of the dialogues has a flag" in run.status().message


def test_a_flag_beyond_the_last_turn_is_told(tmp_path: Path, roles: Roles) -> None:
    roles.write_endpoints(tmp_path)
    frame = inputs(1).assign(flags=json.dumps([{"turn_index": 7, "code": "VA1"}]))
    run = jobs.submit(
        tmp_path, "regenerate", {**ALL_LOOPBACK, "mode": "flagged"}, inputs=frame, rubric=parse_rubric(GATE),
        reference=None, requested_by="me",
    )  # fmt: skip
    assert execute_here(run, tmp_path) == 1
    assert "dialogue s0: turn 8 is flagged, and the dialogue has 0 answers" in run.status().message


def test_a_budget_of_tokens_ends_with_whole_dialogues_and_a_resume_goes_on(tmp_path: Path, roles: Roles) -> None:
    """A dialogue takes four calls of 15 tokens: the budget allows some of the twelve, and no half one."""
    roles.assistant = lambda body: WHOLE_ANSWER
    roles.write_endpoints(tmp_path, max_concurrency=2)
    run = jobs.submit(
        tmp_path, "regenerate", {**ALL_LOOPBACK, "max_exchanges": 1, "max_tokens": 400},
        inputs=inputs(12).assign(situation=[f"Number {n}." for n in range(12)]), rubric=parse_rubric(GATE),
        reference=None, requested_by="me",
    )  # fmt: skip
    assert execute_here(run, tmp_path) == 130
    assert "the budget (tokens 400) does not allow the next dialogue" in run.status().message
    whole = lines(run)
    assert 0 < len(whole) < 12
    assert all(len(line["messages"]) == 2 for line in whole)
    assert run.status().tokens_in + run.status().tokens_out <= 400
    while run.status().state == "cancelled":
        before = len(lines(run))
        jobs.resume(tmp_path, run)
        execute_here(run, tmp_path)
        assert len(lines(run)) > before
    assert len(lines(run)) == 12


def spending(spent: list[Spent], clock: list[float], **limits: Any) -> Spending:
    return Spending(RegenerateConfig(**limits), lambda: spent[0], lambda: clock[0])


def test_before_one_dialogue_has_ended_few_are_begun() -> None:
    budget = spending([Spent(0, 0)], [0.0], max_cost=10)
    begun = 0
    while budget.may_begin():
        budget.begun()
        begun += 1
    assert begun == AT_FIRST
    assert budget.waits
    assert not budget.stopped_by


def test_a_dialogue_is_begun_while_it_and_those_under_way_are_expected_to_fit() -> None:
    spent, clock = [Spent(0, 0)], [0.0]
    budget = spending(spent, clock, max_cost=10)
    budget.ended(budget.begun())
    spent[0] = Spent(2, 0)  # one dialogue costs 2, so five fit
    for _ in range(4):
        assert budget.may_begin()
        budget.ended(budget.begun())
        spent[0] = Spent(spent[0].cost + 2, 0)
    assert not budget.may_begin()
    assert budget.stopped_by == "the budget (cost 10) does not allow the next dialogue"


def test_time_is_a_budget_too() -> None:
    clock = [0.0]
    budget = spending([Spent(0, 0)], clock, max_minutes=1)
    begun = budget.begun()
    clock[0] = 40.0
    budget.ended(begun)
    assert not budget.may_begin(), "it would end after 80 seconds"
    assert budget.may_call()
    clock[0] = 60.0
    assert not budget.may_call()


def test_without_limits_nothing_is_counted() -> None:
    budget = spending([Spent(1e9, 10**9)], [1e9])
    assert budget.may_begin()
    assert budget.may_call()
    assert not budget.waits


def test_inputs_without_flags_have_no_such_column(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text(json.dumps(dialogue_line("d")))
    assert "flags" not in read_inputs(file)
    assert isinstance(read_inputs(audited(tmp_path)), pd.DataFrame)
