"""Regenerate: rebuild dialogues with the user / assistant / evaluator loop of Kardia-R1 (arXiv 2512.01282).

    python -m pipeline regenerate --out D --inputs dialogues.jsonl --rubric rubrics/library/regeneration-gate.yaml

Each input gives a person, a situation and an emotion. Then, up to `max_exchanges` times: the user role says the
person's next turn, the assistant answers in four spans, and the evaluator judges the answer by the gate rubric. FAIL
sends the critique back, at most `max_revisions` times; PASS goes on; SOLVED ends the dialogue. Spans at fault count as
a failed answer whose critique names the fault, and no judge is asked.

Where the paper is silent:
- When all revisions fail, the dialogue ends before that exchange (`revisions_exhausted`) and keeps what had passed.
- A judge or an endpoint that gives nothing is asked once more; then the dialogue ends as `judge_failed` or
  `call_failed`, which is never a FAIL. A resume takes such dialogues up again.
- Three dialogues in a row that end so stop the run: something is down, and every further call would be lost.

Outputs: dialogues.jsonl (KardiaBench lines, those with at least one exchange; while the run can be resumed, only those
that are final), attempts.parquet, verdicts.parquet, and attempts.jsonl, the journal that a resume goes on from.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from pipeline.attempts import EndedBy, Journal, Past
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import RegenerateConfig
from pipeline.dialogue_loop import DialogueLoop, RoleFailed
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.judge import Judge
from pipeline.rundir import RunDir, write_whole
from pipeline.seeds import Seed, seeds_of
from pipeline.stage import unless_cancelled
from rubrics.errors import UserError

FAILURES_IN_A_ROW = 3
IN_WORDS: dict[EndedBy, str] = {
    "solved": "solved",
    "max_exchanges": "at the cap of exchanges",
    "revisions_exhausted": "ended when all revisions had failed",
    "judge_failed": "ended without a verdict",
    "call_failed": "ended without an answer",
}
REPORT_EVERY_S = 0.5


def run(run: RunDir, home: Path) -> None:
    """The stage. Raises UserError when inputs lack what the rubric reads, or when an endpoint is or goes down."""
    config = RegenerateConfig.model_validate(run.request().config)
    seeds = seeds_of(run)
    journal = Journal(run)
    with ExitStack() as stack:
        names = sorted({config.user, config.assistant, config.evaluator})
        live = {name: stack.enter_context(connect(endpoint(home, name), home)) for name in names}
        live = {name: ready(one, home) for name, one in live.items()}
        cache = VerdictCache(home / "cache" / "verdicts.sqlite")
        stack.callback(cache.close)
        stack.callback(_write_outputs, run, journal, seeds)
        asyncio.run(_rebuild_all(run, config, journal, seeds, live, cache))
    _sum_up(run, journal)
    _write_dialogues(run, journal, seeds, {new_id for new_id in seeds if journal.past[new_id].ended_by})


def _write_outputs(run: RunDir, journal: Journal, seeds: Mapping[str, Seed]) -> None:
    """Write what the journal holds as the run's outputs, each whole; also after a cancel or a fault."""
    run.write_output("attempts", journal.frame())
    run.write_output("verdicts", journal.verdicts())
    # One that a resume may take up again would come out under the same id with other words: it waits for the end.
    _write_dialogues(run, journal, seeds, {new_id for new_id in seeds if journal.past[new_id].is_final})


def _write_dialogues(run: RunDir, journal: Journal, seeds: Mapping[str, Seed], chosen: Container[str]) -> None:
    """The chosen dialogues that have at least one exchange, as KardiaBench lines in the order of the inputs."""
    lines = [_line(run, journal.past[new_id], new_id, seed) for new_id, seed in seeds.items() if new_id in chosen]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines if line["messages"])
    write_whole(run.path / "outputs" / "dialogues.jsonl", lambda tmp: tmp.write_text(text, encoding="utf-8"))


def _line(run: RunDir, past: Past, dialogue_id: str, seed: Seed) -> dict[str, object]:
    origin = {"dialogue_id": dialogue_id, "run_id": run.run_id, "ended_by": past.ended_by}
    return {**origin, **seed._asdict(), "messages": [message._asdict() for message in past.history]}


async def _rebuild_all(
    run: RunDir,
    config: RegenerateConfig,
    journal: Journal,
    seeds: Mapping[str, Seed],
    live: Mapping[str, Endpoint],
    cache: VerdictCache,
) -> None:
    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(Client(one)) for name, one in live.items()}
        reference = run.request().rubric
        version = reference.version if reference else 0
        judge = Judge(clients[config.evaluator], run.rubric(), cache, rubric_version=version)
        loop = DialogueLoop(run, config, journal, clients[config.user], clients[config.assistant], judge)
        watch = _Watch(run, journal, list(clients.values()), len(seeds))
        await unless_cancelled(run, _side_by_side(loop, seeds, watch, how_many(live.values())))


async def _side_by_side(loop: DialogueLoop, seeds: Mapping[str, Seed], watch: "_Watch", at_once: int) -> None:
    """So many dialogues at a time, each to its end: whatever stops the run leaves few of them unfinished."""
    waiting = iter([(new_id, seed) for new_id, seed in seeds.items() if not loop.journal.past[new_id].is_final])

    async def one_after_another() -> None:
        for new_id, seed in waiting:
            watch.take_in(await loop.rebuild(new_id, seed))

    watch.report()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_another())
    watch.report()


def how_many(endpoints: Iterable[Endpoint]) -> int:
    """Dialogues at a time: one for every slot of the endpoints, and a quarter more for the time between calls."""
    slots = sum(one.max_concurrency for one in endpoints)
    return slots + max(1, slots // 4)


class _Watch:
    """Progress and cost in the status, at most twice a second, and the end of a run that only fails."""

    def __init__(self, run: RunDir, journal: Journal, clients: list[Client], total: int) -> None:
        self._run, self._journal, self._clients, self._total = run, journal, clients, total
        self._before = run.status()  # what earlier attempts cost
        self._reported = 0.0
        self._failures = 0

    def take_in(self, failure: RoleFailed | None) -> None:
        """Count a dialogue's end. Raises UserError at the third failure in a row."""
        self._failures = self._failures + 1 if failure else 0
        if self._failures >= FAILURES_IN_A_ROW:
            raise UserError(f"{self._failures} dialogues in a row failed on {failure}; mend that endpoint, then resume")
        if time.monotonic() - self._reported >= REPORT_EVERY_S:
            self.report()

    def report(self) -> None:
        """Write progress, tokens and cost into the status."""
        self._reported = time.monotonic()
        self._run.update_status(
            done=sum(past.ended_by is not None for past in self._journal.past.values()),
            total=self._total,
            unit="dialogues",
            cost=self._before.cost + sum(client.cost for client in self._clients),
            tokens_in=self._before.tokens_in + sum(client.tokens_in for client in self._clients),
            tokens_out=self._before.tokens_out + sum(client.tokens_out for client in self._clients),
        )


def _sum_up(run: RunDir, journal: Journal) -> None:
    """Say how the dialogues ended. Raises UserError when every one failed, so that the run can be resumed."""
    counts = Counter(past.ended_by for past in journal.past.values() if past.ended_by)
    run.append_event("summary", ended_by=dict(counts))
    told = ", ".join(f"{counts[ended_by]} {words}" for ended_by, words in IN_WORDS.items() if counts[ended_by])
    if not any(past.is_final for past in journal.past.values()):
        raise UserError(f"no dialogue was rebuilt: {told}; look at the endpoints, then resume")
    run.update_status(message=told)
