"""One turn under a draft and under its base: every criterion's score and reason, then number, reward and passing."""

from collections.abc import Hashable, Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from rubrics.impact import to_judge_again
from rubrics.schema import Criterion, Rubric
from rubrics.severity import cautions_at, vetoes_at
from studio.widgets.run.words import OUTCOMES, number

_STYLE = Path(__file__).parents[2] / "static/tried.css"
_WORDS = {"binary": ("No", "Yes"), "points": ("Not met", "Met"), "rule": ("Too long", "Within the limit")}


class Sides(NamedTuple):
    """Both rubrics; `against` is what the base is called, empty without one."""

    draft: Rubric
    base: Rubric | None
    against: str

    def verdicts(self, found: pd.DataFrame) -> tuple[dict[str, Any], dict[str, Any]]:
        """The verdicts of the draft and of the base by criterion."""
        hashes = self.draft.hash, self.base.hash if self.base else ""
        draft, base = (found[found["rubric_hash"] == one].to_dict("records") for one in hashes)
        return {row["criterion_id"]: row for row in draft}, {row["criterion_id"]: row for row in base}


def side_by_side(sides: Sides, found: pd.DataFrame, row: Mapping[Hashable, Any], with_reasons: bool) -> None:
    """`found` are the turn's verdicts, `row` its comparison. Reasons may quote the turn: they are covered with it."""
    st.html(f"<style>{_STYLE.read_text(encoding='utf-8')}</style>")
    draft, base = sides.verdicts(found)
    anew = to_judge_again(sides.base, sides.draft)
    cells = [_heads(sides)]
    for criterion in _criteria(sides):
        name = _name(sides, criterion, anew)
        both = (draft.get(criterion.id), base.get(criterion.id))
        cells.append(name + "".join(_cells(sides, criterion.id, both, with_reasons)))
    cells += [_whole(sides, words, row, column) for words, column in _WHOLES]
    if not with_reasons:
        st.caption("What the judge said may quote the turn, so it is covered with it.")
    alone = "" if sides.base else " kt-alone"
    st.html(f'<div class="kt-grid{alone}" role="group" aria-label="Scores side by side">{"".join(cells)}</div>')


_WHOLES = (("Rubric’s number (0–1)", "value"), ("Reward (0–1)", "reward"), ("Passes", "passes"))


def _criteria(sides: Sides) -> list[Criterion]:
    """Those of the draft in its order, then those that only the base has."""
    gone = [one for one in (sides.base.criteria if sides.base else ()) if one.id not in sides.draft.ids]
    return [*sides.draft.criteria, *gone]


def _heads(sides: Sides) -> str:
    names = ["", "This draft", *([sides.against] if sides.base else [])]
    return "".join(f'<div class="kt-head">{escape(name)}</div>' for name in names)


def _name(sides: Sides, criterion: Criterion, anew: tuple[str, ...]) -> str:
    if not sides.base:
        note = ""
    elif criterion.id not in sides.draft.ids:
        note = "not in the draft"
    elif criterion.id not in sides.base.ids:
        note = "new in the draft"
    else:
        note = "changed, asked anew" if criterion.id in anew else "asked alike, judged once"
    noted = f'<span class="kt-note">{note}</span>' if note else ""
    return f'<div class="kt-name">{escape(criterion.name or criterion.id)}{noted}</div>'


def _cells(sides: Sides, criterion_id: str, both: tuple[Any, Any], with_reasons: bool) -> list[str]:
    draft, base = both
    moved = _moved(draft, base)
    found = [_cell("This draft", sides.draft, criterion_id, draft, moved, with_reasons)]
    if sides.base:
        found.append(_cell(sides.against, sides.base, criterion_id, base, "", with_reasons))
    return found


def _of(rubric: Rubric, criterion_id: str) -> Criterion | None:
    return next((one for one in rubric.criteria if one.id == criterion_id), None)


def _cell(side: str, rubric: Rubric, criterion_id: str, verdict: Any, moved: str, with_reasons: bool) -> str:
    head, criterion = f'<span class="kt-side">{escape(side)}</span>', _of(rubric, criterion_id)
    if criterion is None:
        return f'<div>{head}<span class="kt-note">not asked</span></div>'
    if verdict is None:
        return f'<div>{head}<span class="kt-failed">Not judged</span></div>'
    reason = str(verdict["reason"] or "")
    if verdict["outcome"] != "scored":
        what = f'<span class="kt-failed">No score: {escape(OUTCOMES[verdict["outcome"]].lower())}</span>'
    else:
        score = verdict["score"]
        what = f'<span class="kt-score">{escape(score_words(criterion, score))}</span>{moved}'
        what += _effect(rubric, criterion, score)
        reason = reason if with_reasons else ""
    why = f'<p class="kt-why">{escape(reason)}</p>' if reason else ""
    return f"<div>{head}{what}{why}</div>"


def _effect(rubric: Rubric, criterion: Criterion, score: float) -> str:
    if vetoes_at(rubric, criterion).holds(score):
        return '<span class="kt-note">■ a veto: sets the whole reward to 0</span>'
    cautions = cautions_at(rubric, criterion).holds(score)
    return '<span class="kt-note">▲ yellow: holds the reward back</span>' if cautions else ""


def score_words(criterion: Criterion, score: float) -> str:
    """A score as people say it: "4 (1–5)", "Yes", "Met"."""
    low, high = criterion.scale
    if criterion.kind in _WORDS and score in (low, high):
        return _WORDS[criterion.kind][score == high]
    return f"{score:g} ({low}–{high})"


def _moved(draft: Any, base: Any) -> str:
    if not draft or not base or pd.isna(draft["score"]) or pd.isna(base["score"]) or draft["score"] == base["score"]:
        return ""
    by = draft["score"] - base["score"]
    return f'<span class="kt-moved">{"▲ higher" if by > 0 else "▼ lower"} by {abs(by):g}</span>'


def _whole(sides: Sides, words: str, row: Mapping[Hashable, Any], column: str) -> str:
    """One line on the turn as a whole; what is not known is said, with the outcome that keeps it unknown."""
    names = ["draft", *(["base"] if sides.base else [])]
    heads = {"draft": "This draft", "base": sides.against}
    flips = column == "passes" and changes_sides(row["base_passes"], row["draft_passes"])
    cells = []
    for name in names:
        head = f'<span class="kt-side">{escape(heads[name])}</span>'
        told = _told(row[f"{name}_{column}"], str(row[f"{name}_outcome"]), column)
        mark = '<span class="kt-moved">⇄ changes sides</span>' if flips and name == "draft" else ""
        cells.append(f"<div>{head}{told}{mark}</div>")
    return f'<div class="kt-name">{escape(words)}</div>{"".join(cells)}'


def _told(value: Any, outcome: str, column: str) -> str:
    if pd.isna(value):
        why = OUTCOMES.get(outcome, outcome).lower() if outcome != "scored" else "a part is missing"
        return f'<span class="kt-failed">Not known: {escape(why)}</span>'
    if column == "passes":
        return f'<span class="kt-score">{"✓ passes" if value else "✗ fails"}</span>'
    return f'<span class="kt-score">{number(value)}</span>'


def changes_sides(before: Any, after: Any) -> bool:
    """Whether one of the two passes and the other fails; False while either is not known."""
    return not pd.isna(before) and not pd.isna(after) and bool(before) != bool(after)
