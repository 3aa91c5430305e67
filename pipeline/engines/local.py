"""Many dialogues at once in this process, each a chain of calls of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import RegenerateConfig
from pipeline.dialogue_loop import BudgetSpent, DialogueLoop, RoleFailed, Writer
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge
from pipeline.rundir import Request
from pipeline.seeds import Seed
from pipeline.spending import Spending, Spent
from rubrics.errors import UserError
from rubrics.schema import Rubric

FAILURES_IN_A_ROW = 3


class Used(NamedTuple):
    """What calls took: cost in the currency of the endpoints' prices, tokens, and how many calls there were."""

    cost: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    calls: int = 0

    @staticmethod
    def total(parts: Iterable["Used"]) -> "Used":
        """The sum over parts."""
        return Used(*map(sum, zip(Used(), *parts, strict=True)))


@asynccontextmanager
async def roles(
    request: Request,
    rubric: Rubric,
    live: Mapping[str, Endpoint],
    cache: VerdictCache,
    journal: Writer,
    limits: RegenerateConfig,
) -> AsyncIterator[tuple[DialogueLoop, list[Client], Spending]]:
    """The loop over the three roles, its clients and its budget, ready to write dialogues."""
    config = RegenerateConfig.model_validate(request.config)
    async with AsyncExitStack() as stack:
        names = sorted({config.user, config.assistant, config.evaluator})
        clients = {name: await stack.enter_async_context(Client(live[name])) for name in names}
        version = request.rubric.version if request.rubric else 0
        judge = Judge(clients[config.evaluator], rubric, cache, rubric_version=version)
        own = list(clients.values())
        spending = Spending(limits, lambda: _spent(own))
        user, assistant = clients[config.user], clients[config.assistant]
        yield DialogueLoop(config, request.seed, journal, user, assistant, judge, spending.may_call), own, spending


def used_by(clients: Iterable[Client]) -> Used:
    """What all calls of these clients took."""
    return Used.total(Used(one.cost, one.tokens_in, one.tokens_out, one.calls) for one in clients)


async def side_by_side(
    loop: DialogueLoop,
    spending: Spending,
    waiting: Iterator[tuple[str, Seed]],
    at_once: int,
    take_in: Callable[[RoleFailed | None], None],
) -> None:
    """So many dialogues at a time, each to its end: whatever stops the run leaves few of them unfinished."""
    ended = asyncio.Event()

    async def one_after_another() -> None:
        while not spending.stopped_by:
            if not spending.may_begin():
                if not spending.waits:
                    return
                ended.clear()
                await ended.wait()
                continue
            if (one := next(waiting, None)) is None:
                return
            await write(*one)

    async def write(new_id: str, seed: Seed) -> None:
        begun = spending.begun()
        try:
            failure = await loop.rebuild(new_id, seed)
        except BudgetSpent:
            return
        finally:
            spending.ended(begun)
            ended.set()
        take_in(failure)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_another())


def check_failures(before: int, failure: RoleFailed | None) -> int:
    """Failures in a row, this dialogue's included. Raises UserError at the third: something is down."""
    failures = before + 1 if failure else 0
    if failures >= FAILURES_IN_A_ROW:
        raise UserError(f"{failures} dialogues in a row failed on {failure}; mend that endpoint, then resume")
    return failures


def how_many(endpoints: Iterable[Endpoint]) -> int:
    """Dialogues at a time: two for every slot of the endpoints, so that a slot never waits for a dialogue that is
    between two calls.
    """
    return 2 * sum(one.max_concurrency for one in endpoints)


def _spent(clients: Iterable[Client]) -> Spent:
    used = used_by(clients)
    return Spent(used.cost, used.tokens_in + used.tokens_out)
