"""Entries of the history as a list, each with its whole story a click away, and one entry by its number."""

import json
from html import escape
from typing import Any
from zlib import crc32

import streamlit as st

from db import history_search, rubric_versions
from db.history import Event
from db.history_search import Asked
from studio import service, session
from studio.widgets.history_words import in_words
from studio.widgets.plain_text import plain_html, plain_text
from studio.widgets.run.words import amount
from studio.widgets.times import exact

_PAGE = 25


def entries(asked: Asked) -> None:
    """Draw a page of what was found, newest first."""
    key = f"history_page_{crc32(repr(asked).encode())}"
    page = int(st.session_state.get(key, 1))
    found = history_search.search(service.store(), session.here(), asked, page - 1, _PAGE)
    st.markdown(f"**{amount(found.total, 'act')}**")
    if not found.total:
        st.info("No entry matches. Take a condition away.", icon=":material/search_off:")
        return
    titles = {one.rubric_id: one.title for one in rubric_versions.rubrics(service.store())}
    for event in found.events:
        _entry(event, titles)
    if found.total > _PAGE:
        st.pagination(-(-found.total // _PAGE), key=key)


def one_entry(number: str) -> None:
    """The entry of that number, if the person here may see it, and the way back to all."""
    if st.button("All entries", key="history_all", icon=":material/arrow_back:"):
        del st.query_params["entry"]
        st.rerun()
    here = session.here()
    event = history_search.entry(service.store(), here, int(number)) if number.isdecimal() else None
    if event is None:
        st.info("There is no such entry, or it is not yours to see.", icon=":material/search_off:")
        return
    titles = {one.rubric_id: one.title for one in rubric_versions.rubrics(service.store())}
    _entry(event, titles, is_open=True)


def _entry(event: Event, titles: dict[str, str], is_open: bool = False) -> None:
    line = in_words(event, titles)
    about = event.subject_id if event.subject_kind == "dialogue" else ""
    where = "".join(f" · {word}" for word in (about, event.came_from) if word)
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key=f"history_row_{event.seq}"):
        st.html(
            f'<div class="kardia-row"><b>{escape(line.who)}</b> {escape(line.what)}'
            f'<div class="kardia-dim">{escape(exact(event.created_at))}{escape(where)}</div>'
            f"{plain_html(event.reason, 'small') if event.reason else ''}</div>"
        )
        if not is_open:
            with st.popover(f"Entry {event.seq}", type="tertiary", width="content", key=f"history_entry_{event.seq}"):
                plain_text(_story(event), "machine")
                st.link_button("Link to this entry", f"?entry={event.seq}", icon=":material/link:")
    if is_open:
        plain_text(_story(event), "machine")


def _story(event: Event) -> str:
    """Everything that was kept of it, a line each; what changed as before → after."""
    before = event.detail.get("before", {})
    told = {
        "act": event.action,
        "by": event.actor,
        "about": f"{event.subject_kind} {event.subject_id}".strip(),
        **{name: value for name, value in event.detail.items() if name != "before" and value not in (None, "")},
    }
    return "\n".join(_told(name, value, before) for name, value in told.items())


def _told(name: str, value: Any, before: dict[str, Any]) -> str:
    now = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if name not in before or before[name] == value:
        return f"{name}: {now}"
    was = before[name] if isinstance(before[name], str) else json.dumps(before[name], ensure_ascii=False)
    return f"{name}: {was} → {now}"
