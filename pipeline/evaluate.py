"""Models on the same turns: emotion, format, the rubric's dimensions, safety, intervals, and what each step added.

outputs/answers.parquet    which, dialogue_id, turn_index, sample_index, text, text_hash, truncated, sample
outputs/verdicts.parquet   as the score stage writes it, of every rubric that was asked
outputs/measures.parquet   a row an answer and measure: what the tables below are computed from
outputs/scores.parquet     a row a model and measure: the mean, its interval, how many, how many are missing
outputs/changes.parquet    a row a measure and step between models: what was gained, its interval, p
outputs/worst.parquet      worst at k, where several answers were drawn      outputs/lengths.parquet   length and score

`which` is base, trained, or the name of a model between them. `sample_index` counts the answers to a turn over all
models, model after model; `sample` counts them within their model.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path

import pandas as pd
import torch

from pipeline import scorecard
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import EvaluateConfig
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.evaluation import Answered, Answers, Asker, Judged, choose_turns, rows_of_answers
from pipeline.held_out import only_strangers, people_of, trained_on
from pipeline.judge import verdict_frame
from pipeline.rundir import RunDir
from pipeline.train.answering import answer
from pipeline.train.models import find_model, load_model
from pipeline.turns import Turn, text_hash
from rubrics.errors import UserError
from rubrics.overall import as_asked
from rubrics.schema import Rubric

REPORT_EVERY_S = 0.5
SPENT = ("cost", "tokens_in", "tokens_out")
ANSWER_TYPES = {
    "which": "string",
    "dialogue_id": "string",
    "turn_index": "Int64",
    "sample_index": "Int64",
    "text": "string",
    "text_hash": "string",
    "truncated": "boolean",
    "sample": "Int64",
}


def run(run: RunDir, home: Path) -> None:
    """Answer, judge and score. Answers that an earlier attempt wrote are kept, verdicts come from the cache.

    Raises UserError for a model, dialogues or a judge that cannot be used, and, after writing what could be measured,
    when not one answer could be judged; for turns of which none fits a model; Cancelled when asked to stop.
    """
    config = EvaluateConfig.model_validate(run.request().config)
    rubric = run.rubric()
    for name in config.order.values():
        find_model(name, home)
    turns = choose_turns(_inputs(run, config, home), config.max_turns, run.request().seed)
    progress = Progress(run, total=2 * len(config.order) * config.samples * len(turns))
    with connect(endpoint(home, config.judge), home) as judge:
        judge = ready(judge, home)
        answered = _answer_all(run, home, config, turns, progress)
        _complain_if_nothing_answered(answered, config)
        with closing(VerdictCache(home / "cache" / "verdicts.sqlite")) as cache:
            judged = asyncio.run(_judge_all(run, config, judge, cache, answered, progress))
    rows = rows_of_answers(rubric, run.flags(), turns, answered, judged)
    _write(run, config, judged, scorecard.measure_frame(rows))
    _complain_if_nothing_judged(judged, judge)


def _inputs(run: RunDir, config: EvaluateConfig, home: Path) -> pd.DataFrame:
    """The dialogues to look at; how many are about people whom a model learnt from is told, and kept with the run."""
    inputs = run.inputs()
    known, unknown = trained_on(config.order.values(), home)
    seen = int(people_of(inputs).isin(known - {""}).sum())
    told = {"dialogues": len(inputs), "of_trained_people": seen, "left_out": config.held_out}
    run.append_event("held_out", **told, unknown=list(unknown))
    return only_strangers(inputs, known) if config.held_out else inputs


class Progress:
    """Answers written and judged, together, and what judging cost."""

    def __init__(self, run: RunDir, total: int) -> None:
        self._run, self._before, self._through, self._told = run, run.status(), 0, time.monotonic()
        run.update_status(done=0, total=total, unit="answers written and judged")

    def now(self, done: int) -> None:
        """So many of the part that is under way; told at most twice a second."""
        if time.monotonic() - self._told >= REPORT_EVERY_S:
            self._tell(done)

    def after(self, before: int) -> Callable[[int], None]:
        """As `now`, where so many of the part were done before."""
        return lambda done: self.now(before + done)

    def through(self, part: int, client: Client | None = None) -> None:
        """A part of so many is finished; `client` counted what it cost."""
        self._through += part
        spent = {name: getattr(self._before, name) + getattr(client, name) for name in SPENT} if client else {}
        self._tell(0, **spent)

    def _tell(self, done: int, **spent: float) -> None:
        self._told = time.monotonic()
        self._run.update_status(done=self._through + done, **spent)


def _answer_all(
    run: RunDir, home: Path, config: EvaluateConfig, turns: Sequence[Turn], progress: Progress
) -> dict[Answered, Answers]:
    """The turns with each model's answers as their texts; answers from an earlier attempt are taken as they are."""
    found: dict[Answered, Answers] = {}
    for place, (which, name) in enumerate(config.order.items()):
        written = run.read_output("answers")
        own = written[written["which"] == which] if written is not None else None
        if own is None or own.empty:
            own = _ask(run, home, config, (place, which, name), turns, progress)
            frame = own if written is None else pd.concat([written, own], ignore_index=True)
            run.write_output("answers", frame.astype(ANSWER_TYPES))
        for sample in range(config.samples):
            found[Answered(which, place * config.samples + sample)] = _with_texts(turns, own[own["sample"] == sample])
        progress.through(len(turns) * config.samples)
    return found


def _with_texts(turns: Sequence[Turn], own: pd.DataFrame) -> Answers:
    texts = dict(zip(zip(own["dialogue_id"], own["turn_index"], strict=True), own["text"], strict=True))
    return {address: turn._replace(text=texts[address]) for turn in turns if (address := turn[:2]) in texts}


def _ask(
    run: RunDir,
    home: Path,
    config: EvaluateConfig,
    model: tuple[int, str, str],
    turns: Sequence[Turn],
    progress: Progress,
) -> pd.DataFrame:
    """Rows of answers.parquet from one model: where it stands among the models, what it is called there, its name."""
    place, which, name = model
    loaded = load_model(name, home)
    rows: list[tuple[object, ...]] = []
    answers: Mapping[int, object] = {}
    for sample in range(config.samples):
        torch.manual_seed(run.request().seed * 1_000 + sample)
        temperature = config.temperature if config.samples > 1 else 0.0
        answers = answer(
            loaded,
            turns,
            config.max_completion_length,
            run,
            progress.after(sample * len(turns)),
            temperature,
        )
        index = place * config.samples + sample
        for i, a in answers.items():
            rows.append((which, *turns[i][:2], index, a.text, text_hash(a.text), a.truncated, sample))
    run.append_event("data", which=which, used=len(answers), skipped={"too_long": len(turns) - len(answers)})
    return pd.DataFrame(rows, columns=list(ANSWER_TYPES)).astype(ANSWER_TYPES)


async def _judge_all(
    run: RunDir,
    config: EvaluateConfig,
    endpoint: Endpoint,
    cache: VerdictCache,
    answered: Mapping[Answered, Answers],
    progress: Progress,
) -> Judged:
    """The verdicts of every answer, model after model, and of the persons' messages whether they are in danger."""
    async with Client(endpoint) as client:
        asker = Asker(run, client, cache, config)
        judged = Judged({}, {}, {}, await asker.crises([turn for some in answered.values() for turn in some.values()]))
        for at, turns in answered.items():
            judged.rubric[at] = await asker.by_rubric(turns, progress.now)
            judged.flags[at] = await asker.by_flags(turns)
            judged.consistency[at] = await asker.by_spans(turns)
            progress.through(len(turns), client)
    return judged


def _write(run: RunDir, config: EvaluateConfig, judged: Judged, measures: pd.DataFrame) -> None:
    order, seed, rubric = list(config.order), run.request().seed, run.rubric()
    run.write_output("verdicts", _verdicts(run, judged))
    run.write_output("measures", measures)
    scores = scorecard.scores(measures, seed)
    run.write_output("scores", scores)
    run.write_output("changes", scorecard.changes(measures, order, seed))
    run.write_output("worst", scorecard.worst(measures, seed, scorecard.high_faults(rubric)))
    run.write_output("lengths", scorecard.lengths(measures, _judged_measures(rubric), seed))
    for which in order:
        lines = scores[scores["which"] == which].astype(object)
        known = lines.where(lines.notna(), None).to_dict("records")
        run.append_event("summary", which=which, measures=known, outcomes=scorecard.outcomes(measures, which))


def _judged_measures(rubric: Rubric) -> list[str]:
    return [*as_asked(rubric).ids, *scorecard.WHOLE_MEASURES]


def _verdicts(run: RunDir, judged: Judged) -> pd.DataFrame:
    frames = [
        verdict_frame((v for some in verdicts.values() for v in some), run.run_id, at.sample_index)
        for part, at in product((judged.rubric, judged.flags, judged.consistency), judged.rubric)
        if (verdicts := part[at])
    ]
    if told := [v for verdict in judged.crisis.values() if (v := verdict.told)]:
        frames.append(verdict_frame(told, run.run_id, 0))
    return pd.concat(frames, ignore_index=True)


def _complain_if_nothing_answered(answered: Mapping[Answered, Answers], config: EvaluateConfig) -> None:
    if not any(answered.values()):
        raise UserError(
            f"not one turn fits any of the models beside {config.max_completion_length} tokens of answer; choose "
            f"shorter dialogues, a smaller max_completion_length, or models with more room"
        )


def _complain_if_nothing_judged(judged: Judged, judge: Endpoint) -> None:
    asked = [v for verdicts in judged.rubric.values() for some in verdicts.values() for v in some if v.prompt_hash]
    if asked and not any(v.outcome == "scored" for v in asked):
        raise UserError(
            f"endpoint {judge.name}: not one answer could be judged ({asked[-1].outcome}: {asked[-1].reason}); "
            f"mend or change the judge, then resume"
        )
