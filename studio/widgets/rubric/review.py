"""Deciding on a version: the difference to what it was made from, a reason, and two buttons. `db` holds the rules."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from db import rubric_versions
from db.people import Person
from db.rubric_versions import Version
from db.store import Store
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of, names_of
from studio.widgets.rubric import fields
from studio.widgets.rubric.compare import show_difference
from studio.widgets.rubric.reader import show_rubric
from studio.widgets.times import clock, quiet_line

Decide = Callable[[Store, Person, str, int, str], Version]
WORDS = {"approved": "approved", "changes_requested": "sent back with your reason", "retired": "retired"}


def decision_panel(version: Version) -> None:
    """A version in review: what changed, and for whoever may decide, the reason and the buttons."""
    with st.container(border=True, key="decision_panel"):
        st.subheader(f"Version {version.version} waits for a decision", anchor=False)
        note = f": “{version.note}”" if version.note else ""
        quiet_line(f"Submitted by {name_of(version.submitted_by)}", version.submitted_at, note)
        _difference(version)
        if reason := _may_not(version):
            st.info(reason, icon=":material/info:")
        else:
            _decide_here(version)


def retire_panel(version: Version) -> None:
    """An approved version can be taken out of use, with a reason."""
    if not session.allowed("decide_rubric"):
        return
    with st.expander(f"Retire version {version.version}", key="retire_menu"):
        st.caption("New runs and audits can no longer use it. What was made with it stays, and still names it.")
        _reason("Why?", "retire_reason", version)
        st.button(
            "Retire",
            key="retire",
            on_click=_decide,
            args=(rubric_versions.retire, version, "retire_reason"),
        )


def _difference(version: Version) -> None:
    if version.parent_version is None:
        st.markdown("It is the first version of this rubric, so all of it is new.")
        with st.expander("Read it", key="read_new_version"):
            show_rubric(version.rubric)
        return
    parent = rubric_versions.version(service.store(), version.rubric_id, version.parent_version)
    st.markdown(f"**What changed from version {parent.version}**")
    show_difference(parent.rubric, version.rubric)


def _may_not(version: Version) -> str:
    """Why the person here cannot decide; "" when they can."""
    here = session.here()
    if here.person_id in version.authors:
        others = names_of([one for one in version.authors if one != here.person_id])
        with_whom = f" with {escaped(others)}" if others else ""
        return f"You wrote this version{with_whom}, so another psychologist decides on it."
    if not session.allowed("decide_rubric"):
        return "A psychologist who did not write it decides on this version."
    return ""


def _decide_here(version: Version) -> None:
    _reason("Your reason", "decision_reason", version)
    with st.container(horizontal=True):
        for key, words, act in (
            ("approve", "Approve", rubric_versions.approve),
            ("request_changes", "Request changes", rubric_versions.request_changes),
        ):
            kind: Literal["primary", "secondary"] = "primary" if key == "approve" else "secondary"
            st.button(words, key=key, type=kind, on_click=_decide, args=(act, version, "decision_reason"))


def _reason(label: str, key: str, version: Version) -> None:
    """The reason as typed so far, kept while other tabs are read; below it, why the last try was refused."""
    kept = f"{key}_{version.rubric_id}_{version.version}"
    fields.long_text(
        label,
        key,
        st.session_state.get(kept, ""),
        lambda text: st.session_state.update({kept: text}),
        placeholder="What convinced you, or what has to change. It stays with the version and everybody can read it.",
    )
    with st.container(key=f"{key}_fault"):
        if fault := st.session_state.pop("decision_fault", ""):
            st.error(escaped(fault), icon=":material/error:")


def _decide(act: Decide, version: Version, reason_key: str) -> None:
    """Callback: a refused decision leaves the typed reason where it is."""
    store, here, reason = service.store(), session.here(), st.session_state.get(reason_key) or ""
    try:
        decided = act(store, here, version.rubric_id, version.version, reason)
    except UserError as error:
        st.session_state.decision_fault = str(error)
        return
    words = WORDS[decided.state]
    st.session_state.rubric_receipt = f"Version {decided.version} {words} {clock(decided.decided_at)}"
