"""Home, for annotators and for psychologists: the next dialogue to audit, and what was flagged lately."""

from html import escape

import streamlit as st

from db import audits, campaigns, care, dialogues, history, rubric_versions
from db.campaigns import Campaign
from db.dialogues import Filter
from db.history import Event
from db.people import Person
from studio import service
from studio.widgets.campaign.list import my_line
from studio.widgets.campaign.words import deadline_words
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric.words import SEVERITIES
from studio.widgets.times import ago, exact

PAGE = "app_pages/audit.py"
_READ = 300
_GO_ON = "go_on_with_"


def leave_for_campaign() -> None:
    """Open the campaign whose button was just pressed, before this page is drawn once more for nothing."""
    for key, value in st.session_state.items():
        campaign_id = str(key).removeprefix(_GO_ON)
        if value is True and campaign_id != key:
            st.switch_page(PAGE, query_params={"campaign": campaign_id})


def next_audit(person: Person) -> None:
    """Their campaigns; then how far they are with everything, and the next dialogue that they have not finished."""
    store = service.store()
    st.subheader("Your audit", anchor=False)
    own = campaigns.mine(store, person.person_id)
    for campaign in own:
        _campaign(campaign)
    everything = dialogues.count(store, Filter())
    progress = audits.progress(store, person.person_id)
    upcoming = _next_of(person)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="next_audit"):
        with st.container(gap="xsmall", width="stretch"):
            flags = "1 flag" if progress.flags == 1 else f"{progress.flags} flags"
            st.markdown(f"**{progress.finished} of {everything} dialogues finished**, {flags} so far")
            st.progress(progress.finished / everything if everything else 0.0)
        if upcoming is None:
            st.caption("All done. Thank you." if everything else "No dialogues yet.", width="content")
        elif st.button(
            "Go on with your audit" if progress.started else "Start your audit",
            key="go_on_audit",
            type="primary" if "annotator" in person.roles and not own else "secondary",
            icon=":material/forum:",
        ):
            st.switch_page(PAGE, query_params={"dialogue": upcoming})


def _next_of(person: Person) -> str | None:
    """The first dialogue that this person has not finished and does not want left out."""
    store, mine = service.store(), Filter(unfinished_by=person.person_id)
    left_out = care.avoided(store, person.person_id)
    if not left_out:
        return next(iter(dialogues.search(store, mine, limit=1)["dialogue_id"]), None)
    return next((one for one in dialogues.matching_ids(store, mine) if one not in left_out), None)


def _campaign(campaign: Campaign) -> None:
    """One campaign of theirs: how far they are in it, until when, and the way to its next place."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"my_{campaign.campaign_id}"):
        with st.container(gap="xsmall", width="stretch"):
            st.markdown(f"**{escaped(campaign.title)}**")
            words = [my_line(campaign), deadline_words(campaign.deadline)]
            st.caption(escaped(" · ".join(word for word in words if word)))
        # What a press does: leave_for_campaign.
        st.button("Go on with it", key=f"{_GO_ON}{campaign.campaign_id}", type="primary", icon=":material/assignment:")


def flags_lately(person: Person, limit: int = 6) -> None:
    """The newest flags that still stand, whoever set them but the gold audit; nothing when there are none.

    Of dialogues that this person is still to read in a campaign, their own alone.
    """
    found = _standing_flags(person, limit)
    if not found:
        return
    st.subheader("Flagged lately", anchor=False)
    names = {
        c.id: c.name for version in rubric_versions.approved(service.store(), "flags") for c in version.rubric.criteria
    }
    for event in found:
        _flag(event, names)


def _flag(event: Event, names: dict[str, str]) -> None:
    code, turn = str(event.detail["code"]), int(event.detail["turn_index"])
    severity = str(event.detail.get("severity") or "none")
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key=f"lately_{event.seq}"):
        words = f"<strong>{escape(code)}</strong> {escape(names.get(code, ''))}"
        mark = f'<span class="kr-{escape(severity)}">{escape(SEVERITIES.get(severity, ""))}</span>'  # type: ignore[call-overload]
        when = f'<time title="{escape(exact(event.created_at))}">{escape(ago(event.created_at))}</time>'
        where = f"{escape(name_of(event.actor))}, {when}, turn {turn + 1} of {escape(event.subject_id)}"
        st.html(f'<div class="kr-row">{words} · {mark}<br><small>{where}</small></div>')
        if st.button("Read", key=f"read_flag_{event.seq}", type="tertiary"):
            st.switch_page(PAGE, query_params={"dialogue": event.subject_id, "turn": str(turn)})


def _standing_flags(person: Person, limit: int) -> list[Event]:
    """Flags from the diary, newest first, without those that the same person took back or set again later."""
    seen: set[tuple[str, str, object, object]] = set()
    found, blind = [], campaigns.blind_ids(service.store(), person.person_id)
    for event in history.recent(service.store(), _READ, subject_kind="dialogue"):
        if event.action not in ("audit_flag", "audit_unflag") or event.detail.get("is_gold"):
            continue
        if event.subject_id in blind and event.actor != person.person_id:
            continue
        place = (event.actor, event.subject_id, event.detail.get("turn_index"), event.detail.get("code"))
        if event.action == "audit_flag" and place not in seen:
            found.append(event)
        seen.add(place)
    return found[:limit]
