from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint, load_endpoints
from rubrics.errors import UserError
from tests.pipeline.loopback import ChatServer, Handler, chat_server, completion, failure

EXAMPLE = Path(__file__).parents[2] / "docs" / "endpoints.example.toml"


def written(home: Path, text: str) -> Path:
    (home / "endpoints.toml").write_text(text, encoding="utf-8")
    return home


def test_without_a_file_there_is_the_embedded_model(tmp_path: Path) -> None:
    endpoints = load_endpoints(tmp_path)
    assert list(endpoints) == ["embedded"]
    assert endpoints["embedded"].weak
    assert endpoints["embedded"].embedded


def test_every_row_of_the_example_is_an_endpoint(tmp_path: Path) -> None:
    endpoints = load_endpoints(written(tmp_path, EXAMPLE.read_text(encoding="utf-8")))
    assert list(endpoints) == ["embedded", "openai", "vllm", "ollama", "llama-server"]
    assert endpoints["openai"].price_out == 0.60
    assert endpoints["openai"].is_openai
    assert not endpoints["vllm"].is_openai


def test_a_row_overrides_limits_of_the_embedded_model(tmp_path: Path) -> None:
    found = endpoint(written(tmp_path, "[embedded]\nmax_concurrency = 7\n"), "embedded")
    assert found.max_concurrency == 7
    assert found.embedded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[a]\nbase_url = "http://h/v1"\nmodel = "m"\nmax_concurency = 3',
            ["[a]", "max_concurency", "max_concurrency"],
        ),
        ('[a]\nbase_url = "http://h/v1"\nmodel = "m"\nmax_concurrency = 0', ["[a]", "max_concurrency"]),
        ('[a]\nbase_url = "http://h/v1"\nmodel = "m"\ncapability = "json"', ["[a]", "capability", "json_schema"]),
        ('[a]\nbase_url = "http://h/v1"', ["[a]", "model", "missing"]),
        ('[a]\nmodel = "m"', ["[a]", "base_url", "missing"]),
        ('[a]\nbase_url = "localhost:8000"\nmodel = "m"', ["[a]", "base_url", "http://"]),
        ('[a]\nname = "b"', ["[a]", "name"]),
        ('["a b"]\nbase_url = "http://h/v1"\nmodel = "m"', ["[a b]", "name"]),
        ('[embedded]\nbase_url = "http://h/v1"', ["[embedded]", "base_url", "another name"]),
        ("a = 3", ["[a]", "table"]),
        ("[a\nb = 1", ["TOML", "line 1"]),
        ('[a]\nbase_url = "http://h/v1"\nmodel = "m"\nprice_in = nan', ["[a]", "price_in"]),
    ],
)
def test_a_fault_is_told_with_file_and_row(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as told:
        load_endpoints(written(tmp_path, text))
    for word in [str(tmp_path / "endpoints.toml"), *words]:
        assert word in str(told.value)
    assert "\n" not in str(told.value)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'gpt'.*embedded"):
        endpoint(tmp_path, "gpt")


def test_the_key_comes_from_the_named_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not for you")
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    keyless = Endpoint(name="a", base_url="http://h/v1", model="m")
    assert keyless.api_key() == "none"
    keyed = keyless.model_copy(update={"api_key_var": "JUDGE_KEY"})
    with pytest.raises(UserError, match=r"endpoint a.*JUDGE_KEY"):
        keyed.api_key()
    monkeypatch.setenv("JUDGE_KEY", " secret ")
    assert keyed.api_key() == "secret"


def test_cost_is_per_million_tokens() -> None:
    priced = Endpoint(name="a", base_url="http://h/v1", model="m", price_in=2.0, price_out=10.0)
    assert priced.cost(500_000, 100_000) == pytest.approx(2.0)


def test_two_rows_with_one_model_name_sign_differently() -> None:
    one = Endpoint(name="a", base_url="http://h/v1", model="default")
    assert one.judge_id != one.model_copy(update={"name": "b"}).judge_id


def asking(server: ChatServer, tmp_path: Path, row: str = "") -> Endpoint:
    written(tmp_path, f'[local]\nbase_url = "{server.url}"\nmodel = "m"\n{row}')
    return endpoint(tmp_path, "local")


def keeps_to(capability: str) -> Handler:
    """A server that keeps to no more than this and answers 400 to what it does not know."""

    def answer(body: dict[str, Any], number: int) -> web.Response:
        asked = body.get("response_format", {"type": "plain"})["type"]
        if asked == "json_schema" and capability != "json_schema":
            return failure(400, "unknown response_format") if capability == "plain" else completion('{"hello": "you"}')
        if asked == "json_object" and capability == "plain":
            return completion("Hello!")
        return completion('{"greeting": "kardia"}')

    return answer


@pytest.mark.parametrize("capability", ["json_schema", "json_object", "plain"])
def test_what_a_server_keeps_to_is_asked_once_and_remembered(tmp_path: Path, capability: str) -> None:
    with chat_server(keeps_to(capability)) as server:
        found = asking(server, tmp_path)
        assert found.to_probe
        assert ready(found, tmp_path).capability == capability
        again = endpoint(tmp_path, "local")
        assert (again.capability, again.to_probe) == (capability, False)
        asked = len(server.bodies)
        ready(again, tmp_path)
        assert len(server.bodies) == asked + 1  # is it still there, and as it was
        assert load_endpoints(tmp_path, as_probed=False)["local"].to_probe


def test_what_a_row_says_is_checked_and_not_probed(tmp_path: Path) -> None:
    with chat_server(keeps_to("plain")) as server:
        found = asking(server, tmp_path, 'capability = "json_object"\n')
        assert not found.to_probe
        with pytest.raises(UserError, match="does not hold answers to what json_object promises"):
            ready(found, tmp_path)


def test_a_server_that_is_not_there_cannot_be_probed(tmp_path: Path) -> None:
    with chat_server(lambda body, number: failure(401, "no", code="invalid_api_key")) as server:
        with pytest.raises(UserError, match="invalid_api_key"):
            ready(asking(server, tmp_path), tmp_path)
        assert endpoint(tmp_path, "local").to_probe


def test_probabilities_are_asked_for_only_where_they_are_needed(tmp_path: Path) -> None:
    def answer(body: dict[str, Any], number: int) -> web.Response:
        if not body.get("logprobs"):
            return completion('{"greeting": "kardia"}')
        token = {"token": "hi", "logprob": -0.1, "top_logprobs": []}
        choice = {"message": {"content": "hi"}, "finish_reason": "stop", "logprobs": {"content": [token]}}
        return web.json_response({"choices": [choice]})

    with chat_server(answer) as server:
        found = asking(server, tmp_path, 'capability = "json_schema"\n')
        assert not ready(found, tmp_path).logprobs
        assert not any("logprobs" in body for body in server.bodies)
        assert ready(found, tmp_path, logprobs=True).logprobs
    with chat_server(keeps_to("json_schema")) as without:
        assert not ready(asking(without, tmp_path), tmp_path, logprobs=True).logprobs


def test_a_spoilt_memory_is_asked_anew(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    for spoilt in ("{", "[]", '{"http://127.0.0.1:1/v1 m": {"capability": "telepathy"}}'):
        (tmp_path / "cache" / "capabilities.json").write_text(spoilt)
        written(tmp_path, '[local]\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "m"\n')
        assert endpoint(tmp_path, "local").to_probe
