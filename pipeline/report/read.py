"""One evaluation, read from its run directory: what every table, figure and page is made of."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from pipeline import scorecard
from pipeline.configs import EvaluateConfig
from pipeline.emotions import EMOTIONS
from pipeline.report.words import model_name
from pipeline.rundir import Request, RunDir
from pipeline.spans import read_spans
from rubrics.errors import UserError
from rubrics.schema import Rubric


@dataclass(frozen=True)
class Evaluation:
    """An evaluation that has been scored; tables have the columns that `pipeline.scorecard` names."""

    run: RunDir
    request: Request
    config: EvaluateConfig
    rubric: Rubric
    scores: pd.DataFrame
    changes: pd.DataFrame
    worst: pd.DataFrame
    lengths: pd.DataFrame

    @property
    def order(self) -> list[str]:
        """What its tables call the models, in the order in which they were made."""
        known = set(self.scores["which"])
        return [which for which in self.config.order if which in known]

    @property
    def measures(self) -> list[str]:
        """The measures that were taken, in the order in which they are read."""
        known = set(self.scores["measure"])
        return [name for name in scorecard.order_of(self.rubric) if name in known]

    def name(self, which: str) -> str:
        """A model as it is called."""
        return model_name(self.config.order.get(which, which))

    def score(self, which: str, measure: str) -> dict[str, Any]:
        """The line of one model and measure; every cell None where it was not taken."""
        found = self.scores[(self.scores["which"] == which) & (self.scores["measure"] == measure)]
        return _cells(found, list(scorecard.SCORES))

    @cached_property
    def held_out(self) -> dict[str, Any]:
        """How many dialogues there were, how many of them about people a model was trained on; empty if unknown."""
        return next((event for event in self.run.events() if event["kind"] == "held_out"), {})

    @cached_property
    def answers(self) -> pd.DataFrame:
        """What the models wrote, with the emotion named and the gold one."""
        written = self.run.read_output("answers")
        if written is None:
            return pd.DataFrame(columns=["which", "dialogue_id", "turn_index", "sample_index", "text", "named", "gold"])
        gold = self.run.inputs().set_index("dialogue_id")["emotion"].fillna("").str.strip().str.lower()
        named = [read_spans(text).emotion.strip().lower() for text in written["text"]]
        return written.assign(named=named, gold=written["dialogue_id"].map(gold))

    @cached_property
    def answer_measures(self) -> pd.DataFrame:
        """A row an answer and measure."""
        found = self.run.read_output("measures")
        return scorecard.measure_frame([]) if found is None else found

    def confusion(self, which: str) -> pd.DataFrame:
        """How often each of the 32 labels (rows) was named as each (columns), or as none of them."""
        own = self.answers[self.answers["which"] == which]
        named = own["named"].where(own["named"].isin(EMOTIONS), "none of the 32")
        counts = pd.crosstab(own["gold"], named)
        return counts.reindex(index=EMOTIONS, columns=[*EMOTIONS, "none of the 32"], fill_value=0)


def read_evaluation(run: RunDir) -> Evaluation:
    """Raises UserError for a run that is no evaluation, or has no scores yet."""
    request = run.request()
    if request.stage != "evaluate":
        raise UserError(f"{run.path}: is a {request.stage} run; a report is made from evaluations")
    scores = run.read_output("scores")
    if scores is None:
        raise UserError(f"{run.path}: has no scores yet; it is {run.status().state}")
    return Evaluation(
        run,
        request,
        EvaluateConfig.model_validate(request.config),
        run.rubric(),
        scores,
        *(_read(run, name, types) for name, types in _TABLES.items()),
    )


_TABLES = {"changes": scorecard.CHANGES, "worst": scorecard.WORST, "lengths": scorecard.LENGTHS}


def _read(run: RunDir, name: str, types: dict[str, str]) -> pd.DataFrame:
    found = run.read_output(name)
    return pd.DataFrame(columns=list(types)).astype(types) if found is None else found


def _cells(found: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    if found.empty:
        return dict.fromkeys(names)
    row = found.iloc[0]
    return {name: None if pd.isna(row[name]) else row[name] for name in names}
