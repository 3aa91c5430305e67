"""Calls to one endpoint: a bound on how many at once, a deadline for each, retries, and what they cost.

Everything that can go wrong with a call becomes an EndpointError with one of four outcomes, so that a caller records it
and goes on. No message here holds anything of a prompt or an answer: servers like to quote what they were sent, so of
a refusal only the status and the error's code are kept. `check` asks a question of its own and may therefore quote.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from pipeline.endpoints import Endpoint
from rubrics.errors import UserError

# At debug level the package logs whole requests, which hold dialogues, whatever OPENAI_LOG asks for.
logging.getLogger("openai").setLevel(logging.WARNING)

MAX_RETRIES = 4
_CONTEXT_CODES = ("context_length_exceeded", "exceed_context_size_error")
_CODE = re.compile(r"^[A-Za-z0-9_.:-]{1,60}$")


class Reply(NamedTuple):
    """One answer. `latency_s` counts from leaving the queue, retries included; `cost` in the endpoint's currency."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    cost: float
    latency_s: float


Failure = Literal["timeout", "http_error", "refused", "truncated"]


class EndpointError(Exception):
    """A call that gave nothing to work with.

    `reply` is there when tokens were spent all the same. `said` is the server's own message, which may quote a
    dialogue: never show it but for a question of ours.
    """

    def __init__(self, outcome: Failure, message: str, reply: Reply | None = None, said: str = "") -> None:
        super().__init__(message)
        self.outcome = outcome
        self.reply = reply
        self.said = said


class Client:
    """One endpoint for one event loop: `async with Client(endpoint) as client`. Counts calls, tokens and cost."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.calls = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.cost = 0.0
        self._free = asyncio.Semaphore(endpoint.max_concurrency)
        self._sdk = _sdk(endpoint)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sdk.close()

    async def chat(
        self,
        messages: Sequence[dict[str, str]],
        *,
        schema: dict[str, Any] | None = None,
        temperature: float,
        max_tokens: int,
        seed: int | None = None,
    ) -> Reply:
        """The model's answer to `messages` ({role, content}), held to `schema` as far as the endpoint can.

        Raises EndpointError: timeout, http_error, refused, or truncated (the answer to a schema was cut off, or the
        prompt is longer than the model's context). Without a schema an answer that was cut off comes back with
        finish_reason "length".
        """
        body = self._body(messages, schema, temperature, max_tokens, seed)
        async with self._free:
            began = time.monotonic()
            answer = await self._ask(body)
            return self._read(answer, time.monotonic() - began, whole=schema is not None)

    def _body(
        self,
        messages: Sequence[dict[str, str]],
        schema: dict[str, Any] | None,
        temperature: float,
        max_tokens: int,
        seed: int | None,
    ) -> dict[str, Any]:
        # OpenAI's newer models refuse max_tokens; other servers do not all know its successor.
        limit = "max_completion_tokens" if self.endpoint.is_openai else "max_tokens"
        body: dict[str, Any] = {"model": self.endpoint.model, "messages": messages, "temperature": temperature}
        body |= {limit: max_tokens} | ({} if seed is None else {"seed": seed})
        if schema is not None and self.endpoint.capability != "plain":
            body["response_format"] = _response_format(self.endpoint, schema)
        return body

    async def _ask(self, body: dict[str, Any]) -> Any:
        """The raw answer, within the endpoint's deadline."""
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                # Under `chat.completions.create`, which spends as much again on copying and checking what we check.
                return await self._sdk.post("/chat/completions", body=body, cast_to=object)
        except openai.APIStatusError as error:
            raise _refusal(error) from None
        except (TimeoutError, openai.APIConnectionError) as error:
            raise self._unanswered(error) from None
        except (openai.APIError, ValueError):
            raise _not_a_completion() from None

    def _unanswered(self, error: Exception) -> EndpointError:
        # The aiohttp transport calls a refused connection a timeout, too.
        waited = isinstance(error, TimeoutError | openai.APITimeoutError)
        if waited and not isinstance(error.__cause__, httpx2.ConnectTimeout):
            return EndpointError("timeout", f"no answer within {self.endpoint.timeout_s:g} s")
        return EndpointError("http_error", "the server cannot be reached")

    def _read(self, answer: Any, latency_s: float, whole: bool) -> Reply:
        """The reply in an answer, counted; raises EndpointError when it is refused, cut off, or no answer at all."""
        choice = _choice(answer)
        tokens_in, tokens_out = _tokens(answer, "prompt_tokens"), _tokens(answer, "completion_tokens")
        cost = self.endpoint.cost(tokens_in, tokens_out)
        message, finish_reason = choice["message"], str(choice.get("finish_reason"))
        reply = Reply(message.get("content") or "", finish_reason, tokens_in, tokens_out, cost, latency_s)
        self._count(reply)
        if message.get("refusal") or finish_reason == "content_filter":
            raise EndpointError("refused", "the model refused to answer", reply)
        if whole and finish_reason == "length":
            raise EndpointError("truncated", f"the answer was cut off after {tokens_out} tokens", reply)
        return reply

    def _count(self, reply: Reply) -> None:
        self.calls += 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.cost += reply.cost


def check(endpoint: Endpoint, temperature: float = 0.0) -> None:
    """Ask the endpoint one short question the way a judge would, waiting a minute at most.

    Raises UserError naming endpoint, address and how to mend it when it is down, refuses, or does not hold answers to
    what its `capability` says. Not from inside an event loop.
    """
    endpoint.api_key()
    hasty = endpoint.model_copy(update={"timeout_s": min(endpoint.timeout_s, 60.0)})
    asyncio.run(_check(hasty, temperature))


# An answer that only a server holding it to the schema would give to "say hello".
_PROBE = [{"role": "user", "content": "Say hello. Answer with a JSON object whose key is greeting."}]
_PROBE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"greeting": {"type": "string", "enum": ["kardia"]}},
    "required": ["greeting"],
    "additionalProperties": False,
}


async def _check(endpoint: Endpoint, temperature: float) -> None:
    where = f"endpoint {endpoint.name} at {endpoint.base_url}"
    async with Client(endpoint) as client:
        try:
            # Room for models that think before they answer.
            reply = await client.chat(_PROBE, schema=_PROBE_SCHEMA, temperature=temperature, max_tokens=512)
        except EndpointError as error:
            if error.outcome == "truncated" and error.reply:
                return
            said = f" ({error.said[:300]})" if error.said else ""
            raise UserError(f"{where}: {error}{said}; {_mend(endpoint, error)}") from None
    if not _kept(endpoint, reply.text):
        weaker = "json_object or plain" if endpoint.capability == "json_schema" else "plain"
        raise UserError(
            f"{where}: does not hold answers to what {endpoint.capability} promises; set its capability to {weaker}"
        )


def _kept(endpoint: Endpoint, text: str) -> bool:
    if endpoint.capability == "plain":
        return True
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return answer == {"greeting": "kardia"} if endpoint.capability == "json_schema" else isinstance(answer, dict)


def _mend(endpoint: Endpoint, error: EndpointError) -> str:
    if endpoint.embedded:
        return "resume to start it again"
    if "reached" in str(error) or error.outcome == "timeout":
        return "start the server there, or correct base_url in endpoints.toml"
    return "correct its row in endpoints.toml, then resume"


def _sdk(endpoint: Endpoint) -> AsyncOpenAI:
    # A redirect would carry dialogues to a host that nobody configured, and a proxy would carry loopback calls away.
    web = DefaultAioHttpClient(follow_redirects=False, trust_env=not endpoint.is_loopback)
    sdk = AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key(),
        timeout=endpoint.timeout_s,
        max_retries=MAX_RETRIES,
        http_client=web,
    )
    # The package takes these from the environment for whatever server it talks to.
    sdk.organization = sdk.project = None
    return sdk


def _response_format(endpoint: Endpoint, schema: dict[str, Any]) -> dict[str, Any]:
    if endpoint.capability == "json_object":
        return {"type": "json_object"}
    held = _without_lengths(schema) if endpoint.is_openai else schema
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": held}}


def _without_lengths(schema: Any) -> Any:
    """OpenAI's strict mode answers 400 to maxLength; elsewhere it is what makes a small model come to an end."""
    if not isinstance(schema, dict):
        return schema
    return {key: _without_lengths(value) for key, value in schema.items() if key != "maxLength"}


def _choice(answer: Any) -> dict[str, Any]:
    """The first choice of an answer, checked as far as we use it."""
    try:
        choice = answer["choices"][0]
        if isinstance(choice["message"].get("content"), str | None):
            return dict(choice)
    except (TypeError, KeyError, IndexError, AttributeError):
        pass
    raise _not_a_completion()


def _tokens(answer: Any, kind: str) -> int:
    """Tokens as the server counted them, 0 when it did not."""
    usage = answer.get("usage")
    count = usage.get(kind) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else 0


def _refusal(error: openai.APIStatusError) -> EndpointError:
    """An HTTP error in our words."""
    codes = [word for word in (error.code, error.type, error.param) if isinstance(word, str) and _CODE.match(word)]
    if "content_filter" in codes:
        return EndpointError("refused", "the server's content filter refused the prompt")
    if any(code in codes for code in _CONTEXT_CODES) or "maximum context length" in str(error):
        return EndpointError("truncated", "the prompt is longer than the model's context")
    words = ", ".join(code for code in codes if code != str(error.status_code))
    message = f"HTTP {error.status_code}" + (f" ({words})" if words else "")
    return EndpointError("http_error", message, said=error.message)


def _not_a_completion() -> EndpointError:
    return EndpointError("http_error", "the server's answer is not a chat completion")
