"""Which campaign the person here works on now. The address says it (?campaign=ID); this tab remembers it."""

import streamlit as st

from db import campaigns
from db.audits import AuditState
from db.campaigns import Campaign, PersonProgress, Place
from db.dialogues import Neighbours
from db.people import Person
from db.rubric_versions import Version, version
from db.store import Store
from rubrics.schema import Purpose
from studio import service, session
from studio.run_cache import once_a_run
from studio.widgets.audit.dialogue_place import go_to, place
from studio.widgets.times import clock

AUDIT = "app_pages/audit.py"
_ID = "working_campaign"
_GIVEN = "campaign_given"


def working_on() -> Campaign | None:
    """The open campaign of the person here that this page works on; None for the whole queue."""
    if asked := st.query_params.get("campaign"):
        st.session_state[_ID] = asked
    wanted = st.session_state.get(_ID)
    if not wanted or not session.allowed("audit"):
        return None
    return next((one for one in own_campaigns() if one.campaign_id == wanted), None)


def own_campaigns() -> list[Campaign]:
    """The open campaigns of the person here, the nearest deadline first."""
    here = session.here().person_id
    return once_a_run(("campaigns", here), lambda: campaigns.mine(service.store(), here))


def work_on(campaign_id: str) -> None:
    """Work on that campaign from now on, empty for the whole queue; also a callback. The next run finds the place."""
    st.query_params.clear()
    st.session_state[_ID] = campaign_id
    st.session_state.pop(_GIVEN, None)
    if campaign_id:
        st.query_params["campaign"] = campaign_id


def next_address(store: Store, person: Person, campaign_id: str) -> dict[str, str] | None:
    """The query parameters of the Audit page at this person's next place, reserved for them; None when none is left."""
    found = campaigns.next_place(store, person, campaign_id)
    return {"campaign": campaign_id, "dialogue": found.dialogue_id, "turn": "0"} if found else None


def lead_on(campaign: Campaign) -> None:
    """Be at a place of the campaign: at one given when the address names none, at the next once that one is finished.

    A dialogue that the address names for another reason, from a link say, stays open.
    """
    here, given = place().dialogue_id, st.session_state.get(_GIVEN)
    if here and not (here == given and is_done_here(campaign, here)):
        kept = campaigns.keep(service.store(), session.here(), campaign.campaign_id, here)
        st.session_state[_GIVEN] = here if kept else None
        return
    address = next_address(service.store(), session.here(), campaign.campaign_id)
    st.session_state[_GIVEN] = address["dialogue"] if address else None
    if address:
        go_to(address["dialogue"])


def around(campaign: Campaign, dialogue_id: str) -> Neighbours:
    """What follows in the campaign, so that the page can have it ready; it is held for the person here.

    `before` and `total` are 0: how far one is stands in the campaign's bar.
    """
    ahead: Place | None = None
    if _purpose(campaign) == "flags" and dialogue_id == st.session_state.get(_GIVEN):
        ahead = campaigns.next_place(service.store(), session.here(), campaign.campaign_id, beside=dialogue_id)
    return Neighbours(None, ahead.dialogue_id if ahead else None, 0, 0)


def holds(campaign: Campaign, dialogue_id: str) -> bool:
    """Whether that dialogue is the place that the person here was given, and still theirs."""
    return bool(dialogue_id) and dialogue_id == st.session_state.get(_GIVEN)


def campaign_version(purpose: Purpose) -> Version | None:
    """The rubric version that the campaign worked on goes by, if it is of that purpose; None otherwise."""
    campaign = working_on()
    if campaign is None:
        return None
    found = _version(campaign)
    return found if found.rubric.purpose == purpose else None


def seen_by_campaign(state: AuditState) -> AuditState:
    """One's marks with what counts as finished where a campaign is worked on: only finishing by its version does."""
    campaign = working_on()
    if campaign is None:
        return state
    by = {campaign.rubric_id: campaign.rubric_version}
    finished = {one: number for one, number in state.finished_with.items() if by.get(one, number) == number}
    return AuditState(state.flags, state.scores, state.notes, campaign.rubric_id in finished, finished)


def is_in_campaign(dialogue_id: str) -> bool:
    """Whether others' judgements of that dialogue are to be hidden from the person here for now."""
    return campaigns.is_blind(service.store(), session.here().person_id, dialogue_id)


def final_words(dialogue_id: str, rubric_id: str) -> str:
    """Why the person here can no longer change their marks by that rubric in that dialogue; empty while they can."""
    if not campaigns.is_final(service.store(), session.here().person_id, dialogue_id, rubric_id):
        return ""
    return "Your reading is final: what others marked here, and what a machine scored, is shown to you now"


def take_back_words(dialogue_id: str) -> str:
    """Until when the person here can take back what they finished for a campaign; empty outside of campaigns."""
    until = campaigns.shown_from(service.store(), session.here().person_id, dialogue_id)
    if until is None:
        return ""
    return f"You can take this back until {clock(until)[:5]}. Then what others marked is shown, and yours is final."


def may_see_gold(dialogue_id: str) -> bool:
    """Whether the person here may see gold of that dialogue: who settles disagreements, and reads in no open campaign
    that has it.
    """
    allowed = session.allowed("adjudicate")
    return allowed and not campaigns.hides_gold(service.store(), session.here().person_id, dialogue_id)


def own_progress(campaign: Campaign) -> PersonProgress | None:
    """How far the person here is in it."""
    found = campaigns.progress(service.store(), session.here(), campaign.campaign_id)
    return next((one for one in found if one.person_id == session.here().person_id), None)


def is_done_here(campaign: Campaign, dialogue_id: str) -> bool:
    """Whether the person here has finished that dialogue in it."""
    return campaigns.is_done(service.store(), session.here().person_id, campaign.campaign_id, dialogue_id)


def _purpose(campaign: Campaign) -> Purpose:
    return _version(campaign).rubric.purpose


def _version(campaign: Campaign) -> Version:
    asked = campaign.rubric_id, campaign.rubric_version
    return once_a_run(("version", *asked), lambda: version(service.store(), *asked))
