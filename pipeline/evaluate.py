"""Base and trained model on the same turns: emotion accuracy, format, and the rubric's dimensions, with intervals.

outputs/answers.parquet    which (base | trained), dialogue_id, turn_index, sample_index, text, text_hash, truncated
outputs/verdicts.parquet   as the score stage writes it; sample_index is 0 for the base and 1 for the trained model
outputs/scores.parquet     which (base | trained | difference), measure, value, n, missing, low, high
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import pandas as pd

from pipeline import scorecard
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import EvaluateConfig
from pipeline.embedded import connect
from pipeline.emotions import GROUP_OF
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.judge import Judge, Verdict, verdict_frame
from pipeline.judging import judge_turns
from pipeline.rundir import RunDir
from pipeline.train.answering import answer
from pipeline.train.book import version_of
from pipeline.train.models import find_model, load_model
from pipeline.turns import Turn, text_hash, turns_of
from rubrics.errors import UserError
from rubrics.schema import Rubric

Which = Literal["base", "trained"]
# By model: the chosen turns with the model's answers as their texts; the verdicts of those.
Answered = Mapping[Which, Mapping[scorecard.Address, Turn]]
Judged = Mapping[Which, Mapping[scorecard.Address, Sequence[Verdict]]]
REPORT_EVERY_S = 0.5
SPENT = ("cost", "tokens_in", "tokens_out")
SAMPLE_INDEX: dict[Which, int] = {"base": 0, "trained": 1}
ANSWER_TYPES = {
    "which": "string",
    "dialogue_id": "string",
    "turn_index": "Int64",
    "sample_index": "Int64",
    "text": "string",
    "text_hash": "string",
    "truncated": "boolean",
}
SCORE_TYPES = {
    "which": "string",
    "measure": "string",
    "value": "Float64",
    "n": "Int64",
    "missing": "Int64",
    "low": "Float64",
    "high": "Float64",
}


def run(run: RunDir, home: Path) -> None:
    """Answer, judge and score. Answers that an earlier attempt wrote are kept, verdicts come from the cache.

    Raises UserError for a model, dialogues or a judge that cannot be used, and, after writing what could be measured,
    when not one answer could be judged; Cancelled when asked to stop.
    """
    config = EvaluateConfig.model_validate(run.request().config)
    rubric = run.rubric()
    turns = choose_turns(run.inputs(), config.max_turns, run.request().seed)
    models: dict[Which, str] = {"base": config.base}
    if config.trained:
        models["trained"] = config.trained
    for name in models.values():
        find_model(name, home)
    progress = _Progress(run, total=2 * len(models) * len(turns))
    with connect(endpoint(home, config.judge), home) as judge:
        judge = ready(judge, home)
        answered = {which: _answers(run, home, which, name, turns, progress) for which, name in models.items()}
        with closing(VerdictCache(home / "cache" / "verdicts.sqlite")) as cache:
            judged = asyncio.run(_judge_all(run, rubric, judge, cache, answered, progress))
    _write(run, judged, _score(run, rubric, turns, answered, judged))
    _complain_if_nothing_judged(judged, judge)


def choose_turns(inputs: pd.DataFrame, max_turns: int, seed: int) -> list[Turn]:
    """At most `max_turns` turns whose dialogue has a gold emotion, as evenly over the dialogues as can be.

    Dialogues and turns within them are drawn by `seed`; the result is in the order of the inputs. Raises UserError when
    there is none.
    """
    draw = random.Random(seed)
    turns = [turn for turn in turns_of(inputs) if turn.gold_emotion.strip().lower() in GROUP_OF]
    if not turns:
        raise UserError("inputs.parquet: no answer belongs to a dialogue with one of the 32 emotions; choose others")
    by_dialogue: dict[str, list[int]] = {}
    for position in draw.sample(range(len(turns)), len(turns)):
        by_dialogue.setdefault(turns[position].dialogue_id, []).append(position)
    rounds = max(len(positions) for positions in by_dialogue.values())
    dealt = [positions[k] for k in range(rounds) for positions in by_dialogue.values() if k < len(positions)]
    return [turns[position] for position in sorted(dealt[:max_turns])]


class _Progress:
    """Answers written and judged, together, and what judging cost."""

    def __init__(self, run: RunDir, total: int) -> None:
        self._run, self._before, self._through, self._told = run, run.status(), 0, time.monotonic()
        run.update_status(done=0, total=total, unit="answers written and judged")

    def now(self, done: int) -> None:
        """So many of the part that is under way; told at most twice a second."""
        if time.monotonic() - self._told >= REPORT_EVERY_S:
            self._tell(done)

    def through(self, part: int, client: Client | None = None) -> None:
        """A part of so many is finished; `client` counted what it cost."""
        self._through += part
        spent = {name: getattr(self._before, name) + getattr(client, name) for name in SPENT} if client else {}
        self._tell(0, **spent)

    def _tell(self, done: int, **spent: float) -> None:
        self._told = time.monotonic()
        self._run.update_status(done=self._through + done, **spent)


def _answers(
    run: RunDir, home: Path, which: Which, name: str, turns: Sequence[Turn], progress: _Progress
) -> dict[scorecard.Address, Turn]:
    """The turns with one model's answers as their texts; answers from an earlier attempt are taken as they are."""
    written = run.read_output("answers")
    if written is None or which not in set(written["which"]):
        frame = _ask(run, home, which, name, turns, progress)
        written = frame if written is None else pd.concat([written, frame], ignore_index=True)
        run.write_output("answers", written.astype(ANSWER_TYPES))
    progress.through(len(turns))
    own = written[written["which"] == which]
    texts = dict(zip(zip(own["dialogue_id"], own["turn_index"], strict=True), own["text"], strict=True))
    return {_address(t): t._replace(text=texts[_address(t)]) for t in turns if _address(t) in texts}


def _ask(run: RunDir, home: Path, which: Which, name: str, turns: Sequence[Turn], progress: _Progress) -> pd.DataFrame:
    limit = EvaluateConfig.model_validate(run.request().config).max_completion_length
    answers = answer(load_model(name, home), turns, limit, run, progress.now)
    run.append_event("data", which=which, used=len(answers), skipped={"too_long": len(turns) - len(answers)})
    rows = [
        (which, turn.dialogue_id, turn.turn_index, SAMPLE_INDEX[which], a.text, text_hash(a.text), a.truncated)
        for i, turn in enumerate(turns)
        if (a := answers.get(i))
    ]
    return pd.DataFrame(rows, columns=list(ANSWER_TYPES)).astype(ANSWER_TYPES)


async def _judge_all(
    run: RunDir, rubric: Rubric, endpoint: Endpoint, cache: VerdictCache, answered: Answered, progress: _Progress
) -> dict[Which, dict[scorecard.Address, list[Verdict]]]:
    """The verdicts of every answer, model after model."""
    judged: dict[Which, dict[scorecard.Address, list[Verdict]]] = {}
    async with Client(endpoint) as client:
        judge = Judge(client, rubric, cache, rubric_version=version_of(run))
        for which, turns in answered.items():
            verdicts = await judge_turns(judge, list(turns.values()), run, progress.now)
            judged[which] = dict(zip(turns, verdicts, strict=True))
            progress.through(len(turns), client)
    return judged


def _score(
    run: RunDir, rubric: Rubric, turns: Sequence[Turn], answered: Answered, judged: Judged
) -> list[scorecard.Score]:
    """Every line of the scorecard: per model and measure, then what was gained."""
    seed = run.request().seed
    measured = {
        which: {
            _address(turn): scorecard.measure(rubric, answers[_address(turn)], judged[which][_address(turn)])
            if _address(turn) in answers
            else scorecard.unanswered(rubric, "prompt_too_long")
            for turn in turns
        }
        for which, answers in answered.items()
    }
    names = scorecard.measures_of(rubric)
    lines = [scorecard.score(which, name, measured[which], seed) for which in measured for name in names]
    if "trained" in measured:
        lines += [scorecard.difference(name, measured["base"], measured["trained"], seed) for name in names]
    return lines


def _write(run: RunDir, judged: Judged, lines: Sequence[scorecard.Score]) -> None:
    frames = [
        verdict_frame((v for some in verdicts.values() for v in some), run.run_id, SAMPLE_INDEX[which])
        for which, verdicts in judged.items()
    ]
    run.write_output("verdicts", pd.concat(frames, ignore_index=True))
    scores = pd.DataFrame([line._asdict() for line in lines])[list(SCORE_TYPES)].astype(SCORE_TYPES)
    run.write_output("scores", scores)
    for which in dict.fromkeys(line.which for line in lines):
        measures = [line._asdict() for line in lines if line.which == which]
        run.append_event("summary", which=which, measures=measures)


def _complain_if_nothing_judged(judged: Judged, judge: Endpoint) -> None:
    asked = [v for verdicts in judged.values() for some in verdicts.values() for v in some if v.prompt_hash]
    if asked and not any(v.outcome == "scored" for v in asked):
        raise UserError(
            f"endpoint {judge.name}: not one answer could be judged ({asked[-1].outcome}: {asked[-1].reason}); "
            f"mend or change the judge, then resume"
        )


def _address(turn: Turn) -> scorecard.Address:
    return turn.dialogue_id, turn.turn_index
