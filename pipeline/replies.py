"""An endpoint's answer as a reply, or as the reason why there is none, in words that quote nobody."""

import re
from typing import Any, Literal, NamedTuple

import orjson

from pipeline.endpoints import Capability, Endpoint
from pipeline.wire import Answer

Failure = Literal["timeout", "http_error", "refused", "truncated"]
# OpenAI gives at most 20 alternatives for a token.
TOP_LOGPROBS = 20

_CONTEXT_CODES = ("context_length_exceeded", "exceed_context_size_error")
_CODE = re.compile(r"^[A-Za-z0-9_.:-]{1,60}$")


class Reply(NamedTuple):
    """One answer. `latency_s` counts from when it was first sent, retries included; `cost` in the endpoint's currency.

    `logprobs`, where they were asked for and given: a dictionary a token, with `token` and `top_logprobs`.
    """

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    cost: float
    latency_s: float
    logprobs: list[dict[str, Any]] | None = None


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


def parsed(answer: Answer) -> Any:
    """The body of a good answer as JSON. Raises EndpointError."""
    try:
        return orjson.loads(answer.body)
    except ValueError:
        raise _not_a_completion() from None


def read(endpoint: Endpoint, answer: Any, latency_s: float) -> Reply:
    """The first choice of a completion, checked as far as we use it. Raises EndpointError when it is none."""
    choice = _choice(answer)
    tokens_in, tokens_out = _tokens(answer, "prompt_tokens"), _tokens(answer, "completion_tokens")
    return Reply(
        choice["message"].get("content") or "",
        str(choice.get("finish_reason")),
        tokens_in,
        tokens_out,
        endpoint.cost(tokens_in, tokens_out),
        latency_s,
        _logprobs(choice),
    )


def check(answer: Any, reply: Reply, whole: bool) -> None:
    """Raises EndpointError when the model refused, or when an answer that has to be whole was cut off."""
    if _choice(answer)["message"].get("refusal") or reply.finish_reason == "content_filter":
        raise EndpointError("refused", "the model refused to answer", reply)
    if whole and reply.finish_reason == "length":
        raise EndpointError("truncated", f"the answer was cut off after {reply.tokens_out} tokens", reply)


def failure(answer: Answer | None) -> EndpointError:
    """What went wrong when the server did not do as it was asked; None stands for a connection that broke."""
    if answer is None:
        return EndpointError("http_error", "the server cannot be reached")
    said, codes = _error_of(answer)
    if "content_filter" in codes:
        return EndpointError("refused", "the server's content filter refused the prompt")
    if any(code in codes for code in _CONTEXT_CODES) or "maximum context length" in said:
        return EndpointError("truncated", "the prompt is longer than the model's context")
    words = ", ".join(code for code in codes if code != str(answer.status))
    return EndpointError("http_error", f"HTTP {answer.status}" + (f" ({words})" if words else ""), said=said)


def response_format(capability: Capability, schema: dict[str, Any], is_openai: bool) -> dict[str, Any]:
    """How a server that can is told to keep to a schema."""
    if capability == "json_object":
        return {"type": "json_object"}
    held = _without_lengths(schema) if is_openai else schema
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": held}}


def _without_lengths(schema: Any) -> Any:
    """OpenAI's strict mode answers 400 to maxLength; elsewhere it is what makes a small model come to an end."""
    if not isinstance(schema, dict):
        return schema
    return {key: _without_lengths(value) for key, value in schema.items() if key != "maxLength"}


def _choice(answer: Any) -> dict[str, Any]:
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
    return count if isinstance(count, int) and count >= 0 else 0


def _logprobs(choice: dict[str, Any]) -> list[dict[str, Any]] | None:
    given = choice.get("logprobs")
    content = given.get("content") if isinstance(given, dict) else None
    if not isinstance(content, list) or not all(isinstance(token, dict) for token in content):
        return None
    return content or None


def _error_of(answer: Answer) -> tuple[str, list[str]]:
    """The server's message, and the error's codes as far as they look like codes."""
    try:
        body = orjson.loads(answer.body)
    except ValueError:
        return "", []
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", []
    words = [error.get(name) for name in ("code", "type", "param")]
    return str(error.get("message", "")), [word for word in words if isinstance(word, str) and _CODE.match(word)]


def _not_a_completion() -> EndpointError:
    return EndpointError("http_error", "the server's answer is not a chat completion")
