"""The walk stage: every conversation asked question by question, each answer leading to the next, to a band each.

    outputs/steps.parquet   a row a question asked: what was answered and why, whether it is a fault, what it led to
    outputs/bands.parquet   a row a conversation and dimension, and one for the whole (dimension "")

Steps are written when a conversation is through, and a resumed run asks only for those that are not. A conversation
whose judge failed has no band, and neither has the dimension it failed in, unless a red fault was found before.
"""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import WalkConfig
from pipeline.endpoints import Endpoint
from pipeline.judging_run import Ask, Progress, with_judges, work_through
from pipeline.rundir import RunDir
from pipeline.turns import Message, messages_of
from pipeline.walk.ask import Told, ask
from rubrics.errors import UserError
from rubrics.exchange.vera_table import Question, questions_of
from rubrics.exchange.vera_walk import Walk, walk

Said = tuple[str, tuple[Message, ...]]
STEPS = {
    "dialogue_id": "string",
    "step": "Int64",
    "question_id": "string",
    "question": "string",
    "dimension": "string",
    "severity": "string",
    "answer": "string",
    "reason": "string",
    "is_fault": "boolean",
    "following": "string",
    "outcome": "string",
}
BANDS = {"dialogue_id": "string", "dimension": "string", "band": "string", "asked": "Int64", "outcome": "string"}


def run(run: RunDir, home: Path) -> None:
    """Walk every conversation of the inputs; what is through is kept when the run is cancelled or fails.

    Raises UserError when there is nothing to walk or the judge is down, Cancelled when asked to stop.
    """
    config = WalkConfig.model_validate(run.request().config)
    questions, _ = questions_of(config.table, "the table of questions")
    with_judges(home, Ask([config.judge]), _Walking(run, questions).walk_all)


class _Walking:
    """The conversations of one run, and the rows of those that are through."""

    def __init__(self, run: RunDir, questions: list[Question]) -> None:
        self.run, self.questions = run, questions
        self._by_id = {question.id: question for question in questions}
        rows: Any = run.inputs().itertuples()
        self.conversations: list[tuple[str, tuple[Message, ...]]] = [
            (row.dialogue_id, messages_of(row)) for row in rows
        ]
        self._steps, self._bands = run.read_output("steps"), run.read_output("bands")
        self._progress = Progress(run, len(self.conversations), "conversations")

    async def walk_all(self, endpoints: list[Endpoint], cache: VerdictCache) -> None:
        """Walk those that no earlier attempt brought to an end."""
        (endpoint,) = endpoints
        left = [at for at, (name, _) in enumerate(self.conversations) if name not in self._through]
        async with Client(endpoint) as client:
            try:
                at_once = max(1, min(endpoint.max_concurrency, len(left)))
                await work_through(self.run, left, at_once, partial(self._walk, client))
            finally:
                self._progress.report(len(self._through), [client], at_once=True)
            client.breaker.look_back()
        if self._bands is not None and not (self._bands["outcome"] == "scored").any():
            raise UserError(f"endpoint {endpoint.name}: not one conversation could be walked to its end")

    @property
    def _through(self) -> set[str]:
        """Conversations at their end; those whose judge failed are tried again."""
        return set() if self._bands is None else set(self._bands.loc[self._bands["outcome"] == "scored", "dialogue_id"])

    async def _walk(self, client: Client, position: int) -> None:
        name, messages = self.conversations[position]
        answers: dict[str, str] = {}
        told: dict[str, Told] = {}
        while (found := walk(self.questions, answers)).waiting and found.waiting not in told:
            told[found.waiting] = await ask(client, self._by_id[found.waiting], messages)
            client.breaker.check()
            if answer := told[found.waiting].answer:
                answers[found.waiting] = answer
        self._keep(name, found, told)
        self._progress.report(len(self._through), [client])
        self.run.append_event("walked", dialogue_id=name, asked=len(told), band=found.band)

    def _keep(self, name: str, found: Walk, told: dict[str, Told]) -> None:
        failed = next((one.outcome for one in told.values() if one.answer is None), "scored")
        self._steps = _replaced(self._steps, name, self._step_rows(name, found, told), STEPS)
        self._bands = _replaced(self._bands, name, _band_rows(name, found, failed), BANDS)
        self.run.write_output("steps", self._steps)
        self.run.write_output("bands", self._bands)

    def _step_rows(self, name: str, found: Walk, told: dict[str, Told]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [
            {"dialogue_id": name, "step": number, "outcome": "scored", "reason": told[step.question_id].reason}
            | step._asdict()
            for number, step in enumerate(found.steps, start=1)
        ]
        if found.waiting:
            failed = told[found.waiting]
            where = {"dialogue_id": name, "step": len(rows) + 1, "question_id": found.waiting}
            rows.append(where | {"reason": failed.reason, "outcome": failed.outcome})
        return rows


def _band_rows(name: str, found: Walk, outcome: str) -> list[dict[str, Any]]:
    asked: dict[str, int] = {}
    for step in found.steps:
        asked[step.dimension] = asked.get(step.dimension, 0) + 1
    own: list[dict[str, Any]] = [
        {"dimension": each, "band": band, "asked": asked.get(each, 0)} for each, band in found.bands.items() if each
    ]
    whole = {"dimension": "", "band": found.band, "asked": len(found.steps)}
    return [{"dialogue_id": name, "outcome": outcome} | row for row in [*own, whole]]


def _replaced(frame: pd.DataFrame | None, name: str, rows: list[dict[str, Any]], types: dict[str, str]) -> pd.DataFrame:
    """The table with one conversation's rows in place of what it had of it."""
    new = pd.DataFrame(rows).reindex(columns=list(types)).astype(types)
    return new if frame is None else pd.concat([frame[frame["dialogue_id"] != name], new], ignore_index=True)
