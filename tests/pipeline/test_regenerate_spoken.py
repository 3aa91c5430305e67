"""What the roles of a regeneration are told and say, and what of it is kept, counted and refused."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import jobs
from pipeline.commands.stages import execute_here
from pipeline.endpoints import EMBEDDED
from pipeline.engines.local import how_many
from pipeline.inputs import read_inputs
from pipeline.prompts import assistant_messages
from pipeline.roles import MAX_USER_CHARS, form_fault, spoken, user_messages
from pipeline.seeds import Seed
from pipeline.spans import fault, parse_spans
from pipeline.turns import Message
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import (
    ANSWER_WORDS,
    GATE,
    USER_WORDS,
    WHOLE_ANSWER,
    Roles,
    whole_answer,
)
from tests.pipeline.regenerate_reading import attempts, calls, ended, lines, queue
from tests.pipeline.regenerate_runs import inputs, submit


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
