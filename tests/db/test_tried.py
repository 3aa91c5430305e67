"""A reply sent to the audit queue: a dialogue like any other, that knows where it came from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db import audit_queue, dialogues, history, people, tried
from db.demo import load_demo
from db.dialogues import Filter
from db.store import Store
from pipeline.turns import Message
from rubrics.errors import UserError

TALK = tried.Talk(
    model="smollm2",
    messages=(Message("user", "It hurts."), Message("assistant", "<|response_begin|>Tell me.<|response_end|>")),
    persona_id="p01",
    person="About: Likes tea.",
    situation="A friend moved away.",
    emotion="sad",
    settings={"temperature": 0.0},
    judged={"judge": "loopback", "reward": 0.5},
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    load_demo(store)
    yield store
    store.close()


def test_an_annotator_finds_it_at_the_end_of_the_queue(store: Store) -> None:
    dialogue_id = tried.send(store, people.person(store, "ravi"), TALK)
    last = audit_queue.queue(store, "mei", Filter(), limit=1000)[-1]
    assert (last.dialogue_id, last.source, last.n_turns, last.finished) == (dialogue_id, "tried", 1, False)
    kept = dialogues.dialogue(store, dialogue_id)
    assert kept.messages == TALK.messages
    assert tried.tried_by(kept) == {
        "by": "ravi",
        "model": "smollm2",
        "settings": {"temperature": 0.0},
        "judged": {"judge": "loopback", "reward": 0.5},
    }
    assert history.recent(store, 1)[0].action == "reply_sent"


def test_the_same_reply_arrives_once(store: Store) -> None:
    ravi = people.person(store, "ravi")
    before = dialogues.count(store, Filter())
    assert tried.send(store, ravi, TALK) == tried.send(store, ravi, TALK)
    assert dialogues.count(store, Filter()) == before + 1


def test_only_who_may_try_models_sends_and_only_a_reply(store: Store) -> None:
    with pytest.raises(UserError, match="Mei Tanaka may not talk with models"):
        tried.send(store, people.person(store, "mei"), TALK)
    with pytest.raises(UserError, match="no reply to send"):
        tried.send(store, people.person(store, "ravi"), tried.Talk("smollm2", TALK.messages[:1]))


def test_a_dialogue_from_elsewhere_was_not_tried(store: Store) -> None:
    assert tried.tried_by(dialogues.dialogue(store, "demo-01")) is None


def test_starts_are_the_personas_own_dialogues_with_their_first_words(store: Store) -> None:
    tried.send(store, people.person(store, "ravi"), TALK)
    found = tried.starts(store, "p01")
    first = dialogues.dialogue(store, "demo-01")
    assert found[0] == tried.Start(
        "demo-01", first.person, first.mbti, first.situation, first.emotion, first.messages[0].content
    )
    assert not any(one.dialogue_id.startswith("tried-") for one in found)
