"""Comments in the margin: threads on one criterion or on the whole rubric, answered, resolved and opened again."""

from collections.abc import Callable
from html import escape
from itertools import groupby
from typing import Any, NamedTuple
from uuid import uuid4

import streamlit as st

from db import rubric_comments
from db.rubric_comments import Comment, Thread
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import plain_html, text_style
from studio.widgets.rubric import unsent
from studio.widgets.rubric.fold import fold, is_unfolded
from studio.widgets.times import ago, clock, exact

_SAID = "talk_said"


def talk_about(rubric_id: str, version: int, criterion_id: str) -> None:
    """The threads on one criterion, folded under how many are open; for "" those on the whole, and what is open on any.

    What is open from earlier versions is shown with them, by its version; what was resolved there is not.
    """
    known = [one for one in rubric_comments.threads(service.store(), rubric_id) if one.version <= version]
    found = [one for one in known if one.criterion_id == criterion_id]
    talk = _Talk(
        Place(rubric_id, version, criterion_id),
        standing=[one for one in found if not one.resolved_by],
        settled=[one for one in found if one.resolved_by and one.version == version],
        elsewhere=[one for one in known if not criterion_id and one.criterion_id and not one.resolved_by],
    )
    if talk.is_empty and not session.allowed("comment"):
        return
    name = f"talk_{rubric_id}_{version}_{criterion_id or 'whole'}"
    with st.container(border=is_unfolded(name), gap="small", key=f"{name}_panel"):
        if fold(talk.label, name):
            text_style()
            # A place of its own: threads come and go, and the box below must not move while somebody types in it.
            with st.container(gap="small", key=f"{name}_threads"):
                _threads(talk, name)
            if session.allowed("comment"):
                _box("Begin a new thread", "Comment", name, talk.place, None)


class Place(NamedTuple):
    """Where a new thread would stand; `criterion_id` "" is the whole rubric."""

    rubric_id: str
    version: int
    criterion_id: str


class _Talk(NamedTuple):
    """The threads of one panel: open ones, resolved ones, and open ones on criteria where the whole is talked about."""

    place: Place
    standing: list[Thread]
    settled: list[Thread]
    elsewhere: list[Thread]

    @property
    def is_empty(self) -> bool:
        return not (self.standing or self.settled or self.elsewhere)

    @property
    def label(self) -> str:
        """What the panel holds, in a line: "Comments · 2 open"."""
        counts = [f"{len(self.standing)} open"] if self.standing else []
        counts += [f"{len(self.elsewhere)} open on criteria"] if self.elsewhere else []
        counts = counts or ([f"{len(self.settled)} resolved"] if self.settled else [])
        return " · ".join(["Comments", ", ".join(counts)]) if counts else "Comments"


def _threads(talk: _Talk, name: str) -> None:
    for thread in talk.standing:
        _thread(thread, talk.place)
    if talk.settled and st.toggle(f"Show {len(talk.settled)} resolved", key=f"{name}_settled"):
        for thread in talk.settled:
            _thread(thread, talk.place)
    for criterion_id, threads in groupby(sorted(talk.elsewhere, key=_criterion_of), key=_criterion_of):
        st.caption(f"On {escaped(criterion_id)}")
        for thread in threads:
            _thread(thread, talk.place._replace(criterion_id=criterion_id))
    if not (talk.standing or talk.elsewhere):
        st.caption("No thread is open here.")


def _criterion_of(thread: Thread) -> str:
    return thread.criterion_id


def _thread(thread: Thread, place: Place) -> None:
    key = f"{thread.thread_id}_{place.version}"
    with st.container(border=True, gap="small", key=f"thread_{key}"):
        earlier = (
            f'<div class="kardia-speaker">From version {thread.version}</div>' if thread.version < place.version else ""
        )
        st.html(earlier + "".join(_comment(one) for one in thread.comments) + _resolution(thread))
        if session.allowed("comment"):
            _answers(thread, place, key)


def _answers(thread: Thread, place: Place, key: str) -> None:
    """Reply, below what is answered and not over it, and resolve; or open again."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if thread.resolved_by:
            _settle_button("Open again", f"reopen_{key}", ":material/undo:", rubric_comments.reopen, thread)
            return
        replying = fold("Reply", f"reply_{key}")
        _settle_button("Resolve", f"resolve_{key}", ":material/check_circle:", rubric_comments.resolve, thread)
    if replying:
        _box("Your reply", "Send", f"answer_{key}", place, thread.thread_id)


def _settle_button(words: str, key: str, icon: str, act: Callable[..., Thread], thread: Thread) -> None:
    st.button(words, key=key, icon=icon, type="tertiary", on_click=_settle, args=(act, thread.thread_id))


def _box(label: str, verb: str, name: str, place: Place, thread_id: str | None) -> None:
    """A box to write in. What is typed stays while other parts are read, and after a refusal, until it is saved."""
    st.text_area(
        label,
        key=f"{name}_text",
        height=80,
        placeholder="Plain text. Everybody who reads this rubric can read it.",
        persist_state="session",
    )
    unsent.keep(f"{name}_text", name)
    st.button(verb, key=f"{name}_send", on_click=_send, args=(name, place, thread_id, uuid4().hex))
    said: tuple[str, str, bool] | None = st.session_state.get(_SAID)
    with st.container(key=f"{name}_said"):
        if said and said[0] == name:
            _answer(*said[1:])


def _answer(words: str, is_saved: bool) -> None:
    if is_saved:
        st.caption(f":material/check: {words}")
    else:
        st.error(f"Not saved. {escaped(words)}", icon=":material/error:")


def _send(name: str, place: Place, thread_id: str | None, client_id: str) -> None:
    """Callback: the box is emptied only once its text is saved."""
    rubric_id, version, criterion_id = place
    text = st.session_state.get(f"{name}_text") or ""
    written: dict[str, Any] = {"client_id": client_id, "version": version, "thread_id": thread_id}
    try:
        thread = rubric_comments.comment(service.store(), session.here(), rubric_id, criterion_id, text, **written)
    except UserError as error:
        st.session_state[_SAID] = (name, str(error), False)
        return
    st.session_state[f"{name}_text"] = ""
    unsent.sent(name)
    st.session_state[_SAID] = (name, f"Saved {clock(thread.comments[-1].created_at)}", True)


def _settle(act: Callable[..., Thread], thread_id: str) -> None:
    try:
        thread = act(service.store(), session.here(), thread_id)
    except UserError as error:
        st.session_state.rubric_fault = str(error)
        return
    when = f" {clock(thread.resolved_at)}" if thread.resolved_at else ""
    st.toast(f"Thread {'resolved' if thread.resolved_by else 'open again'}{when}", icon=":material/check:")


def _comment(comment: Comment) -> str:
    when = f'<time title="{escape(exact(comment.created_at))}">{escape(ago(comment.created_at))}</time>'
    head = f'<p class="kr-quiet"><b>{escape(name_of(comment.author))}</b> · {when}</p>'
    return f'<div class="kardia-part">{head}{plain_html(comment.text)}</div>'


def _resolution(thread: Thread) -> str:
    if not thread.resolved_by:
        return ""
    when = f'<time title="{escape(exact(thread.resolved_at))}">{escape(ago(thread.resolved_at))}</time>'
    return f'<p class="kr-quiet">Resolved by {escape(name_of(thread.resolved_by))} {when}</p>'
