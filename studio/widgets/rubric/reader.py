"""A rubric as a document to read: questions, what each score looks like, what it does, what the judge sees."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

import streamlit as st

from rubrics.schema import Criterion, Example, Rubric, Source
from studio.widgets.rubric.criterion_link import follow_criterion
from studio.widgets.rubric.effects import held_back_words, limits_words, one_number_words, pass_words
from studio.widgets.rubric.words import (
    KINDS,
    SEVERITIES,
    limit_words,
    reads_words,
    reward_words,
    share_words,
    veto_words,
)


def show_rubric(rubric: Rubric, address: Mapping[str, str] | None = None, sought: str = "") -> None:
    """The whole rubric; `rubric_style` must be on the page. Everything that people wrote is escaped.

    With an `address` (the page's own: rubric and version) every criterion has a link of its own, and the one `sought`
    by its id is marked and scrolled to.
    """
    links = {c.id: _link(c, address) if address else "" for c in (*rubric.criteria, *rubric.archived)}
    parts = [_head(rubric)]
    for number, criterion in enumerate(rubric.criteria, start=1):
        parts.append(_criterion(rubric, criterion, f"{number}. ", links[criterion.id], criterion.id == sought))
    parts.append(_archived(rubric, links, sought))
    st.html(f'<article class="kr-doc">{"".join(parts)}</article>')
    if address:
        follow_criterion(_anchor_id(sought) if sought else "", "/".join(address.values()))


def _anchor_id(criterion_id: str) -> str:
    return f"criterion-{criterion_id}"


def _link(criterion: Criterion, address: Mapping[str, str]) -> str:
    """A small # that copies the address of the criterion; opened elsewhere, it leads here."""
    where = escape(f"?{urlencode({**address, 'view': 'read', 'criterion': criterion.id})}")
    told = escape(f"Copy the link to {criterion.name}")
    return f' <a class="kr-link" href="{where}" title="{told}" aria-label="{told}" aria-live="polite">#</a>'


def _head(rubric: Rubric) -> str:
    facts: list[tuple[str, str]] = []
    if rubric.purpose == "gate":
        facts.append(("Solved", f"when “{_name(rubric, rubric.aggregate.solved_by)}” holds and nothing else fails"))
    if rubric.purpose == "score":
        weights = rubric.reward
        facts.append(("One number", one_number_words(rubric)))
        facts.append(("Passing", pass_words(rubric)))
        facts.append(("Reward", reward_words(weights.format, weights.emotion, weights.rubric)))
        facts.append(("The judge", limits_words(rubric.calibration)))
    if rubric.approvers > 1:
        facts.append(("Approval", "takes two psychologists who wrote none of it"))
    instructions = f'<p class="kr-instructions">{escape(rubric.instructions)}</p>' if rubric.instructions else ""
    return f"{_facts(facts)}{instructions}"


def _name(rubric: Rubric, criterion_id: str | None) -> str:
    return next((c.name for c in rubric.criteria if c.id == criterion_id), str(criterion_id))


def _criterion(rubric: Rubric, criterion: Criterion, number: str, link: str, marked: bool) -> str:
    code = f'<span class="kr-code">{escape(criterion.id)}</span>'
    title = f"{number}{escape(criterion.name)} {code}{link}"
    question = escape(criterion.question) or '<span class="kr-unsaid">no question yet</span>'
    effects = _facts(_effects(rubric, criterion))
    body = f'<h3>{title}</h3><p class="kr-question">{question}</p>{_scale(criterion)}{effects}{_examples(criterion)}'
    classes = "kr-criterion kr-sought" if marked else "kr-criterion"
    return f'<section id="{escape(_anchor_id(criterion.id))}" class="{classes}">{body}</section>'


def _archived(rubric: Rubric, links: Mapping[str, str], sought: str) -> str:
    """Criteria out of use, folded; unfolded when one of them is sought."""
    if not rubric.archived:
        return ""
    many = "1 archived criterion" if len(rubric.archived) == 1 else f"{len(rubric.archived)} archived criteria"
    shown = "".join(_criterion(rubric, c, "", links[c.id], c.id == sought) for c in rubric.archived)
    unfolded = " open" if sought in {c.id for c in rubric.archived} else ""
    told = "asked of nobody and counting for nothing; kept so that it can come back"
    head = f'<summary>{many}</summary><p class="kr-quiet">{told}</p>'
    return f'<details class="kr-archived"{unfolded}>{head}{shown}</details>'


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
    """What an answer does, and what the judge is shown, in words. An archived criterion does nothing."""
    answered = f"{criterion.rule.words}, computed" if criterion.rule else KINDS[criterion.kind]
    facts = [("Answered by", answered)] if criterion.kind != "likert" else []
    facts += [("Use it when", criterion.use_when)] if criterion.use_when else []
    facts += [("Not when", criterion.avoid_when)] if criterion.avoid_when else []
    facts += [("Severity", criterion.severity)] if criterion.severity != "none" else []
    if criterion in rubric.criteria:
        facts += [("Effect", share)] if (share := share_words(rubric, criterion)) else []
        facts += [("Limit", limit)] if (limit := limit_words(rubric, criterion)) else []
        facts += [("At its worst", told)] if (told := held_back_words(rubric, criterion)) else []
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
    score = f'<span class="kr-score">Score {example.score:g}</span>{_source(example.source)}'
    return f'<div class="kr-example">{score}<p class="kr-text">{escape(example.text)}</p>{why}</div>'


def _source(source: Source | None) -> str:
    """The way to the real turn; in a tab of its own, so that the rubric stays open."""
    if source is None:
        return ""
    where = escape(f"audit?{urlencode({'dialogue': source.dialogue_id, 'turn': source.turn_index})}")
    told = escape(f"From dialogue {source.dialogue_id}, turn {source.turn_index + 1}")
    return f' <a class="kr-source" href="{where}" target="_blank" rel="noopener">{told}</a>'
