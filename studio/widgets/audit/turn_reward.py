"""A reward written out as a sum: what format, emotion and each criterion gave, and what cautions and a veto took."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from rubrics.contributions import Kind, Term, contributions
from rubrics.schema import Rubric

_WORDS: dict[Kind, str] = {
    "format": "Format",
    "emotion": "Emotion",
    "full_marks": "Full marks by the rubric",
    "cut": "Cut to the range of 0 to 1",
}
_CLOSE = 1e-6


def terms_of(row: Any, verdicts: Iterable[Any], rubric: Rubric | None) -> list[Term] | None:
    """The terms of a stored reward; None where it is not known, or does not follow from the verdicts beside it."""
    if rubric is None or row.outcome != "scored":
        return None
    given = list(verdicts)
    scores = {v.criterion_id: float(v.score) for v in given if v.outcome == "scored"}
    # A reward is known although a criterion abstained only where the answer lacks what that criterion reads.
    lacking = [v.criterion_id for v in given if v.outcome == "abstained"]
    terms = contributions(rubric, scores, _number(row.r_format), _number(row.r_emotion), lacking)
    follows = terms is not None and abs(sum(term.amount for term in terms) - row.reward) <= _CLOSE
    return terms if follows else None


def amounts_html(terms: list[Term], rubric: Rubric | None) -> dict[str, str]:
    """Criterion id → what it gave or took, and what kept it from giving more."""
    return {term.ids[0]: _amount(term) + _limit(term, rubric) for term in terms if term.kind == "criterion"}


def ledger_html(terms: list[Term], reward: float, rubric: Rubric, said: Mapping[str, str]) -> str:
    """The sum, a line a term; `said` has for each criterion its line, with the amount in it."""
    lines = [said.get(term.ids[0], "") if term.kind == "criterion" else _line(term, rubric) for term in terms]
    own = f'<span class="kardia-amount">{reward:.3f}</span>'
    return f'{"".join(lines)}<div class="kardia-verdict kardia-total"><b>Reward</b>{own}</div>'


def how_words(terms: list[Term] | None, rubric: Rubric | None) -> str:
    """What happened to the sum, in a sentence; "" where nothing did."""
    names = {term.kind: _names(term, rubric) for term in terms or [] if rubric}
    if "veto" in names:
        return f"Set to 0: the rubric gives {names['veto']} a veto."
    if "caution" in names:
        return f"Held back: {names['caution']} is at its worst, and yellow in this rubric."
    if "full_marks" in names:
        return "In this rubric the worst criterion decides: each is charged its share of what is lost by it."
    return ""


def _line(term: Term, rubric: Rubric) -> str:
    return f'<div class="kardia-verdict"><b>{escape(_title(term, rubric))}</b>{_amount(term)}</div>'


def _amount(term: Term) -> str:
    """What a term gave or took, and what it could have."""
    signed = f"{term.amount:+.3f}".replace("-", "−") if abs(term.amount) >= 0.0005 else "0.000"
    of = f' <span class="kardia-of">of {abs(term.most):.3f}</span>' if term.most and term.kind != "full_marks" else ""
    sign = " kardia-took" if term.amount < 0 else ""
    return f'<span class="kardia-amount{sign}">{signed}{of}</span>'


def _limit(term: Term, rubric: Rubric | None) -> str:
    if not term.limited_by:
        return ""
    return f' <span class="kardia-of">counts only as far as {escape(_name(term.limited_by, rubric))}</span>'


def _title(term: Term, rubric: Rubric) -> str:
    if term.kind == "veto":
        return f"Veto: {_names(term, rubric)}"
    if term.kind == "caution":
        return f"Yellow: {_names(term, rubric)}"
    return _WORDS.get(term.kind) or _names(term, rubric)


def _names(term: Term, rubric: Rubric | None) -> str:
    return " and ".join(_name(criterion_id, rubric) for criterion_id in term.ids)


def _name(criterion_id: str, rubric: Rubric | None) -> str:
    return next((c.name for c in rubric.criteria if c.id == criterion_id), criterion_id) if rubric else criterion_id


def _number(value: Any) -> float | None:
    """A cell of a frame: what is not known comes as None or NaN."""
    return None if value is None or value != value else float(value)
