"""Settling disagreements: a list, the most disagreed first, and one of them beside the turn it is about."""

import streamlit as st

from db import adjudication, audits, campaigns
from db.adjudication import Disagreement
from studio import service, session
from studio.widgets.agreement.choice import Choice
from studio.widgets.agreement.settle_form import TYPES, last_receipt, settle_form
from studio.widgets.agreement.settle_turn import marks, turn_in_context
from studio.widgets.audit.gold_complete import gold_complete
from studio.widgets.campaign.working import may_see_gold
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import plain_text
from studio.widgets.times import quiet_line

__all__ = ["settle"]

_PAGE = 12
_FOCUS = "place"  # in the address
_LENGTH = "settle_length"


def settle(choice: Choice) -> None:
    """Open or settled ones of one rubric version, and the one in focus."""
    if not choice.is_flags:
        st.info("Only flags are settled here: scores are numbers that people may differ on, and have no gold.")
        return
    version = _version(choice)
    asked = (service.store(), choice.rubric_id, version)
    hidden = campaigns.not_to_settle(service.store(), session.here().person_id)
    open_ones, settled_ones = adjudication.counts(*asked, without=hidden)
    settled = _which(open_ones, settled_ones)
    last = last_receipt()
    limit = st.session_state.get(_LENGTH, _PAGE)
    found = adjudication.disagreements(*asked, limit, 0, settled, without=hidden)
    focus = _focused(found) if found else None
    # Where one settles, the dialogue settled last: its next question is whether that was all.
    of_gold = focus.dialogue_id if focus and settled else last
    if of_gold and may_see_gold(of_gold):
        gold_complete(of_gold, choice.rubric_id, version)
    if focus is None:
        _empty(settled, settled_ones)
        return
    left, right = st.columns([1, 3], gap="large")
    with left, st.container(key="settle_list", gap="xsmall"):
        st.caption("Who flagged it, of those who finished")
        for one in found:
            _line(one, choice, one is focus)
        if (settled_ones if settled else open_ones) > len(found):
            st.button("Show more", key="settle_more", type="tertiary", on_click=_longer, args=[limit])
    with right:
        _one(focus, choice, version)


def _version(choice: Choice) -> int:
    """Decisions are about the words of one version."""
    if len(choice.versions) == 1:
        return choice.versions[0]
    return int(
        st.segmented_control(
            "Settle by version",
            sorted(choice.versions, reverse=True),
            default=max(choice.versions),
            key=f"settle_version_{choice.rubric_id}",
            required=True,
        )
    )


def _which(open_ones: int, settled_ones: int) -> bool:
    words = {False: f"Open · {open_ones:,}", True: f"Settled · {settled_ones:,}"}
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.segmented_control(
            "Which",
            [False, True],
            default=False,
            format_func=lambda one: words[one],
            key="settle_which",
            label_visibility="collapsed",
            required=True,
        )
    return bool(chosen)


def _empty(settled: bool, settled_ones: int) -> None:
    if settled:
        st.info("Nothing has been settled by this version yet.", icon=":material/balance:")
    elif settled_ones:
        st.success("Every disagreement by this version is settled.", icon=":material/check_circle:")
    else:
        st.info(
            "Nobody disagrees by this version. A disagreement appears once two people have finished the same dialogue "
            "and one flagged a turn that the other left, or they gave different severities.",
            icon=":material/balance:",
        )


def _key(one: Disagreement) -> str:
    return f"{one.dialogue_id}|{one.turn_index}|{one.code}"


def _focused(found: list[Disagreement]) -> Disagreement:
    """The one that was chosen; once it has left the list, the first."""
    chosen = st.query_params.get(_FOCUS)
    return next((one for one in found if _key(one) == chosen), found[0])


def _line(one: Disagreement, choice: Choice, is_focus: bool) -> None:
    st.button(
        f"**{one.code}** · {_split(one)}  \n{escaped(one.dialogue_id)}, turn {one.turn_index + 1}",
        key=f"settle_{_key(one)}",
        type="secondary" if is_focus else "tertiary",
        help=escaped(choice.criteria.get(one.code, one.code)),
        on_click=_focus_on,
        args=[_key(one)],
        width="stretch",
    )


def _split(one: Disagreement) -> str:
    if one.flagged == one.of:
        return f"all {one.of}, by severity"
    return f"{one.flagged} of {one.of}"


def _one(one: Disagreement, choice: Choice, version: int) -> None:
    st.subheader(f"{one.code} {escaped(choice.criteria.get(one.code, ''))}", anchor=False)
    place = {"dialogue": one.dialogue_id, "turn": str(one.turn_index)}
    st.page_link(
        "app_pages/audit.py",
        label=f"{escaped(one.dialogue_id)}, turn {one.turn_index + 1} in Audit",
        icon=":material/forum:",
        query_params=place,
    )
    turn_in_context(one)
    marks(one, choice)
    if one.decision:
        _decided(one)
    else:
        _gold_so_far(one)
    settle_form(one, choice, version)


def _decided(one: Disagreement) -> None:
    decision = one.decision
    if decision is None:
        return
    what = f"flag, {decision.severity}" if decision.is_flagged else "no flag"
    kind = TYPES[decision.error_type][0].lower()
    quiet_line(f"Settled by {name_of(decision.decided_by)} as {what} ({kind}),", decision.decided_at)
    plain_text(decision.why)
    if one.is_changed:
        st.caption(":material/info: Somebody marked this dialogue anew since then.")


def _gold_so_far(one: Disagreement) -> None:
    """Gold that stands already, whatever it came from: what is decided here takes its place."""
    here = (one.turn_index, one.code)
    for flag in audits.gold(service.store(), one.dialogue_id):
        if (flag.turn_index, flag.code) == here:
            quiet_line(f"Gold so far: flag, {flag.severity}, set by {name_of(flag.person_id)}", flag.flagged_at)
            plain_text(flag.note, "quiet")


def _focus_on(key: str) -> None:
    st.query_params[_FOCUS] = key


def _longer(limit: int) -> None:
    st.session_state[_LENGTH] = limit + _PAGE
