"""Every version of a rubric as a line of time, newest first: who, when, why, what changed, what was decided."""

from collections import Counter
from datetime import datetime

import streamlit as st

from db import rubric_versions
from db.rubric_comments import threads
from db.rubric_versions import Decision, Version
from rubrics.diff import compare
from studio import service
from studio.widgets.names import name_of, names_of
from studio.widgets.rubric.change_counts import counted
from studio.widgets.rubric.compare import address_of
from studio.widgets.rubric.fold import fold
from studio.widgets.rubric.retire import retire_panel
from studio.widgets.rubric.review import decision_panel, kept_impact
from studio.widgets.rubric.tried import tried_section
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
    comments = _comments(known[0].rubric_id)
    for one, before in _with_parents(known):
        replaced = in_use if one.state == "approved" and one.version != in_use else None
        _entry(one, before, replaced, comments[one.version])
    if viewed and viewed.parent_version and viewed.hash != (waiting.hash if waiting else ""):
        _what_was_known(viewed)
    if viewed and viewed.state == "approved":
        retire_panel(viewed)


def _what_was_known(viewed: Version) -> None:
    """What whoever decided could read: the figures as they were kept, and what a judge had found."""
    if fold(f"What was foreseen of version {viewed.version}", "what_was_known"):
        with st.container(border=True):
            kept_impact(viewed)
            tried_section(viewed, None)


def _newest_in_review(known: list[Version]) -> Version | None:
    return next((one for one in known if one.state == "in_review"), None)


def _with_parents(known: list[Version]) -> list[tuple[Version, Version | None]]:
    """Every version with the one that it was made from."""
    numbered = {one.version: one for one in known}
    return [(one, numbered.get(one.parent_version) if one.parent_version else None) for one in known]


def _comments(rubric_id: str) -> Counter[int]:
    """How many comments every version has."""
    found: Counter[int] = Counter()
    for thread in threads(service.store(), rubric_id):
        found[thread.version] += len(thread.comments)
    return found


def _entry(version: Version, before: Version | None, replaced: int | None, comments: int) -> None:
    with st.container(border=True, key=f"version_{version.version}", gap="xsmall"):
        _head(version, before, replaced)
        _line(f"Submitted by {_people(version)}", version.submitted_at, version.note)
        st.html(f'<p class="kr-quiet">{_facts(version, before, comments)}</p>')
        for decision in rubric_versions.decisions(service.store(), version.rubric_id, version.version):
            _decision(decision)


def _head(version: Version, before: Version | None, replaced: int | None) -> None:
    number = version.version
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Version {number}**", width="content")
        state_badge(version)
        if replaced:
            st.caption(f"replaced by version {replaced}", width="content")
        st.space("stretch")
        if before:
            told, args = f"With version {before.version}", (before.version, number)
            st.button(
                "Compare", key=f"compare_version_{number}", type="tertiary", help=told, on_click=_compare, args=args
            )
        st.button("Read", key=f"read_version_{number}", type="tertiary", on_click=_read, args=(number,))


def _facts(version: Version, before: Version | None, comments: int) -> str:
    """What changed, how much was said about it and how many approved, in one line. Nothing in it is typed by people."""
    facts = ["The first version"] if before is None else []
    if before:
        facts.append(f"Changed from version {before.version}: {counted(compare(before.rubric, version.rubric))}")
    if comments:
        facts.append("1 comment" if comments == 1 else f"{comments} comments")
    if version.state == "in_review" and version.approvers_needed > 1:
        facts.append(f"{len(version.endorsed_by)} of {version.approvers_needed} approvals")
    return " · ".join(facts)


def _people(version: Version) -> str:
    others = [one for one in version.authors if one != version.submitted_by]
    return name_of(version.submitted_by) + (f", written with {names_of(others)}," if others else "")


def _decision(decision: Decision) -> None:
    word = "Approved" if decision.state == "endorsed" else STATES[decision.state][0]
    needs_more = ", the first of two," if decision.state == "endorsed" else ""
    _line(f"{word} by {name_of(decision.decided_by)}{needs_more}", decision.decided_at, decision.reason)


def _line(what: str, when: datetime, words: str) -> None:
    said = f": “{words}”" if words else ""
    quiet_line(what, when, said)


def _read(number: int) -> None:
    st.query_params.update({"version": str(number), "view": "read"})


def _compare(first: int, second: int) -> None:
    st.query_params.update(address_of(first, second))
