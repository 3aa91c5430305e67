"""Kept filters: one's own and the shared ones with their counts, each with a link; and keeping the present one."""

import streamlit as st

from db import finding_saved
from db.finding import Filter
from db.finding_saved import SavedFilter
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.data.conditions import fill
from studio.widgets.names import escaped, name_of
from studio.widgets.times import clock

_ASKED, _FOLLOWED = "filter", "find_followed"


def follow_address() -> None:
    """Put the filter that the address names into the fields, once for each address."""
    asked = st.query_params.get(_ASKED, "")
    if asked and asked != st.session_state.get(_FOLLOWED):
        st.session_state[_FOLLOWED] = asked
        try:
            fill(finding_saved.saved_filter(service.store(), session.here(), asked).filter)
        except UserError as error:
            st.error(escaped(str(error)), icon=":material/link_off:")


def kept(filter: Filter) -> None:
    """The list of kept filters, where a click opens one, and a name for the present conditions."""
    _leave_address(filter)
    with st.popover("Filters", key="find_list", icon=":material/bookmark:", on_change="rerun") as panel:
        if not panel.open:  # each filter is counted anew, so nobody waits for a list that is shut
            return
        known = finding_saved.filters(service.store(), session.here())
        if not known:
            st.caption("None kept yet. Set conditions, then keep them here under a name: to come back, or to share.")
        for one in known:
            _line(one)
        if filter != Filter():
            _keep(filter)
            st.button("Clear all conditions", key="find_clear", icon=":material/filter_alt_off:", on_click=_open)


def _leave_address(filter: Filter) -> None:
    """Once the conditions are others than those of the filter in the address, the address no longer names it."""
    asked = st.query_params.get(_ASKED)
    if not asked:
        return
    try:
        named = finding_saved.saved_filter(service.store(), session.here(), asked)
    except UserError:  # `follow_address` has said so
        return
    if named.filter != filter:
        st.query_params.pop(_ASKED)
        st.session_state[_FOLLOWED] = ""


def _keep(filter: Filter) -> None:
    with st.form("find_keep", border=False):
        name = st.text_input("Keep these conditions as", key="find_name", max_chars=80)
        shared = st.toggle(
            "Share with everybody", key="find_share", help="Others find it in their list, and by its link."
        )
        if not st.form_submit_button("Keep", key="find_save", icon=":material/bookmark_add:"):
            return
        try:
            saved = finding_saved.save_filter(service.store(), session.here(), name or "", filter, shared)
        except UserError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
    st.session_state[_FOLLOWED] = st.query_params[_ASKED] = saved.filter_id
    st.toast(f"Saved {clock(saved.saved_at)}: {escaped(saved.name)}", icon=":material/check:")
    st.rerun()


def _line(one: SavedFilter) -> None:
    is_open = st.query_params.get(_ASKED) == one.filter_id
    is_mine = one.owner == session.here().person_id
    whose = ("yours, shared" if is_mine else f"shared by {name_of(one.owner)}") if one.is_shared else "only for you"
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.button(
            f"{escaped(one.name)} ({'–' if one.total is None else f'{one.total:,}'})",
            key=f"find_kept_{one.filter_id}",
            icon=":material/bookmark:" if is_open else ":material/bookmark_border:",
            type="tertiary",
            help=escaped(whose) + (". It looks by marks that you may not know." if one.total is None else ""),
            on_click=_open,
            args=[one.filter_id],
        )
        if is_mine:
            st.button(
                "Remove",
                key=f"find_remove_{one.filter_id}",
                type="tertiary",
                icon=":material/close:",
                on_click=_remove,
                args=[one.filter_id],
            )


def _open(filter_id: str | None = None) -> None:
    """The address names the filter; without one the fields are empty."""
    st.query_params.pop(_ASKED, None)
    st.session_state[_FOLLOWED] = ""
    if filter_id is None:
        fill(Filter())
    else:
        st.query_params[_ASKED] = filter_id


def _remove(filter_id: str) -> None:
    finding_saved.remove_filter(service.store(), session.here(), filter_id)
    if st.query_params.get(_ASKED) == filter_id:
        st.query_params.pop(_ASKED)
    st.toast("Removed. Links to it no longer open.")
