"""A chat server on loopback for the tests: real HTTP, answers of the test's choosing, and what it was asked."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

Handler = Callable[[dict[str, Any], int], web.Response | Awaitable[web.Response]]


class ChatServer:
    """`handler(body, number)` answers the request of that number, counted from 0."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = self.most_in_flight = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body, number = await request.json(), len(self.bodies)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answer = self.handler(body, number)
            return answer if isinstance(answer, web.Response) else await answer
        finally:
            self.in_flight -= 1


@contextmanager
def chat_server(handler: Handler) -> Iterator[ChatServer]:
    """A ChatServer in a thread of its own; `url` is its base_url."""
    server, ready = ChatServer(handler), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


def completion(
    text: str | None, finish_reason: str = "stop", refusal: str | None = None, tokens: tuple[int, int] = (100, 20)
) -> web.Response:
    """A chat completion as OpenAI writes it; `tokens` are those of the prompt and of the answer."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return web.json_response(
        {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    )


def failure(status: int, message: str, headers: dict[str, str] | None = None, **fields: Any) -> web.Response:
    """An HTTP error as OpenAI writes it."""
    return web.json_response({"error": {"message": message, **fields}}, status=status, headers=headers)


def scores(body: dict[str, Any], score: int = 4, reason: str = "It names the loss.") -> web.Response:
    """A judge that gives every criterion of the asked schema the same score."""
    asked = body["response_format"]["json_schema"]["schema"]["required"]
    return completion(json.dumps({criterion: {"reason": reason, "score": score} for criterion in asked}))
