"""Home: incidents until they are closed. Psychologists see all of them, others what they raised themselves."""

from collections.abc import Callable
from datetime import datetime
from html import escape
from uuid import uuid4

import streamlit as st

from db import incidents
from db.incidents import OUTCOMES, WHAT, Incident
from db.people import Person, may, people
from db.store import now
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import plain_html, text_style
from studio.widgets.times import ago, clock, exact

PAGE, HOME = "app_pages/audit.py", "app_pages/home.py"
_SAID = "incident_said"
_DID = {
    "raised": "raised it",
    "given": "was given it",
    "taken": "took it",
    "closed": "closed it",
    "reopened": "opened it again",
}


def incidents_of(person: Person) -> None:
    """The open ones, soonest due first, then closed ones in a fold; the one in the address (?incident=ID) unfolded.

    Draws nothing for somebody without any.
    """
    _nobody_owns()
    known = incidents.incidents(service.store(), person)
    named = st.query_params.get("incident", "")
    if named and not any(one.incident_id == named for one in known):
        st.info(f"{escaped(named)}: there is no incident of this id for you.")
    if not known:
        return
    text_style()
    going = [one for one in known if one.state != "closed"]
    closed = [one for one in known if one.state == "closed"]
    if going or any(one.incident_id == named for one in closed):
        st.subheader("Incidents" if session.allowed("handle_incident") else "Incidents you raised", anchor=False)
    for one in [*(one for one in closed if one.incident_id == named), *going]:
        _card(one, person, is_named=one.incident_id == named)
    earlier = [one for one in reversed(closed) if one.incident_id != named]
    if earlier:
        with st.expander(f"Closed incidents: {len(earlier)}", key="closed_incidents"):
            for one in earlier[:20]:
                _card(one, person, is_named=False)


def incidents_waiting() -> None:
    """In the sidebar of psychologists: how many wait for them or have no owner, as a way to Home; else nothing."""
    if not session.allowed("handle_incident"):
        return
    here = session.here()
    waiting = [one for one in incidents.incidents(service.store(), here, "open") if one.owner in ("", here.person_id)]
    if waiting:
        words = "1 incident waits" if len(waiting) == 1 else f"{len(waiting)} incidents wait"
        st.page_link(HOME, label=words, icon=":material/forward_to_inbox:")


def due_words(one: Incident, moment: datetime) -> str:
    """How long there is, such as "due in 43 min" or "overdue by 2 hours"; what became of a closed one."""
    if one.state == "closed":
        return f"closed: {OUTCOMES[one.outcome].lower()}"
    seconds = (one.due_at - moment).total_seconds()
    return f"due in {_span(seconds)}" if seconds >= 0 else f"overdue by {_span(-seconds)}"


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _card(one: Incident, person: Person, is_named: bool) -> None:
    with st.container(border=True, gap="small", key=f"incident_{one.incident_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(gap=None, width="stretch"):
                st.markdown(f"**{WHAT[one.what].words}**  {_badge(one)}")
                st.html(_told(one))
            _actions(one, person)
        if note := one.steps[0].note:
            st.html(plain_html(note, "quiet"))
        if len(one.steps) > 1 or is_named:
            with st.expander("What happened so far", expanded=is_named, key=f"steps_{one.incident_id}"):
                st.html("".join(_step(step) for step in one.steps))
        _said(one)


def _badge(one: Incident) -> str:
    moment = now()
    if one.state == "closed":
        colour, icon = "gray", ":material/check:"
    elif one.is_overdue(moment):
        colour, icon = "orange", ":material/schedule:"
    else:
        colour, icon = "gray", ":material/schedule:"
    return f":{colour}-badge[{icon} {due_words(one, moment)}]"


def _told(one: Incident) -> str:
    owner = {"open": "is to see to it", "taken": "is on it"}.get(one.state, "")
    if owner:
        owner = f"{name_of(one.owner)} {owner}" if one.owner else "nobody owns it yet"
    when = f'<time title="{escape(exact(one.raised_at))}">{escape(ago(one.raised_at))}</time>'
    where = f"turn {one.turn_index + 1} of {one.dialogue_id}"
    said = f"{escape(name_of(one.raised_by))}, {when}, {escape(where)}" + (f" · {escape(owner)}" if owner else "")
    return f'<p class="kr-quiet">{said}</p>'


def _step(step: incidents.Step) -> str:
    outcome = f": {OUTCOMES[step.outcome].lower()}" if step.outcome else ""
    when = f'<time title="{escape(exact(step.created_at))}">{escape(ago(step.created_at))}</time>'
    line = f'<p class="kr-quiet">{escape(name_of(step.person_id))} {_DID[step.kind]}{escape(outcome)}, {when}</p>'
    return line + (plain_html(step.note, "small") if step.note else "")


def _actions(one: Incident, person: Person) -> None:
    if st.button("Read", key=f"read_{one.incident_id}", type="tertiary"):
        st.switch_page(PAGE, query_params={"dialogue": one.dialogue_id, "turn": str(one.turn_index)})
    handles = session.allowed("handle_incident")
    if one.state == "closed":
        if handles or one.raised_by == person.person_id:
            _reopen(one)
    elif handles and one.owner == person.person_id:
        if one.state == "open":
            st.button("I am on it", key=f"take_{one.incident_id}", on_click=_take, args=[one, uuid4().hex])
        _close(one)
        _hand_over(one)
    elif handles:
        words = "Take it over" if one.owner else "I take it"
        kind = "secondary" if one.owner else "primary"
        st.button(words, key=f"take_{one.incident_id}", type=kind, on_click=_take, args=[one, uuid4().hex])  # type: ignore[arg-type]


def _hand_over(one: Incident) -> None:
    """To another psychologist; nothing where there is none."""
    others = {
        known.person_id: known.name
        for known in people(service.store())
        if may(known, "handle_incident") and known.person_id != one.owner
    }
    if not others:
        return
    with st.popover("Hand over", key=f"hand_over_door_{one.incident_id}", type="tertiary"):
        to = st.selectbox(
            "To",
            list(others),
            index=None,
            key=f"hand_over_to_{one.incident_id}",
            format_func=lambda key: others[key],
            placeholder="A psychologist",
        )
        st.text_area("Why, and what to look at", key=f"hand_over_note_{one.incident_id}", height=80)
        st.button(
            "Hand it over",
            key=f"hand_over_{one.incident_id}",
            disabled=to is None,
            on_click=_give,
            args=[one, to, uuid4().hex],
        )


def _give(one: Incident, to: str, press: str) -> None:
    note = st.session_state[f"hand_over_note_{one.incident_id}"]
    _keep(one, lambda: incidents.hand_over(service.store(), session.here(), one.incident_id, to, note, press))


def _nobody_owns() -> None:
    """For admins: that incidents wait and nobody here could own one."""
    if session.allowed("manage_people") and (waiting := incidents.ownerless(service.store(), session.here())):
        words = "1 incident waits" if waiting == 1 else f"{waiting} incidents wait"
        st.warning(f"{words}, and nobody here is a psychologist. Give somebody that role under People.")


def _close(one: Incident) -> None:
    with st.popover("Close it", key=f"close_door_{one.incident_id}", type="primary"):
        outcome = st.radio(
            "How did it end?",
            list(OUTCOMES),
            index=None,
            key=f"outcome_{one.incident_id}",
            format_func=lambda key: OUTCOMES[key],
        )
        st.text_area("What was found or done", key=f"outcome_note_{one.incident_id}", height=80)
        st.button(
            "Close the incident",
            key=f"close_{one.incident_id}",
            type="primary",
            disabled=outcome is None,
            on_click=_finish,
            args=[one, outcome, uuid4().hex],
        )


def _reopen(one: Incident) -> None:
    with st.popover("Open again", key=f"reopen_door_{one.incident_id}", type="tertiary"):
        st.text_area("Why is it open again?", key=f"reopen_note_{one.incident_id}", height=80)
        st.button("Open it again", key=f"reopen_{one.incident_id}", on_click=_again, args=[one, uuid4().hex])


def _take(one: Incident, press: str) -> None:
    _keep(one, lambda: incidents.take(service.store(), session.here(), one.incident_id, press))


def _finish(one: Incident, outcome: str, press: str) -> None:
    note = st.session_state[f"outcome_note_{one.incident_id}"]  # read here: it may arrive together with the press
    _keep(one, lambda: incidents.close(service.store(), session.here(), one.incident_id, outcome, note, press))


def _again(one: Incident, press: str) -> None:
    note = st.session_state[f"reopen_note_{one.incident_id}"]
    _keep(one, lambda: incidents.reopen(service.store(), session.here(), one.incident_id, note, press))


def _keep(one: Incident, write: Callable[[], Incident]) -> None:
    """Within a callback: do it, and keep the answer for the card to show."""
    try:
        said = (one.incident_id, f":material/check: Saved {clock(write().steps[-1].created_at)}", True)
        st.query_params["incident"] = one.incident_id  # it stays in view, whatever became of it
    except UserError as error:
        said = (one.incident_id, escaped(str(error)), False)
    st.session_state[_SAID] = said


def _said(one: Incident) -> None:
    incident_id, words, is_saved = st.session_state.get(_SAID, ("", "", True))
    if incident_id == one.incident_id:
        if is_saved:
            st.caption(words)
        else:
            st.error(f"Not saved. {escaped(words)}", icon=":material/error:")
