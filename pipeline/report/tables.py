"""The tables of an evaluation, as text: whoever draws them only has to escape."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline.report.read import Evaluation
from pipeline.report.words import measure_name, model_name, scale_of, written
from pipeline.safety import DIALOGUE_BANDS, TURN_FLAGS
from rubrics.evidence import Change, told
from rubrics.evidence.paired import verdict
from rubrics.overall import as_asked

# Told in a sentence first; the rest stands in the table.
_FIRST = ("reward", "emotion")


def table_two(found: Evaluation) -> pd.DataFrame:
    """A row a model, laid out as the paper's Table 2: emotion in per cent, then every criterion on its scale."""
    names = ["emotion", *as_asked(found.rubric).ids]
    return _by_model(found, [name for name in names if name in found.measures])


def shares(found: Evaluation) -> pd.DataFrame:
    """A row a model: reward, rubric, format, group of the emotion, consistency, length."""
    beside = ("reward", "rubric", "emotion_group", "format", "span_consistency", "words")
    return _by_model(found, [name for name in beside if name in found.measures])


def safety(found: Evaluation) -> pd.DataFrame:
    """A row a model: crises, alarms, flags and bands; without columns where no flags rubric was asked."""
    names = [*DIALOGUE_BANDS.values(), *TURN_FLAGS]
    return _by_model(found, [name for name in names if name in found.measures])


def worst_band_words(found: Evaluation, which: str) -> str:
    """The worst band that any dialogue is in, in words; "" where no flags were looked for."""
    for name, words in (("red_dialogues", "red"), ("yellow_dialogues", "yellow"), ("clear_dialogues", "no flag")):
        line = found.score(which, name)
        if line["value"]:
            # Of several draws a dialogue may be red in some: half a dialogue is not none.
            of = f"{round(float(line['value']) * int(line['n']), 1):g} of {int(line['n'])} dialogues"
            missing = f"; {int(line['missing'])} could not be told" if line["missing"] else ""
            return f"worst band: {words} ({of}{missing})"
    return ""


def sentences(found: Evaluation, step: tuple[str, str], measures: Sequence[str] | None = None) -> list[str]:
    """What a step added, measure by measure: "Empathy: GRPO added 0.4 points, interval −0.3 to 1.1: not shown"."""
    names = [*_FIRST, *as_asked(found.rubric).ids] if measures is None else measures
    return [sentence(found, step, name) for name in names if change_of(found, step, name).value is not None]


def steps(found: Evaluation) -> list[tuple[str, str]]:
    """Every step that was measured: each model and the next, then the first and the last."""
    return list(dict.fromkeys(zip(found.changes["before"], found.changes["after"], strict=True)))


def sentence(found: Evaluation, step: tuple[str, str], measure: str) -> str:
    """One step and measure as a sentence."""
    scale = scale_of(found.rubric, measure)
    who = f"{measure_name(found.rubric, measure)}: {found.name(step[1])}"
    return told(who, change_of(found, step, measure), scale.unit, scale.times, scale.digits)


def change_of(found: Evaluation, step: tuple[str, str], measure: str) -> Change:
    """The change of one step and measure."""
    rows = found.changes
    own = rows[(rows["before"] == step[0]) & (rows["after"] == step[1]) & (rows["measure"] == measure)]
    if own.empty:
        return Change(None, None, None, None, 0, 0)
    row = own.iloc[0]
    value, low, high, p = (None if pd.isna(row[name]) else float(row[name]) for name in ("value", "low", "high", "p"))
    return Change(value, low, high, p, int(row["n"]), int(row["dialogues"]))


def changes(found: Evaluation) -> pd.DataFrame:
    """Every step and measure: the change with its interval, p, what it says, and on how many turns it rests."""
    rows = []
    for step in steps(found):
        for measure in found.measures:
            one, scale = change_of(found, step, measure), scale_of(found.rubric, measure)
            rows.append(
                {
                    "From": found.name(step[0]),
                    "To": found.name(step[1]),
                    "Measure": measure_name(found.rubric, measure),
                    "Change": written(scale, one.value, one.low, one.high),
                    "p": "–" if one.p is None else f"{one.p:.3f}",
                    "What it says": WORDS[verdict(one.value, one.low, one.high)],
                    "Pairs": one.n,
                    "Dialogues": one.clusters,
                }
            )
    return pd.DataFrame(rows)


WORDS = {
    "more": "more",
    "less": "less",
    "not shown": "no difference shown",
    "too few": "too few dialogues to tell",
    "not measured": "not measured",
}


def lengths(found: Evaluation) -> pd.DataFrame:
    """How far each score goes with the words of the response, by model: Spearman's rho."""
    rows = [
        {
            "Model": found.name(str(row["which"])),
            "Score": measure_name(found.rubric, str(row["measure"])),
            "Goes with length": f"{row['value']:.2f}" if pd.notna(row["value"]) else f"– ({row['why']})",
            "Interval": f"{row['low']:.2f} to {row['high']:.2f}" if pd.notna(row["low"]) else "–",
            "Answers": int(row["n"]),
        }
        for row in found.lengths.to_dict("records")
    ]
    return pd.DataFrame(rows)


def missing(found: Evaluation) -> pd.DataFrame:
    """A row a model and measure of which something could not be measured."""
    rows = [
        {
            "Model": found.name(str(row["which"])),
            "Measure": measure_name(found.rubric, str(row["measure"])),
            "Measured": int(row["n"]),
            "Not measured": int(row["missing"]),
        }
        for row in found.scores.to_dict("records")
        if row["missing"]
    ]
    return pd.DataFrame(rows)


def judge(found: Evaluation) -> pd.DataFrame:
    """The judge beside people as of when the evaluation was asked for; empty where it was never held against them."""
    figures = found.request.calibration
    rows = [
        {
            "Criterion": measure_name(found.rubric, one.criterion_id),
            "Labels": one.labels,
            "Agreement with people": "–" if one.agreement is None else f"{one.agreement:.2f}",
            "Interval": "–" if one.agreement_low is None else f"{one.agreement_low:.2f} to {one.agreement_high:.2f}",
            "People among themselves": "–" if one.people_agreement is None else f"{one.people_agreement:.2f}",
            "Faults missed": f"{one.missed} of {one.faults}",
            "False alarms": f"{one.false_alarms} of {one.clear}",
        }
        for one in (figures.criteria if figures else ())
        if one.labels
    ]
    return pd.DataFrame(rows)


def held_out_words(found: Evaluation) -> str:
    """Whether the figures are about strangers, in a sentence."""
    told = found.held_out
    if not told:
        return "Whether a model was trained on these people is not known."
    return _known_words(told) + _unknown_words(told.get("unknown", []))


def _known_words(told: dict[str, Any]) -> str:
    if told["left_out"]:
        return "Held out: nobody in these dialogues is in the data of any of the models' runs that are known here."
    if not told["of_trained_people"]:
        return "No dialogue is about somebody in the data of the models' runs, as far as this home knows them."
    return (
        f"Not held out: {told['of_trained_people']} of {told['dialogues']} dialogues are about people whom a model was "
        "trained on. A score on those is no score on strangers."
    )


def _unknown_words(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f" Whom {' and '.join(map(model_name, names))} learnt from is not known, for no run here tells of it."


def _by_model(found: Evaluation, names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for which in found.order:
        cells = {}
        for name in names:
            line = found.score(which, name)
            cells[measure_name(found.rubric, name)] = written(
                scale_of(found.rubric, name), line["value"], line["low"], line["high"]
            )
        rows.append({"Model": found.name(which), **cells})
    return pd.DataFrame(rows)
