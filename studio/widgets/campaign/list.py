"""The campaigns that the person here may know of: open ones as cards, closed ones folded away."""

import streamlit as st

from db import campaigns
from db.campaigns import Campaign
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.campaign.people import change_people, people_table
from studio.widgets.campaign.words import deadline_words, pace_words, rubric_words, so_far
from studio.widgets.campaign.working import AUDIT, own_progress
from studio.widgets.names import escaped, name_of
from studio.widgets.run.words import amount
from studio.widgets.times import ago


def campaign_list() -> None:
    """Every campaign; an empty list says what to do."""
    found = campaigns.campaigns(service.store(), session.here())
    current = [one for one in found if one.closed_at is None]
    past = [one for one in found if one.closed_at is not None]
    if not current:
        words = "Start one above." if session.allowed("run_campaign") else "Somebody who runs campaigns can add you."
        st.info(f"No campaign is open. {words}", icon=":material/info:")
    for one in current:
        _card(one)
    if past:
        with st.expander(f"Closed campaigns ({len(past)})", key="closed_campaigns"):
            for one in past:
                _card(one)


def _card(campaign: Campaign) -> None:
    with st.container(border=True, key=f"campaign_{campaign.campaign_id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(escaped(campaign.title), anchor=False, width="content")
            _work(campaign)
        st.caption(escaped(_facts(campaign)))
        if session.allowed("run_campaign"):
            _overview(campaign)
            _inside(campaign)
        else:
            pace = pace_words(own.minutes) if (own := own_progress(campaign)) else ""
            st.markdown(escaped(" · ".join(word for word in (my_line(campaign), pace) if word)))
            st.caption("Your pace is the middle of your times per finished dialogue. Skips do not count against you.")


def _work(campaign: Campaign) -> None:
    if campaign.closed_at is None and session.here().person_id in campaign.people:
        left = campaigns.left(service.store(), session.here(), campaign.campaign_id)
        if st.button(
            "Work on it" if left else "Nothing left for you",
            key=f"work_{campaign.campaign_id}",
            icon=":material/forum:",
            type="primary",
            disabled=not left,
        ):
            st.switch_page(AUDIT, query_params={"campaign": campaign.campaign_id})


def _facts(campaign: Campaign) -> str:
    readers = "one reader each" if campaign.overlap == 1 else f"{campaign.overlap} readers each"
    words = [rubric_words(campaign), f"{amount(campaign.dialogues, 'dialogue')}, {readers}"]
    words += [deadline_words(campaign.deadline)] if campaign.closed_at is None else []
    words += [f"made by {name_of(campaign.created_by)} {ago(campaign.created_at)}"]
    if campaign.closed_at:
        words += [f"closed by {name_of(campaign.closed_by)} {ago(campaign.closed_at)}: {campaign.close_reason}"]
    return " · ".join(word for word in words if word)


def _overview(campaign: Campaign) -> None:
    seen = campaigns.overview(service.store(), session.here(), campaign.campaign_id)
    st.progress(seen.finished / seen.wanted, text=f"{seen.finished:,} of {amount(seen.wanted, 'reading')} finished")
    words = [f"{seen.complete} complete", f"{seen.begun} begun", f"{seen.untouched} not begun"]
    words += [f"{seen.held} held now"] if seen.held else []
    words += [f"{amount(seen.gold, 'calibration dialogue')} mixed in"] if seen.gold else []
    st.caption(escaped("Dialogues: " + ", ".join(words)))
    if seen.stranded and campaign.closed_at is None:
        st.warning(
            f"{amount(seen.stranded, 'dialogue')} cannot get enough readers: everybody here has finished or skipped "
            "them. Add somebody.",
            icon=":material/warning:",
        )


def _inside(campaign: Campaign) -> None:
    name = campaign.campaign_id
    with st.expander(f"People ({len(campaign.people)})", key=f"people_of_{name}"):
        people_table(campaign)
        if campaign.closed_at is None:
            change_people(campaign)
    if campaign.closed_at is None:
        with st.popover("Close", key=f"close_{name}", icon=":material/lock:"):
            st.caption("No places are given any more. What people finished is kept. A closed campaign stays closed.")
            reason = st.text_input("Why it ends here", key=f"close_reason_{name}", max_chars=200)
            st.button(
                "Close the campaign", key=f"do_close_{name}", disabled=not reason, on_click=_close, args=[campaign]
            )


def _close(campaign: Campaign) -> None:
    try:
        reason = st.session_state[f"close_reason_{campaign.campaign_id}"]
        campaigns.close(service.store(), session.here(), campaign.campaign_id, reason)
        st.toast(f"Closed {escaped(campaign.title)}.", icon=":material/lock:")
    except UserError as error:
        st.toast(escaped(str(error)), icon=":material/error:", duration="long")


def my_line(campaign: Campaign) -> str:
    """How far the person here is in it, in plain words."""
    return so_far(own_progress(campaign), campaigns.left(service.store(), session.here(), campaign.campaign_id))
