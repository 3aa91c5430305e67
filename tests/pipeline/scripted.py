"""A model behind real HTTP whose every answer a test scripts, from the whole request."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.pipeline.loopback import chat_server, completion


class Scripted:
    """What the server answers, and every request it got."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], str] = lambda body: "yes"


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A server on a free port of 127.0.0.1 until the block ends."""
    told = Scripted()

    def answered(body: dict[str, Any], _: int) -> web.Response:
        told.bodies.append(body)
        return completion(_probe(body) or told.answer(body), tokens=(10, 5))

    with chat_server(answered) as server:
        told.url = server.url
        yield told


def _probe(body: dict[str, Any]) -> str | None:
    """An answer to the product's own check of an endpoint: the first of what its schema allows."""
    form = body.get("response_format", {}).get("json_schema", {}).get("schema", {}).get("properties", {})
    enums = {name: part["enum"][0] for name, part in form.items() if "enum" in part}
    return json.dumps(enums) if enums else None
