"""A judge behind real HTTP: answers the schema it is sent, with scores that depend on what it reads."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class LoopbackJudge:
    """What the server is to do, and what it was asked. `refuse(prompt)` true makes it answer HTTP 400."""

    def __init__(self) -> None:
        self.url = ""
        self.prompts: list[str] = []
        self.delay = threading.Event()  # set: answer at once
        self.delay.set()
        self.refuse: Callable[[str], bool] = lambda prompt: False
        self.answer: Callable[[str, dict[str, Any]], dict[str, Any]] = scores_for

    def endpoint_row(self) -> str:
        return f'[loopback]\nbase_url = "{self.url}"\nmodel = "loopback"\n'


@contextmanager
def serving() -> Iterator[LoopbackJudge]:
    """A judge on a free port of 127.0.0.1 until the block ends."""
    judge = LoopbackJudge()
    with listening(_handler(judge)) as judge.url:
        try:
            yield judge
        finally:
            judge.delay.set()


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on a free port of 127.0.0.1, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def known_to(home: Path, judge: LoopbackJudge) -> None:
    """Make the judge the endpoint `loopback` of that home."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "endpoints.toml").write_text(judge.endpoint_row())


def scores_for(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
    """One allowed score per criterion, drawn from a hash of the prompt: the same text always gets the same."""
    answer = {}
    for name, part in schema["properties"].items():
        if "properties" not in part:  # the probe of `pipeline.client.check`
            return {key: value["enum"][0] for key, value in schema["properties"].items()}
        allowed = part["properties"]["score"]["enum"]
        digest = hashlib.sha256(f"{name}|{prompt}".encode()).digest()
        answer[name] = {"reason": "by its hash", "score": allowed[digest[0] % len(allowed)]}
    return answer


def _handler(judge: LoopbackJudge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = body["messages"][-1]["content"]
            judge.prompts.append(prompt)
            judge.delay.wait(timeout=60)
            if judge.refuse(prompt):
                return self._send(400, {"error": {"message": "no", "code": "made_to_fail"}})
            schema = body["response_format"]["json_schema"]["schema"]
            message = {"role": "assistant", "content": json.dumps(judge.answer(prompt, schema))}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
            return self._send(200, {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})

        def _send(self, status: int, payload: dict[str, Any]) -> None:
            data = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    return Handler
