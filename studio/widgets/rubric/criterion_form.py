"""The form of one criterion: question, scale with anchors, what it counts for, what the judge sees, examples."""

from functools import partial
from typing import Any

import streamlit as st

from rubrics.render import PART_TITLES
from rubrics.schema import PARTS, Criterion, Rubric
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies, fields
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.effects import points_words, severity_words
from studio.widgets.rubric.examples_form import examples_form
from studio.widgets.rubric.remarks import Beside
from studio.widgets.rubric.rule_form import rule_form
from studio.widgets.rubric.words import KINDS, SEVERITIES, SEVERITY_ICONS, limit_words, share_words, veto_words
from studio.widgets.rubric.work import Work

DEFAULT_READS = ["situation", "history", "response"]
HIGHEST_LEVEL = 10
NO_VETO = "No veto"
NO_LIMIT = "No limit"


def criterion_form(work: Work, piece: Body, beside: Beside) -> None:
    """Every field of the criterion `piece` of the working copy, and beside each what is amiss with it."""
    cid, kind = piece["id"], piece.get("kind", "likert")
    fields.text("Name", f"name_{cid}", piece.get("name", ""), fields.into(piece, "name", None))
    beside.show("name")
    fields.long_text(
        "Question",
        f"question_{cid}",
        piece.get("question", ""),
        fields.into(piece, "question", None),
        placeholder="One question about one reply, such as: Does the response take up what the person said?",
    )
    beside.show("question")
    _kind_row(work, piece, kind)
    beside.show("kind")
    if kind != "rule":
        _anchors(piece, kind)
        beside.show("anchors")
    _weight_row(work, piece)
    beside.show("weight")
    if kind != "rule":
        _reads(piece)
        beside.show("reads")
        _when(piece)
        examples_form(work, piece)
        beside.show("examples")


def _kind_row(work: Work, piece: Body, kind: str) -> None:
    cid = piece["id"]
    parked = work.parked_anchors(cid)
    left, right = st.columns([1.2, 1])
    with left:
        fields.choice(
            "Answered by",
            f"kind_{cid}",
            kind,
            list(KINDS),
            KINDS.__getitem__,
            lambda k: bodies.set_kind(piece, k, parked),
        )
    with right:
        if kind == "likert":
            _scale(piece, parked)
        elif kind == "points":
            points = float(piece.get("points") or 0.0)
            fields.number(
                "Points when met",
                f"points_{cid}",
                points,
                fields.into(piece, "points", None),
                help="Below 0 for a fault.",
            )
    if kind == "rule":
        rule_form(piece)


def _scale(piece: Body, parked: dict[str, str]) -> None:
    shown = bodies.levels(piece)
    scales = [(low, high) for low in (0, 1) for high in range(low + 1, HIGHEST_LEVEL + 1)]
    fields.choice(
        "Scale",
        f"scale_{piece['id']}",
        (shown[0], shown[-1]),
        scales,
        lambda ends: f"{ends[0]} to {ends[1]}",
        lambda ends: bodies.set_scale(piece, ends[0], ends[1], parked),
    )


def _anchors(piece: Body, kind: str) -> None:
    words = {"binary": ("no", "yes"), "points": ("not met", "met")}.get(kind)
    optional = words is not None
    st.markdown("**What each answer looks like**" if optional else "**What each score looks like**")
    for level in bodies.levels(piece):
        label = f"{level} ({words[level]})" if words else str(level)
        fields.long_text(
            label,
            f"anchor_{piece['id']}_{level}",
            piece.get("anchors", {}).get(str(level), ""),
            partial(bodies.set_anchor, piece, level),
            placeholder=f"Optional; otherwise the judge reads “{words[level]}”" if words else "",
        )


def _weight_row(work: Work, piece: Body) -> None:
    cid, purpose = piece["id"], work.body.get("purpose", "score")
    left, middle, right = st.columns(3)
    if purpose == "score":
        with left:
            weight = float(piece.get("weight", 1.0))
            fields.number("Weight", f"weight_{cid}", weight, fields.into(piece, "weight", 1.0), min_value=0.0)
        with middle:
            _veto(piece)
    with right if purpose == "score" else left:
        fields.choice(
            "Severity",
            f"severity_{cid}",
            piece.get("severity", "none"),
            list(SEVERITIES),
            lambda s: f"{SEVERITY_ICONS[s]} {SEVERITIES[s]}".strip(),
            fields.into(piece, "severity", "none"),
        )
    rubric = bodies.lenient(work.body)
    if purpose == "score" and len(rubric.criteria) > 1:
        _limit(rubric, piece)
    with st.container(key=f"effect_{cid}"):
        _effect(rubric, rubric.criterion(cid))


def _effect(rubric: Rubric, criterion: Criterion) -> None:
    """What weight and veto do, in words."""
    said = [share_words(rubric, criterion)] if rubric.purpose == "score" else []
    said += points_words(rubric, criterion)
    said += [limit_words(rubric, criterion)] if criterion.limited_by else []
    said += [veto_words(criterion.veto.at_or_below, criterion.scale)] if criterion.veto else []
    said += severity_words(rubric, criterion)
    if said:
        st.caption(". ".join(said) + ".")


def _veto(piece: Body) -> None:
    shown = bodies.levels(piece)
    fields.choice(
        "Veto",
        f"veto_{piece['id']}",
        float(piece["veto"]["at_or_below"]) if piece.get("veto") else NO_VETO,
        [NO_VETO, *(float(level) for level in shown[:-1])],
        lambda at: NO_VETO if at == NO_VETO else f"At {at:g} or below",
        lambda at: bodies.set_field(piece, "veto", None if at == NO_VETO else {"at_or_below": at}, None),
    )


def _limit(rubric: Rubric, piece: Body) -> None:
    names = {c.id: escaped(c.name or c.id) for c in rubric.criteria if c.id != piece["id"]}
    with st.columns(3)[0]:
        fields.choice(
            "Counts only as far as",
            f"limited_by_{piece['id']}",
            piece.get("limited_by") or NO_LIMIT,
            [NO_LIMIT, *names],
            lambda cid: names.get(cid, cid),
            lambda cid: bodies.set_field(piece, "limited_by", None if cid == NO_LIMIT else cid, None),
        )


def _reads(piece: Body) -> None:
    default: list[Any] = DEFAULT_READS
    fields.several(
        "What the judge sees",
        f"reads_{piece['id']}",
        piece.get("reads", default),
        PARTS,
        PART_TITLES.__getitem__,
        fields.into(piece, "reads", default),
        help="Nothing else is shown to the judge for this criterion. Less is calmer and cheaper, and harder to sway.",
    )


def _when(piece: Body) -> None:
    cid = piece["id"]
    left, right = st.columns(2)
    with left:
        fields.long_text(
            "Use it when", f"use_when_{cid}", piece.get("use_when", ""), fields.into(piece, "use_when", "")
        )
    with right:
        fields.long_text(
            "Do not use it when",
            f"avoid_when_{cid}",
            piece.get("avoid_when", ""),
            fields.into(piece, "avoid_when", ""),
        )
