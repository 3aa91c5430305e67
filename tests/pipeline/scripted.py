"""A model behind real HTTP whose every answer a test scripts, from the whole request."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.pipeline.loopback_judge import listening


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
    with listening(_handler(told)) as told.url:
        yield told


def _probe(body: dict[str, Any]) -> str | None:
    """An answer to the product's own check of an endpoint: the first of what its schema allows."""
    form = body.get("response_format", {}).get("json_schema", {}).get("schema", {}).get("properties", {})
    enums = {name: part["enum"][0] for name, part in form.items() if "enum" in part}
    return json.dumps(enums) if enums else None


def _handler(told: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.bodies.append(body)
            text = _probe(body) or told.answer(body)
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            data = json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    return Handler
