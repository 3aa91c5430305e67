"""A real turn as a card to choose from: what was said, what somebody made of it, and where it can be read whole."""

from html import escape

import streamlit as st

from db.example_turns import Candidate, Place
from pipeline.endpoints import load_endpoints
from studio import service, session
from studio.widgets.audit.dialogue_open import is_shown
from studio.widgets.audit.turn_cover import turn_cover
from studio.widgets.care.reader import covers
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import plain_html

AUDIT = "app_pages/audit.py"


def turn_card(turn: Candidate, purpose: str) -> bool:
    """The card without its buttons; whether its words are shown.

    A severe turn is covered until a click, as in Audit and for the same session.
    """
    place = turn.place
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        told = f'<span class="kardia-dim">{escape(" · ".join(_facts(turn)))}</span>'
        st.html(f"<div><b>{escape(mark_words(turn, purpose))}</b> {told}</div>", width="stretch")
        turn_link(place)
    if turn.is_severe and covers() and not is_shown(*place):
        turn_cover(place.dialogue_id, place.turn_index, key=f"show_{place.dialogue_id}")
        return False
    st.html(_words(turn))
    return True


def turn_link(place: Place, before: str = "") -> None:
    """The way to the turn in Audit; `before` begins its words."""
    st.page_link(
        AUDIT,
        label=f"{before}{escaped(place.dialogue_id)}, turn {place.turn_index + 1}",
        icon=":material/forum:",
        query_params={"dialogue": place.dialogue_id, "turn": str(place.turn_index)},
        width="content",
    )


def dialogue_link(dialogue_id: str) -> None:
    """The way to the whole dialogue in Audit."""
    st.page_link(
        AUDIT,
        label=escaped(dialogue_id),
        icon=":material/forum:",
        query_params={"dialogue": dialogue_id},
        width="content",
    )


def mark_words(turn: Candidate, purpose: str) -> str:
    """What was made of the turn and by whom, such as "Score 4 by the judge embedded (a weak model)"; plain text."""
    if turn.mark is None:
        return "Nobody has answered this criterion here yet"
    if turn.mark == "finished":
        return f"Not flagged by {_who(turn)}, who finished the dialogue"
    is_flag = purpose == "flags" and turn.score is not None
    what = ("Flagged" if turn.score else "Not flagged") if is_flag else f"Score {turn.score:g}"
    return f"{what} by {_who(turn)}"


def _who(turn: Candidate) -> str:
    if turn.mark == "judge":
        known = load_endpoints(service.home()).get(turn.who)
        return f"the judge {turn.who}" + (" (a weak model)" if known and known.weak else "")
    if turn.mark == "gold" or not turn.who:
        return "the gold audit"
    return name_of(turn.who) if session.allowed("adjudicate") else "an auditor"


def _facts(turn: Candidate) -> list[str]:
    version = f"version {turn.rubric_version}" if turn.rubric_version else ""
    return [fact for fact in (version, turn.emotion) if fact]


def _words(turn: Candidate) -> str:
    said = f'<div class="kardia-speaker">The person</div>{plain_html(turn.said, "user")}' if turn.said else ""
    response = turn.response or "This turn has no response: the person saw nothing."
    answer = (
        f'<div class="kardia-speaker">Response</div>{plain_html(response, "response" if turn.response else "quiet")}'
    )
    why = f'<div class="kardia-speaker">Why</div>{plain_html(turn.why, "quiet")}' if turn.why.strip() else ""
    return "".join(f'<div class="kardia-part">{part}</div>' for part in (said, answer, why) if part)
