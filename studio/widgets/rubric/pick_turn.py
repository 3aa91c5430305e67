"""Choosing examples among real turns: those that people and judges answered by this criterion, or any, by search."""

import streamlit as st

from db import example_turns
from db.dialogues import Filter
from db.example_drafts import example_of, put_example
from db.example_turns import Candidate
from pipeline.emotions import EMOTIONS
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.plain_text import text_style
from studio.widgets.rubric import bodies
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.turn_card import turn_card
from studio.widgets.rubric.work import Work

SEARCH = "search"
_OPEN = "picking_examples_for"
_PAGE = 5


def pick_turn(work: Work, piece: Body) -> None:
    """The button, and the dialog while it is open for this criterion."""
    st.button(
        "Pick from real turns",
        key=f"pick_turn_{piece['id']}",
        icon=":material/forum:",
        on_click=_open,
        args=(piece["id"],),
    )
    if st.session_state.get(_OPEN) == piece["id"]:
        _dialog(work, piece)


def _open(criterion_id: str) -> None:
    st.session_state[_OPEN] = criterion_id
    st.session_state.pop("pick_page", None)


def _close() -> None:
    st.session_state.pop(_OPEN, None)


@st.dialog("Examples from real turns", width=880, on_dismiss=_close)
def _dialog(work: Work, piece: Body) -> None:
    text_style()
    st.caption(f"For **{escaped(piece.get('name') or piece['id'])}**: {escaped(piece.get('question', ''))}")
    counts = example_turns.spread(service.store(), work.rubric_id, piece["id"], session.allowed("adjudicate"))
    shown = _which(work, piece, bool(counts))
    page = int(st.session_state.get("pick_page", 0))
    if shown == SEARCH:
        found = _sought(work, piece, page)
    else:
        st.caption(_how_many(counts.get(int(shown), 0), work))
        found = _fitting(work, piece, int(shown), page)
    for turn in found:
        with st.container(border=True, gap="small", key=f"candidate_{turn.place.dialogue_id}_{turn.place.turn_index}"):
            if turn_card(turn, _purpose(work)):
                _add_buttons(work, piece, turn)
    _steps(page, len({turn.place.dialogue_id for turn in found}) if shown == SEARCH else len(found))


def _which(work: Work, piece: Body, is_answered: bool) -> str:
    """Which turns: a score, the highest first, or by search; search at once where nobody answered this criterion."""
    levels = [str(level) for level in reversed(bodies.levels(piece))]
    flags = {"1": "Flagged", "0": "Read and not flagged"}
    words = flags if _purpose(work) == "flags" else {level: f"Score {level}" for level in levels}
    chosen = st.segmented_control(
        "Which turns",
        [*levels, SEARCH],
        default=levels[0] if is_answered else SEARCH,
        key=f"pick_which_{piece['id']}",
        format_func=lambda one: "Search all dialogues" if one == SEARCH else words.get(one, one),
        required=True,
        label_visibility="collapsed",
        on_change=_turn_to,
        args=(0,),
    )
    return str(chosen)


def _how_many(number: int, work: Work) -> str:
    if not number:
        return "No turn has this answer yet. Another score, or a search, may find one."
    many = "1 turn has" if number == 1 else f"{number:,} turns have"
    return f"{many} this answer. People’s come first, then judges’."


def _fitting(work: Work, piece: Body, score: int, page: int) -> list[Candidate]:
    return example_turns.fitting(
        service.store(),
        work.rubric_id,
        piece["id"],
        score,
        with_gold=session.allowed("adjudicate"),
        limit=_PAGE,
        offset=page * _PAGE,
    )


def _sought(work: Work, piece: Body, page: int) -> list[Candidate]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Words in the dialogue", key="pick_text", on_change=_turn_to, args=(0,))
        emotion = st.selectbox(
            "Emotion",
            list(EMOTIONS),
            index=None,
            placeholder="Any",
            key="pick_emotion",
            width=220,
            on_change=_turn_to,
            args=(0,),
        )
    if not text.strip() and not emotion:
        st.caption("Type a word that somebody said, or choose an emotion.")
        return []
    found = example_turns.matching(
        service.store(),
        work.rubric_id,
        piece["id"],
        Filter(text=text, emotion=emotion),
        with_gold=session.allowed("adjudicate"),
        limit=_PAGE,
        offset=page * _PAGE,
    )
    if not found:
        st.caption("No dialogue has these words." if not page else "That was the last of them.")
    return found


def _add_buttons(work: Work, piece: Body, turn: Candidate) -> None:
    """One press adds the turn with the score it has; one that nobody scored is added with the score pressed."""
    if any(one.get("source") == turn.place._asdict() for one in piece.get("examples", [])):
        st.caption(":material/check: This turn is an example of the criterion.")
        return
    levels = bodies.levels(piece)
    offered = list(levels) if turn.score is None else [min(max(round(turn.score), levels[0]), levels[-1])]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if len(offered) > 1:
            st.caption("Use it with score", width="content")
        for level in offered:
            words = f"Use as an example, score {level}" if len(offered) == 1 else str(level)
            key = f"use_{turn.place.dialogue_id}_{turn.place.turn_index}_{level}"
            # In the script and not in a callback: the whole page is to run again, so that the form shows it and it is
            # saved; a dialog alone would run only itself.
            if st.button(words, key=key, icon=":material/add:" if len(offered) == 1 else None):
                put_example(work.body, piece["id"], example_of(turn, level, turn.why))
                st.rerun()


def _steps(page: int, shown: int) -> None:
    with st.container(horizontal=True):
        if page:
            st.button("Back", key="pick_back", type="tertiary", on_click=_turn_to, args=(page - 1,))
        if shown == _PAGE:
            st.button("Show more", key="pick_more", type="tertiary", on_click=_turn_to, args=(page + 1,))


def _turn_to(page: int) -> None:
    st.session_state.pick_page = page


def _purpose(work: Work) -> str:
    return str(work.body.get("purpose", "score"))
