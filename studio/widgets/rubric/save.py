"""The bar at the foot of the editor: what is saved and when, who else writes, undo, discard."""

from datetime import UTC, datetime
from pathlib import Path
from time import monotonic_ns
from uuid import uuid4

import streamlit as st

from db import draft_revisions, rubric_versions
from db.draft_revisions import Mark
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric import fields, saving, unsent
from studio.widgets.rubric import work as works
from studio.widgets.rubric.work import Work
from studio.widgets.times import ago, clock, exact

LOOK_EVERY = "3s"
STILL_HERE_S = 120  # whoever saved within that time is taken to be writing

_STATIC = Path(__file__).parents[2] / "static"
_AUTOSAVE = st.components.v2.component(
    "kardia_autosave",
    html='<span class="words" role="status"></span>',
    css="""
.words { font-size: .875rem; line-height: 1.5; color: var(--st-text-color); opacity: .8; white-space: nowrap; }
""",
    # One script of two files: a component in line cannot import.
    js="\n".join((_STATIC / name).read_text(encoding="utf-8") for name in ("draft_shelf.js", "autosave.js")),
)


def save_bar(work: Work) -> None:
    """Always in sight, so that nobody has to wonder whether something is saved."""
    with st.bottom, st.container(horizontal=True, wrap=False, vertical_alignment="center", key="save_bar"):
        with st.container(key="save_standing", width="stretch", gap=None):
            session.live(_standing, LOOK_EVERY)(work)
        # In the script and not in callbacks: what is still in a field is taken over by the callbacks before this.
        step = saving.last_step(work)
        tip = f"Takes back what you saved {clock(step.saved_at)}" if step else "You have changed nothing in this draft"
        if st.button("Undo", key="undo", icon=":material/undo:", type="tertiary", disabled=step is None, help=tip):
            saving.undo(work)
            st.rerun()
        if st.button("Redo", key="redo", icon=":material/redo:", type="tertiary", disabled=not work.redo):
            saving.redo(work)
            st.rerun()
        _discard_menu(work)


def _standing(work: Work) -> None:
    """What the store has, looked up every few seconds; the page takes over what others saved once nobody is typing."""
    newest = draft_revisions.newest(service.store(), work.rubric_id)
    with st.container(key="said", horizontal=True, gap="small"):
        draw = st.markdown if work.fault or work.dirty else st.caption  # what is not saved must not look quiet
        draw(_words(work, newest), width="content")
    newer = "" if newest and newest.revision == work.revision else str(newest.revision if newest else "closed")
    looked = _AUTOSAVE(
        key="autosave",
        data={
            "beat": monotonic_ns(),  # makes the script in the browser look again after every run
            "heard": fields.heard(),
            "fields": fields.drawn(),
            "shown": fields.shown(),
            "newer": newer,
            "unsaved": work.dirty,
            "shelf": f"{session.here().person_id}/{work.rubric_id}",
            "session": st.session_state.setdefault("browser_session", uuid4().hex),
        },
        on_look_change=lambda: None,
        on_kept_change=lambda: None,
        width="content",
        height="content",
    )
    if looked.look or (looked.kept and saving.take_up(work, fields.left_over(looked.kept))):
        st.rerun()


def _words(work: Work, newest: Mark | None) -> str:
    if work.fault:
        return f":red[:material/error: **Not saved**: {escaped(work.fault)}]"
    if work.contested:
        fields_ = "1 field" if len(work.contested) == 1 else f"{len(work.contested)} fields"
        return f":orange[:material/call_split: **{fields_} not saved**: changed by somebody else too; choose above]"
    if work.dirty:
        return ":orange[:material/edit: **Not saved yet**]"
    today = f"{datetime.now(UTC):%F}" == f"{work.saved_at:%F}"
    when = clock(work.saved_at) if today else escaped(exact(work.saved_at))
    mine = work.saved_by == session.here().person_id
    by = "" if mine else f" by {escaped(name_of(work.saved_by))}"
    return f":gray[:material/check: Saved {when}{by}]{_company(newest)}"


def _company(newest: Mark | None) -> str:
    """Who else has saved so lately that they are taken to be writing."""
    if newest is None or newest.saved_by == session.here().person_id:
        return ""
    if (datetime.now(UTC).replace(tzinfo=None) - newest.saved_at).total_seconds() > STILL_HERE_S:
        return ""
    return f" :blue[:material/group: {escaped(name_of(newest.saved_by))} is writing here too, {ago(newest.saved_at)}]"


def _discard_menu(work: Work) -> None:
    with st.popover("Discard draft", key="discard_menu", type="tertiary"):
        st.markdown("The draft is closed without becoming a version. Its saved texts stay in the store's history.")
        st.button("Discard it", key="discard_draft", on_click=_discard, args=(work,))


def _discard(work: Work) -> None:
    try:
        rubric_versions.discard_draft(service.store(), session.here(), work.rubric_id, work.revision)
        works.let_go(work.rubric_id)
        unsent.sent(unsent.note_of(work))
        st.session_state.rubric_receipt = "Draft discarded"
    except UserError as error:
        st.session_state.rubric_fault = str(error)
