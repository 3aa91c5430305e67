"""From draft to review: what changed, what is missing, who can approve, a note, and the button."""

from functools import partial

import streamlit as st

from db import rubric_versions
from db.people import may, people
from db.rubric_versions import DraftClash
from rubrics.diff import compare
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies, fields
from studio.widgets.rubric import work as works
from studio.widgets.rubric.contents import Faults
from studio.widgets.rubric.work import Work
from studio.widgets.times import clock


def submit_section(work: Work, faults: Faults) -> None:
    """The last step of the editor; a version can only be made of a whole rubric."""
    with st.container(border=True, key="submit_section"):
        st.subheader("Submit for review", anchor=False)
        st.markdown(_what_changed(work))
        if faults:
            places = {place for place, _ in faults}
            st.caption(
                f"{_count(len(faults), 'thing')} to mend first, in {_count(len(places), 'part')} marked on the left."
            )
        fields.long_text(
            "What did you change, and why?",
            "submit_note",
            work.note,
            partial(setattr, work, "note"),
            placeholder="For whoever reviews it, and for later.",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            pressed = st.button("Submit for review", key="submit_version", icon=":material/send:")
            st.caption(_what_next(work), width="stretch")
        if pressed:
            _submit(work)


def _what_changed(work: Work) -> str:
    if work.base_version is None:
        return "This is the first version of a new rubric."
    base = rubric_versions.version(service.store(), work.rubric_id, work.base_version).rubric
    changes = compare(base, bodies.lenient(work.body))
    if not changes:
        return f"The draft says the same as version {work.base_version} so far."
    places = {change.criterion_id for change in changes}
    many = f"{_count(len(changes), 'change')} in {_count(len(places), 'part')}"
    return f"{many} against version {work.base_version}; the tab Compare shows them."


def _what_next(work: Work) -> str:
    """Who could decide: psychologists other than the one here; earlier writers are refused when it comes to it."""
    store, here = service.store(), session.here()
    able = [p.name for p in people(store) if p.person_id != here.person_id and may(p, "decide_rubric")]
    saved = (
        "Saves and freezes the draft as the next version. " if work.dirty else "Freezes the draft as the next version. "
    )
    if not able:
        return saved + "Nobody here could approve it yet: that takes a psychologist who did not write it."
    return f"{saved}Then a psychologist who wrote none of it can approve it; here: {escaped(', '.join(able))}."


def _submit(work: Work) -> None:
    try:
        if works.save(work) is None:  # somebody else saved first: the clash panel takes over
            st.rerun()
        frozen = rubric_versions.submit(service.store(), session.here(), work.rubric_id, work.revision, work.note)
    except DraftClash as clash:
        work.clash = clash.stored
        st.rerun()
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    works.let_go(work.rubric_id)
    st.session_state.rubric_receipt = f"Version {frozen.version} submitted for review {clock(frozen.submitted_at)}"
    st.query_params["version"] = str(frozen.version)
    st.query_params["view"] = "review"
    st.rerun()


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
