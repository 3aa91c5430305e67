"""A rubric as a document to read: questions, what each score looks like, what it does, what the judge sees."""

from html import escape

import streamlit as st

from rubrics.schema import Criterion, Example, Rubric
from studio.widgets.rubric.words import (
    KINDS,
    METHODS,
    SEVERITIES,
    reads_words,
    reward_words,
    share_words,
    veto_words,
)


def show_rubric(rubric: Rubric) -> None:
    """The whole rubric; `rubric_style` must be on the page. Everything that people wrote is escaped."""
    parts = [_head(rubric)]
    parts += [_criterion(rubric, criterion, number) for number, criterion in enumerate(rubric.criteria, start=1)]
    st.html(f'<article class="kr-doc">{"".join(parts)}</article>')


def _head(rubric: Rubric) -> str:
    facts: list[tuple[str, str]] = []
    if rubric.purpose == "gate":
        facts.append(("Solved", f"when “{_name(rubric, rubric.aggregate.solved_by)}” holds and nothing else fails"))
    if rubric.purpose == "score":
        weights = rubric.reward
        facts.append(("One number", METHODS[rubric.aggregate.method]))
        facts.append(("Reward", reward_words(weights.format, weights.emotion, weights.rubric)))
    instructions = f'<p class="kr-instructions">{escape(rubric.instructions)}</p>' if rubric.instructions else ""
    return f"{_facts(facts)}{instructions}"


def _name(rubric: Rubric, criterion_id: str | None) -> str:
    return next((c.name for c in rubric.criteria if c.id == criterion_id), str(criterion_id))


def _criterion(rubric: Rubric, criterion: Criterion, number: int) -> str:
    title = f'{number}. {escape(criterion.name)} <span class="kr-code">{escape(criterion.id)}</span>'
    question = escape(criterion.question) or '<span class="kr-unsaid">no question yet</span>'
    body = (
        f'<h3>{title}</h3><p class="kr-question">{question}</p>{_scale(criterion)}{_facts(_effects(rubric, criterion))}'
    )
    return f"<section>{body}{_examples(criterion)}</section>"


def _scale(criterion: Criterion) -> str:
    """The scores with their anchors; a level between two anchors lies between their meanings."""
    if criterion.kind == "rule":
        return ""
    low, high = criterion.scale
    plain = {"binary": {0: "No", 1: "Yes"}, "points": {0: "Not met", 1: "Met"}}.get(criterion.kind, {})
    if plain and not criterion.anchors:
        return ""
    rows = [(level, criterion.anchors.get(level, plain.get(level))) for level in range(low, high + 1)]
    cells = "".join(f'<tr><th scope="row">{level}</th><td>{_anchor(text)}</td></tr>' for level, text in rows)
    return f"<table>{cells}</table>"


def _anchor(text: str | None) -> str:
    unsaid = "between its neighbours" if text is None else "not written yet"
    return escape(text or "") or f'<span class="kr-unsaid">{unsaid}</span>'


def _effects(rubric: Rubric, criterion: Criterion) -> list[tuple[str, str]]:
    """What an answer does, and what the judge is shown, in words."""
    answered = f"at most {criterion.rule.max_words} words, counted" if criterion.rule else KINDS[criterion.kind]
    facts = [("Answered by", answered)] if criterion.kind != "likert" else []
    facts += [("Use it when", criterion.use_when)] if criterion.use_when else []
    facts += [("Not when", criterion.avoid_when)] if criterion.avoid_when else []
    facts += [("Severity", criterion.severity)] if criterion.severity != "none" else []
    facts += [("Effect", share)] if (share := share_words(rubric, criterion)) else []
    facts += [("Veto", veto_words(criterion.veto.at_or_below, criterion.scale))] if criterion.veto else []
    return facts + ([("The judge sees", reads_words(criterion.reads))] if criterion.kind != "rule" else [])


def _facts(facts: list[tuple[str, str]]) -> str:
    if not facts:
        return ""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{_fact(name, value)}</dd>" for name, value in facts)
    return f'<dl class="kr-facts">{rows}</dl>'


def _fact(name: str, value: str) -> str:
    if name == "Severity":
        return f'<span class="kr-{escape(value)}">{escape(SEVERITIES.get(value, value))}</span>'  # type: ignore[call-overload]
    return escape(value)


def _examples(criterion: Criterion) -> str:
    if not criterion.examples:
        return ""
    many = "1 example" if len(criterion.examples) == 1 else f"{len(criterion.examples)} examples"
    shown = "".join(_example(example) for example in criterion.examples)
    return f"<details><summary>{many}</summary>{shown}</details>"


def _example(example: Example) -> str:
    why = f'<p class="kr-why">{escape(example.why)}</p>' if example.why else ""
    score = f'<span class="kr-score">Score {example.score:g}</span>'
    return f'<div class="kr-example">{score}<p class="kr-text">{escape(example.text)}</p>{why}</div>'
