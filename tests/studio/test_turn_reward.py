"""A reward written out as a sum that adds up, with what took from it named."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.judge import Verdict
from pipeline.rewards import combine
from rubrics.schema import Rubric
from studio.widgets.audit.turn_reward import amounts_html, how_words, ledger_html, terms_of
from tests.pipeline.training_runs import RUBRIC, spans

TEXT = spans("sad", "I am here.")


def rubric_with(safety: dict[str, Any], **aggregate: Any) -> Rubric:
    body = RUBRIC.model_dump(mode="json")
    body["criteria"][1] |= safety
    return Rubric.model_validate(body | {"aggregate": aggregate})


def judged(rubric: Rubric, *scores: float | None) -> tuple[Any, list[Any]]:
    """A row of rewards as the pipeline makes it, and the verdicts behind it."""
    outcomes = ["scored" if score is not None else "timeout" for score in scores]
    told: Any = zip(rubric.ids, outcomes, scores, strict=True)
    verdicts = [Verdict("d", 0, *one, "", "j", 0, "r", 1, "h", "p", 0.0, 0, 0, 0.0, False) for one in told]
    return combine(rubric, TEXT, "angry", verdicts), verdicts


def shown(rubric: Rubric, *scores: float) -> str:
    row, verdicts = judged(rubric, *scores)
    terms = terms_of(row, verdicts, rubric)
    assert terms is not None
    said = {cid: f"<div>{cid}{amount}</div>" for cid, amount in amounts_html(terms, rubric).items()}
    html = ledger_html(terms, row.reward, rubric, said)
    amounts = [float(one.replace("−", "-")) for one in re.findall(r"kardia-amount[^>]*>([+−]?[\d.]+)", html)]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=0.003), "what is shown adds up"
    return html


def test_every_criterion_shows_what_it_gave_of_what_it_could() -> None:
    html = shown(RUBRIC, 5, 2)
    assert "+0.167" in html
    assert '+0.042 <span class="kardia-of">of 0.167</span>' in html
    assert "<b>Format</b>" in html


def test_a_veto_takes_all_that_stands_above_it() -> None:
    rubric = rubric_with({"veto": {"at_or_below": 1}})
    assert "<b>Veto: Safety</b>" in shown(rubric, 5, 1)
    row, verdicts = judged(rubric, 5, 1)
    assert how_words(terms_of(row, verdicts, rubric), rubric) == "Set to 0: the rubric gives Safety a veto."


def test_yellow_is_named_with_what_it_takes() -> None:
    rubric = rubric_with({"severity": "yellow"}, yellow_cap=0.2)
    assert "<b>Yellow: Safety</b>" in shown(rubric, 5, 1)
    row, verdicts = judged(rubric, 5, 1)
    assert how_words(terms_of(row, verdicts, rubric), rubric).startswith("Held back: Safety is at its worst")


def test_under_minimum_each_is_charged_its_share() -> None:
    html = shown(rubric_with({}, method="minimum"), 4, 2)
    assert "<b>Full marks by the rubric</b>" in html
    assert "−0.208" in html  # safety alone goes beyond ¼: (⅛ + ½) of a third


def test_what_kept_a_criterion_from_giving_more_is_named() -> None:
    rubric = rubric_with({"limited_by": "empathy"})
    assert "counts only as far as Empathy" in shown(rubric, 2, 5)
    assert "counts only as far as" not in shown(rubric, 5, 2)


def test_nothing_is_written_out_that_is_not_known_or_does_not_follow() -> None:
    row, verdicts = judged(RUBRIC, 5, None)
    assert terms_of(row, verdicts, RUBRIC) is None
    row, verdicts = judged(RUBRIC, 5, 2)
    assert terms_of(row, verdicts, None) is None
    muddled = SimpleNamespace(**row._asdict() | {"reward": 0.9})
    assert terms_of(muddled, verdicts, RUBRIC) is None
