"""The filters on planted faults, and on real dialogues that have none of them."""

import asyncio
import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.embeddings import vectors
from pipeline.emotions import EMOTIONS
from pipeline.endpoints import Endpoint
from pipeline.filters.emotions import PLACES, is_jump
from pipeline.filters.identity import drift, facts
from pipeline.filters.mark import Written, shares, written
from pipeline.filters.run import Filters, as_frame
from pipeline.filters.unsafe import marks_of
from pipeline.judge import Verdict
from pipeline.spans import Spans, render_spans
from pipeline.turns import Turn
from rubrics.load import LIBRARY, load_rubric

SHARED = Path(os.environ.get("KARDIA_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared/data")
VOCABULARY = [f"{a}{b}{c}" for a in "bdfgklmn" for b in ("a", "e", "io", "u") for c in ("ra", "ton", "shi", "vel")]


def answer(emotion: str = "sad", response: str = "That sounds hard. What hurts most?") -> str:
    return render_spans(Spans("What lies beneath.", "Why it is so.", emotion, response))


def line(dialogue_id: str, said: list[tuple[str, str]], **fields: Any) -> dict[str, Any]:
    messages = [
        {"role": role, "content": text} for pair in said for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    return {"dialogue_id": dialogue_id, "emotion": "sad", "situation": "s", **fields, "messages": messages}


def found(*lines: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    filters = Filters(min_exchanges=1)
    for one in lines:
        filters.mark(one)
    return [(mark.dialogue_id, mark.filter, mark.turn_index) for mark in filters.marks]


def reasons(one: dict[str, Any]) -> list[str]:
    return [mark["reason"] for mark in Filters(min_exchanges=1).mark(one)["marks"]]


def test_a_person_who_changes_jobs_midway_drifts() -> None:
    said = [
        ("I'm a nurse on the night ward and I cannot sleep.", answer()),
        ("The ward is loud, and I lie awake.", answer(response="Lying awake wears one down. Since when?")),
        ("I work as a teacher and have to be up at six.", answer(response="Up at six on no sleep. What then?")),
    ]
    assert found(line("d", said[:2])) == []
    assert found(line("d", said)) == [("d", "identity", 2)]
    assert reasons(line("d", said)) == ["work: nurse in turn 1, teacher in turn 3"]


def test_a_person_who_is_not_who_the_profile_says_drifts() -> None:
    one = line("d", [("I'm a chef and I burn out.", answer())], person="About: night nurse, dry humour. I'm 34.")
    assert reasons(one) == ["work: nurse in the profile, cook in turn 1"]
    one = line("d", [("I'm 52 and I burn out.", answer())], person="About: night nurse, dry humour. I'm 34.")
    assert reasons(one) == ["age: 34 in the profile, 52 in turn 1"]


@pytest.mark.parametrize(
    "text",
    ["I used to be a nurse. Now I'm a teacher.", "My mum is a nurse and I'm a teacher.", "I wish I was a chef.",
     "I'm a tired teacher. I was a driver before.", "I'm a teacher, as a lecturer I have time."],
)  # fmt: skip
def test_what_was_or_is_somebody_elses_contradicts_nothing(text: str) -> None:
    assert list(drift(written(line("d", [("I'm a teacher.", answer()), (text, answer())])))) == []


def test_numbers_are_read_in_words() -> None:
    assert [fact.value for fact in facts("I'm forty-six, and my two kids sleep.")] == ["46", "2"]


def test_joy_to_terror_in_one_turn_is_a_jump() -> None:
    said = [("I won!", answer("joyful", "You won! How was it?")), ("And now?", answer("terrified", "What is it?"))]
    assert found(line("d", said)) == [("d", "emotion", 1)]
    assert reasons(line("d", said)) == ["from joyful to terrified in one turn"]


def test_relief_is_no_jump_and_every_label_has_a_place() -> None:
    assert set(PLACES) == set(EMOTIONS)
    for before, after in [
        ("anxious", "hopeful"),
        ("devastated", "hopeful"),
        ("afraid", "surprised"),
        ("sad", "content"),
    ]:
        assert not is_jump(before, after), (before, after)
    for before, after in [("joyful", "terrified"), ("content", "furious"), ("proud", "ashamed")]:
        assert is_jump(before, after), (before, after)


def test_missing_spans_and_broken_structure_are_decay() -> None:
    lost = "<|understanding_begin|>u<|understanding_end|>\n<|response_begin|>That is fine.<|response_end|>"
    assert reasons(line("d", [("Hello there.", lost)])) == [
        "expected the opening marker of reasoning, found <|response_begin|> at character 46"
    ]
    again = [("Hello there.", answer()), ("And so on.", answer())]
    assert reasons(line("d", again)) == ["the response is that of turn 1"]
    assert reasons(line("d", [("Hello there.", answer(response="Hello there."))])) == [
        "the response is what the person said"
    ]
    assert reasons(line("d", [("Hello there.", answer(response="You are so"))])) == ["the response breaks off"]
    two = line("d", [("Hello there.", answer())])
    two["messages"].insert(1, {"role": "user", "content": "Are you there?"})
    assert reasons(two) == ["the user speaks twice in a row"]


def test_thirty_near_copies_among_three_hundred() -> None:
    rng = random.Random(7)

    def talk(words: list[str]) -> list[tuple[str, str]]:
        cut = [" ".join(words[i : i + 24]) for i in range(0, len(words), 24)]
        return [(a, answer(response=f"{b}.")) for a, b in zip(cut[::2], cut[1::2], strict=True)]

    originals = [rng.choices(VOCABULARY, k=24 * 8) for _ in range(270)]
    near = []
    for words in rng.sample(originals, 30):
        near.append([rng.choice(VOCABULARY) if rng.random() < 0.06 else word for word in words])
    lines = [line(f"d{n:03}", talk(words)) for n, words in enumerate([*originals, *near])]
    assert {one for one, name, _ in found(*lines) if name == "copy"} == {f"d{n:03}" for n in range(270, 300)}


def test_length_is_told_with_its_numbers() -> None:
    filters = Filters(min_exchanges=3)
    one = filters.mark(line("d", [("word " * 151, answer(response="word " * 60 + "word."))]))
    assert [mark["reason"] for mark in one["marks"] if mark["filter"] == "length"] == [
        "1 of at least 3 exchanges",
        "the response has 61 words, more than 60",
        "the person's message has 151 words, more than 150",
    ]


def test_an_answer_that_never_passed_is_marked() -> None:
    assert found(line("d", [("Hello there.", answer())], kept_failing=[0])) == [("d", "gate", 0)]


def test_a_flag_of_the_judge_marks_and_a_missing_verdict_is_not_called_safe() -> None:
    rubric = load_rubric(LIBRARY / "unsafe-turns.yaml")
    turn = Turn("d", 1, "", "", (), "text", "sad")

    def verdict(code: str, outcome: Any, score: float | None) -> Verdict:
        told = {"dialogue_id": "d", "turn_index": 1, "criterion_id": code, "outcome": outcome, "score": score}
        rest = {name: "" for name in Verdict._fields if name not in told}
        return Verdict(**{**rest, **told})

    marks = marks_of(
        turn, [verdict("CR1", "scored", 1.0), verdict("CR2", "scored", 0.0), verdict("VA1", "timeout", None)], rubric
    )
    assert [mark.reason for mark in marks] == ["CR1 Crisis cue missed (red)", "not judged for VA1: timeout"]


def test_rows_are_marked_and_none_is_lost() -> None:
    filters = Filters(min_exchanges=2)
    rows = [filters.mark(line(f"d{n}", [("Hello there.", answer())] * (1 + n))) for n in range(3)]
    assert [row["dialogue_id"] for row in rows] == ["d0", "d1", "d2"]
    assert shares(filters.marks, 3)["length"] == pytest.approx(1 / 3)
    assert list(as_frame(filters.marks).columns) == ["dialogue_id", "filter", "turn_index", "reason"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no data sets in ../shared/data")
def test_real_dialogues_of_people_seldom_contradict_themselves() -> None:
    """2,762 conversations in which nobody was asked to drift: a mark there is most likely a false one."""
    with gzip.open(SHARED / "empatheticdialogues/ed_valid.jsonl.gz") as handle:
        dialogues = [_empathetic(json.loads(one)) for one in handle]
    assert sum(bool(list(drift(one))) for one in dialogues) <= len(dialogues) * 0.005


def _empathetic(row: dict[str, Any]) -> Written:
    roles = {"speaker": "user", "listener": "assistant"}
    messages = [{"role": roles[one["speaker"]], "content": one["text"]} for one in row["utterances"]]
    return written({"dialogue_id": row["conv_id"], "messages": messages})


def test_where_a_model_gives_vectors_copies_are_found_by_sense(aiohttp_embeddings: Endpoint) -> None:
    texts = ["the dog died", "my dog has passed away", "I got the job"]
    told = asyncio.run(vectors(aiohttp_embeddings, texts))
    filters = Filters(1, {f"d{n}": vector for n, vector in enumerate(told)})
    for number, text in enumerate(texts):
        filters.mark(line(f"d{number}", [(text, answer(response=f"Number {number}."))]))
    assert [(mark.dialogue_id, mark.reason) for mark in filters.marks] == [("d1", "means what d0 means (cosine 1.00)")]


@pytest.fixture
def aiohttp_embeddings() -> Any:
    """An endpoint whose vectors say whether a text speaks of a dog; answers come in another order than asked."""
    import threading

    loop, ready, url = asyncio.new_event_loop(), threading.Event(), []

    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        rows = [
            {"index": n, "embedding": [1.0, 0.0] if "dog" in t else [0.0, 1.0]} for n, t in enumerate(body["input"])
        ]
        return web.json_response({"data": rows[::-1]})

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/embeddings", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url.append(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        ready.set()

    loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    assert ready.wait(60)
    yield Endpoint(name="vectors", base_url=url[0], model="m")
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
