"""Twenty people at the pages of one studio: killed under them again and again, ended, and at their own speed."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from websockets.asyncio.client import ClientConnection

from bench.audit_data import dialogue_id
from bench.served import ROOT, free_port
from bench.speaker import Speaker, WebSocketException
from db.check import check
from db.check_chain import chain_faults
from db.store import Store

BY = {"rubric": "unsafe-turns", "version": 1}
CODES, SEVERITIES = ("CR1", "CR2"), ("red", "yellow")
_PARTS = 4  # of a crowd's time, after each of which the memory is read
_GONE = (OSError, WebSocketException, TimeoutError, EOFError)


class Crowd:
    """People who go on where they were, whatever becomes of the studio."""

    def __init__(self, home: Path, log: Path, people: int, dialogues: int) -> None:
        self.home, self.log, self.port = home, log, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.random, self.dialogues, self.rest = random.Random(20), dialogues, 4.0
        self.speakers = [Speaker(f"reader-{n}", dialogue_id(n * 7)) for n in range(people)]

    async def killed(self, times: int, is_quick: bool) -> dict[str, Any]:
        """Kill the studio so often while everybody writes, then end it once by SIGTERM."""
        back, faults, end_s = [], list[str](), 0.0
        for number in range(times + 1):
            process, seconds = await self._start()
            back.append(seconds)
            people = [asyncio.create_task(self._write(one, 0.05)) for one in self.speakers]
            await self._until_written(self.random.uniform(0.5, 4.0))
            if number < times:
                process.send_signal(signal.SIGKILL)
            else:
                end_s = _ended(process)
            process.wait()
            await _cancelled(people)
            faults += self._faults(whole=not is_quick or number == times)
        kept = self._kept()
        acknowledged = {one for speaker in self.speakers for one in speaker.acknowledged}
        return {
            "kills": times,
            "acknowledged": len(acknowledged),
            "lost": len(acknowledged - set(kept)),
            "duplicated": len(kept) - len(set(kept)),
            "faults": len(faults),
            "back_s": round(max(back), 2),
            "end_s": round(end_s, 1),
            "errors": sum(one.errors for one in self.speakers),
        }

    async def at_human_speed(self, seconds: float, times: float) -> dict[str, Any]:
        """An act every twenty seconds each at human speed, so many times it; every fourth time another dialogue."""
        self.rest = 20 / times
        process, _ = await self._start()
        memory = psutil.Process(process.pid)
        for one in self.speakers:
            one.waits, one.pages = [], []
        sockets = await asyncio.gather(*(one.come(self.url, 180) for one in self.speakers))
        until = time.monotonic() + seconds
        pairs = zip(self.speakers, sockets, strict=True)
        people = [asyncio.create_task(self._work(one, socket, until)) for one, socket in pairs]
        await asyncio.sleep(min(20.0, seconds / 2))
        held = [memory.memory_info().rss]
        for left in range(_PARTS, 0, -1):
            await asyncio.sleep(max(0.0, (until - time.monotonic()) / left))
            held.append(memory.memory_info().rss)
        await asyncio.gather(*people)
        process.terminate()
        process.wait()
        waits = [wait for one in self.speakers for wait in one.waits]
        pages = [wait for one in self.speakers for wait in one.pages]
        return {
            "acts": len(waits),
            "answer_p95_ms": _p95(waits),
            "page_p95_ms": _p95(pages),
            "memory_mb": [round(one / 2**20) for one in held],
            "speed_errors": sum(one.errors for one in self.speakers),
        }

    async def _start(self) -> tuple["subprocess.Popen[bytes]", float]:
        """A studio that answers, and how long it took from nothing."""
        command = [sys.executable, "-m", "studio", "--home", str(self.home), "--port", str(self.port)]
        began = time.monotonic()
        environment = {**os.environ, "KARDIA_BACKUP_HOURS": "0"}
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=environment)
        while not await asyncio.to_thread(self._answers):
            if process.poll() is not None or time.monotonic() - began > 120:
                raise SystemExit(f"the studio did not start:\n{self.log.read_text()[-3000:]}")
            await asyncio.sleep(0.05)
        return process, time.monotonic() - began

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def _write(self, speaker: Speaker, pause: float) -> None:
        with suppress(*_GONE):
            socket = await speaker.come(self.url)
            while True:
                await speaker.mark(socket, self._act())
                await asyncio.sleep(self.random.uniform(0, 2 * pause))

    async def _until_written(self, seconds: float) -> None:
        """Until some were acknowledged anew, and so long after that; a studio under load needs its time to begin."""
        before = sum(len(one.acknowledged) for one in self.speakers)
        deadline = time.monotonic() + 90
        while sum(len(one.acknowledged) for one in self.speakers) < before + 5 and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        await asyncio.sleep(seconds)

    async def _work(self, speaker: Speaker, socket: ClientConnection, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self.random.uniform(0.25, 1.75) * self.rest)
            if self.random.random() < 0.25:
                await speaker.turn_to(socket, dialogue_id(self.random.randrange(self.dialogues)))
            else:
                await speaker.mark(socket, self._act())
        await socket.close()

    def _act(self) -> dict[str, Any]:
        what = {"code": self.random.choice(CODES), "severity": self.random.choice(SEVERITIES)}
        return {"kind": "flag", "turn": self.random.randrange(8), **what, **BY}

    def _faults(self, whole: bool) -> list[str]:
        with closing(Store.open(self.home)) as store:
            return check(store) if whole else chain_faults(store)

    def _kept(self) -> list[str]:
        with closing(Store.open(self.home)) as store:
            rows = store.rows("SELECT client_id FROM audit_events WHERE person_id LIKE 'reader-%'")
        return [row["client_id"] for row in rows]


async def _cancelled(tasks: list["asyncio.Task[None]"]) -> None:
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _ended(process: "subprocess.Popen[bytes]") -> float:
    began = time.monotonic()
    process.terminate()
    process.wait(timeout=300)
    return time.monotonic() - began


def _p95(seconds: list[float]) -> float | None:
    return round(float(np.quantile(seconds, 0.95)) * 1000, 1) if seconds else None
