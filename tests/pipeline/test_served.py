"""Models served for people to talk with: start, ask, stop, and that no server stays behind or answers strangers."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline import processes, served
from rubrics.errors import UserError

pytestmark = pytest.mark.slow
HELLO = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "It hurts."}]


def ready(home: Path, name: str, idle_s: float = 60.0) -> served.Served:
    """Start it and wait until it has come up, or not."""
    served.start(home, name, idle_s)
    return settled(home, name)


def settled(home: Path, name: str) -> served.Served:
    deadline = time.monotonic() + 90
    while (found := served.look(home, name)).state == "starting" and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def is_gone(pid: int | None, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while processes.memory(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not processes.memory(pid)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def tiny(home: Path) -> Iterator[served.Served]:
    yield ready(home, "tiny")
    served.stop(home, "tiny")


def test_an_answer_comes_piece_by_piece_and_adds_up(tiny: served.Served) -> None:
    pieces: list[tuple[str, int]] = []
    reply = served.ask(tiny, HELLO, 24, 0.0, lambda text, tokens: pieces.append((text, tokens)))
    assert reply.text == pieces[-1][0]
    assert reply.tokens == pieces[-1][1] <= 24
    assert [text for text, _ in pieces] == sorted((text for text, _ in pieces), key=len)


def test_at_temperature_0_the_answer_is_that_of_generate_itself(home: Path, tiny: served.Served) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = home / "models" / "tiny"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer.apply_chat_template(HELLO, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**ids, max_new_tokens=24, do_sample=False)
    expected = tokenizer.decode(output[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    assert served.ask(tiny, HELLO, 24, 0.0).text == expected


def test_a_whole_answer_is_what_any_openai_client_reads(tiny: served.Served) -> None:
    answer = post(tiny, {"messages": HELLO, "max_tokens": 5, "temperature": 0})
    assert answer["choices"][0]["message"]["content"] == served.ask(tiny, HELLO, 5, 0.0).text
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


def test_what_does_not_fit_is_refused_in_words_that_quote_nothing(tiny: served.Served) -> None:
    with pytest.raises(UserError, match=r"takes \d+ tokens and the answer 24; the model reads 4096") as told:
        served.ask(tiny, [{"role": "user", "content": "secret " * 4000}], 24, 0.0)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("headers", [{"Host": "kardia.example"}, {"Origin": "http://kardia.example"}])
def test_a_web_page_of_elsewhere_gets_no_answer(tiny: served.Served, headers: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        post(tiny, {"messages": HELLO}, headers)


def test_nothing_that_was_said_is_left_in_the_home(home: Path, tiny: served.Served) -> None:
    served.ask(tiny, [{"role": "user", "content": "a very private word"}], 5, 0.0)
    for file in (file for file in home.rglob("*") if file.is_file() and file.suffix != ".safetensors"):
        assert b"private" not in file.read_bytes(), file


def test_a_second_start_uses_the_server_that_is_there(home: Path, tiny: served.Served) -> None:
    served.start(home, "tiny")
    assert served.look(home, "tiny").pid == tiny.pid


def test_a_model_that_there_is_not_says_what_there_is(home: Path) -> None:
    found = ready(home, "nowhere")
    assert found.state == "failed"
    assert 'there is no model "nowhere". Use smollm2, tiny' in found.message


def test_a_server_stops_when_told_when_idle_and_when_its_home_is_gone(tmp_path: Path) -> None:
    first = ready(tmp_path / "told", "tiny")
    served.stop(tmp_path / "told", "tiny")
    assert (served.look(tmp_path / "told", "tiny").state, is_gone(first.pid, 0.5)) == ("absent", True)
    idle = ready(tmp_path / "idle", "tiny", idle_s=1.0)
    assert is_gone(idle.pid, 15)
    assert served.look(tmp_path / "idle", "tiny").state == "absent"
    orphan = ready(tmp_path / "gone", "tiny")
    served.record_of(tmp_path / "gone", "tiny").unlink()
    assert is_gone(orphan.pid, 15)


def test_so_many_models_at_once_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "MOST", 1)
    served.record(tmp_path, "one", psutil.Process().pid, port=1)
    with pytest.raises(UserError, match="1 models are loaded already"):
        served.start(tmp_path, "another")


def post(of: served.Served, body: dict[str, object], headers: dict[str, str] | None = None) -> Any:
    told = {"Content-Type": "application/json", **(headers or {})}
    asked = urllib.request.Request(f"http://127.0.0.1:{of.port}/v1/chat/completions", json.dumps(body).encode(), told)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
        return json.load(answer)
