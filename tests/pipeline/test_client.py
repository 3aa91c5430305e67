"""What can go wrong with a call, against a real server on loopback."""

import asyncio
import json
import time
from typing import Any

import pytest
from aiohttp import web

from pipeline.client import Client, EndpointError, Reply
from pipeline.endpoint_check import check
from pipeline.endpoints import Endpoint
from rubrics.errors import UserError
from tests.pipeline.loopback import Handler, chat_server, completion, failure

SECRET = "I cut myself again last night and told nobody"
MESSAGES = [{"role": "user", "content": SECRET}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}


def endpoint(url: str, **fields: Any) -> Endpoint:
    return Endpoint(name="local", base_url=url, model="m", **{"timeout_s": 20.0, **fields})


def ask(where: Endpoint, **options: Any) -> Reply:
    async def one() -> Reply:
        async with Client(where) as client:
            return await client.chat(MESSAGES, **{"temperature": 0.0, "max_tokens": 50, **options})

    return asyncio.run(one())


def failing(handler: Handler, schema: dict[str, Any] | None = None, **fields: Any) -> EndpointError:
    with chat_server(handler) as server, pytest.raises(EndpointError) as told:
        ask(endpoint(server.url, **fields), schema=schema)
    assert SECRET not in str(told.value)
    return told.value


def test_a_reply_is_counted_and_priced() -> None:
    with chat_server(lambda body, number: completion("yes", tokens=(1000, 500))) as server:

        async def twice() -> tuple[Reply, Client]:
            async with Client(endpoint(server.url, price_in=1.0, price_out=4.0)) as client:
                await client.chat(MESSAGES, temperature=0.5, max_tokens=50, seed=7)
                return await client.chat(MESSAGES, temperature=0.5, max_tokens=50), client

        reply, client = asyncio.run(twice())
    assert reply.text == "yes"
    assert reply.cost == pytest.approx(0.003)
    assert (client.calls, client.tokens_in, client.tokens_out) == (2, 2000, 1000)
    assert client.cost == pytest.approx(0.006)
    first, second = server.bodies
    assert first == {"model": "m", "messages": MESSAGES, "temperature": 0.5, "max_tokens": 50, "seed": 7}
    assert "seed" not in second


def test_too_many_requests_is_tried_again_when_the_server_says() -> None:
    def busy_once(body: dict[str, Any], number: int) -> web.Response:
        return failure(429, "slow down", {"Retry-After": "1"}) if number == 0 else completion("yes")

    began = time.monotonic()
    with chat_server(busy_once) as server:
        assert ask(endpoint(server.url)).text == "yes"
    assert len(server.bodies) == 2
    assert 1.0 <= time.monotonic() - began < 5.0


def test_a_server_error_that_stays_is_an_http_error() -> None:
    error = failing(lambda body, number: failure(500, f"crashed on {SECRET}", {"retry-after-ms": "10"}))
    assert (error.outcome, str(error)) == ("http_error", "HTTP 500")
    assert SECRET in error.said


def test_codes_are_told_and_quotes_are_not() -> None:
    quoting = {"type": "invalid_request_error", "code": "unsupported_value", "param": f"messages: {SECRET}"}
    error = failing(lambda body, number: failure(400, SECRET, **quoting))
    assert str(error) == "HTTP 400 (unsupported_value, invalid_request_error)"


def test_no_answer_within_the_deadline_is_a_timeout_retries_included() -> None:
    async def asleep(body: dict[str, Any], number: int) -> web.Response:
        await asyncio.sleep(5)
        return completion("late")

    began = time.monotonic()
    error = failing(asleep, timeout_s=0.5)
    assert error.outcome == "timeout"
    assert time.monotonic() - began < 2.0


def test_a_dead_address_is_an_http_error() -> None:
    with chat_server(lambda body, number: completion("x")) as server:
        pass
    with pytest.raises(EndpointError, match="cannot be reached") as told:
        ask(endpoint(server.url))
    assert told.value.outcome == "http_error"


@pytest.mark.parametrize(
    "answer",
    [
        lambda: completion(None, refusal="I will not"),
        lambda: completion("", finish_reason="content_filter"),
        lambda: failure(400, SECRET, code="content_filter"),
    ],
)
def test_refusals(answer: Any) -> None:
    assert failing(lambda body, number: answer()).outcome == "refused"


def test_an_answer_to_a_schema_that_was_cut_off_is_truncated_and_still_paid_for() -> None:
    error = failing(lambda body, number: completion('{"a": "b', "length", tokens=(10, 50)), SCHEMA, price_out=1.0)
    assert error.outcome == "truncated"
    assert error.reply is not None
    assert error.reply.cost == pytest.approx(50e-6)


def test_free_text_that_was_cut_off_comes_back() -> None:
    with chat_server(lambda body, number: completion("half a sen", "length")) as server:
        assert ask(endpoint(server.url)).finish_reason == "length"


@pytest.mark.parametrize(
    "fields",
    [
        {"message": "m", "code": "context_length_exceeded"},
        {"message": "m", "code": 400, "type": "exceed_context_size_error"},
        {"message": "This model's maximum context length is 4096 tokens.", "type": "BadRequestError", "code": 400},
    ],
    ids=["openai", "llama.cpp", "vllm"],
)
def test_a_prompt_longer_than_the_context_says_so(fields: dict[str, Any]) -> None:
    error = failing(lambda body, number: failure(400, **fields))
    assert (error.outcome, str(error)) == ("truncated", "the prompt is longer than the model's context")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<html>Sign in</html>", content_type="text/html"),
        lambda: web.Response(text="{", content_type="application/json"),
        lambda: web.json_response({"choices": []}),
        lambda: web.json_response([1]),
        lambda: web.json_response({"choices": [{"finish_reason": "stop"}]}),
        lambda: web.json_response({"choices": [{"message": {"role": "assistant", "content": 3}}], "usage": "none"}),
    ],
)
def test_what_is_no_completion_is_an_http_error(answer: Any) -> None:
    assert failing(lambda body, number: answer()).outcome == "http_error"


def test_a_redirect_is_not_followed() -> None:
    with chat_server(lambda body, number: completion("stolen")) as elsewhere:
        away = {"Location": f"{elsewhere.url}/chat/completions"}
        error = failing(lambda body, number: web.Response(status=307, headers=away))
    assert error.outcome == "http_error"
    assert elsewhere.bodies == []


def test_at_most_max_concurrency_calls_are_in_flight() -> None:
    async def slow(body: dict[str, Any], number: int) -> web.Response:
        await asyncio.sleep(0.05)
        return completion("yes")

    async def many(where: Endpoint) -> None:
        async with Client(where) as client:
            await asyncio.gather(*(client.chat(MESSAGES, temperature=0, max_tokens=5) for _ in range(12)))

    with chat_server(slow) as server:
        asyncio.run(many(endpoint(server.url, max_concurrency=3)))
    assert len(server.bodies) == 12
    assert server.most_in_flight == 3


@pytest.mark.parametrize(
    ("capability", "sent"),
    [
        ("json_schema", {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}),
        ("json_object", {"type": "json_object"}),
        ("plain", None),
    ],
)
def test_a_schema_is_sent_as_the_endpoint_understands_it(capability: str, sent: Any) -> None:
    with chat_server(lambda body, number: completion("{}")) as server:
        ask(endpoint(server.url, capability=capability), schema=SCHEMA)
    assert server.bodies[0].get("response_format") == sent


def test_openai_gets_no_field_that_it_refuses() -> None:
    client = Client(Endpoint(name="a", base_url="https://api.openai.com/v1", model="m"))
    body = client._body(MESSAGES, SCHEMA, 0.0, 50, None, False)
    assert "maxLength" not in json.dumps(body)
    assert body["max_completion_tokens"] == 50
    assert "max_tokens" not in body
    assert SCHEMA["properties"]["a"]["maxLength"] == 9  # type: ignore[index]


def test_no_key_or_identity_of_the_environment_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "leak-" + name)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with chat_server(lambda body, number: completion("x")) as server:
        ask(endpoint(server.url))
    assert "leak-" not in json.dumps(server.headers)
    assert server.headers[0]["Authorization"] == "Bearer none"


def test_the_key_of_the_row_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    with chat_server(lambda body, number: completion("x")) as server:
        ask(endpoint(server.url, api_key_var="JUDGE_KEY"))
    assert server.headers[0]["Authorization"] == "Bearer secret"


def probe_answer(text: str) -> Handler:
    return lambda body, number: completion(text)


@pytest.mark.parametrize("capability", ["json_schema", "json_object", "plain"])
def test_check_is_content_with_what_was_promised(capability: str) -> None:
    promised = {"json_schema": '{"greeting": "kardia"}', "json_object": '{"greeting": "hi"}', "plain": "Hello!"}
    with chat_server(probe_answer(promised[capability])) as server:
        check(endpoint(server.url, capability=capability))


@pytest.mark.parametrize(("capability", "text"), [("json_schema", '{"greeting": "hi"}'), ("json_object", "Hello!")])
def test_check_finds_a_server_that_ignores_what_it_should_hold_to(capability: str, text: str) -> None:
    with chat_server(probe_answer(text)) as server, pytest.raises(UserError, match=f"{capability}.*plain"):
        check(endpoint(server.url, capability=capability))


def test_check_names_endpoint_address_and_the_servers_own_words() -> None:
    def unknown(body: dict[str, Any], number: int) -> web.Response:
        return failure(404, "The model `m` does not exist.", code="model_not_found")

    with chat_server(unknown) as server, pytest.raises(UserError) as told:
        check(endpoint(server.url))
    for words in ("endpoint local", server.url, "model_not_found", "does not exist", "endpoints.toml"):
        assert words in str(told.value)


def test_check_of_a_server_that_is_not_there() -> None:
    with chat_server(lambda body, number: completion("x")) as server:
        pass
    with pytest.raises(UserError, match="start the server there"):
        check(endpoint(server.url))
