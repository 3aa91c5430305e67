"""Before and between reading: what is ahead, a dialogue that was asked to be left out, a pause."""

from typing import Literal
from uuid import uuid4

import streamlit as st

from db import care, dialogues
from db.campaigns import Campaign
from db.care import Reading
from db.dialogues import Filter
from db.store import now
from studio import service, session
from studio.widgets.audit.dialogue_place import go_to
from studio.widgets.campaign.working import next_address, working_on
from studio.widgets.care.reader import THEMES, change, in_words, is_kept_back, read_anyway, wishes
from studio.widgets.care.resources import resources
from studio.widgets.run.words import amount
from studio.widgets.times import clock

HOME = "app_pages/home.py"


def before_reading(dialogue_id: str, filter: Filter) -> bool:
    """Whether the dialogue may be drawn now; otherwise this draws what comes first in its place.

    First comes what the queue holds, once a session; then any pause that the person is in; then a word on a dialogue
    of a theme that they left out.
    """
    found = care.reading(service.store(), session.here(), now())
    if found.state == "away" and _warned(filter):
        return False
    if found.state in ("pause", "enough"):
        _resting(found)
        return False
    if dialogue_id and is_kept_back(dialogue_id):
        _kept_back(dialogue_id, filter)
        return False
    return True


def _warned(filter: Filter) -> bool:
    """Draw the warning; where there is nothing to warn of, the session just begins."""
    store, here = service.store(), session.here()
    left_out = care.avoided(store, here.person_id)
    ids = [one for one in _ahead(filter) if one not in left_out]
    counts = care.theme_counts(store, ids)
    if not counts:
        _begin()
        return False
    with st.container(border=True, key="before_reading"):
        st.subheader("Before you read", anchor=False)
        st.markdown(f"This queue holds dialogues about {in_words(list(counts))}.")
        found = ", ".join(f"{THEMES[theme].lower()} in {number}" for theme, number in counts.items())
        st.caption(
            f"Of {amount(len(ids), 'dialogue')}: {found}. A list of plain words found them; there may be others."
        )
        st.markdown(_covered_words() + " You can skip, pause or stop whenever you like, and it costs you nothing.")
        _choices(list(counts))
    return True


def _choices(theme_ids: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Start reading", key="care_begin", type="primary", on_click=_begin)
        if st.button("Not today", key="care_not_today"):
            _rest("enough")
            st.switch_page(HOME)
        with st.popover("Leave a theme out", key="care_leave_out", type="tertiary", icon=":material/remove_circle:"):
            st.caption("You will not be given dialogues of a theme you leave out. Nobody else sees this.")
            for theme in theme_ids:
                st.button(THEMES[theme], key=f"leave_out_{theme}", on_click=_leave_out, args=[theme], width="stretch")
        resources()
    if left_out := wishes().themes_avoided:
        st.caption(f"You leave out {in_words(left_out)}. Change this under “How I want to read”.")


def _covered_words() -> str:
    return "Turns that may be hard to read stay covered until you ask for them." if wishes().cover_severe else ""


def suggest_pause() -> None:
    """A word beside the dialogue when a pause is due by one's own settings; it stands in nobody's way."""
    found = care.reading(service.store(), session.here(), now())
    if not found.pause_due(wishes(), now()):
        return
    with st.container(border=True, key="pause_suggestion", gap="xsmall"):
        turns = f" and opened {amount(found.severe_turns, 'hard turn')}" if found.severe_turns else ""
        st.markdown(f"You have read for {amount(max(1, found.minutes(now())), 'minute')}{turns}. A pause?")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button("Back in 10 minutes", key="care_pause", on_click=_rest, args=["pause"])
            if st.button("Enough for today", key="care_enough"):
                _rest("enough")
                st.switch_page(HOME)
            st.button("Keep reading", key="care_go_on", type="tertiary", on_click=_begin)
            resources("resources_pause")


def _resting(found: Reading) -> None:
    with st.container(border=True, key="resting", gap="small"):
        if found.state == "pause" and found.since:
            st.subheader("A pause", anchor=False)
            st.markdown(f"Until {clock(found.since + care.PAUSE)[:5]}, or as long as you like. Everything is saved.")
            back = "I am back"
        else:
            st.subheader("Enough for today", anchor=False)
            st.markdown("Thank you for reading. Everything is saved, and the dialogues can wait.")
            back = "Read after all"
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(back, key="care_back", on_click=_begin)
            resources("resources_resting")


def _kept_back(dialogue_id: str, filter: Filter) -> None:
    campaign = working_on()
    target = None if campaign else _after(dialogue_id, filter)
    with st.container(border=True, key="kept_back", gap="small"):
        st.markdown("You asked not to be given dialogues like this one.")
        if target is None and campaign is None:
            st.caption("Nothing else is left in this queue. Thank you; that is all.")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if campaign:
                st.button("Next dialogue", key="care_next", type="primary", on_click=_next_of, args=[campaign])
            elif target:
                st.button("Next dialogue", key="care_next", type="primary", on_click=go_to, args=[target])
            st.button("Read it anyway", key="care_anyway", type="tertiary", on_click=read_anyway, args=[dialogue_id])


def next_given(next_id: str | None, filter: Filter) -> str | None:
    """The dialogue to have ready: `next_id`, or where it is left out the first after it that is not."""
    return _after(next_id, filter) if next_id and is_kept_back(next_id) else next_id


def _ahead(filter: Filter) -> list[str]:
    """What the person here may be given: the campaign they work on, else what the filter lets through."""
    campaign = working_on()
    if campaign:
        return care.campaign_dialogues(service.store(), campaign.campaign_id)
    return dialogues.matching_ids(service.store(), filter)


def _after(dialogue_id: str, filter: Filter) -> str | None:
    """The next dialogue that is not left out, from the beginning again after the last."""
    left_out = care.avoided(service.store(), session.here().person_id)
    ids = dialogues.matching_ids(service.store(), filter)
    later = ids[ids.index(dialogue_id) + 1 :] if dialogue_id in ids else ids
    return next((one for one in [*later, *ids] if one not in left_out), None)


def _next_of(campaign: Campaign) -> None:
    """Callback. The campaign gives the place back that is left out, and another one."""
    if address := next_address(service.store(), session.here(), campaign.campaign_id):
        go_to(address["dialogue"])
    else:
        st.query_params.pop("dialogue", None)


def _begin() -> None:
    care.begin(service.store(), session.here(), uuid4().hex)


def _rest(kind: Literal["pause", "enough"]) -> None:
    care.pause(service.store(), session.here(), kind, uuid4().hex)


def _leave_out(theme: str) -> None:
    change(themes_avoided=(*(one for one in wishes().themes_avoided if one != theme), theme))
