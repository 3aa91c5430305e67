"""What was pressed in the dialogue pane, taken in: every act saved singly, in order, and answered by its number."""

from typing import Any, Literal

import streamlit as st
from pydantic import BaseModel, ConfigDict, ValidationError

from db import audits
from db.audits import Receipt
from rubrics.errors import UserError
from rubrics.schema import Severity
from studio import service, session
from studio.widgets.audit.dialogue_open import show_turn
from studio.widgets.audit.dialogue_place import follow_to, last_going
from studio.widgets.audit.dialogue_receipt import keep_fault, keep_receipt
from studio.widgets.times import clock

PANE = "dialogue_pane"
Answer = dict[str, str]

_ANSWERS = "pane_answers"
_HEARD = "pane_heard"


class Act(BaseModel):
    """One press. `id` is its number, unique for all time; `turn` is None for the whole dialogue.

    What is to be shown is a turn, None for what was said after the last, or the `part` of the head that is named.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str
    kind: Literal["flag", "unflag", "note", "finish", "show"]
    dialogue: str
    turn: int | None = None
    part: Literal["", "situation", "person"] = ""
    code: str = ""
    severity: Severity = "none"
    note: str = ""
    rubric: str = ""
    version: int | None = None


def hear() -> None:
    """Take in what the pane sent last. To be called before anything of the page is read.

    The pane sends all acts that it has no answer to. One that was answered in this session is not saved again, and the
    store knows those of other sessions, such as from before a reload, by their numbers.
    """
    sent = sent_by_pane()
    known: dict[str, Answer] = st.session_state.get(_ANSWERS, {})
    # Answered one by one and kept at once: a run that is broken off has lost no answer.
    answers: dict[str, Answer] = {}
    for act in sent.get("acts", []):
        number = str(act.get("id", ""))
        answers[number] = known.get(number) or _answer(number, act)
        st.session_state[_ANSWERS] = known | answers
    st.session_state[_ANSWERS] = answers
    message = {"page": sent.get("page"), "n": sent.get("n")}
    if sent and message != st.session_state.get(_HEARD):
        st.session_state[_HEARD] = message
        _follow(sent)


def answers() -> tuple[dict[str, Any], list[Answer]]:
    """Which message was heard last, and the answers to its acts: `saved` and `what`, or `fault`, by `id`."""
    return st.session_state.get(_HEARD, {}), list(st.session_state.get(_ANSWERS, {}).values())


def sent_by_pane() -> dict[str, Any]:
    """The pane's last message; empty before the first, or when somebody else was here as it was sent."""
    state = st.session_state.get(PANE)
    sent = (state or {}).get("sent") or {}
    return sent if sent.get("person") == session.here().person_id else {}


def _follow(sent: dict[str, Any]) -> None:
    """Be where the reader went in the browser, and open what they asked for; once a message."""
    place, going = sent.get("place"), last_going()
    # A button pressed meanwhile wins: where the reader was before it is out of date.
    if place and going in ("", sent.get("gone")):
        follow_to(str(place["dialogue"]), int(place["turn"]))
    if sent.get("ask"):
        st.session_state["panel"] = sent["ask"]


def _answer(number: str, sent: dict[str, Any]) -> Answer:
    """Save one act and say when, or why not."""
    try:
        act = Act.model_validate(sent)
        receipt, what = apply(act), told(act)
    except ValidationError:
        return {"id": number, "fault": "this press could not be read; reload the page and press again"}
    except UserError as error:
        keep_fault(str(error))
        return {"id": number, "fault": str(error)}
    if receipt is None:
        return {"id": number}
    keep_receipt(what, receipt)
    return {"id": number, "saved": clock(receipt.saved_at), "what": what}


def apply(act: Act) -> Receipt | None:
    """Save what was pressed; None for looking at a covered turn, which marks nothing. Raises UserError when refused."""
    store, here, where = service.store(), session.here(), (act.dialogue, act.turn if act.turn is not None else -1)
    by: dict[str, Any] = {"rubric_id": act.rubric, "rubric_version": act.version}
    if act.kind == "flag":
        receipt = audits.flag(store, here, *where, act.code, act.severity, act.note, client_id=act.id, **by)
        show_turn(*where)  # whoever flags a turn is reading it: it must not be covered under their hands
        return receipt
    if act.kind == "unflag":
        return audits.unflag(store, here, *where, act.code, act.id)
    if act.kind == "note":
        return audits.note(store, here, act.dialogue, act.turn, act.note, act.id)
    if act.kind == "finish":
        return audits.finish(store, here, act.dialogue, client_id=act.id, **by)
    show_turn(act.dialogue, act.part or act.turn)
    return None


def told(act: Act) -> str:
    """What was saved, in words that hold none of the dialogue."""
    where = "" if act.turn is None else f"turn {act.turn + 1}"
    words = {
        "flag": f"{'note on ' if act.note else ''}{act.code} on {where}",
        "unflag": f"{act.code} taken off {where}",
        "note": f"note on {where}",
        "finish": f"{act.dialogue}: nothing more to flag here",
    }
    return words.get(act.kind, "")
