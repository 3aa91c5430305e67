"""Home, for people who write rubrics: versions to decide on, versions sent back, open drafts."""

import streamlit as st

from db import rubric_versions
from db.people import Person
from db.rubric_versions import Draft, Version
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric.learned import questions_raised, start_button, turns_words
from studio.widgets.times import quiet_line

PAGE = "app_pages/rubrics.py"


def decisions_for(person: Person) -> None:
    """Versions that wait for this person's decision, oldest first."""
    waiting = rubric_versions.waiting_for(service.store(), person)
    st.subheader("Waiting for your decision", anchor=False)
    if not waiting:
        st.caption("Nothing. Versions that others submit for review appear here.")
    for version in waiting:
        _waiting(version)


def questions_of_auditors() -> None:
    """One line a rubric: the criterion that raises the most questions in audits, and the way to mend it."""
    raised = [(one, questions_raised(one.rubric_id)) for one in rubric_versions.rubrics(service.store())]
    asked = [(one, counts) for one, counts in raised if counts]
    if asked:
        st.subheader("Questions from audits", anchor=False)
    for rubric, counts in asked:
        (criterion_id, turns), *others = counts.most_common()
        with st.container(
            horizontal=True, wrap=False, vertical_alignment="center", key=f"questions_{rubric.rubric_id}"
        ):
            more = f" Another {len(others)} criteria raise some." if len(others) > 1 else ""
            more = " Another criterion raises some." if len(others) == 1 else more
            told = f"{turns_words(turns)} about **{escaped(criterion_id)}**.{more}"
            st.markdown(f"**{escaped(rubric.title)}**: {told}", width="stretch")
            start_button(rubric.rubric_id, criterion_id)


def writing_of(person: Person) -> None:
    """What this person has begun: versions sent back to them, then open drafts."""
    sent_back = _sent_back(person)
    drafts = _drafts(person)
    if sent_back:
        st.subheader("Sent back to you", anchor=False)
        for version in sent_back:
            _returned(version)
    if drafts:
        st.subheader("Open drafts", anchor=False)
        for draft in drafts:
            _draft(draft, mine=draft.updated_by == person.person_id)


def _waiting(version: Version) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"waiting_{_at(version)}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{escaped(version.rubric.title)}**, version {version.version}")
            note = f": “{version.note}”" if version.note else ""
            quiet_line(f"{name_of(version.submitted_by)} submitted it", version.submitted_at, note)
        _go("Read and decide", f"decide_{_at(version)}", version.rubric_id, version.version, "review", "primary")


def _returned(version: Version) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"sent_back_{_at(version)}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{escaped(version.rubric.title)}**, version {version.version}")
            quiet_line(f"{name_of(version.decided_by)} asked for changes", version.decided_at, f": “{version.reason}”")
        _go("Go on writing", f"revise_{_at(version)}", version.rubric_id, version.version, "edit")


def _draft(draft: Draft, mine: bool) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"draft_{draft.rubric_id}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{escaped(draft.title)}**")
            quiet_line(f"{'You' if mine else name_of(draft.updated_by)} saved it", draft.updated_at)
        _go("Go on writing", f"write_{draft.rubric_id}", draft.rubric_id, None, "edit")


def _go(words: str, key: str, rubric_id: str, version: int | None, view: str, kind: str = "secondary") -> None:
    """A button that opens the rubric at the right place."""
    if st.button(words, key=key, type=kind):  # type: ignore[arg-type]
        named = {"version": str(version)} if version else {}
        st.switch_page(PAGE, query_params={"rubric": rubric_id, **named, "view": view})


def _drafts(person: Person) -> list[Draft]:
    """Drafts that this person saved last; psychologists see those of others too, for they write together."""
    if not session.allowed("edit_rubric"):
        return []
    store, together = service.store(), session.allowed("decide_rubric")
    found = [rubric_versions.draft(store, one.rubric_id) for one in rubric_versions.rubrics(store) if one.has_draft]
    shown = [draft for draft in found if draft and (together or draft.updated_by == person.person_id)]
    return sorted(shown, key=lambda draft: draft.updated_at, reverse=True)


def _sent_back(person: Person) -> list[Version]:
    """Newest versions that came back to this author and that nobody is writing on yet."""
    store = service.store()
    closed = [one.rubric_id for one in rubric_versions.rubrics(store) if not one.has_draft]
    newest = [versions[0] for rubric_id in closed if (versions := rubric_versions.versions(store, rubric_id))]
    return [one for one in newest if one.state == "changes_requested" and person.person_id in one.authors]


def _at(version: Version) -> str:
    """A part of a widget's key: several versions of one rubric may wait at the same time."""
    return f"{version.rubric_id}_{version.version}"
