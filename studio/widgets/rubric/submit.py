"""From draft to review: what changed, what is missing, who can approve, a note, and the button."""

from collections import Counter
from functools import partial

import streamlit as st

from db import rubric_versions
from db.people import may, people
from db.rubric_versions import DraftClash
from rubrics.diff import Change
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies, fields, saving, unsent
from studio.widgets.rubric import work as works
from studio.widgets.rubric.remarks import Found
from studio.widgets.rubric.work import Work
from studio.widgets.times import clock

_NAMED = 4  # parts with suggestions that a sentence can carry


def submit_section(work: Work, found: Found, changes: list[Change]) -> None:
    """The last step of the editor; a version can only be made of a whole rubric."""
    with st.container(border=True, key="submit_section"):
        st.subheader("Submit for review", anchor=False)
        st.markdown(_what_changed(work, changes))
        if found.faults:
            places = {place for place, _ in found.faults}
            many = _count(len(found.faults), "thing")
            st.caption(f"{many} to mend first, in {_count(len(places), 'part')} marked on the left.")
        elif found.warned:
            st.caption(f":material/lightbulb: It could be stronger: {_where(work, found)}.")
        fields.long_text(
            "What did you change, and why?",
            "submit_note",
            work.note,
            partial(setattr, work, "note"),
            placeholder="For whoever reviews it, and for later.",
        )
        unsent.keep("submit_note", unsent.note_of(work))
        with st.container(horizontal=True, vertical_alignment="center"):
            pressed = st.button("Submit for review", key="submit_version", icon=":material/send:")
            st.caption(_what_next(work), width="stretch")
        if pressed:
            _submit(work)


def _what_changed(work: Work, changes: list[Change]) -> str:
    if work.base_version is None:
        return "This is the first version of a new rubric."
    if not changes:
        return f"The draft says the same as version {work.base_version} so far."
    places = {change.criterion_id for change in changes}
    many = f"{_count(len(changes), 'change')} in {_count(len(places), 'part')}"
    return f"{many} against version {work.base_version}; the tab Compare shows {'it' if len(changes) == 1 else 'them'}."


def _where(work: Work, found: Found) -> str:
    """How many suggestions stand in which part, such as "2 suggestions in Empathy, 1 in the whole"."""
    names = {one["id"]: str(one.get("name") or one["id"]) for one in bodies.criteria(work.body)}
    many = Counter(names.get(one.criterion_id or "", "the rubric as a whole") for one in found.warned)
    said = [f"{number} in {escaped(name)}" for name, number in many.most_common()]
    first = said[0].replace(" in ", " suggestions in " if many.most_common()[0][1] > 1 else " suggestion in ", 1)
    more = [f"and more in {len(said) - _NAMED} other parts"] if len(said) > _NAMED + 1 else said[_NAMED:]
    return ", ".join([first, *said[1:_NAMED], *more])


def _what_next(work: Work) -> str:
    """Who could decide: psychologists other than the one here; earlier writers are refused when it comes to it."""
    store, here = service.store(), session.here()
    able = [p.name for p in people(store) if p.person_id != here.person_id and may(p, "decide_rubric")]
    saved = "Freezes the draft as the next version. "
    if not able:
        return saved + "Nobody here could approve it yet: that takes a psychologist who did not write it."
    two = int(work.body.get("approvers", 1)) > 1
    who = "two psychologists who wrote none of it" if two else "a psychologist who wrote none of it"
    return f"{saved}Then {who} can approve it; here: {escaped(', '.join(able))}."


def _submit(work: Work) -> None:
    if not saving.save(work):
        st.error(escaped(work.fault or "Choose first what becomes of the field that somebody else changed too, above."))
        return
    try:
        frozen = rubric_versions.submit(service.store(), session.here(), work.rubric_id, work.revision, work.note)
    except DraftClash as clash:  # saved by somebody else in this very moment: read it before it is frozen
        works.bring_together(work, clash.stored)
        st.rerun()
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    works.let_go(work.rubric_id)
    unsent.sent(unsent.note_of(work))
    st.session_state.rubric_receipt = f"Version {frozen.version} submitted for review {clock(frozen.submitted_at)}"
    st.query_params["version"] = str(frozen.version)
    st.query_params["view"] = "review"
    st.rerun()


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
