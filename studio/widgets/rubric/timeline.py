"""Every version of a rubric, newest first: who made it, when, why, and what was decided about it."""

from datetime import datetime

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Decision, Version
from studio import service
from studio.widgets.names import name_of, names_of
from studio.widgets.rubric.review import decision_panel, retire_panel
from studio.widgets.rubric.words import STATES, state_badge
from studio.widgets.times import quiet_line


def review_tab(known: list[Version], viewed: Version | None) -> None:
    """The decision to be made, if one waits; then all versions."""
    if not known:
        st.info("No version yet. Submit the draft for review, and it becomes version 1.")
        return
    waiting = viewed if viewed and viewed.state == "in_review" else _newest_in_review(known)
    if waiting:
        decision_panel(waiting)
    st.subheader("All versions", anchor=False)
    in_use = next((one.version for one in known if one.state == "approved"), None)
    for one in known:
        _entry(one, replaced=in_use if one.state == "approved" and one.version != in_use else None)
    if viewed and viewed.state == "approved":
        retire_panel(viewed)


def _newest_in_review(known: list[Version]) -> Version | None:
    return next((one for one in known if one.state == "in_review"), None)


def _entry(version: Version, replaced: int | None) -> None:
    with st.container(border=True, key=f"version_{version.version}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Version {version.version}**", width="content")
            state_badge(version)
            if replaced:
                st.caption(f"replaced by version {replaced}", width="content")
            st.space("stretch")
            st.button(
                "Read", key=f"read_version_{version.version}", type="tertiary", on_click=_read, args=(version.version,)
            )
        _line(f"Submitted by {_people(version)}", version.submitted_at, version.note)
        for decision in rubric_versions.decisions(service.store(), version.rubric_id, version.version):
            _decision(decision)


def _people(version: Version) -> str:
    others = [one for one in version.authors if one != version.submitted_by]
    return name_of(version.submitted_by) + (f", written with {names_of(others)}," if others else "")


def _decision(decision: Decision) -> None:
    _line(f"{STATES[decision.state][0]} by {name_of(decision.decided_by)}", decision.decided_at, decision.reason)


def _line(what: str, when: datetime, words: str) -> None:
    said = f": “{words}”" if words else ""
    quiet_line(what, when, said)


def _read(number: int) -> None:
    st.query_params["version"] = str(number)
    st.query_params["view"] = "read"
