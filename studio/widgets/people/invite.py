"""Adding somebody: from then on they can choose their name, or sign in with the address that is noted here."""

import streamlit as st

from db.people import ROLES, Role, add_person
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.sign_in import WHAT_THEY_DO


def invite() -> None:
    """A popover with the form."""
    with st.popover("Add somebody", icon=":material/person_add:", key="invite", width="content"):
        if told := st.session_state.pop("invited", ""):
            st.success(told, icon=":material/check:")
        with st.form("invite_form", border=False, clear_on_submit=False):
            name = st.text_input("Name, as others see it", key="invite_name", max_chars=80)
            email = st.text_input(
                "E-mail address",
                key="invite_email",
                max_chars=200,
                help="The one under which your sign-in knows them. Without a sign-in it may stay empty.",
            )
            person_id = st.text_input(
                "Short name",
                key="invite_id",
                max_chars=60,
                help="Letters and digits, such as ines. Empty: the address.",
            )
            roles = st.multiselect("Roles", ROLES, key="invite_roles", format_func=role_words)
            if st.form_submit_button("Add", key="invite_add", type="primary"):
                _add(name, email, person_id, roles)


def role_words(role: Role) -> str:
    """A role and what it is for."""
    return f"{role.capitalize()}: {WHAT_THEY_DO[role][0].lower()}{WHAT_THEY_DO[role][1:]}"


def _add(name: str, email: str, person_id: str, roles: list[Role]) -> None:
    try:
        added = add_person(service.store(), session.here(), person_id or email, name, roles, email)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.session_state.invited = f"{added.name} is here now."
    st.rerun()
