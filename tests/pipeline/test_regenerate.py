"""The regenerate loop against three roles behind real HTTP: what is asked, what is kept, and how each dialogue ends."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import jobs
from pipeline.attempts import read_lines
from pipeline.commands.stages import execute_here
from pipeline.endpoints import EMBEDDED
from pipeline.engines.local import how_many
from pipeline.inputs import read_inputs
from pipeline.prompts import assistant_messages
from pipeline.roles import MAX_USER_CHARS, form_fault, spoken, user_messages
from pipeline.rundir import RunDir
from pipeline.seeds import Seed
from pipeline.spans import fault, parse_spans
from pipeline.turns import Message
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import (
    ANSWER_WORDS,
    GATE,
    USER_WORDS,
    WHOLE_ANSWER,
    Body,
    Refuse,
    Roles,
    serving_roles,
    whole_answer,
)
from tests.pipeline.regenerate_runs import ALL_LOOPBACK, inputs, submit, until


@pytest.fixture
def roles() -> Iterator[Roles]:
    with serving_roles() as served:
        yield served


def lines(run: RunDir) -> list[dict[str, Any]]:
    text = (run.path / "outputs" / "dialogues.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def attempts(run: RunDir) -> pd.DataFrame:
    frame = run.read_output("attempts")
    assert frame is not None
    return frame


def events(run: RunDir, kind: str) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["kind"] == kind]


def ends(run: RunDir) -> list[dict[str, Any]]:
    return [line for line in read_lines(run.path / "outputs" / "attempts.jsonl") if line["kind"] == "end"]


def ended(run: RunDir) -> dict[str, int]:
    return dict(events(run, "summary")[-1]["ended_by"])


def calls(roles: Roles) -> tuple[int, int, int]:
    return len(roles.asked["user"]), len(roles.asked["assistant"]), len(roles.asked["evaluator"])


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


def verdicts(run: RunDir) -> list[dict[str, Any]]:
    frame = run.read_output("verdicts")
    assert frame is not None
    return frame.to_dict("records")  # type: ignore[return-value]


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


def queue(home: Path, seeds: pd.DataFrame, gate: str = GATE, **config: Any) -> RunDir:
    return jobs.submit(
        home,
        "regenerate",
        {**ALL_LOOPBACK, "max_exchanges": 1, **config},
        inputs=seeds,
        rubric=parse_rubric(gate),
        reference=None,
        requested_by="me",
    )


def test_one_call_that_fails_is_made_again(tmp_path: Path, roles: Roles) -> None:
    roles.user = once_refused(roles, "user", USER_WORDS)
    roles.assistant = once_refused(roles, "assistant", WHOLE_ANSWER)
    run = submit(tmp_path, roles)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"max_exchanges": 1}
    seeds = [body["seed"] for body in roles.asked["user"]]
    assert seeds[0] != seeds[1], "another sample, or the same call would fail again"


def once_refused(roles: Roles, role: str, text: str) -> Any:
    def answer(body: Body) -> str:
        if len(roles.asked[role]) == 1:
            raise Refuse
        return text

    return answer


def test_a_run_of_nothing_but_failures_stops_early_and_can_be_resumed(tmp_path: Path, roles: Roles) -> None:
    def down(body: Body) -> str:
        raise Refuse

    roles.assistant = down
    run = submit(tmp_path, roles, count=30, max_exchanges=2)
    assert execute_here(run, tmp_path) == 1
    # Whichever sees it first: three dialogues in a row, or too many calls of one endpoint.
    told = run.status().message
    assert "in a row failed on the assistant, loopback: HTTP 400" in told or "calls failed (HTTP 400" in told
    assert calls(roles)[1] < 60, "not every dialogue was tried"
    roles.assistant = lambda body: WHOLE_ANSWER
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"max_exchanges": 30}
    assert len(lines(run)) == 30


def test_a_dialogue_cut_short_by_a_failure_is_written_once_the_run_cannot_go_on(tmp_path: Path, roles: Roles) -> None:
    def down_for_the_first(body: Body) -> str:
        if "dog s0" in json.dumps(body) and len(body["messages"]) > 2:
            raise Refuse
        return USER_WORDS

    roles.user = down_for_the_first
    roles.write_endpoints(tmp_path)
    first = inputs(1, situation="dog s0")
    alone = queue(tmp_path, first, max_exchanges=2)
    assert execute_here(alone, tmp_path) == 1
    assert lines(alone) == [], "a resume would go on with it under the same id"
    both = queue(tmp_path, pd.concat([first, inputs(2).tail(1)]), max_exchanges=2)
    assert execute_here(both, tmp_path) == 0
    assert [(line["ended_by"], len(line["messages"])) for line in lines(both)] == [
        ("call_failed", 2),
        ("max_exchanges", 4),
    ]


def test_a_single_failing_dialogue_fails_the_run_so_that_it_can_be_resumed(tmp_path: Path, roles: Roles) -> None:
    roles.user = lambda body: "  "
    run = submit(tmp_path, roles)
    assert execute_here(run, tmp_path) == 1
    assert "no dialogue was rebuilt: 1 ended without an answer" in run.status().message
    roles.user = lambda body: USER_WORDS
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0


def test_a_resume_pays_for_nothing_twice(tmp_path: Path, roles: Roles) -> None:
    """Killed while the fifth answer is awaited, after the fourth was sent back; then half a line is left behind."""
    hangs = threading.Event()

    def hang_at_the_fifth(body: Body) -> str:
        number = len(roles.asked["assistant"])
        if number == 5:
            hangs.set()
            roles.go.clear()
            roles.go.wait(60)
        return whole_answer(number)

    roles.assistant = hang_at_the_fifth
    roles.scores = lambda body: {"kind": int("hard loss 4" not in json.dumps(body))}
    roles.write_endpoints(tmp_path, max_concurrency=1)
    run = queue(tmp_path, inputs(3), max_exchanges=2)
    killed = start(run, tmp_path)
    assert hangs.wait(30)
    killed.kill()
    killed.wait()
    journal = run.path / "outputs" / "attempts.jsonl"
    before = [json.loads(line) for line in journal.read_bytes().splitlines()]
    judged = [line for line in before if line["kind"] == "verdict"]
    assert [line["verdict"] for line in judged].count("FAIL") == 1
    journal.write_bytes(journal.read_bytes() + b'{"kind": "att')
    said = sum(line["kind"] == "user" for line in before)
    roles.go.set()
    fresh = Roles()
    roles.asked, roles.scores = fresh.asked, fresh.scores
    roles.assistant = lambda body: whole_answer(100 + len(roles.asked["assistant"]))
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0
    accepted = sum(line["verdict"] == "PASS" for line in judged)
    assert len(roles.asked["assistant"]) == 6 - accepted
    assert len(roles.asked["user"]) == 6 - said
    assert ended(run) == {"max_exchanges": 3}
    frame = attempts(run)
    assert not frame.duplicated(["dialogue_id", "exchange", "revision"]).any()
    assert sorted(frame.verdict) == ["FAIL"] + ["PASS"] * 6
    assert [line["source_dialogue_id"] for line in lines(run)] == ["s0", "s1", "s2"]
    revised = next(prompt for prompt in roles.prompts("assistant") if "because kind" in prompt)
    assert "hard loss 4" in revised, "the revision goes on from the answer that was sent back"


def start(run: RunDir, home: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipeline", "regenerate", "--run-dir", str(run.path), "--home", str(home)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def test_a_cancel_writes_what_is_finished_and_a_resume_goes_on(tmp_path: Path, roles: Roles) -> None:
    def slow_for_the_second(body: Body) -> str:
        if len(roles.asked["user"]) > 1:
            roles.go.wait(60)
        return USER_WORDS

    roles.user = slow_for_the_second
    roles.write_endpoints(tmp_path, max_concurrency=1)
    run = queue(tmp_path, inputs(3))
    process = start(run, tmp_path)
    until(lambda: ends(run))
    roles.go.clear()
    jobs.cancel(run)
    assert process.wait(5) == 130
    assert run.status().state == "cancelled"
    finished = len(ends(run))
    assert len(lines(run)) == finished < 3
    roles.go.set()
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0
    assert len(lines(run)) == 3


def test_the_person_hears_the_response_and_none_of_the_thoughts(tmp_path: Path, roles: Roles) -> None:
    run = submit(tmp_path, roles, max_exchanges=2)
    execute_here(run, tmp_path)
    first, second = roles.asked["user"]
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "user"]
    assert second["messages"][2]["content"] == USER_WORDS
    assert second["messages"][3]["content"] == parse_spans(whole_answer(1)).response
    assert "My dog died." in first["messages"][0]["content"]


def test_an_endpoint_that_holds_a_schema_is_asked_for_the_four_parts(tmp_path: Path, roles: Roles) -> None:
    parts = {"understanding": "u", "reasoning": "r <b>", "emotion": "sad", "response": "half \ud83d pair"}
    roles.assistant = lambda body: json.dumps(parts)
    run = submit(tmp_path, roles, capability="json_schema")
    assert execute_here(run, tmp_path) == 0
    schema = roles.asked["assistant"][0]["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["understanding", "reasoning", "emotion", "response"]
    assert len(schema["properties"]["emotion"]["enum"]) == 32
    assert "response_format" not in roles.asked["user"][0]
    found = parse_spans(lines(run)[0]["messages"][1]["content"])
    assert found == ("u", "r <b>", "sad", "half ? pair")


def test_a_schema_answer_that_is_no_object_is_a_fault_of_form(tmp_path: Path, roles: Roles) -> None:
    roles.assistant = lambda body: '["u", "r"]'
    run = submit(tmp_path, roles, capability="json_schema", max_revisions=1)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"max_exchanges": 1}
    assert not attempts(run).judged.any()
    assert list(attempts(run).kept) == [False, True]


def test_no_word_of_a_dialogue_is_in_events_status_or_output(tmp_path: Path, roles: Roles, capfd: Any) -> None:
    roles.scores = lambda body: {"kind": int(len(roles.asked["assistant"]) > 1)}
    run = submit(tmp_path, roles)
    execute_here(run, tmp_path)
    told = (
        (run.path / "events.jsonl").read_text() + (run.path / "status.json").read_text() + "".join(capfd.readouterr())
    )
    for words in (USER_WORDS, ANSWER_WORDS, "because kind", "My dog died"):
        assert words not in told


def test_tokens_and_cost_add_up_over_attempts(tmp_path: Path, roles: Roles) -> None:
    roles.write_endpoints(tmp_path, price_in=1000.0, price_out=2000.0)
    run = queue(tmp_path, inputs(1))
    assert execute_here(run, tmp_path) == 0
    paid = sum(calls(roles))
    assert calls(roles) == (1, 1, 2), "the criteria read two sets of parts"
    assert (run.status().tokens_in, run.status().tokens_out) == (10 * paid, 5 * paid)
    assert run.status().cost == pytest.approx(paid * (10 * 1000 + 5 * 2000) / 1e6)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"emotion": "blue"}, 'dialogue s0: "blue" is not one of the 32 emotions'),
        ({"emotion": ""}, "is not one of the 32 emotions"),
        ({"situation": " "}, "dialogue s0: has no situation"),
        ({"person": ""}, "dialogue s0: has no profile, which the criterion safe reads"),
    ],
)
def test_inputs_that_cannot_be_rebuilt_are_named_before_any_call(
    tmp_path: Path, roles: Roles, fields: dict[str, str], told: str
) -> None:
    roles.write_endpoints(tmp_path)
    gate = GATE.replace("reads: [response]", "reads: [profile, response]", 1)
    run = queue(tmp_path, inputs(1, **fields), gate)
    assert execute_here(run, tmp_path) == 1
    assert told in run.status().message
    assert calls(roles) == (0, 0, 0)


def test_a_dialogue_may_come_once(tmp_path: Path, roles: Roles) -> None:
    roles.write_endpoints(tmp_path)
    run = queue(tmp_path, pd.concat([inputs(1), inputs(1)]))
    assert execute_here(run, tmp_path) == 1
    assert "dialogue s0: comes twice" in run.status().message


def test_an_endpoint_that_is_down_is_told_before_anything_is_paid(tmp_path: Path, roles: Roles) -> None:
    roles.write_endpoints(tmp_path)
    file = tmp_path / "endpoints.toml"
    file.write_text(file.read_text() + '\n[gone]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "x"\n')
    run = queue(tmp_path, inputs(1), evaluator="gone")
    assert execute_here(run, tmp_path) == 1
    assert "endpoint gone at http://127.0.0.1:9/v1" in run.status().message
    assert calls(roles) == (0, 0, 0)


def test_the_output_can_be_read_as_input(tmp_path: Path, roles: Roles) -> None:
    run = submit(tmp_path, roles, count=3)
    execute_here(run, tmp_path)
    again = read_inputs(run.path / "outputs" / "dialogues.jsonl")
    assert len(again) == 3
    assert set(again.emotion) == {"trusting"}
    assert set(again.person) == {"MBTI: INFP. Keeps an old dog."}


@pytest.mark.parametrize(
    ("text", "was_cut", "expected"),
    [
        ('  "I am\n\ntired." ', False, "I am tired."),
        ("I am tired. And I can", True, "I am tired."),
        ("no end in sight", True, "no end in"),
        ("<|response_begin|>Hi <response>there<|response_end|>", False, "Hi there"),
        ("", False, ""),
    ],
)
def test_speech_is_plain_and_whole(text: str, was_cut: bool, expected: str) -> None:
    assert spoken(text, was_cut) == expected


def test_long_speech_is_cut_at_a_sentence() -> None:
    text = spoken("It goes on. " * 200)
    assert MAX_USER_CHARS - 20 < len(text) <= MAX_USER_CHARS
    assert text.endswith("on.")


def test_what_an_answers_form_lacks_is_told() -> None:
    assert form_fault(WHOLE_ANSWER) is None
    assert form_fault(WHOLE_ANSWER.replace("sad", " Sad ")) is None
    assert "emotion" in str(form_fault(WHOLE_ANSWER.replace("sad", "sadness")))


def test_dollar_signs_in_a_profile_are_only_text() -> None:
    seed = Seed("s", "", "owes $situation and ${x}", "", "", "sad", "lost $5")
    assert "owes $situation and ${x}" in user_messages(seed, ())[0]["content"]
    assert assistant_messages(seed.person, seed.situation, (Message("user", "x"),))


def test_dialogues_at_a_time_follow_the_endpoints() -> None:
    assert how_many([EMBEDDED]) == 4
    assert how_many([EMBEDDED.model_copy(update={"max_concurrency": n}) for n in (8, 24)]) == 64


@pytest.mark.slow
def test_the_embedded_model_rebuilds_a_dialogue(tmp_path: Path) -> None:
    run = jobs.submit(
        tmp_path,
        "regenerate",
        {"max_exchanges": 1, "max_revisions": 1},
        inputs=inputs(1),
        rubric=parse_rubric(GATE),
        reference=None,
        requested_by="me",
    )
    assert execute_here(run, tmp_path) == 0, run.status().message
    frame = attempts(run)
    assert frame.judged.any(), "not one answer had whole spans"
    assert not [text for text, judged in zip(frame.text, frame.judged, strict=True) if judged and fault(text)]
    assert set(ended(run)) <= {"solved", "max_exchanges"}
    assert run.status().tokens_out > 0
