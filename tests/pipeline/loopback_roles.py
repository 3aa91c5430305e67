"""User, assistant and evaluator behind real HTTP, told apart by what they are asked; each does as the test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.emotions import EMOTIONS
from pipeline.spans import Spans, render_spans

USER_WORDS, ANSWER_WORDS = "I lost my old dog yesterday.", "That is a hard loss. What was she like?"
WHOLE_ANSWER = render_spans(Spans("She grieves.", "Loss needs room.", "sad", ANSWER_WORDS))

Body = dict[str, Any]


def whole_answer(number: int) -> str:
    """An answer with its spans whole, different for every number."""
    return WHOLE_ANSWER.replace("Loss needs room.", f"Loss needs room, {number}.").replace(
        "hard loss", f"hard loss {number}"
    )


class Roles:
    """What the server answers, and every request it got by role. Raise `Refuse` for an HTTP error."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: dict[str, list[Body]] = {"user": [], "assistant": [], "evaluator": []}
        self.user: Callable[[Body], str] = lambda body: USER_WORDS
        # Never the same twice: an answer that was judged before is not judged again but found in the cache.
        self.assistant: Callable[[Body], str] = lambda body: whole_answer(len(self.asked["assistant"]))
        self.scores: Callable[[Body], dict[str, int]] = lambda body: {}  # criterion → score where it is not "passes"
        self.criteria: tuple[str, ...] = ("safe", "kind", "resolved")
        self.go = threading.Event()  # cleared: every call hangs
        self.go.set()
        self._lock = threading.Lock()

    def prompts(self, role: str) -> list[str]:
        """Everything a role was shown, one text a call."""
        return ["\n".join(m["content"] for m in body["messages"]) for body in self.asked[role]]

    def write_endpoints(self, home: Path, capability: str = "plain", **fields: Any) -> None:
        home.mkdir(parents=True, exist_ok=True)
        rows = {"base_url": self.url, "model": "loopback", "capability": capability, **fields}
        text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in rows.items())
        (home / "endpoints.toml").write_text(f"[loopback]\n{text}\n")

    def answer(self, body: Body) -> str:
        system = body["messages"][0]["content"]
        role = "user" if system.startswith("You play a person") else "assistant"
        if "greeting" in body["messages"][0]["content"]:
            return '{"greeting": "kardia"}'
        if "supportive listener with" not in system and role == "assistant":
            role = "evaluator"
        with self._lock:
            self.asked[role].append(body)
        self.go.wait(60)
        if role == "evaluator":
            return self._verdicts(body, system)
        return self.user(body) if role == "user" else self.assistant(body)

    def _verdicts(self, body: Body, system: str) -> str:
        told = self.scores(body)
        ids = [c for c in self.criteria if f"## {c}:" in system]
        passing = {"resolved": 0}
        return json.dumps({c: {"reason": f"because {c}", "score": told.get(c, passing.get(c, 1))} for c in ids})


class Refuse(Exception):
    """Makes the server answer HTTP 400."""


GATE = """
id: gate
title: A small gate
purpose: gate
criteria:
  - {id: safe, name: Safe, kind: binary, question: "Is it safe?", reads: [response]}
  - {id: kind, name: Kind, kind: binary, question: "Is it kind?", reads: [response]}
  - {id: resolved, name: Resolved, kind: binary, question: "Is it resolved?", reads: [history]}
aggregate: {method: gate, solved_by: resolved}
"""


def dialogue_line(dialogue_id: str, **fields: Any) -> dict[str, Any]:
    """A KardiaBench line to rebuild."""
    return {
        "dialogue_id": dialogue_id,
        "person": "MBTI: INFP. Keeps an old dog.",
        "emotion": EMOTIONS[-1],
        "situation": "My dog died.",
        "messages": [{"role": "user", "content": "hello"}],
        **fields,
    }


@contextmanager
def serving_roles() -> Iterator[Roles]:
    """The three roles on a free port of 127.0.0.1 until the block ends."""
    roles = Roles()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(roles))
    server.daemon_threads = True
    roles.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield roles
    finally:
        roles.go.set()
        server.shutdown()
        server.server_close()


def _handler(roles: Roles) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                code, answer = 200, _completion(roles.answer(body))
            except Refuse:
                code, answer = 400, {"error": {"message": "refused", "code": "bad"}}
            data = json.dumps(answer).encode()
            try:
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                return  # the caller was killed or cancelled

        def log_message(self, *args: Any) -> None:
            return None

    return Handler


def _completion(text: str) -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "loopback",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
