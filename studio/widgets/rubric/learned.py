"""What people learned about a rubric while they used it: turns where it was unclear, or where auditors disagree."""

from collections import Counter
from html import escape

import streamlit as st

from db import rubric_versions
from db.example_drafts import add_example, example_of, put_example
from db.example_turns import Place, candidate
from db.rubric_lessons import Lesson, lessons
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_html, text_style
from studio.widgets.rubric import bodies
from studio.widgets.rubric import work as works
from studio.widgets.rubric.fold import fold, is_unfolded
from studio.widgets.rubric.turn_card import dialogue_link, turn_link
from studio.widgets.times import ago, clock, exact

RUBRICS = "app_pages/rubrics.py"
_PAGE = 8
_SAID = "learned_said"


def learned_about(rubric_id: str, criterion_id: str) -> None:
    """The turns that raise questions about one criterion, folded; nothing when there are none.

    No names: whoever audits must be able to disagree without being asked why.
    """
    found = [lesson for lesson in lessons(service.store(), rubric_id) if lesson.criterion_id == criterion_id]
    if not found:
        return
    name = f"learned_{rubric_id}_{criterion_id}"
    with st.container(border=is_unfolded(name), gap="small", key=f"{name}_panel"):
        if fold(turns_words(_turns(found)), name):
            text_style()
            _lessons(rubric_id, found, name)


def lessons_list(rubric_id: str) -> None:
    """How many turns raise questions about each criterion, with the way into a draft; nothing when there are none.

    Only counts: which turns they are is shown to whoever edits, so that auditors stay blind to each other.
    """
    counts = questions_raised(rubric_id)
    if not counts:
        return
    names = _names(rubric_id)
    with st.container(key="lessons_list", gap="small"):
        st.subheader("What people learned while they used it", anchor=False)
        for criterion_id, turns in counts.most_common():
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                code = f'<span class="kr-code">{escape(criterion_id)}</span>'
                told = f"<b>{escape(names.get(criterion_id, criterion_id))}</b> {code}<br>{escape(turns_words(turns))}"
                st.html(f"<div>{told}</div>", width="stretch")
                if session.allowed("edit_rubric"):
                    start_button(rubric_id, criterion_id)


def questions_raised(rubric_id: str) -> Counter[str]:
    """How many turns raise a question about each criterion of the rubric."""
    places = {(one.criterion_id, one.dialogue_id, one.turn_index) for one in lessons(service.store(), rubric_id)}
    return Counter(criterion_id for criterion_id, _, _ in places)


def start_button(rubric_id: str, criterion_id: str) -> None:
    """Opens the draft, or a new one, at that criterion."""
    has_draft = rubric_versions.draft(service.store(), rubric_id) is not None
    words = "Go on with it in the draft" if has_draft else "Start a draft on this"
    if st.button(words, key=f"start_on_{rubric_id}_{criterion_id}", icon=":material/edit:"):
        try:
            rubric_versions.open_draft(service.store(), session.here(), rubric_id)
        except UserError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
        st.switch_page(RUBRICS, query_params={"rubric": rubric_id, "view": "edit", "criterion": criterion_id})


def _lessons(rubric_id: str, found: list[Lesson], name: str) -> None:
    purpose = _purpose(rubric_id)
    shown = found if st.session_state.get(f"{name}_all") else found[:_PAGE]
    for number, lesson in enumerate(shown):
        _lesson(rubric_id, lesson, purpose, f"{name}_{number}")
    if len(found) > len(shown):
        st.button(f"Show all {len(found)}", key=f"{name}_more", type="tertiary", on_click=_show_all, args=(name,))


def _lesson(rubric_id: str, lesson: Lesson, purpose: str, key: str) -> None:
    with st.container(border=True, gap="small", key=f"{key}_row"):
        when = f'<time title="{escape(exact(lesson.newest_at))}">{escape(ago(lesson.newest_at))}</time>'
        what = f"<b>{escape(_what(lesson, purpose))}</b>, version {lesson.rubric_version}"
        text = plain_html(lesson.text) if lesson.text.strip() and not _is_scores(lesson, purpose) else ""
        st.html(f'<p class="kr-quiet">{what} · {when}</p>{text}')
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if lesson.turn_index is None:
                dialogue_link(lesson.dialogue_id)
            else:
                place = Place(lesson.dialogue_id, lesson.turn_index)
                turn_link(place)
                _use_button(rubric_id, lesson.criterion_id, place, key)


def _use_button(rubric_id: str, criterion_id: str, place: Place, key: str) -> None:
    held = works.held(rubric_id)
    piece = bodies.criterion(held.body, criterion_id) if held else None
    if piece and any(one.get("source") == place._asdict() for one in piece.get("examples", [])):
        st.caption(":material/check: An example in this draft.", width="content")
    else:
        st.button(
            "Use as an example",
            key=f"{key}_use",
            icon=":material/format_quote:",
            type="tertiary",
            on_click=_use,
            args=(rubric_id, criterion_id, place, key),
        )
    said: tuple[str, str, bool] | None = st.session_state.get(_SAID)
    if said and said[0] == key:
        if said[2]:
            st.caption(said[1], width="content")
        else:
            st.error(f"Not added. {escaped(said[1])}", icon=":material/error:")


def _use(rubric_id: str, criterion_id: str, place: Place, key: str) -> None:
    """Callback: into the text that is open here, else into the stored draft. The score is people's where they gave one.

    Why is left open: a question is not a reason, and whoever edits has to answer it.
    """
    store = service.store()
    try:
        turn = candidate(store, rubric_id, criterion_id, place, with_gold=session.allowed("adjudicate"))
        held = works.held(rubric_id)
        piece = bodies.criterion(held.body, criterion_id) if held else None
        levels = bodies.levels(piece or {})
        score = levels[-1] if turn.score is None else min(max(round(turn.score), levels[0]), levels[-1])
        if held and piece:
            put_example(held.body, criterion_id, example_of(turn, score, ""))
            words = f"with score {score}. Check the score and say why, below."
        else:
            saved = add_example(store, session.here(), rubric_id, criterion_id, example_of(turn, score, ""))
            words = f"Saved {clock(saved.updated_at)} with score {score}"
    except UserError as error:
        st.session_state[_SAID] = (key, str(error), False)
        return
    st.session_state[_SAID] = (key, words, True)


def _what(lesson: Lesson, purpose: str) -> str:
    """What happened on the turn, in words and without names."""
    if lesson.kind == "gap":
        return "Settled as a gap in this rubric: its words do not decide this turn"
    if lesson.kind == "unclear":
        return f"Unclear to {lesson.said} of {lesson.of} who read this dialogue"
    if purpose == "flags":
        return f"{lesson.said} of {lesson.of} auditors flagged it, the others finished without"
    return f"{lesson.of} auditors scored it apart: {lesson.text}"


def _is_scores(lesson: Lesson, purpose: str) -> bool:
    """Whether the lesson's text is the scores that were given, and nobody's words."""
    return lesson.kind == "disagreement" and purpose != "flags"


def _turns(found: list[Lesson]) -> int:
    return len({(one.dialogue_id, one.turn_index) for one in found})


def turns_words(turns: int) -> str:
    """How many turns raise questions, as the beginning of a sentence."""
    return "1 turn raises a question" if turns == 1 else f"{turns} turns raise questions"


def _purpose(rubric_id: str) -> str:
    known = rubric_versions.versions(service.store(), rubric_id)
    return known[0].rubric.purpose if known else "score"


def _names(rubric_id: str) -> dict[str, str]:
    """The criteria by name, as the newest version has them."""
    known = rubric_versions.versions(service.store(), rubric_id)
    return {c.id: c.name for version in reversed(known) for c in version.rubric.criteria}


def _show_all(name: str) -> None:
    st.session_state[f"{name}_all"] = True
