"""On the Audit page: choosing a campaign to work on, how far one is in it, skipping, undoing."""

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from db import audits, campaigns
from db.campaign_undo import undo
from db.campaigns import Campaign, PersonProgress
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.dialogue_place import go_to, place
from studio.widgets.audit.dialogue_receipt import keep_receipt, new_id, save
from studio.widgets.audit.keys import action_keys, my_keys
from studio.widgets.audit.pane_events import hear
from studio.widgets.campaign.words import SKIP_REASONS, deadline_words, pace_words, rubric_words, so_far, undone_words
from studio.widgets.campaign.working import (
    campaign_version,
    holds,
    is_done_here,
    lead_on,
    next_address,
    own_campaigns,
    own_progress,
    work_on,
    working_on,
)
from studio.widgets.names import escaped

_CHOICE = "work_on"
_LAST = "campaign_told"


def campaign_choice() -> None:
    """ "Work on": the whole queue or one of one's campaigns; nothing for who has none."""
    own = own_campaigns() if session.allowed("audit") else []
    if not own:
        return
    titles = {"": "All dialogues", **{one.campaign_id: one.title for one in own}}
    current = working_on()
    st.session_state[_CHOICE] = current.campaign_id if current else ""
    st.selectbox(
        "Work on",
        list(titles),
        format_func=lambda one: f"Work on: {titles[one]}",
        key=_CHOICE,
        width=280,
        label_visibility="collapsed",
        on_change=lambda: work_on(st.session_state[_CHOICE]),
    )


def campaign_bar(campaign: Campaign) -> Callable[[], None]:
    """Lead to the place of the person here and draw the bar with what was told last; gives what tells it anew.

    Counting what is left takes longer than opening a dialogue: it can wait until that is drawn.
    """
    lead_on(campaign)
    dialogue_id = place().dialogue_id
    with st.container(border=True, key="campaign_bar", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            campaign_choice()
            so_far_place = st.empty()
            _score_finish(campaign, dialogue_id)
            _skip(campaign, dialogue_id)
            st.button(
                "Undo",
                key="campaign_undo",
                icon=":material/undo:",
                shortcut=action_keys(my_keys())["undo"],
                on_click=_undo,
                args=[campaign],
                help=_UNDO,
            )
        share_place, told_place = st.empty(), st.container()
    last = st.session_state.get(_LAST, {}).get(campaign.campaign_id, _Figures("…", 0.0, "…"))
    _show(last, so_far_place, share_place)

    def tell() -> None:
        left = campaigns.left(service.store(), session.here(), campaign.campaign_id)
        now = _figures(campaign, left)
        st.session_state.setdefault(_LAST, {})[campaign.campaign_id] = now
        if now != last:
            _show(now, so_far_place, share_place)
        with told_place:
            _told(campaign, dialogue_id, left)

    return tell


class _Figures(NamedTuple):
    """How far one is, in words; what share that is; and what else to know of the campaign."""

    so_far: str
    share: float
    rest: str


def _figures(campaign: Campaign, left: int) -> _Figures:
    own = own_progress(campaign)
    words = [rubric_words(campaign), deadline_words(campaign.deadline), pace_words(own.minutes if own else None)]
    return _Figures(so_far(own, left), _share(own, left), " · ".join(word for word in words if word))


def _show(figures: _Figures, so_far_place: DeltaGenerator, share_place: DeltaGenerator) -> None:
    so_far_place.markdown(f"**{escaped(figures.so_far)}**", width="stretch")
    share_place.progress(figures.share, text=escaped(figures.rest))


def _share(own: PersonProgress | None, left: int) -> float:
    done = own.done if own else 0
    return done / (done + left) if done + left else 1.0


def _told(campaign: Campaign, dialogue_id: str, left: int) -> None:
    """Where one is at no place of one's own, why."""
    if holds(campaign, dialogue_id):
        return
    if dialogue_id and not is_done_here(campaign, dialogue_id):
        st.info(
            "This dialogue is open beside the campaign, or its time ran out and somebody else was given it. "
            "Finishing it still counts where it is part of the campaign.",
            icon=":material/info:",
        )
    if not left:
        st.success(
            "There is nothing left for you in this campaign. Thank you. More comes if somebody gives a dialogue back.",
            icon=":material/check_circle:",
        )
    elif dialogue_id:
        st.button("Go to my place", key="campaign_go", on_click=_go, args=[campaign])


def _skip(campaign: Campaign, dialogue_id: str) -> None:
    # Another dialogue has another one, shut: it would stay open over the next.
    with st.popover(
        "Skip", key=f"skip_of_{dialogue_id}", icon=":material/skip_next:", disabled=not holds(campaign, dialogue_id)
    ):
        st.caption("Skipping is fine and costs you nothing. Somebody else will read this one. Nobody is told why.")
        for reason, words in SKIP_REASONS.items():
            st.button(
                words, key=f"skip_{reason}", on_click=_pass_on, args=[campaign, dialogue_id, reason], width="stretch"
            )


def _score_finish(campaign: Campaign, dialogue_id: str) -> None:
    """The way to finish where the campaign is about scores: finishing by flags is not finishing it."""
    if (version := campaign_version("score")) and holds(campaign, dialogue_id):
        st.button(
            "Nothing more to score here",
            key="campaign_finish",
            type="primary",
            on_click=_finish_scores,
            args=[version.rubric_id, version.version, dialogue_id, new_id()],
        )


def _finish_scores(rubric_id: str, number: int, dialogue_id: str, client_id: str) -> None:
    save(
        f"{dialogue_id}: nothing more to score here",
        lambda: audits.finish(service.store(), session.here(), dialogue_id, rubric_id, number, client_id),
    )


def _pass_on(campaign: Campaign, dialogue_id: str, reason: str) -> None:
    def work() -> str:
        campaigns.skip(service.store(), session.here(), campaign.campaign_id, dialogue_id, reason)
        _go(campaign)
        return f"Skipped {escaped(dialogue_id)}."

    _act(work)


def _undo(campaign: Campaign) -> None:
    def work() -> str:
        hear()  # what was pressed before this is a step before it
        undone = undo(service.store(), session.here(), campaign.campaign_id)
        if undone is None:
            return "There is nothing left to undo."
        go_to(undone.dialogue_id, undone.turn_index or 0)
        if undone.receipt:
            keep_receipt(f"undone: {undone_words(undone)}", undone.receipt)
        return f"Undone: {escaped(undone_words(undone))}."

    _act(work)


def _go(campaign: Campaign) -> None:
    """Open one's place; without one, nothing."""
    address = next_address(service.store(), session.here(), campaign.campaign_id)
    work_on(campaign.campaign_id)
    if address:
        go_to(address["dialogue"])


def _act(work: Callable[[], str]) -> None:
    """Do it within a callback and say what was done, or why not."""
    try:
        st.toast(work(), icon=":material/check:")
    except UserError as error:
        st.toast(escaped(str(error)), icon=":material/error:", duration="long")


_UNDO = "Takes your last step in this campaign back: a flag, a score, a note, finishing or a skip. Up to 50 steps."
