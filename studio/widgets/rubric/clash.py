"""Two people changed one draft: both texts side by side, and three ways on, none of which loses anything."""

from collections.abc import Callable

import streamlit as st

from db.rubric_versions import Draft
from rubrics.diff import compare
from rubrics.errors import UserError
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric import bodies
from studio.widgets.rubric import work as works
from studio.widgets.rubric.changes import show_sides
from studio.widgets.rubric.merge import merged
from studio.widgets.rubric.work import Work
from studio.widgets.times import ago, clock


def clash_panel(work: Work) -> None:
    """What they saved, what is typed here, and the choice between them."""
    if work.clash is None:
        return
    theirs = work.clash
    who = name_of(theirs.updated_by)
    st.warning(
        f"**{escaped(who)} saved this draft {ago(theirs.updated_at)}, before you did.** "
        "Your text is not saved yet, and it is not lost. Read both and choose.",
        icon=":material/call_split:",
    )
    _, clashes = merged(work.saved, theirs.body, work.body)
    _choices(work, who, clashes)
    old, new = bodies.lenient(theirs.body), bodies.lenient(work.body)
    changes = compare(old, new)
    if changes:
        show_sides(changes, old, new, f"{who}, saved", "You, not saved yet")
    else:
        st.caption("Both texts say the same.")


def _choices(work: Work, who: str, clashes: int) -> None:
    if clashes:
        places = "one field" if clashes == 1 else f"{clashes} fields"
        st.caption(f"You both changed {places} in different ways. “Keep both” takes yours there, and theirs elsewhere.")
    else:
        st.caption("You changed different fields, so both can be kept.")
    with st.container(horizontal=True):
        # In the script, not in callbacks: saving may find yet another revision, and then this panel comes back.
        if st.button("Keep both", key="keep_both", type="primary"):
            _say(work, works.keep_both)
        if st.button("Keep mine only", key="keep_mine"):
            _say(work, works.keep_mine)
        if st.button(f"Take {escaped(who)}’s", key="take_theirs", help="What you typed is put aside, not lost."):
            works.take_theirs(work)
            st.rerun()


def _say(work: Work, save: Callable[[Work], Draft | None]) -> None:
    try:
        stored = save(work)
    except UserError as error:
        st.error(escaped(str(error)))
        return
    if stored:
        st.session_state.rubric_receipt = f"Draft saved {clock(stored.updated_at)}"
    st.rerun()
