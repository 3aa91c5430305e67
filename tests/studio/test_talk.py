"""Try it: who may, what each model answered, what the judge makes of it, and what is kept. The models' server is a
stand-in here; the real one is in tests/pipeline/test_served.py and in the browser's walk.
"""

import time
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from db import dialogues, tried
from db.dialogues import Filter
from pipeline import served
from pipeline.served import Reply, Served
from rubrics.errors import UserError
from studio import service
from studio.widgets.talk.conversation import Bench, Person, Talk, say
from studio.widgets.talk.models import checkpoints, name_of, origin_of
from tests.pipeline.loopback_judge import known_to, serving
from tests.pipeline.training_runs import RUBRIC, spans
from tests.studio.opening import SignIn, opened

PAGE = "app_pages/models.py"
HOSTILE = "<script>alert(1)</script> **bold** :red[hot] <img src=x onerror=alert(1)>"
asked: list[Sequence[dict[str, str]]] = []


def _ask(of: Served, messages: Sequence[dict[str, str]], *_: Any) -> Reply:
    asked.append(messages)
    if of.name == "smollm2":
        return Reply(HOSTILE, False, 7, 0.1)
    return Reply(spans("sad", "I hear you."), False, 9, 0.1)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked.clear()
    monkeypatch.setattr(served, "start", lambda home, name: None)
    monkeypatch.setattr(served, "look", lambda home, name: Served(name, "ready", None, 1))
    monkeypatch.setattr(served, "ask", _ask)


@pytest.fixture
def judge(studio_home: Path) -> Iterator[None]:
    with serving() as server:
        known_to(studio_home, server)
        yield


def settled(at: AppTest) -> AppTest:
    """Until every answer and every verdict is there."""
    deadline = time.monotonic() + 30
    while at.session_state["talk"].is_awaited and time.monotonic() < deadline:
        time.sleep(0.05)
    return at.run()


def words(at: AppTest, key: str) -> str:
    box = at.container(key=key)
    return "\n".join(str(one.value) for one in [*box.html, *box.caption, *box.markdown, *box.error, *box.warning])


def test_two_models_answer_the_same_words_each_judged_and_hostile_text_stays_text(
    app: AppTest, sign_in: SignIn, judge: None
) -> None:
    at = opened(app, sign_in, PAGE, "ravi", **{"try": "tiny", "beside": "smollm2"})
    at.selectbox(key="try_persona").set_value("p01").run()
    at.chat_input(key="try_said").set_value("It hurts.").run()
    at = settled(at)
    whole, bare = words(at, "answer_0_0"), words(at, "answer_1_0")
    for part in ("they are hurt", "listen first", "I hear you.", "expected: anxious", "Reward 0."):
        assert part in whole
    assert escape(HOSTILE) in bare
    assert "<script>" not in bare
    assert "none of their markers" in bare
    (system, said) = asked[0]
    assert "tower crane" in system["content"]
    assert said == {"role": "user", "content": "It hurts."}


def test_each_model_reads_its_own_past(app: AppTest, sign_in: SignIn, judge: None) -> None:
    at = opened(app, sign_in, PAGE, "ines", **{"try": "tiny", "beside": "smollm2"})
    at.chat_input(key="try_said").set_value("One.").run()
    at = settled(at)
    at.chat_input(key="try_said").set_value("Two.").run()
    settled(at)
    pasts = [[one["content"] for one in messages[1:]] for messages in asked[-2:]]
    assert sorted(pasts) == sorted([["One.", HOSTILE, "Two."], ["One.", spans("sad", "I hear you."), "Two."]])


def test_another_model_in_the_address_begins_another_talk(app: AppTest, sign_in: SignIn, judge: None) -> None:
    at = opened(app, sign_in, PAGE, "ravi", **{"try": "tiny"})
    at.chat_input(key="try_said").set_value("It hurts.").run()
    at = settled(at)
    at.query_params["try"] = "smollm2"
    at.run()
    assert "talk" not in at.session_state
    assert at.selectbox(key="try_model").value == "smollm2"


def test_only_what_is_sent_is_kept_and_others_find_it(app: AppTest, sign_in: SignIn, judge: None) -> None:
    before = dialogues.count(service.store(), Filter())
    at = opened(app, sign_in, PAGE, "ravi", **{"try": "tiny"})
    at.selectbox(key="try_persona").set_value("p01").run()
    at.chat_input(key="try_said").set_value("It hurts.").run()
    at = settled(at)
    assert dialogues.count(service.store(), Filter()) == before
    at.button(key="send_tiny_0").click().run()
    assert not at.exception
    assert "In the audit queue" in words(at, "sent_tiny_0")
    (kept,) = [one for one in dialogues.matching_ids(service.store(), Filter()) if one.startswith("tried-")]
    told = tried.tried_by(dialogues.dialogue(service.store(), kept))
    assert told
    assert (told["by"], told["model"], told["judged"]["judge"]) == ("ravi", "tiny", "loopback")
    assert set(told["judged"]["scores"]) >= {"relevance", "empathy"}


def test_a_judge_that_is_not_there_leaves_the_reply(studio_home: Path) -> None:
    talk = Talk(("tiny",), Person(), 0.0, 8)
    say(studio_home, talk, "It hurts.", Bench("nowhere", RUBRIC, 1))
    deadline = time.monotonic() + 10
    while talk.is_awaited and time.monotonic() < deadline:
        time.sleep(0.02)
    (answer,) = talk.answers["tiny"]
    assert answer.reply
    assert "no endpoint is called 'nowhere'" in answer.judge_problem


def test_a_model_that_cannot_be_loaded_says_why(app: AppTest, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(home: Path, name: str) -> None:
        raise UserError("4 models are loaded already, each takes memory; unload one of them first")

    monkeypatch.setattr(served, "start", refuse)
    at = opened(app, sign_in, PAGE, "ravi", **{"try": "tiny"})
    at.chat_input(key="try_said").set_value("It hurts.").run()
    assert "unload one of them first" in words(settled(at), "answer_0_0")


def test_an_annotator_is_told_who_tries_models(app: AppTest, sign_in: SignIn) -> None:
    at = opened(app, sign_in, PAGE, "mei", **{"try": "tiny"})
    assert "Ravi Desai" in at.info[0].value
    assert not at.chat_input


def test_whole_checkpoints_can_be_tried_by_their_step(tmp_path: Path) -> None:
    run = tmp_path / "20261128-101112-grpo-3f9a"
    for step, files in (
        (2, ("sealed.json", "config.json")),
        (10, ("sealed.json", "config.json")),
        (12, ("config.json",)),
        (14, ("sealed.json", "adapter_config.json")),
        (16, ("sealed.json",)),
    ):
        (folder := run / "checkpoints" / f"checkpoint-{step}").mkdir(parents=True)
        for name in files:
            (folder / name).write_text("{}")
    found = checkpoints(run)
    assert [folder.name for folder in found] == ["checkpoint-14", "checkpoint-10", "checkpoint-2"]
    assert name_of(str(found[1])) == "GRPO model 3f9a, step 10"
    assert origin_of(str(found[1])) == (run.name, 10)


def test_no_folder_of_the_server_is_served_by_an_address(studio_home: Path, tmp_path: Path) -> None:
    talk = Talk((str(tmp_path),), Person(), 0.0, 16)
    say(studio_home, talk, "hello", None)
    deadline = time.monotonic() + 30
    while talk.is_awaited and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "cannot be used here" in talk.answers[str(tmp_path)][0].problem
    assert asked == []
