"""Who answers the simulated person: an endpoint, or a local model of this home. It never sees intention or feeling."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.client import Client, EndpointError
from pipeline.configs import SimulateConfig
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import endpoint
from pipeline.judge import Outcome
from pipeline.prompts import assistant_messages
from pipeline.roles import well_formed
from pipeline.rundir import RunDir
from pipeline.simulate.person import Simulated
from pipeline.turns import Message, Turn

if TYPE_CHECKING:
    from pipeline.train.models import Loaded


class Answer(NamedTuple):
    """What was answered, or why nothing was."""

    text: str | None
    outcome: Outcome = "scored"


Asked = Sequence[tuple[Simulated, list[Message]]]
Supporter = Callable[[Asked], Awaitable[list[Answer]]]


@contextmanager
def supporter_of(run: RunDir, home: Path, config: SimulateConfig) -> Iterator[tuple[Supporter, list[Client]]]:
    """The supporter of a run, and its client, to be opened and closed around it, where it is an endpoint.

    Raises UserError for a model or an endpoint that cannot be used.
    """
    if config.model:
        from pipeline.train.models import load_model  # torch only where it answers

        loaded = load_model(config.model, home)
        yield (lambda asked: _by_model(loaded, asked, config, run)), []
        return
    with connect(endpoint(home, config.assistant), home) as live:
        client = Client(ready(live, home, config.temperature))
        yield (lambda asked: _by_endpoint(client, asked, config)), [client]


async def _by_endpoint(client: Client, asked: Asked, config: SimulateConfig) -> list[Answer]:
    async def one(who: Simulated, history: list[Message]) -> Answer:
        try:
            reply = await client.chat(
                assistant_messages(who.profile, who.situation, history),
                temperature=config.temperature,
                max_tokens=config.max_completion_length,
            )
        except EndpointError as error:
            return Answer(None, error.outcome)
        return Answer(well_formed(reply.text).strip())

    return await asyncio.gather(*(one(*each) for each in asked))


async def _by_model(loaded: "Loaded", asked: Asked, config: SimulateConfig, run: RunDir) -> list[Answer]:
    from pipeline.train.answering import answer

    turns = [Turn(str(n), 0, who.profile, who.situation, tuple(said), "", "") for n, (who, said) in enumerate(asked)]
    found = answer(loaded, turns, config.max_completion_length, run, lambda done: None)
    return [Answer(found[n].text) if n in found else Answer(None, "truncated") for n in range(len(turns))]
