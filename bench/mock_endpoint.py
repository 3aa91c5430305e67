"""An OpenAI-compatible endpoint that answers every chat after a fixed wait, in a process of its own.

    python -m bench.mock_endpoint --port 8123 --wait-s 0.05

The answer scores criteria c0 to c4 at once, and has what the `rubric` package asks for, so that nothing has to be read
of the question: the server must not be what is measured.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

ANSWER = {
    **{f"c{n}": {"reason": "It takes up what was said.", "score": 1} for n in range(5)},
    "criterion_status": "MET",
    "explanation": "It takes up what was said.",
}


def body() -> bytes:
    """The one completion that is ever given."""
    message = {"role": "assistant", "content": json.dumps(ANSWER)}
    usage = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return json.dumps(whole).encode()


async def serve(port: int, wait_s: float) -> None:
    """Serve on loopback until the process ends; says its port in a line once it is there."""
    answer = body()

    async def chat(request: web.BaseRequest) -> web.Response:
        await request.read()
        await asyncio.sleep(wait_s)
        return web.Response(body=answer, content_type="application/json")

    runner = web.ServerRunner(web.Server(chat))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def mock_endpoint(wait_s: float) -> Iterator[str]:
    """The base URL of a server that lives as long as the block."""
    command = [sys.executable, "-m", "bench.mock_endpoint", "--wait-s", str(wait_s)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    finally:
        server.kill()
        server.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--wait-s", type=float, default=0.05)
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, asked.wait_s))


if __name__ == "__main__":
    main()
