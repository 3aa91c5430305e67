"""Deciding on a version: what changed, what it would do, what people say of it, a reason. `db` holds the rules."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from db import rubric_versions
from db.impact import kept_preview
from db.people import Person
from db.rubric_records import Step, VersionState
from db.rubric_versions import Version
from db.store import Store
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of, names_of
from studio.widgets.probe.section import probe_section
from studio.widgets.rubric import fields, unsent
from studio.widgets.rubric.compare import show_difference
from studio.widgets.rubric.consequences import show_consequences
from studio.widgets.rubric.impact_view import show_impact
from studio.widgets.rubric.reader import show_rubric
from studio.widgets.rubric.talk import talk_about
from studio.widgets.rubric.tried import tried_section
from studio.widgets.times import ago, clock, quiet_line

Decide = Callable[[Store, Person, str, int, str], Version]
STANDINGS: dict[VersionState, str] = {
    "approved": "approved",
    "in_review": "in review",
    "changes_requested": "sent back",
    "retired": "retired",
}
WORDS: dict[Step, str] = {
    "endorsed": "approved by you, one more psychologist is needed;",
    "approved": "approved",
    "changes_requested": "sent back with your reason",
    "retired": "retired",
}


def decision_panel(version: Version) -> None:
    """A version in review: what changed, and for whoever may decide, the reason and the buttons."""
    with st.container(border=True, key="decision_panel"):
        st.subheader(f"Version {version.version} waits for a decision", anchor=False)
        note = f": “{version.note}”" if version.note else ""
        quiet_line(f"Submitted by {name_of(version.submitted_by)}", version.submitted_at, note)
        _difference(version)
        _preview(version)
        probe_section(version.rubric, version, "review")
        talk_about(version.rubric_id, version.version, "")
        st.markdown("**Your decision**")
        st.caption(approvers_words(version))
        if reason := _may_not(version):
            st.info(escaped(reason), icon=":material/info:")
        else:
            _decide_here(version)


def approvers_words(version: Version) -> str:
    """How many must approve it and who has, as Markdown: "Needs two psychologists. A approved 2 days ago: one more"."""
    if version.approvers_needed == 1:
        return "Needs one psychologist who wrote none of it."
    steps = rubric_versions.decisions(service.store(), version.rubric_id, version.version)
    told = [
        f"{escaped(name_of(one.decided_by))} approved it {ago(one.decided_at)}: “{escaped(one.reason)}” One more to go."
        for one in steps
        if one.state == "endorsed"
    ]
    return " ".join(["Needs two psychologists who wrote none of it.", *told])


def _preview(version: Version) -> None:
    """What was foreseen of this version when it was submitted, what its edits set in motion, and what a judge found."""
    st.markdown("**What it would do to what is scored already**")
    kept_impact(version)
    base = next(iter(_earlier(version)), None)
    if base and base.hash != version.hash:
        with st.expander("What each edit sets in motion", key="edits_set_in_motion"):
            show_consequences(base.rubric, version.rubric)
    tried_section(version, base)


def kept_impact(version: Version) -> None:
    """What was foreseen of this version when it was submitted, as it is kept with it."""
    kept = kept_preview(service.store(), version.rubric_id, version.version)
    if kept:
        against = [one for one in _earlier(version) if one.hash == kept.old_hash]
        st.caption(f"Counted when it was submitted{f', against version {against[0].version}' if against else ''}.")
        show_impact(kept, version.rubric)
    elif version.parent_version is None:
        st.caption("Nothing: it is the first version, and nothing was judged by it yet.")
    elif version.state != "in_review":
        st.caption("No figures were kept with it.")
    else:
        st.caption(
            "Not foreseen yet, so no figures stand here. They are counted when somebody approves, who reads them first."
        )


def _difference(version: Version) -> None:
    """Against the version in use; whoever has read an earlier try can see what changed since that."""
    others = _earlier(version)
    if not others:
        st.markdown("It is the first version of this rubric, so all of it is new.")
        with st.expander("Read it", key="read_new_version"):
            show_rubric(version.rubric)
        return
    other = others[0]
    if len(others) > 1:
        numbers = {f"Version {one.version}, {STANDINGS[one.state]}": one for one in others}
        chosen = st.segmented_control(
            "What changed since",
            list(numbers),
            default=next(iter(numbers)),
            key=f"against_{version.version}",
            required=True,
        )
        other = numbers[chosen]
    else:
        st.markdown(f"**What changed from version {other.version}**")
    show_difference(other.rubric, version.rubric)


def _earlier(version: Version) -> list[Version]:
    """What a version is read against: the newest approved one before it, and the one that it was made from."""
    known = [
        one for one in rubric_versions.versions(service.store(), version.rubric_id) if one.version < version.version
    ]
    in_use = [one for one in known if one.state == "approved"][:1]
    return in_use + [one for one in known if one.version == version.parent_version and one not in in_use]


def _may_not(version: Version) -> str:
    """Why the person here cannot decide; "" when they can."""
    here = session.here()
    if here.person_id in version.endorsed_by:
        return "You approved this version; one more psychologist decides on it."
    if here.person_id in version.authors:
        others = names_of([one for one in version.authors if one != here.person_id])
        with_whom = f" with {escaped(others)}" if others else ""
        return f"You wrote this version{with_whom}, so another psychologist decides on it."
    if not session.allowed("decide_rubric"):
        return "A psychologist who did not write it decides on this version."
    return ""


def _decide_here(version: Version) -> None:
    reason_field("Your reason", "decision_reason", version)
    with st.container(horizontal=True):
        for key, words, act in (
            ("approve", "Approve", rubric_versions.approve),
            ("request_changes", "Request changes", rubric_versions.request_changes),
        ):
            kind: Literal["primary", "secondary"] = "primary" if key == "approve" else "secondary"
            st.button(words, key=key, type=kind, on_click=decide, args=(act, version, "decision_reason"))


def reason_field(label: str, key: str, version: Version) -> None:
    """The reason as typed so far, kept while other tabs are read; below it, why the last try was refused."""
    kept = f"{key}_{version.rubric_id}_{version.version}"
    fields.long_text(
        label,
        key,
        st.session_state.get(kept, ""),
        lambda text: st.session_state.update({kept: text}),
        placeholder="What convinced you, or what has to change. It stays with the version and everybody can read it.",
    )
    unsent.keep(key, kept)
    with st.container(key=f"{key}_fault"):
        if fault := st.session_state.pop("decision_fault", ""):
            st.error(escaped(fault), icon=":material/error:")


def decide(act: Decide, version: Version, reason_key: str) -> None:
    """Callback: a refused decision leaves the typed reason where it is."""
    store, here, reason = service.store(), session.here(), st.session_state.get(reason_key) or ""
    try:
        decided = act(store, here, version.rubric_id, version.version, reason)
    except UserError as error:
        st.session_state.decision_fault = str(error)
        return
    newest = rubric_versions.decisions(store, decided.rubric_id, decided.version)[-1]
    words = WORDS[newest.state]
    st.session_state.rubric_receipt = f"Version {decided.version} {words} {clock(newest.decided_at)}"
