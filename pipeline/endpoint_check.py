"""Is an endpoint there, and what can it do: asked once with questions of ours, and remembered in the home.

    <home>/cache/capabilities.json    {"<base_url> <model>": {"capability": "json_schema"}}

These questions hold nothing of anybody's, so here the server's own words may be quoted.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, get_args

from pipeline.client import Client, EndpointError
from pipeline.endpoints import Capability, Endpoint, remember
from pipeline.replies import Reply
from rubrics.errors import UserError

# An answer that only a server holding it to the schema would give to "say hello".
_QUESTION = [{"role": "user", "content": "Say hello. Answer with a JSON object whose key is greeting."}]
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"greeting": {"type": "string", "enum": ["kardia"]}},
    "required": ["greeting"],
    "additionalProperties": False,
}
# Room for models that think before they answer.
_MAX_TOKENS = 512
_WAIT_S = 60.0


def check(endpoint: Endpoint, temperature: float = 0.0) -> None:
    """Ask the endpoint one short question the way a judge would, waiting a minute at most.

    Raises UserError naming endpoint, address and how to mend it when it is down, refuses, or does not hold answers to
    what its `capability` says. Not from inside an event loop.
    """
    reply = asyncio.run(_ask(_hasty(endpoint), temperature))
    if reply and not _kept(endpoint.capability, reply.text):
        weaker = "json_object or plain" if endpoint.capability == "json_schema" else "plain"
        raise UserError(
            f"{_where(endpoint)}: does not hold answers to what {endpoint.capability} promises; "
            f"set its capability to {weaker}"
        )


def ready(endpoint: Endpoint, home: Path, temperature: float = 0.0, logprobs: bool = False) -> Endpoint:
    """The endpoint, once it has answered, with what it can do filled in where its row leaves that open.

    Whether it gives `logprobs` is asked only of who is to be asked for them. Raises UserError as `check` does. Not from
    inside an event loop.
    """
    if endpoint.to_probe:
        can: dict[str, Any] = {"capability": _strongest(endpoint, temperature)}
        remember(endpoint, home, can)
        endpoint = endpoint.model_copy(update={**can, "to_probe": False})
    else:
        check(endpoint, temperature)
    if logprobs and not endpoint.logprobs:
        return endpoint.model_copy(update={"logprobs": gives_logprobs(endpoint)})
    return endpoint


def gives_logprobs(endpoint: Endpoint) -> bool:
    """Whether answers come with the probabilities of their tokens when these are asked for."""
    try:
        reply = asyncio.run(_ask(_hasty(endpoint), 0.0, logprobs=True))
    except UserError:
        return False
    return bool(reply and reply.logprobs)


def _strongest(endpoint: Endpoint, temperature: float) -> Capability:
    """The first of json_schema, json_object and plain that the server keeps to. Raises UserError when none works."""
    for capability in get_args(Capability):
        trying = _hasty(endpoint).model_copy(update={"capability": capability})
        try:
            reply = asyncio.run(_ask(trying, temperature))
        except _Refused:
            continue  # many servers answer 400 to a format that they do not know
        if reply is None or _kept(capability, reply.text):
            return capability  # type: ignore[no-any-return]
    check(endpoint.model_copy(update={"capability": "plain"}), temperature)  # says what is wrong
    return "plain"


class _Refused(UserError):
    """The server is there and did not want this question."""


async def _ask(endpoint: Endpoint, temperature: float, logprobs: bool = False) -> Reply | None:
    """The reply; None when it was cut off: the model thinks at length, which says nothing against the server."""
    schema = None if logprobs else _SCHEMA
    async with Client(endpoint) as client:
        try:
            return await client.chat(
                _QUESTION, schema=schema, temperature=temperature, max_tokens=_MAX_TOKENS, logprobs=logprobs
            )
        except EndpointError as error:
            if error.outcome == "truncated" and error.reply:
                return None
            said = f" ({error.said[:300]})" if error.said else ""
            kind = _Refused if str(error).startswith("HTTP 4") else UserError
            raise kind(f"{_where(endpoint)}: {error}{said}; {_mend(endpoint, error)}") from None


def _hasty(endpoint: Endpoint) -> Endpoint:
    endpoint.api_key()
    return endpoint.model_copy(update={"timeout_s": min(endpoint.timeout_s, _WAIT_S)})


def _where(endpoint: Endpoint) -> str:
    return f"endpoint {endpoint.name} at {endpoint.base_url}"


def _kept(capability: Capability, text: str) -> bool:
    if capability == "plain":
        return True
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return answer == {"greeting": "kardia"} if capability == "json_schema" else isinstance(answer, dict)


def _mend(endpoint: Endpoint, error: EndpointError) -> str:
    if endpoint.embedded:
        return "resume to start it again"
    if "reached" in str(error) or error.outcome == "timeout":
        return "start the server there, or correct base_url in endpoints.toml"
    return "correct its row in endpoints.toml, then resume"
