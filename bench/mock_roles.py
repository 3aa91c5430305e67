"""User, assistant and evaluator behind one OpenAI-compatible address: answers after a set latency, and always the same
answer to the same request.

    python -m bench.mock_roles --latency-ms 50 --fail 0.1     prints its base_url, serves until it is ended

A plain asyncio protocol, so that the mock takes a small part of the processor time of the clients it is there to
measure. One verdict in ten is a FAIL by default, drawn by the hash of the request.
"""

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from zlib import crc32

_TEXT = (
    "river lantern harvest winter kitchen letter brother garden ticket morning thunder bicycle ocean "
    "violin market shadow window copper ladder orchard signal feather harbour blanket mirror puzzle "
    "candle meadow engine whistle saddle basket pepper anchor ribbon cottage tunnel marble canvas willow "
    "timber velvet summit beacon cradle "
)
WORDS = tuple(_TEXT.split())
EMOTIONS = ("sad", "lonely", "anxious", "hopeful", "content", "caring")


class Answered(NamedTuple):
    """One request: when it was answered (monotonic), the hash of what was asked, and the answer."""

    at: float
    asked: int
    text: str


class Mock:
    """What is answered, after how long, and the log of it where one is kept."""

    def __init__(self, latency_s: float, fail: float, solved: float, log: bool) -> None:
        self.latency_s = latency_s
        self.fail = fail
        self.solved = solved
        self.log: list[Answered] | None = [] if log else None
        self.url = ""
        self.calls = self.in_flight = self.most_in_flight = 0

    def sent(self, asked: int, text: str) -> None:
        """Count an answer that goes out now."""
        self.calls += 1
        if self.log is not None:
            self.log.append(Answered(time.monotonic(), asked, text))

    def text(self, body: bytes, asked: int) -> str:
        """What is answered to one request, of which `asked` is the hash."""
        if b"Say hello" in body:
            return '{"greeting": "kardia"}'
        if b"You play a person" in body:
            return f"{_sentence(asked, 14)} {_sentence(asked * 31 + 7, 12)}"
        if b"You are a supportive listener" in body:
            return _four_spans(asked)
        return self._verdict(body, asked)

    def _verdict(self, body: bytes, asked: int) -> str:
        system = json.loads(body)["messages"][0]["content"]
        ids = [line[3:].split(":")[0] for line in system.splitlines() if line.startswith("## ")]
        draw = asked / 2**32
        scores = {}
        for place, one in enumerate(ids):
            failed = place == 0 and "form" in ids and draw < self.fail  # one question a turn, so one draw a turn
            solved = draw < self.solved
            scores[one] = {"reason": "as drawn", "score": int(solved) if one == "resolved" else int(not failed)}
        return json.dumps(scores)


def _response(body: bytes, text: str) -> bytes:
    """The whole HTTP response that says it."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": len(body) // 4, "completion_tokens": len(text) // 4}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    data = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def _sentence(number: int, length: int) -> str:
    drawn = []
    for _ in range(length):
        number = (number * 1103515245 + 12345) % 2**31
        drawn.append(WORDS[(number >> 8) % len(WORDS)])
    return " ".join(drawn).capitalize() + "."


def _four_spans(asked: int) -> str:
    emotion = EMOTIONS[asked % len(EMOTIONS)]
    parts = {
        "understanding": _sentence(asked + 1, 16),
        "reasoning": _sentence(asked + 2, 18),
        "emotion": emotion,
        "response": _sentence(asked + 3, 20),
    }
    return "\n".join(f"<|{name}_begin|>{text}<|{name}_end|>" for name, text in parts.items())


class _Connection(asyncio.Protocol):
    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self.mock.in_flight += 1
            self.mock.most_in_flight = max(self.mock.most_in_flight, self.mock.in_flight)
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        """Make the answer at once and send it when its time is over, so that making it is no part of the latency."""
        loop = asyncio.get_running_loop()
        due, asked = loop.time() + self.mock.latency_s, crc32(body)
        text = self.mock.text(body, asked)
        response = _response(body, text)
        if self.mock.latency_s:
            loop.call_at(due, self._send, asked, text, response)
        else:
            self._send(asked, text, response)

    def _send(self, asked: int, text: str, response: bytes) -> None:
        self.mock.in_flight -= 1
        if not self.transport.is_closing():
            self.mock.sent(asked, text)
            self.transport.write(response)


async def _serve(mock: Mock, ready: Callable[[], None], stop: asyncio.Event, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(mock), "127.0.0.1", port, backlog=1024)
    mock.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    ready()
    await stop.wait()
    server.close()


@contextmanager
def serving(latency_s: float = 0.0, fail: float = 0.1, solved: float = 0.0, log: bool = False) -> Iterator[Mock]:
    """The mock in a thread of this process, until the block ends."""
    mock, ready = Mock(latency_s, fail, solved, log), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(mock, ready.set, stop, 0),), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the mock endpoint did not start")
    try:
        yield mock
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--fail", type=float, default=0.1)
    parser.add_argument("--solved", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    mock = Mock(asked.latency_ms / 1000, asked.fail, asked.solved, log=False)
    asyncio.run(_serve(mock, lambda: print(mock.url, flush=True), asyncio.Event(), asked.port))


if __name__ == "__main__":
    main()
