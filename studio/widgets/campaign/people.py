"""Who works in a campaign and how far each is, for those who run campaigns."""

import pandas as pd
import streamlit as st

from db import campaigns
from db.campaigns import Campaign, PersonProgress
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.campaign.words import pace_words
from studio.widgets.names import escaped, name_of
from studio.widgets.times import ago


def people_table(campaign: Campaign) -> None:
    """One row a person: finished, skipped, held, pace, when they last finished one."""
    found = campaigns.progress(service.store(), session.here(), campaign.campaign_id)
    st.dataframe(
        pd.DataFrame([_row(one) for one in found]),
        hide_index=True,
        key=f"campaign_people_{campaign.campaign_id}",
        alt="How far each person of the campaign is",
    )
    st.caption("Pace is the middle of the times per finished dialogue. Skips do not count against anybody.")


def change_people(campaign: Campaign) -> None:
    """Add somebody, or remove somebody; what that does is said beside it."""
    known = {one.person_id: one.name for one in campaigns.who_can_join(service.store())}
    here, absent = list(campaign.people), [one for one in known if one not in campaign.people]
    name = campaign.campaign_id
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for word, choices, act in (("Add", absent, campaigns.add_person), ("Remove", here, campaigns.remove_person)):
            key = f"{word.lower()}_person_{name}"
            chosen = st.selectbox(
                f"{word} a person",
                choices,
                index=None,
                format_func=name_of,
                key=key,
                placeholder="Choose" if choices else "Nobody to choose",
                disabled=not choices,
            )
            if st.button(word, key=f"do_{key}", disabled=chosen is None) and chosen:
                try:
                    act(service.store(), session.here(), name, chosen)
                except UserError as error:
                    st.error(escaped(str(error)))
                else:
                    st.session_state.pop(key, None)
                    st.rerun()
    st.caption(
        "Somebody added shares what is still to be read; complete dialogues stay complete. "
        "Removing somebody frees what they hold and keeps what they finished."
    )


def _row(one: PersonProgress) -> dict[str, object]:
    return {
        "Person": name_of(one.person_id) + ("" if one.is_member else " (removed)"),
        "Finished": one.done,
        "Skipped": one.skipped,
        "Holds now": one.open,
        "Pace": pace_words(one.minutes) or "none yet",
        "Last finished": ago(one.last_finished_at),
    }
