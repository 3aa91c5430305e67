"""From a turn in Audit into a rubric: for people who may edit rubrics, the turn becomes an example in an open draft."""

from datetime import datetime
from typing import Any, NamedTuple

import streamlit as st

from db import rubric_versions
from db.example_drafts import add_example, example_of
from db.example_turns import Place, candidate
from db.rubric_drafts import body_of
from db.rubric_versions import Draft, RubricSummary
from rubrics.errors import UserError
from rubrics.schema import slug
from studio import service, session
from studio.widgets.audit.dialogue_open import Open
from studio.widgets.audit.dialogue_receipt import new_id
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric import bodies
from studio.widgets.rubric.bodies import Body
from studio.widgets.times import ago, clock

_DONE = "example_receipt"


class _Done(NamedTuple):
    """What was added last: on which turn, to what, when; or in one line why not."""

    place: Place
    rubric_id: str
    criterion_id: str
    saved_at: datetime | None
    fault: str
    press: str


def example_door(audit: Open, turn: int) -> None:
    """A quiet button that unfolds into rubric, criterion, score and why; nothing for whoever may not edit rubrics."""
    if not session.allowed("edit_rubric"):
        return
    place = Place(audit.dialogue.dialogue_id, turn)
    key = f"example_door_{turn}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="example_door"):
        door = st.popover(
            "Use as an example", icon=":material/format_quote:", type="tertiary", key=key, on_change="rerun"
        )
        _receipt(place)
    if door.open:
        with door:
            _form(audit, place, key)


def _form(audit: Open, place: Place, door: str) -> None:
    known = _rubrics()
    if not known:
        st.caption("There is no rubric yet. Start one on the page Rubrics.")
        return
    rubric_id = st.selectbox(
        "Rubric",
        list(known),
        index=_begin_with(audit, place.turn_index, list(known)),
        key=f"example_rubric_{'_'.join(map(str, place))}",
        format_func=lambda one: known[one].title,
    )
    pieces, stored = _criteria(rubric_id), rubric_versions.draft(service.store(), rubric_id)
    if not pieces:
        st.caption("No criterion of this rubric can have examples.")
        return
    own = _own_marks(audit, place.turn_index, rubric_id)
    first = next((number for number, cid in enumerate(pieces) if cid in own), 0)
    criterion_id = st.selectbox(
        "Criterion",
        list(pieces),
        index=first,
        key=f"example_criterion_{rubric_id}_{'_'.join(map(str, place))}",
        format_func=lambda cid: _named(pieces[cid]),
    )
    score, why = _answer(place, pieces[criterion_id], f"{rubric_id}_{criterion_id}", own.get(criterion_id, (None, "")))
    where = (place, rubric_id, criterion_id)
    st.button(
        "Add to the draft" if stored else "Start a draft with it",
        key="add_as_example",
        type="primary",
        disabled=score is None,
        on_click=_add,
        args=(*where, score, why, door, new_id()),
    )
    st.caption(_what_happens(stored))
    _fault(place)


def _answer(place: Place, piece: Body, name: str, own: tuple[float | None, str]) -> tuple[int | None, str]:
    """The score and why, which begin with one's own mark on this turn."""
    levels, where = list(bodies.levels(piece)), f"{name}_{'_'.join(map(str, place))}"
    words = {0: "0: does not show it", 1: "1: shows it"} if piece.get("kind", "likert") != "likert" else {}
    known = round(own[0]) if own[0] is not None else None
    score = st.segmented_control(
        "Score it deserves",
        levels,
        default=known if known in levels else None,
        key=f"example_score_{where}",
        format_func=lambda level: words.get(level, str(level)),
    )
    why = st.text_area(
        "Why this score",
        own[1],
        key=f"example_why_{where}",
        height=80,
        placeholder="Which words earn it? The judge reads this too.",
        persist_state="session",
    )
    return score, why or ""


def _add(place: Place, rubric_id: str, criterion_id: str, score: int, why: str, door: str, press: str) -> None:
    """Callback. A refused example leaves what was typed where it is; a double press is one."""
    store, here = service.store(), session.here()
    done: _Done | None = st.session_state.get(_DONE)
    if done and done.press == press:
        return
    try:
        turn = candidate(store, rubric_id, criterion_id, place, with_gold=False)
        saved = add_example(store, here, rubric_id, criterion_id, example_of(turn, score, why))
    except UserError as error:
        st.session_state[_DONE] = _Done(place, rubric_id, criterion_id, None, str(error), press)
        return
    st.session_state[_DONE] = _Done(place, rubric_id, criterion_id, saved.updated_at, "", press)
    st.session_state[door] = False


def _receipt(place: Place) -> None:
    done: _Done | None = st.session_state.get(_DONE)
    if done and done.place == place and done.saved_at:
        st.caption(f":material/check: Saved {clock(done.saved_at)} ·", width="content")
        st.page_link(
            "app_pages/rubrics.py",
            label=f"example of {escaped(done.criterion_id)} in the draft of {escaped(done.rubric_id)}",
            query_params={"rubric": done.rubric_id, "view": "edit", "criterion": done.criterion_id},
            width="content",
        )


def _fault(place: Place) -> None:
    done: _Done | None = st.session_state.get(_DONE)
    if done and done.place == place and done.fault:
        st.error(f"Not saved. {escaped(done.fault)}", icon=":material/error:")


def _rubrics() -> dict[str, RubricSummary]:
    """Every rubric, those with an open draft first."""
    found = sorted(rubric_versions.rubrics(service.store()), key=lambda one: not one.has_draft)
    return {one.rubric_id: one for one in found}


def _begin_with(audit: Open, turn: int, rubric_ids: list[str]) -> int:
    """The first rubric that one marked this turn by, else the first of all."""
    return next((number for number, one in enumerate(rubric_ids) if _own_marks(audit, turn, one)), 0)


def _named(piece: Body) -> str:
    name = str(piece.get("name") or piece["id"])
    return name if slug(name) == piece["id"] else f"{piece['id']}: {name}"


def _criteria(rubric_id: str) -> dict[str, Body]:
    """The criteria of the open draft, else of the version that a draft would start from; rules have no examples."""
    store = service.store()
    stored, known = rubric_versions.draft(store, rubric_id), rubric_versions.versions(store, rubric_id)
    base = next((one for one in known if one.state != "retired"), known[0] if known else None)
    body = stored.body if stored else body_of(base.rubric) if base else {}
    return {one["id"]: one for one in bodies.criteria(body) if one.get("kind") != "rule"}


def _own_marks(audit: Open, turn: int, rubric_id: str) -> dict[str, tuple[float | None, str]]:
    """One's own score and note by criterion. Nobody else's: who audits stays unswayed by others."""
    scores: list[Any] = [s for s in audit.state.scores if (s.turn_index, s.rubric_id) == (turn, rubric_id)]
    own: dict[str, tuple[float | None, str]] = {one.criterion_id: (one.value, one.note) for one in scores}
    return own | {f.code: (1.0, f.note) for f in audit.flags_on(turn) if f.rubric_id == rubric_id}


def _what_happens(stored: Draft | None) -> str:
    if stored is None:
        goes = "Opens a draft from the newest version."
    else:
        goes = f"The open draft was saved by {escaped(name_of(stored.updated_by))} {ago(stored.updated_at)}."
    authors = " Whoever adds to a draft is one of its authors, and another psychologist decides on it."
    return goes + (authors if session.allowed("decide_rubric") else "")
