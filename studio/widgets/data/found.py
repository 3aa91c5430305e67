"""What was found: how many, a page of them, and the way to each."""

from html import escape
from typing import Any
from zlib import crc32

import streamlit as st

from db import finding
from db.finding import Filter
from db.masking import is_masked
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.care.cover import line_of
from studio.widgets.names import escaped
from studio.widgets.run.words import amount

_PAGE = 12
AUDIT = "app_pages/audit.py"


def found(filter: Filter) -> int:
    """Draw one page; gives how many there are, 0 also where this person may not look by it."""
    # Another filter is another list, and begins at its first page.
    key = f"find_page_{crc32(repr(filter).encode())}"
    page = int(st.session_state.get(key, 1))
    try:
        result = finding.find(service.store(), session.here(), filter, _PAGE, (page - 1) * _PAGE)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/visibility_off:")
        return 0
    st.markdown(f"**{amount(result.total, 'dialogue')}**" + (" found" if filter != Filter() else ""))
    left_out(filter)
    if not result.total:
        _nothing(filter)
        return 0
    whose = "" if finding.sees_marks_of_others(session.here()) else " of yours"
    for row in result.page.to_dict("records"):
        _row({str(name): value for name, value in row.items()}, whose)
    if result.total > _PAGE:
        st.pagination(-(-result.total // _PAGE), key=key, persist_state="session")
    return result.total


def left_out(filter: Filter) -> None:
    """Says how many dialogues of open campaigns this person may not find by it; nothing where there are none."""
    if n := finding.leaves_out(service.store(), session.here(), filter):
        st.caption(
            f":material/visibility_off: {amount(n, 'dialogue')} of your open campaigns left out, whatever was marked "
            "there, so that you judge by yourself."
        )


def _row(row: dict[str, Any], whose: str) -> None:
    mbti = "" if is_masked(session.here()) else row["mbti"]
    about = [row["emotion"], row["persona_id"], mbti, row["source"], amount(row["n_turns"], "turn")]
    about += [f"{amount(row['flags'], 'flag')}{whose}"] if row["flags"] else []
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(
            f'<div class="kardia-row"><b>{escape(row["dialogue_id"])}</b> '
            f'<span class="kardia-dim">{escape(" · ".join(word for word in about if word))}</span>'
            f'<div class="kardia-one-line">{escape(line_of(row["situation"]))}</div></div>'
        )
        if st.button("Open", key=f"find_open_{row['dialogue_id']}", icon=":material/forum:", help="Open it in Audit"):
            st.switch_page(AUDIT, query_params={"dialogue": row["dialogue_id"], "turn": str(row["turn"])})


def _nothing(filter: Filter) -> None:
    if filter == Filter():
        st.info("There are no dialogues yet. Import a file to begin.", icon=":material/upload_file:")
    else:
        st.info("No dialogue matches. Take a condition away.", icon=":material/search_off:")
