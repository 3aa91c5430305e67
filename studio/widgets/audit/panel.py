"""Beside the dialogue: moving between turns, the last receipt, flags, scores, the person, machine scores, finishing."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from db import audits
from db.dialogues import Neighbours
from db.rubric_versions import Version
from rubrics.schema import Purpose
from studio import service, session
from studio.widgets.audit.dialogue_open import Open
from studio.widgets.audit.dialogue_person import person_panel
from studio.widgets.audit.dialogue_place import go_to
from studio.widgets.audit.dialogue_queue import dialogue_steps
from studio.widgets.audit.dialogue_receipt import keep_fault, new_id, receipt, save
from studio.widgets.audit.flag_names import rubric_choice, working_rubric
from studio.widgets.audit.flag_panel import flag_panel
from studio.widgets.audit.flag_unclear import unclear_panel
from studio.widgets.audit.gold_complete import gold_complete
from studio.widgets.audit.keys import action_keys, my_keys
from studio.widgets.audit.pane_data import is_covered, rather_not_words, unread_turns
from studio.widgets.audit.rewrite_door import rewrite_door, where_from
from studio.widgets.audit.score_panel import score_panel
from studio.widgets.audit.turn_example import example_door
from studio.widgets.audit.turn_machine import machine_scores
from studio.widgets.campaign.working import final_words, may_see_gold, take_back_words
from studio.widgets.care.incident_door import incident_door
from studio.widgets.care.reader import covers
from studio.widgets.names import escaped

TABS = ("Flags", "Scores", "Person", "Machine scores")


def audit_panel(audit: Open, around: Neighbours) -> None:
    """The panel of the turn in focus. Only the open tab is drawn, so only its keys answer."""
    with st.container(key="side_panel", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _turn_steps(audit)
            dialogue_steps(around, is_finished=audit.state.finished)
            _finish(audit)
        where_from(audit)
        if audit.refusal:
            st.caption(f":material/visibility: You are reading only. {escaped(audit.refusal)}.")
        else:
            receipt()
        _gold(audit)
        _tabs(audit)


def _gold(audit: Open) -> None:
    """How far gold of this dialogue is, while one asked to see gold."""
    version = working_rubric("flags")
    if version and st.session_state.get("show_gold") and may_see_gold(audit.dialogue.dialogue_id):
        gold_complete(audit.dialogue.dialogue_id, version.rubric_id, version.version)


def _tabs(audit: Open) -> None:
    flags, scores, person, machine = st.tabs(TABS, key="panel", on_change="rerun")
    if flags.open:
        with flags:
            _marks(audit, "flags", flag_panel)
    if scores.open:
        with scores:
            _marks(audit, "score", score_panel)
    if person.open:
        with person:
            person_panel(audit.dialogue)
    if machine.open:
        with machine:
            machine_scores(audit.dialogue, audit.turn or 0)


def _turn_steps(audit: Open) -> None:
    """Where we are in the dialogue, and a step either way: each button names the turn it goes to."""
    turns, turn = audit.dialogue.n_turns, audit.turn
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="turn_steps"):
        st.markdown(f"**Turn {turn + 1} of {turns}**" if turn is not None else "**No turn**", width="content")
        keys = action_keys(my_keys())
        for word, target in (("Previous", (turn or 0) - 1), ("Next", (turn or 0) + 1)):
            st.button(
                word,
                key=f"{word.lower()}_turn",
                shortcut=keys[word.lower()],
                disabled=turn is None or not 0 <= target < turns,
                on_click=go_to,
                args=[audit.dialogue.dialogue_id, target],
            )


def _finish(audit: Open) -> None:
    """ "Nothing more to flag here" is what makes an unflagged turn count as looked at."""
    version = working_rubric("flags")
    finished = version is not None and version.rubric_id in audit.state.finished_with
    if version and finished:
        _finished(audit, version)
    else:
        _not_finished(audit, version)


def _finished(audit: Open, version: Version) -> None:
    """That it is finished, and the way to take that back for as long as there is one."""
    dialogue_id, word = audit.dialogue.dialogue_id, "Not finished after all"
    final = final_words(dialogue_id, version.rubric_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("You finished this dialogue", icon=":material/check_circle:", color="green")
        if not final:
            press = _saving(word, audit, version, audits.unfinish)
            _finish_button(word, "unfinish_dialogue", None, audit, version, press)
    if words := f"{final}." if final else take_back_words(dialogue_id):
        st.caption(words)


def _not_finished(audit: Open, version: Version | None) -> None:
    """The way to finish; while turns are covered, to the first of them: unseen, it would count as looked at."""
    word, unread = "Nothing more to flag here", unread_turns(audit, covers())
    press = _saving(word, audit, version, audits.finish)
    if unread:
        press = partial(_to_covered, audit.dialogue.dialogue_id, unread)
    _finish_button(word, "finish_dialogue", "Shift+Enter", audit, version, press)


def _finish_button(
    word: str,
    key: str,
    shortcut: str | None,
    audit: Open,
    version: Version | None,
    press: Callable[[], None],
) -> None:
    at_end = audit.turn is None or audit.turn == audit.dialogue.n_turns - 1
    st.button(
        word,
        key=key,
        shortcut=shortcut,
        type="tertiary" if not shortcut else "primary" if at_end else "secondary",
        width="stretch" if shortcut else "content",
        disabled=bool(audit.refusal) or version is None,
        on_click=press,
    )


def _to_covered(dialogue_id: str, unread: list[int]) -> None:
    go_to(dialogue_id, unread[0])
    turns = "1 turn is" if len(unread) == 1 else f"{len(unread)} turns are"
    keep_fault(f"{turns} still covered and would count as read. {rather_not_words()}")


def _saving(
    word: str, audit: Open, version: Version | None, write: Callable[..., audits.Receipt]
) -> Callable[[], None]:
    """A callback that saves that under a number of its own, so that a double press is one act."""
    dialogue_id, client_id = audit.dialogue.dialogue_id, new_id()
    by = (version.rubric_id, version.version) if version else ()  # without one the button takes no press
    what = f"{dialogue_id}: {word[0].lower()}{word[1:]}"

    def press() -> None:
        save(what, lambda: write(service.store(), session.here(), dialogue_id, *by, client_id))

    return press


def _marks(audit: Open, purpose: Purpose, draw: Callable[[Open, int, Version], None]) -> None:
    """Flags or scores by the rubric that is worked by, or why there are none."""
    version = working_rubric(purpose)
    if audit.turn is None:
        st.caption("There is no assistant turn to mark in this dialogue.")
    elif version is None:
        kind = "flags" if purpose == "flags" else "scores"
        st.caption(f"No rubric of {kind} is approved yet. A psychologist can submit one and another approve it.")
        st.page_link("app_pages/rubrics.py", label="Open Rubrics", icon=":material/rule:")
    else:
        rubric_choice(purpose, "Flag by" if purpose == "flags" else "Score by")
        # Above the codes: below them it would be out of sight, and questions that are hard to ask are not asked.
        with st.container(horizontal=True, gap="small", key="turn_doors"):
            unclear_panel(audit, audit.turn, version)
            if purpose == "flags" and not is_covered(audit, audit.turn, covers()):
                example_door(audit, audit.turn)
            if purpose == "flags":
                incident_door(audit, audit.turn)
                rewrite_door(audit)
        final = final_words(audit.dialogue.dialogue_id, version.rubric_id)
        draw(replace(audit, refusal=audit.refusal or final), audit.turn, version)
