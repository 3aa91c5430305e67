"""Everybody, with their roles; for those who look after people, a form each."""

from html import escape

import streamlit as st

from db.people import ROLES, Person, change_person, people, sign_out_everywhere
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.people.invite import role_words
from studio.widgets.sign_in import roles_words


def everybody() -> None:
    """Active people first, by name."""
    manages = session.allowed("manage_people")
    found = sorted(people(service.store()), key=lambda one: (not one.active, one.name))
    for person in found:
        at = person.person_id
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"person_{at}"):
            _row(person, manages)
            if manages or person.person_id == session.here().person_id:
                _tools(person, manages)


def _row(person: Person, manages: bool) -> None:
    about = [roles_words(person) or "No role", person.person_id]
    about += [person.email] if manages and person.email not in ("", person.person_id) else []
    about += [] if person.active else ["not active"]
    st.html(
        f'<div class="kardia-row"><b>{escape(person.name)}</b>'
        f'<div class="kardia-dim">{escape(" · ".join(about))}</div></div>'
    )


def _tools(person: Person, manages: bool) -> None:
    with st.container(horizontal=True, gap="small", width="content", key=f"person_tools_{person.person_id}"):
        if manages:
            with st.popover("Change", icon=":material/edit:", key=f"change_{person.person_id}", width="content"):
                _change(person)
        if st.button(
            "Sign out everywhere",
            key=f"out_{person.person_id}",
            icon=":material/logout:",
            help="Every browser in which this person is signed in has to sign in again.",
        ):
            sign_out_everywhere(service.store(), session.here(), person.person_id)
            st.rerun()


def _change(person: Person) -> None:
    at = person.person_id
    with st.form(f"change_form_{at}", border=False):
        roles = st.multiselect("Roles", ROLES, default=person.roles, key=f"roles_{at}", format_func=role_words)
        email = st.text_input("E-mail address", value=person.email, key=f"email_{at}", max_chars=200)
        active = st.toggle("Active", value=person.active, key=f"active_{at}", help="Who is not active is out at once.")
        reason = st.text_input("Why", key=f"why_{at}", max_chars=200)
        if not st.form_submit_button("Save", key=f"save_{at}", type="primary"):
            return
        try:
            change_person(
                service.store(), session.here(), at, roles=roles, email=email, active=active, reason=reason.strip()
            )
        except UserError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
    st.rerun()
