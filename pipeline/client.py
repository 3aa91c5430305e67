"""Calls to one endpoint: how many at once and how fast, a deadline for each, retries, and what they cost.

Everything that can go wrong with a call becomes an EndpointError with one of four outcomes, so that a caller records it
and goes on; only an endpoint that is gone for good ends the job (`pipeline.breaker`). No message here holds anything of
a prompt or an answer: servers like to quote what they were sent, so of a refusal only the status and the error's code
are kept.
"""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import orjson

from pipeline import replies
from pipeline.breaker import Breaker
from pipeline.budget import CHARS_PER_TOKEN
from pipeline.endpoints import Endpoint
from pipeline.pace import AdaptiveLimit, Rate
from pipeline.replies import EndpointError as EndpointError  # part of this module's own interface
from pipeline.replies import Reply as Reply
from pipeline.wire import Answer, Unreachable, Wire, wait_s

MAX_RETRIES = 4
ROUNDS_TO_SEND = 3


class Client:
    """One endpoint for one event loop: `async with Client(endpoint) as client`. Counts calls, tokens and cost."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.breaker = Breaker(endpoint.name, endpoint.max_concurrency, endpoint.max_failure_share)
        self.calls = self.retries = self.tokens_in = self.tokens_out = 0
        self.limit = AdaptiveLimit(endpoint.max_concurrency)
        self._requests = Rate(endpoint.requests_per_minute)
        self._tokens = Rate(endpoint.tokens_per_minute)
        self._wire = Wire(endpoint)
        self._is_openai = endpoint.is_openai

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.close()

    @property
    def cost(self) -> float:
        """What all calls cost, in the currency of the endpoint's prices; of sums of tokens, so that nothing drifts."""
        return self.endpoint.cost(self.tokens_in, self.tokens_out)

    async def chat(
        self,
        messages: Sequence[dict[str, str]],
        *,
        schema: dict[str, Any] | None = None,
        temperature: float,
        max_tokens: int,
        seed: int | None = None,
        logprobs: bool = False,
    ) -> Reply:
        """The model's answer to `messages` ({role, content}), held to `schema` as far as the endpoint can.

        Raises EndpointError: timeout, http_error, refused, or truncated (the answer to a schema was cut off, or the
        prompt is longer than the model's context). Without a schema an answer that was cut off comes back with
        finish_reason "length". Raises EndpointGone when too many calls before this one failed.
        """
        body = orjson.dumps(self._body(messages, schema, temperature, max_tokens, seed, logprobs))
        call = _Call(body, len(body) // CHARS_PER_TOKEN + max_tokens)
        try:
            reply = self._read(await self._ask(call), call, whole=schema is not None)
        except EndpointError as error:
            self._note(error)
            raise
        self.breaker.answered()
        return reply

    def _note(self, error: EndpointError) -> None:
        """A refusal and a prompt that is too long speak of what was asked, and not of the endpoint."""
        if error.outcome in ("timeout", "http_error"):
            self.breaker.failed(str(error))
        else:
            self.breaker.answered()

    def _body(
        self,
        messages: Sequence[dict[str, str]],
        schema: dict[str, Any] | None,
        temperature: float,
        max_tokens: int,
        seed: int | None,
        logprobs: bool,
    ) -> dict[str, Any]:
        # OpenAI's newer models refuse max_tokens; other servers do not all know its successor.
        limit = "max_completion_tokens" if self._is_openai else "max_tokens"
        body: dict[str, Any] = {"model": self.endpoint.model, "messages": messages, "temperature": temperature}
        body |= {limit: max_tokens} | ({} if seed is None else {"seed": seed})
        body |= {"logprobs": True, "top_logprobs": replies.TOP_LOGPROBS} if logprobs else {}
        if schema is not None and self.endpoint.capability != "plain":
            body["response_format"] = replies.response_format(self.endpoint.capability, schema, self._is_openai)
        return body

    async def _ask(self, call: "_Call") -> Any:
        """The parsed answer, within the endpoint's deadline, which counts from the first time the call is sent."""
        timeout = asyncio.timeout(None)
        try:
            async with timeout:
                return await self._tried(call, timeout)
        except TimeoutError:
            raise EndpointError("timeout", f"no answer within {self.endpoint.timeout_s:g} s{call.so_far}") from None

    async def _tried(self, call: "_Call", timeout: asyncio.Timeout) -> Any:
        """Tried until there is an answer that is not to be tried again; a 429 is no failure and costs no try."""
        tries = 0
        while True:
            answer = await self._send(call, timeout)
            await _let_others_be_sent()
            if answer and answer.is_completion:
                return replies.parsed(answer)
            wait = wait_s(answer, tries)
            too_many = answer is not None and answer.status == 429
            if wait is None or (tries >= MAX_RETRIES and not too_many):
                raise replies.failure(answer)
            tries += not too_many
            call.so_far = f", after HTTP {answer.status}" if answer else ", after a broken connection"
            self.retries += 1
            await asyncio.sleep(wait)

    async def _send(self, call: "_Call", timeout: asyncio.Timeout) -> Answer | None:
        """One try, in its turn. None when the server could not be reached or broke off."""
        async with self.limit:
            self.breaker.check()
            await self._requests.take()
            await self._tokens.take(call.tokens_expected)
            asked_at = time.monotonic()
            if not call.asked_at:
                call.asked_at = asked_at
                timeout.reschedule(asyncio.get_running_loop().time() + self.endpoint.timeout_s)
            try:
                answer = await self._wire.post(call.body)
            except Unreachable:
                return None
            self._learn(answer, asked_at)
            return answer

    def _learn(self, answer: Answer, asked_at: float) -> None:
        """Fewer calls at once after a 429, and none while the server asks to be left alone."""
        if answer.status != 429:
            self.limit.went_well()
            return
        self.limit.was_too_much(asked_at)
        if (wait := wait_s(answer, 0)) is not None:
            self._requests.hold(wait)

    def _read(self, answer: Any, call: "_Call", whole: bool) -> Reply:
        """The reply in an answer, counted; raises EndpointError when it is refused, cut off, or no answer at all."""
        reply = replies.read(self.endpoint, answer, time.monotonic() - call.asked_at)
        self.calls += 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self._tokens.also(reply.tokens_in + reply.tokens_out - call.tokens_expected)
        replies.check(answer, reply, whole)
        return reply


async def _let_others_be_sent() -> None:
    """Before an answer is read, what waits for its slot goes out: where many answers come at once, reading all of them
    first would leave their slots empty meanwhile. Sending takes aiohttp so many rounds of the loop."""
    for _ in range(ROUNDS_TO_SEND):
        await asyncio.sleep(0)


class _Call:
    """One call on its way: what is sent, how many tokens it may take, when it was first sent, and how it has gone."""

    __slots__ = ("asked_at", "body", "so_far", "tokens_expected")

    def __init__(self, body: bytes, tokens_expected: int) -> None:
        self.body = body
        self.tokens_expected = tokens_expected
        self.asked_at = 0.0
        self.so_far = ""
