"""Models served on loopback for people to talk with: who serves which, starting, asking and stopping.

    served/<hash of the name>.json   the server's process, and its port once it answers
    served/<hash of the name>.log    what it said; its last line says why one did not start

A server is a process of its own (`pipeline.train.serving`), since whoever asks may not load a trainer. It ends when
nobody has asked it for a while, when it is stopped, and when its record is gone. Nothing that is said is written down.
"""

import hashlib
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline import jobs, processes
from pipeline.files import write_whole
from rubrics.errors import UserError

State = Literal["absent", "starting", "ready", "failed"]

FOLDER = "served"
MOST = 4
IDLE_S = 600.0
# A long answer of a large model on a busy machine.
ANSWER_WITHIN_S = 600.0
STOP_WITHIN_S = 5.0
_WENT_AWAY = "the model's server went away before it had answered; say it again, and it is loaded anew"
_start_lock = threading.Lock()
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Served(NamedTuple):
    """How it stands with the server of one model: its process, its port once it is ready, why it failed."""

    name: str
    state: State
    pid: int | None = None
    port: int | None = None
    message: str = ""


class Reply(NamedTuple):
    """What a model wrote, whether it was cut off by the limit of tokens, and how many it wrote in how many seconds."""

    text: str
    truncated: bool
    tokens: int
    seconds: float


def look(home: Path, name: str) -> Served:
    """How it stands with this model's server."""
    record = _read(record_of(home, name))
    if record is None:
        return Served(name, "absent")
    if not processes.is_running(record.get("pid"), record.get("pid_started")):
        return Served(name, "failed", message=_last_words(home, name))
    return Served(name, "ready" if record.get("port") else "starting", record["pid"], record.get("port"))


def start(home: Path, name: str, idle_s: float = IDLE_S) -> None:
    """Start a server for this model unless there is one. Does not wait for it.

    Raises UserError when too many models are served already: each takes memory for as long as it is served.
    """
    with _start_lock:
        if look(home, name).state in ("starting", "ready"):
            return
        if len(others := all_served(home)) >= MOST:
            raise UserError(f"{len(others)} models are loaded already, each takes memory; unload one of them first")
        (home / FOLDER).mkdir(parents=True, exist_ok=True)
        command = ["endpoint", "serve", "--model", name, "--idle", f"{idle_s:g}", "--home", str(home.resolve())]
        with _log(home, name).open("wb") as log:
            child = jobs.start_detached(command, log)
        record(home, name, child.pid)
        threading.Thread(target=child.wait, name="reap server", daemon=True).start()


def record(home: Path, name: str, pid: int, port: int | None = None) -> None:
    """Write down who serves the model, for everybody of this home."""
    told = {"name": name, "pid": pid, "pid_started": processes.started(pid), "port": port}
    write_whole(record_of(home, name), lambda tmp: tmp.write_text(json.dumps(told), encoding="utf-8"))


def all_served(home: Path) -> list[Served]:
    """The servers that are up or on their way."""
    names = [told["name"] for file in (home / FOLDER).glob("*.json") if (told := _read(file))]
    return [one for name in sorted(names) if (one := look(home, name)).state in ("starting", "ready")]


def stop(home: Path, name: str) -> None:
    """Stop the model's server and wait until it is gone; nothing when there is none."""
    found = _read(record_of(home, name)) or {}
    pid, since = int(found.get("pid", 0)), found.get("pid_started")
    for how in (signal.SIGTERM, signal.SIGKILL):
        if not processes.is_running(pid, since):
            break
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + STOP_WITHIN_S
        while processes.is_running(pid, since) and time.monotonic() < deadline:
            time.sleep(0.05)
    record_of(home, name).unlink(missing_ok=True)


def ask(
    served: Served,
    messages: Sequence[dict[str, str]],
    max_tokens: int,
    temperature: float,
    so_far: Callable[[str, int], None] = lambda text, tokens: None,
) -> Reply:
    """The model's next message; `so_far` is told its text and how many tokens as it is written.

    Raises UserError, which quotes nothing of what was said.
    """
    told = {"model": served.name, "messages": list(messages), "max_tokens": max_tokens, "temperature": temperature}
    began, text, tokens, reason = time.monotonic(), "", 0, ""
    for piece in _pieces(f"http://127.0.0.1:{served.port}/v1/chat/completions", told | {"stream": True}):
        choice = piece["choices"][0]
        text, reason, tokens = text + choice["delta"]["content"], choice["finish_reason"], _tokens(piece)
        so_far(text, tokens)
    if not reason:
        raise UserError(_WENT_AWAY)
    return Reply(text, reason == "length", tokens, time.monotonic() - began)


def _tokens(piece: dict[str, Any]) -> int:
    return int(piece["usage"]["completion_tokens"])


def record_of(home: Path, name: str) -> Path:
    """Where a model's server is written down; a name may be a path, so its hash stands for it."""
    return home / FOLDER / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def _log(home: Path, name: str) -> Path:
    return record_of(home, name).with_suffix(".log")


def _pieces(url: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer piece by piece, as server-sent events bring it."""
    asked = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with _direct.open(asked, timeout=ANSWER_WITHIN_S) as answer:
            for line in answer:
                if line.startswith(b"data: {"):
                    yield json.loads(line.removeprefix(b"data: "))
    except urllib.error.HTTPError as error:
        raise UserError(_told(error)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise UserError(_WENT_AWAY) from error


def _told(error: urllib.error.HTTPError) -> str:
    """What the server says of its refusal."""
    try:
        return str(json.load(error)["error"]["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"the model's server answered with HTTP {error.code}; load the model again"


def _last_words(home: Path, name: str) -> str:
    """Why a server did not start or ended by itself, as its log has it."""
    try:
        lines = _log(home, name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return said[-1] if said else f"its server ended without a word; the log is {_log(home, name)}"


def _read(file: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None
