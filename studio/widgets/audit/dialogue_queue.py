"""Which dialogues are before the auditor: a campaign, or filters with a list, and what comes before and after."""

from collections.abc import Callable
from html import escape
from zlib import crc32

import streamlit as st

from db import audits, dialogues
from db.audit_queue import Waiting, queue
from db.dialogues import Filter, Neighbours
from pipeline.emotions import EMOTIONS
from studio import service, session
from studio.widgets.audit.dialogue_place import go_to
from studio.widgets.campaign.bar import campaign_bar, campaign_choice
from studio.widgets.campaign.working import around, working_on
from studio.widgets.care.cover import line_of
from studio.widgets.names import escaped
from studio.widgets.run.words import amount

_PAGE = 8
_OPEN = "queue"
_TOLD = "queue_told"


def queue_panel(current: str) -> tuple[Filter, Callable[[], None]]:
    """What to work on: a campaign with its bar, or the fold-out with filters and list.

    Gives the filter, and what tells how far one is, which can wait until the dialogue is drawn. Working on a campaign,
    this opens the next place once the one before is finished.
    """
    filter = _current_filter()
    if campaign := working_on():
        return filter, campaign_bar(campaign)
    campaign_choice()
    # The label never changes: with another one it would be another fold-out, and shut.
    panel = st.expander("Queue and filters", key=_OPEN, on_change="rerun", icon=":material/list:")
    if panel.open:
        with panel:
            _filters()
            _list(filter, dialogues.count(service.store(), filter), current)
    return filter, lambda: None


def progress_line() -> Callable[[], None]:
    """What the filter lets through, and how far one is with all there is; a campaign has its own bar for that.

    Drawn as it was told last; gives what tells it anew.
    """
    if working_on():
        return lambda: None
    line = st.empty()
    line.caption(st.session_state.get(_TOLD, "…"), width="content")

    def tell() -> None:
        if (words := _progress_words()) != st.session_state.get(_TOLD):
            st.session_state[_TOLD] = words
            line.caption(words, width="content")

    return tell


def _progress_words() -> str:
    filter, total = _current_filter(), dialogues.count(service.store(), Filter())
    words = f"Queue: {amount(dialogues.count(service.store(), filter), 'dialogue')}{_words(filter)}."
    if session.allowed("audit"):
        done = audits.progress(service.store(), session.here().person_id)
        words += f" You finished {done.finished:,} of {amount(total, 'dialogue')} and set {amount(done.flags, 'flag')}."
    return words


def first_in_queue() -> str:
    """The dialogue to begin with: the first the filter lets through, else the first of all; empty without any.

    Working on a campaign it is empty: the campaign has led to its place, or has none left.
    """
    if working_on():
        return ""
    found = queue(service.store(), "", _current_filter(), 1) or queue(service.store(), "", Filter(), 1)
    return found[0].dialogue_id if found else ""


def around_of(filter: Filter, dialogue_id: str) -> Neighbours:
    """What comes before and after within the filter; in a campaign, the place that follows, held for this person."""
    if campaign := working_on():
        return around(campaign, dialogue_id)
    return dialogues.neighbours(service.store(), filter, dialogue_id)


def dialogue_steps(around: Neighbours, is_finished: bool = False) -> None:
    """To the dialogue before and the one after, within the filter; after finishing, the next is the thing to press.

    Nothing in a campaign: one finishes or skips a place to come to the next.
    """
    if working_on():
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="dialogue_steps"):
        st.markdown("**Dialogue**", width="content")
        for word, key, target in (("Previous", "Shift+P", around.previous_id), ("Next", "Shift+N", around.next_id)):
            st.button(
                word,
                key=f"{word.lower()}_dialogue",
                shortcut=key,
                type="primary" if is_finished and word == "Next" else "secondary",
                disabled=target is None,
                on_click=go_to,
                args=[target or ""],
            )


def _current_filter() -> Filter:
    """What the filter widgets say; before they were ever drawn, what the person has not finished."""
    chosen = st.session_state
    mine = chosen.get("queue_unfinished", session.allowed("audit"))
    return Filter(
        text=chosen.get("queue_text", ""),
        emotion=chosen.get("queue_emotion"),
        source=chosen.get("queue_source"),
        persona_id=chosen.get("queue_persona"),
        unfinished_by=session.here().person_id if mine else None,
    )


def _filters() -> None:
    store = service.store()
    st.session_state.setdefault("queue_unfinished", session.allowed("audit"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Words in the dialogue", key="queue_text", persist_state="session")
        for name, label, options in (
            ("emotion", "Emotion", list(EMOTIONS)),
            ("source", "Source", dialogues.sources(store)["source"].tolist()),
            ("persona", "Persona", dialogues.personas(store)["persona_id"].tolist()),
        ):
            st.selectbox(
                label,
                options,
                index=None,
                placeholder="Any",
                key=f"queue_{name}",
                persist_state="session",
            )
        st.toggle("Not finished by me", key="queue_unfinished", persist_state="session")


def _list(filter: Filter, total: int, current: str) -> None:
    if not total:
        st.info(_nothing(filter))
        return
    rows, pages = st.container(gap="small"), -(-total // _PAGE)
    page = 1
    if pages > 1:
        # Another filter is another list, and begins at its first page.
        page = min(
            st.pagination(pages, key=f"queue_page_{crc32(repr(filter).encode())}", persist_state="session"), pages
        )
    with rows:
        for item in queue(service.store(), session.here().person_id, filter, _PAGE, (page - 1) * _PAGE):
            _row(item, item.dialogue_id == current)


def _row(item: Waiting, is_open: bool) -> None:
    marks = [amount(item.n_turns, "turn"), *([f"{amount(item.flags, 'flag')} of yours"] if item.flags else [])]
    marks += ["finished by you"] if item.finished else []
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(
            f'<div class="kardia-row"><b>{escape(item.dialogue_id)}</b> <span>{escape(item.emotion)}</span> '
            f'<span class="kardia-dim">{escape(" · ".join(marks))}</span>'
            f'<div class="kardia-one-line">{escape(line_of(item.situation))}</div></div>'
        )
        st.button(
            "Open now" if is_open else "Open",
            key=f"open_{item.dialogue_id}",
            disabled=is_open,
            on_click=_open,
            args=[item.dialogue_id],
        )


def _open(dialogue_id: str) -> None:
    go_to(dialogue_id)
    st.session_state[_OPEN] = False


def _nothing(filter: Filter) -> str:
    if filter == Filter():
        return "There are no dialogues yet. Import a file: `python -m db import FILE`"
    if filter == Filter(unfinished_by=filter.unfinished_by):
        return "You have finished every dialogue. Switch off “Not finished by me” to read them again."
    return "No dialogue matches. Take a filter away."


def _words(filter: Filter) -> str:
    said = [filter.emotion, filter.source, filter.persona_id, f"“{filter.text.strip()}”" if filter.text.strip() else ""]
    said.append("not finished by you" if filter.unfinished_by else "")
    return "".join(f", {escaped(word)}" for word in said if word)
