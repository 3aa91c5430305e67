"""The same dialogues on a Ray cluster: actors with the same client, one a node, fed by Ray Data's `map_batches`.

One actor beside the run's own process, the keeper, holds the journal; nobody else writes it, and no node needs the
run's folder. A writer claims a dialogue from the keeper and is told what is known of it, and hands in lines some
milliseconds after they are written. When a node dies, Ray gives its dialogues to another one, which claims them and
goes on where the keeper's lines end; lines of whoever has lost a claim are not taken, so none is written twice.
"""

import asyncio
import logging
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import pipeline
import rubrics
from pipeline.attempts import Journal, Line, Past, Tally
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import RegenerateConfig
from pipeline.dialogue_loop import DialogueLoop, RoleFailed
from pipeline.endpoints import Endpoint
from pipeline.engines.local import Used, check_failures, how_many, roles, side_by_side, used_by
from pipeline.rundir import Request, RunDir
from pipeline.seeds import Seed, seeds_of
from pipeline.spending import Spending
from rubrics.errors import UserError
from rubrics.schema import Rubric

# Lines wait this long for others, so that a keeper can follow many writers.
HAND_IN_EVERY_S = 0.03
# Ray Data keeps so many batches of an actor under way: while one ends, the next has begun.
BATCHES_AT_ONCE = 2
_BATCHES_VAR = "RAY_DATA_DEFAULT_ASYNC_BATCH_UDF_MAX_CONCURRENCY"


class Keeper:
    """The one that writes the journal."""

    def __init__(self, run_path: Path) -> None:
        self._journal = Journal(RunDir(run_path))
        self._seeds = seeds_of(RunDir(run_path))
        self._claims: dict[str, str] = {}
        self._used: dict[str, Used] = {}

    def claim(self, dialogue_id: str, writer: str) -> tuple[Seed, Past] | None:
        """From now on the dialogue is that writer's; gives what is known of it, None when it is final."""
        if self._journal.is_final(dialogue_id):
            return None
        self._claims[dialogue_id] = writer
        return self._seeds[dialogue_id], self._journal.past(dialogue_id)

    def hand_in(self, writer: str, lines: Sequence[Line], used: Used) -> None:
        """Write down lines of dialogues that are still this writer's, and what its calls took so far."""
        self._used[writer] = used
        for line in lines:
            if self._claims.get(line["dialogue_id"]) == writer and not self._journal.is_final(line["dialogue_id"]):
                self._journal.write(line)

    def standing(self) -> tuple[Tally, Used]:
        """How far it is, flushed to disk."""
        self._journal.sync()
        return self._journal.tally(), Used.total(self._used.values())


class Writer:
    """One actor: writes the dialogues of its batches with a client, a judge and a budget of its own."""

    def __init__(
        self, keeper: Any, request: Request, rubric: Rubric, live: Mapping[str, Endpoint], writers: int
    ) -> None:
        self._keeper, self._request, self._rubric = keeper, request, rubric
        self._config = _share(RegenerateConfig.model_validate(request.config), writers)
        self._live = {name: _share_of_slots(one, writers) for name, one in live.items()}
        self._name = uuid.uuid4().hex
        self._lines: list[Line] = []
        self._pasts: dict[str, Past] = {}
        self._failures = 0
        self._stack = AsyncExitStack()
        self._ready: asyncio.Future[tuple[DialogueLoop, list[Client], Spending]] | None = None

    async def __call__(self, batch: dict[str, Any]) -> Any:
        """Write a batch: {"dialogue_id": ids}; gives each back with how it ended, "" where the budget stopped it."""
        loop, clients, spending = await self._begun()
        ids = [str(one) for one in batch["dialogue_id"]]
        mine: list[tuple[str, Seed]] = []
        for dialogue_id in ids:
            if (claimed := await self._keeper.claim.remote(dialogue_id, self._name)) is not None:
                seed, self._pasts[dialogue_id] = claimed
                mine.append((dialogue_id, seed))
        handing_in = asyncio.create_task(self._hand_in_on(clients))
        try:
            await side_by_side(loop, spending, iter(mine), how_many(self._live.values()), self._take_in)
        finally:
            handing_in.cancel()
            await asyncio.gather(handing_in, return_exceptions=True)
            await self._hand_in(clients)
        ended = [str((past.ended_by if (past := self._pasts.pop(one, None)) else "") or "") for one in ids]
        yield {"dialogue_id": ids, "ended_by": ended}

    def past(self, dialogue_id: str) -> Past:
        """What is known of a dialogue that was claimed."""
        return self._pasts[dialogue_id]

    def write(self, line: Line) -> None:
        """Keep a line until the next handing in."""
        self._pasts[line["dialogue_id"]].take_in(line)
        self._lines.append(line)

    async def _begun(self) -> tuple[DialogueLoop, list[Client], Spending]:
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            folder = Path(tempfile.mkdtemp(prefix="kardia-"))  # what this node's judge was answered
            cache = VerdictCache(folder / "verdicts.sqlite")
            made = roles(self._request, self._rubric, self._live, cache, self, self._config)
            self._ready.set_result(await self._stack.enter_async_context(made))
        return await self._ready

    def _take_in(self, failure: RoleFailed | None) -> None:
        self._failures = check_failures(self._failures, failure)

    async def _hand_in_on(self, clients: Iterable[Client]) -> None:
        while True:
            await asyncio.sleep(HAND_IN_EVERY_S)
            await self._hand_in(clients)

    async def _hand_in(self, clients: Iterable[Client]) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            await self._keeper.hand_in.remote(self._name, lines, used_by(clients))


class Cluster:
    """The writers at work, as the run's own process sees them."""

    def __init__(self, run: RunDir, live: Mapping[str, Endpoint], actors: int) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._keeper: Any = ray.remote(Keeper).options(num_cpus=0, scheduling_strategy=here).remote(run.path)
        self._run, self._live = run, live
        nodes: list[dict[str, Any]] = ray.nodes()
        self._actors = actors or sum(bool(node["Alive"]) for node in nodes)

    def write(self, waiting: Sequence[str]) -> None:
        """Write these dialogues. Raises UserError when an endpoint is gone."""
        a_batch = how_many(_share_of_slots(one, self._actors) for one in self._live.values())
        blocks = max(self._actors, len(waiting) // (BATCHES_AT_ONCE * a_batch))
        rows = [{"dialogue_id": one} for one in waiting]
        told = {
            "keeper": self._keeper,
            "request": self._run.request(),
            "rubric": self._run.rubric(),
            "live": self._live,
        }
        data = ray.data.from_items(rows, override_num_blocks=min(blocks, len(rows)))
        written = data.map_batches(
            Writer,
            fn_constructor_kwargs={**told, "writers": self._actors},
            batch_size=a_batch,
            compute=ray.data.ActorPoolStrategy(size=self._actors),
            num_cpus=1,
        )
        try:
            for _ in written.iter_batches(batch_size=None):
                pass
        except ray.exceptions.RayError as error:
            raise _mendable(error) from error

    def standing(self) -> tuple[Tally, Used]:
        """How far it is."""
        found: tuple[Tally, Used] = ray.get(self._keeper.standing.remote())
        return found


@contextmanager
def joined() -> Iterator[None]:
    """In the cluster that RAY_ADDRESS names or that runs on this machine; else in one of this machine alone."""
    os.environ.setdefault(_BATCHES_VAR, str(BATCHES_AT_ONCE))
    modules = [str(Path(one.__file__ or "").parent) for one in (pipeline, rubrics)]
    runtime = {"py_modules": modules, "env_vars": {_BATCHES_VAR: os.environ[_BATCHES_VAR]}}
    ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR, runtime_env=runtime)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _share(config: RegenerateConfig, writers: int) -> RegenerateConfig:
    """A writer's part of the budget; time passes for all at once."""
    cost = None if config.max_cost is None else config.max_cost / writers
    tokens = None if config.max_tokens is None else config.max_tokens // writers
    return config.model_copy(update={"max_cost": cost, "max_tokens": tokens})


def _share_of_slots(endpoint: Endpoint, writers: int) -> Endpoint:
    """An endpoint's calls at once are for all writers together."""
    return endpoint.model_copy(update={"max_concurrency": max(1, round(endpoint.max_concurrency / writers))})


def _mendable(error: BaseException) -> BaseException:
    """The UserError that ended a writer, without the frames that Ray puts around it; else the error as it is."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return UserError(str(getattr(cause, "cause", cause)).strip().splitlines()[-1])
        cause = getattr(cause, "cause", None) or cause.__cause__
    return error
