"""One model behind OpenAI's chat route on loopback, for people to talk with (`pipeline endpoint serve --model`).

    POST /v1/chat/completions   messages, max_tokens, temperature, seed, stream
    GET  /v1/models             the model's name

It answers one request at a time and keeps nothing of any. It ends when nobody has asked for `idle_s` seconds, on
SIGTERM or Ctrl-C, and when its record (`pipeline.served`) is gone or names another process.
"""

import asyncio
import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import psutil
import torch
from aiohttp import web
from pydantic import BaseModel, Field, ValidationError
from transformers import StoppingCriteria, StoppingCriteriaList

from pipeline import served
from pipeline.adapters import root_of
from pipeline.train.data import disarmed, token_ids
from pipeline.train.models import Loaded, device, find_model, load_model
from rubrics.errors import UserError

LOOK_EVERY_S, PIECE_EVERY_S = 1.0, 0.2
_BYTES_IN_MEMORY = 2  # weights are kept in 16 bits and loaded in 32


class _Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str


class _Asked(BaseModel):
    """A chat request, as far as it is understood."""

    messages: list[_Message] = Field(min_length=1)
    max_tokens: int = Field(256, ge=1, le=8192)
    temperature: float = Field(1.0, ge=0, le=2)
    seed: int | None = None
    stream: bool = False


class Writing(StoppingCriteria):
    """An answer while it is written: its ids so far, and the way to end one that nobody waits for any more."""

    def __init__(self, prompt: list[int]) -> None:
        self.prompt, self.ids = prompt, list[int]()
        self.given_up = threading.Event()

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Called after each token: whether to stop, for every row of the batch."""
        self.ids = input_ids[0, len(self.prompt) :].tolist()
        return torch.full((input_ids.shape[0],), self.given_up.is_set(), device=input_ids.device, dtype=torch.bool)


class Talker:
    """The model, and one answer at a time. `last` is when it was last of use, by the monotonic clock."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.last = time.monotonic()
        self._turn = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The chat route."""
        _refuse_pages(request)
        try:
            asked = _Asked.model_validate(await request.json())
        except (ValueError, ValidationError) as error:
            return _problem("the request is no chat that this server understands", type(error).__name__)
        chat = disarmed([message.model_dump() for message in asked.messages], self.loaded.tokenizer)
        prompt = token_ids(chat, self.loaded.tokenizer, ask=True)
        room = self.loaded.model.config.get_text_config().max_position_embeddings
        if len(prompt) + asked.max_tokens > room:
            told = f"the conversation takes {len(prompt)} tokens and the answer {asked.max_tokens}"
            return _problem(f"{told}; the model reads {room}. Begin anew", "context_length_exceeded")
        writing = Writing(prompt)
        if asked.stream:
            return await self._streamed(request, writing, asked)
        await self._write(writing, asked)
        message = {"role": "assistant", "content": self._text(writing)}
        choice = {"index": 0, "message": message, "finish_reason": self._reason(writing)}
        whole = {"object": "chat.completion", "model": self.loaded.name, "choices": [choice], "usage": _usage(writing)}
        return web.json_response(whole)

    async def models(self, request: web.Request) -> web.Response:
        """The one model there is."""
        _refuse_pages(request)
        return web.json_response({"object": "list", "data": [{"id": self.loaded.name, "object": "model"}]})

    async def _streamed(self, request: web.Request, writing: Writing, asked: _Asked) -> web.StreamResponse:
        """Server-sent events, as OpenAI's: pieces of text as they come, then how many tokens it was."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        task, sent = asyncio.ensure_future(self._write(writing, asked)), ""
        try:
            while not task.done():
                await asyncio.wait([task], timeout=PIECE_EVERY_S)
                text = self._text(writing)
                # Half a character, or a token that changes how the last one is read, waits for the next piece.
                if task.done() or (text.startswith(sent) and not text.endswith("\ufffd")):
                    await response.write(self._event(text[len(sent) :], None, writing))
                    sent = text
            task.result()
            await response.write(self._event("", self._reason(writing), writing) + b"data: [DONE]\n\n")
            return response
        finally:
            task.cancel()

    def _event(self, piece: str, reason: str | None, writing: Writing) -> bytes:
        choice = {"index": 0, "delta": {"content": piece}, "finish_reason": reason}
        told = {"object": "chat.completion.chunk", "model": self.loaded.name, "choices": [choice]}
        return f"data: {json.dumps(told | {'usage': _usage(writing)})}\n\n".encode()

    async def _write(self, writing: Writing, asked: _Asked) -> None:
        """Write the answer, in its turn."""
        async with self._turn:
            try:
                await asyncio.to_thread(write, self.loaded, writing, asked)
            finally:
                writing.given_up.set()
                self.last = time.monotonic()

    def _text(self, writing: Writing) -> str:
        return str(self.loaded.tokenizer.decode(writing.ids, skip_special_tokens=True))

    def _reason(self, writing: Writing) -> str:
        return "stop" if any(end in writing.ids for end in _ends(self.loaded)) else "length"


@torch.inference_mode()
def write(loaded: Loaded, writing: Writing, asked: _Asked) -> None:
    """Write the answer into `writing`; greedily at temperature 0."""
    if asked.seed is not None:
        torch.manual_seed(asked.seed)
    ids = torch.tensor([writing.prompt], device=device())
    sampling: dict[str, Any] = {"do_sample": False}
    if asked.temperature > 0:
        sampling = {"do_sample": True, "temperature": asked.temperature, "top_p": 1.0, "top_k": 0}
    output = loaded.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=asked.max_tokens,
        pad_token_id=loaded.tokenizer.pad_token_id,
        stopping_criteria=StoppingCriteriaList([writing]),
        **sampling,
    )
    writing.ids = output[0, len(writing.prompt) :].tolist()


def _usage(writing: Writing) -> dict[str, int]:
    read, wrote = len(writing.prompt), len(writing.ids)
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}


def serve(name: str, home: Path, port: int = 0, idle_s: float = served.IDLE_S) -> None:
    """Serve the model on 127.0.0.1 until it is idle or told to stop. Port 0 takes a free one. Main thread only.

    Raises UserError for a model that there is not, that does not fit into memory, or that is served already.
    """
    found = served.look(home, name)
    if found.state in ("starting", "ready") and found.pid != os.getpid():
        raise UserError(f'model "{name}" is served already by process {found.pid}')
    served.record(home, name, os.getpid())
    asyncio.run(_serve(_loaded(name, home), name, home, port, idle_s))


async def _serve(loaded: Loaded, name: str, home: Path, port: int, idle_s: float) -> None:
    talker, told = Talker(loaded), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    app = web.Application(client_max_size=1 << 20)
    app.add_routes([web.post("/v1/chat/completions", talker.answer), web.get("/v1/models", talker.models)])
    # Whoever goes away takes their question along; nobody who is told to stop waits for a long answer.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        taken = runner.addresses[0][1]
        served.record(home, name, os.getpid(), taken)
        print(f"{name} at http://127.0.0.1:{taken}/v1; Ctrl-C stops it", flush=True)
        while not told.is_set() and served.look(home, name).pid == os.getpid() and _is_awake(talker, idle_s):
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), LOOK_EVERY_S)
    except OSError as error:
        raise UserError(f"127.0.0.1:{port}: cannot be listened on ({error.strerror})") from error
    finally:
        await runner.cleanup()
        if served.look(home, name).pid == os.getpid():
            served.record_of(home, name).unlink(missing_ok=True)


def _is_awake(talker: Talker, idle_s: float) -> bool:
    return talker._turn.locked() or time.monotonic() - talker.last < idle_s


def _loaded(name: str, home: Path) -> Loaded:
    """The model, ready to answer, in half the width where there is a GPU."""
    # One core is left to the studio: threads wait for each other, and one that has lost its core stops all.
    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
    _check_memory(name, find_model(name, home))
    loaded = load_model(name, home)
    try:
        model = loaded.model.to(device(), torch.bfloat16) if torch.cuda.is_available() else loaded.model
    except torch.OutOfMemoryError as error:
        raise UserError(f'model "{name}" does not fit on the GPU beside what is there; stop something else') from error
    model.eval()
    return loaded._replace(model=model)


def _check_memory(name: str, path: str) -> None:
    """Refuse a model of a folder that would push everything else out of memory."""
    need = sum(file.stat().st_size for file in Path(root_of(path)).glob("*.safetensors")) * _BYTES_IN_MEMORY
    free = psutil.virtual_memory().available
    if need > free and not torch.cuda.is_available():
        raise UserError(f'model "{name}" takes {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; stop something')


def _ends(loaded: Loaded) -> list[int]:
    ends = loaded.model.generation_config.eos_token_id
    return list(ends) if isinstance(ends, list) else [ends]


def _refuse_pages(request: web.Request) -> None:
    """A web page of elsewhere may reach loopback: by another host's name, or by a form. Neither is answered."""
    host = request.host.rsplit(":", 1)[0]
    if host not in ("127.0.0.1", "localhost") or "Origin" in request.headers:
        raise web.HTTPForbidden
    if request.method == "POST" and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType


def _problem(message: str, code: str) -> web.Response:
    return web.json_response({"error": {"message": message, "code": code}}, status=400)
