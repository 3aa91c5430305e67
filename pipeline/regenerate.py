"""Regenerate: write dialogues with the user / assistant / evaluator loop of Kardia-R1 (arXiv 2512.01282).

    python -m pipeline regenerate --out D --inputs dialogues.jsonl --rubric rubrics/library/regeneration-gate.yaml

Each input gives a person, a situation and an emotion. Then, up to `max_exchanges` times: the user role says the
person's next turn, the assistant answers in four spans, and the evaluator judges the answer by the gate rubric. FAIL
sends the critique back, at most `max_revisions` times; PASS goes on; SOLVED ends the dialogue. Spans at fault count as
a failed answer whose critique names the fault, and no judge is asked. With `mode` flagged, dialogues that were audited
keep everything before their first flagged turn, and the assistant is told what the auditors said.

Where the paper is silent:
- When all revisions fail, the best so far stands, is marked as failed, and the dialogue goes on.
- A judge or an endpoint that gives nothing is asked once more; then the dialogue ends as `judge_failed` or
  `call_failed`, which is never a FAIL. A resume takes such dialogues up again.
- Three dialogues in a row that end so stop the run: something is down, and every further call would be lost.

Outputs: see `pipeline.attempt_outputs`; outputs/attempts.jsonl is the journal that a resume goes on from.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from pipeline.attempt_outputs import write_outputs
from pipeline.attempts import EndedBy, Journal, Tally
from pipeline.cache import VerdictCache
from pipeline.configs import RegenerateConfig
from pipeline.dialogue_loop import RoleFailed
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.engines.local import Used, check_failures, how_many, roles, side_by_side, used_by
from pipeline.filters.ask import filters_for
from pipeline.filters.mark import shares
from pipeline.filters.run import Filters
from pipeline.live import Bar, in_words
from pipeline.rundir import RunDir
from pipeline.seeds import Seed, seeds_of
from pipeline.stage import Cancelled, unless_cancelled
from rubrics.errors import UserError

IN_WORDS: dict[EndedBy, str] = {
    "solved": "solved",
    "max_exchanges": "at the cap of exchanges",
    "judge_failed": "ended without a verdict",
    "call_failed": "ended without an answer",
}
REPORT_EVERY_S = 0.5


def run(run: RunDir, home: Path) -> None:
    """The stage. Raises UserError when inputs lack what the rubric reads, or when an endpoint is or goes down.

    Raises Cancelled when the budget was spent before every dialogue was written.
    """
    config = RegenerateConfig.model_validate(run.request().config)
    seeds = seeds_of(run)
    with ExitStack() as stack:
        names = sorted({config.user, config.assistant, config.evaluator, config.judge or config.evaluator})
        live = {name: stack.enter_context(connect(endpoint(home, name), home)) for name in names}
        live = {name: ready(one, home) for name, one in live.items()}
        cache = VerdictCache(home / "cache" / "verdicts.sqlite")
        stack.callback(cache.close)
        stopped_by = _write_all(run, config, seeds, live, cache)
        journal = stack.enter_context(closing(Journal(run)))
        is_over = not stopped_by and any(map(journal.is_final, journal.ends))
        chosen = journal.ends.__contains__ if is_over else journal.is_final
        filters = asyncio.run(filters_for(run, home, seeds, chosen, live, cache))
        written = write_outputs(run, seeds, chosen, filters)
        run.append_event("filters", dialogues=written, marked_share=shares(filters.marks, written))
    if stopped_by:
        raise Cancelled(f"{stopped_by}: {len(journal.ends)} of {len(seeds)} dialogues are whole; a resume goes on")
    _sum_up(run, journal, len({mark.dialogue_id for mark in filters.marks}))


def _write_all(
    run: RunDir, config: RegenerateConfig, seeds: Mapping[str, Seed], live: Mapping[str, Endpoint], cache: VerdictCache
) -> str:
    """Write every dialogue that is not final; gives what stopped it early, or nothing.

    Where something ends the run, what is final is among its outputs all the same.
    """
    try:
        with closing(Journal(run)) as journal:
            waiting = [new_id for new_id in seeds if not journal.is_final(new_id)]
            if config.engine == "local":
                return asyncio.run(_write_here(run, journal, seeds, live, cache))
        return asyncio.run(_write_on_ray(run, waiting, seeds, live)) if waiting else ""
    except BaseException:
        with closing(Journal(run)) as journal:
            # A dialogue that a resume may take up again would come out under the same id with other words: it waits.
            write_outputs(run, seeds, journal.is_final, Filters(config.min_exchanges))
        raise


async def _write_here(
    run: RunDir, journal: Journal, seeds: Mapping[str, Seed], live: Mapping[str, Endpoint], cache: VerdictCache
) -> str:
    """Write every dialogue that is not final in this process; gives what stopped it early, or nothing."""
    request = run.request()
    config = RegenerateConfig.model_validate(request.config)
    async with roles(request, run.rubric(), live, cache, journal, config) as (loop, clients, spending):
        waiting = ((new_id, seed) for new_id, seed in seeds.items() if not journal.is_final(new_id))
        watch = _Watch(run, lambda: (_synced(journal).tally(), used_by(clients)), len(seeds))
        own = (config.user, config.assistant, config.evaluator)
        at_once = how_many(live[name] for name in dict.fromkeys(own))
        await unless_cancelled(run, watch.along(side_by_side(loop, spending, waiting, at_once, watch.take_in)))
        return spending.stopped_by if len(journal.ends) < len(seeds) else ""


async def _write_on_ray(
    run: RunDir, waiting: list[str], seeds: Mapping[str, Seed], live: Mapping[str, Endpoint]
) -> str:
    """The same on a cluster, whose keeper writes the journal meanwhile."""
    try:
        from pipeline.engines import ray
    except ImportError as error:
        raise UserError("ray is not installed; run: python -m pip install -r requirements-ray.txt") from error
    config = RegenerateConfig.model_validate(run.request().config)
    check_reachable(live)
    with ray.joined():
        cluster = ray.Cluster(run, live, config.actors)
        watch = _Watch(run, cluster.standing, len(seeds))
        await unless_cancelled(run, watch.along(asyncio.to_thread(cluster.write, waiting)))
        left = len(seeds) - cluster.standing()[0].ended
    return "the budget does not allow the next dialogue" if left else ""


def check_reachable(live: Mapping[str, Endpoint]) -> None:
    """Raises UserError for an endpoint that only this machine can call."""
    if away := next((one.name for one in live.values() if one.embedded), ""):
        raise UserError(f"endpoint {away}: serves this machine alone; name an endpoint that every node can reach")


def _synced(journal: Journal) -> Journal:
    journal.sync()
    return journal


class _Watch:
    """Progress and cost in the status and on the terminal, twice a second, and the end of a run that only fails."""

    def __init__(self, run: RunDir, standing: Callable[[], tuple[Tally, Used]], total: int) -> None:
        self._run, self._standing, self._total = run, standing, total
        self._before = run.status()  # what earlier attempts cost
        self._failures = 0
        self._bar = Bar(total, standing()[0].ended)

    def take_in(self, failure: RoleFailed | None) -> None:
        """Count a dialogue's end. Raises UserError at the third failure in a row."""
        self._failures = check_failures(self._failures, failure)

    async def along(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, and report meanwhile."""
        reporting = asyncio.create_task(self._report_on())
        try:
            await work
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
            self._report()
            self._bar.close()

    async def _report_on(self) -> None:
        while True:
            # In a thread, as it flushes to disk, in which dialogues should get on.
            await asyncio.to_thread(self._report)
            await asyncio.sleep(REPORT_EVERY_S)

    def _report(self) -> None:
        (tally, used), before = self._standing(), self._before
        self._bar.draw(tally, before.cost + used.cost, used.calls)
        self._run.update_status(
            done=tally.ended,
            total=self._total,
            unit="dialogues",
            message=in_words(tally),
            cost=before.cost + used.cost,
            tokens_in=before.tokens_in + used.tokens_in,
            tokens_out=before.tokens_out + used.tokens_out,
            calls=before.calls + used.calls,
        )


def _sum_up(run: RunDir, journal: Journal, marked: int) -> None:
    """Say how the dialogues ended. Raises UserError when every one failed, so that the run can be resumed."""
    counts = Counter(journal.ends.values())
    tally = journal.tally()
    run.append_event("summary", ended_by=dict(counts), kept_failing=tally.kept_failing, answers=tally.answers)
    told = ", ".join(f"{counts[ended_by]} {words}" for ended_by, words in IN_WORDS.items() if counts[ended_by])
    if not any(map(journal.is_final, journal.ends)):
        raise UserError(f"no dialogue was rebuilt: {told}; look at the endpoints, then resume")
    kept = f"; {tally.kept_failing} answers stand though none passed" if tally.kept_failing else ""
    found = f"; {marked} marked by filters" if marked else ""
    run.update_status(message=told + kept + found)
