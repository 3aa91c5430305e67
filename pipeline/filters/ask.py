"""The filters that ask somebody: a judge for unsafe turns, a model of embeddings for near-copies."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.attempt_outputs import Told, records
from pipeline.attempts import FILE
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import RegenerateConfig
from pipeline.embeddings import vectors
from pipeline.endpoints import Endpoint, endpoint
from pipeline.filters.mark import Mark, written
from pipeline.filters.run import Filters
from pipeline.filters.unsafe import unsafe
from pipeline.judge import Judge, verdict_frame
from pipeline.rundir import RunDir
from pipeline.seeds import Seed
from pipeline.stage import unless_cancelled
from pipeline.turns import Turn, turns_of


async def filters_for(
    run: RunDir,
    home: Path,
    seeds: Mapping[str, Seed],
    chosen: Callable[[str], bool],
    live: Mapping[str, Endpoint],
    cache: VerdictCache,
) -> Filters:
    """The filters of a run, with what had to be asked for them. A resume finds the judge's answers in the cache.

    Writes outputs/flag_verdicts.parquet where there is a flags rubric.
    """
    config = RegenerateConfig.model_validate(run.request().config)

    def lines() -> Iterator[dict[str, Any]]:
        return records(run, Told(run.path / FILE), seeds, chosen)

    found: dict[str, list[float]] | None = None
    if config.embedder:
        ids, texts = zip(*((line["dialogue_id"], written(line).said) for line in lines()), strict=True)
        embedder = live.get(config.embedder) or endpoint(home, config.embedder)
        found = dict(zip(ids, await vectors(embedder, texts), strict=True))
    judge = live[config.judge or config.evaluator]
    return Filters(config.min_exchanges, found, await _unsafe(run, lines(), judge, cache))


async def _unsafe(run: RunDir, lines: Iterator[dict[str, Any]], endpoint: Endpoint, cache: VerdictCache) -> list[Mark]:
    rubric, reference = run.flags(), run.request().flags
    if rubric is None or reference is None:
        return []
    async with Client(endpoint) as client:
        judge = Judge(client, rubric, cache, rubric_version=reference.version)
        work = unsafe(judge, list(_turns(lines)), endpoint.max_concurrency)
        marks, verdicts = await unless_cancelled(run, work)
        before = run.status()
        run.update_status(
            cost=before.cost + client.cost,
            tokens_in=before.tokens_in + client.tokens_in,
            tokens_out=before.tokens_out + client.tokens_out,
        )
    run.write_output("flag_verdicts", verdict_frame(verdicts, run.run_id))
    return marks


def _turns(lines: Iterator[dict[str, Any]]) -> Iterator[Turn]:
    """The turns that this run wrote: those before the first one that was written anew are not its own."""
    for line in lines:
        first = line.get("written_anew_from", 0)
        row = {**line, "messages": json.dumps(line["messages"])}
        yield from (turn for turn in turns_of(pd.DataFrame([row])) if turn.turn_index >= first)
