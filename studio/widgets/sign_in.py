"""Choosing who one is, and saying so in the sidebar."""

import streamlit as st

from db.people import Person, Role, people, person_by_email
from studio import service, session
from studio.widgets.care.settings import reading_settings
from studio.widgets.home.incidents import incidents_waiting
from studio.widgets.names import escaped
from studio.widgets.rubric.work import unsaved

WHAT_THEY_DO: dict[Role, str] = {
    "psychologist": "Writes rubrics and decides on those of others",
    "annotator": "Reads dialogues and flags unsafe turns",
    "researcher": "Starts runs and explains rewards",
    "admin": "Looks after people and data",
    "viewer": "Reads everything and changes nothing",
}


def choose_person() -> None:
    """One row a person. A name proves nothing, and the page says so."""
    everybody = [person for person in people(service.store()) if person.active and person.roles]
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Who is here?", anchor=False)
        st.markdown(
            "Choose your name: everything you save is kept under it. "
            "There is no password, because this studio can be reached from this machine only."
        )
        for person in sorted(everybody, key=_by_role):
            _choice(person)
        if not everybody:
            _nobody()


def let_in() -> None:
    """What somebody sees before the studio knows them, in the way that it was started for."""
    way = service.IDENTITY.way
    if way == "names":
        choose_person()
        return
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Kardia Studio", anchor=False)
        if way == "provider" and not st.user.is_logged_in:
            st.markdown("Sign in to go on. Only people who were invited here are let in.")
            st.button("Sign in", key="oidc_sign_in", type="primary", icon=":material/login:", on_click=st.login)
        else:
            _refused(way)


def _refused(way: str) -> None:
    """Signed in with somebody who vouches for them, and yet nobody here: one line, and the way out."""
    address = session.vouched_address()
    known = person_by_email(service.store(), address) if address else None
    if not address:
        st.error("Your sign-in named no e-mail address that is verified; ask whoever runs the sign-in to add it.")
    elif known and known.active:
        st.info("You were signed out here; sign in again to go on.")
    elif known:
        st.error("Your account is no longer active here; ask an admin to make it active again.")
    else:
        st.error(f"{escaped(address)} was not invited here; ask an admin to add this address on the People page.")
    if way == "provider":
        st.button("Sign out", key="oidc_sign_out", icon=":material/logout:", on_click=st.logout)


def person_card(person: Person) -> None:
    """Name and roles at the foot of the sidebar, with the way out."""
    with st.sidebar, st.container(key="person_card", gap="xsmall"):
        st.markdown(f"**{escaped(person.name)}**")
        st.caption(roles_words(person))
        if titles := unsaved():
            st.caption(f":orange[:material/edit:] Unsaved changes in {escaped(', '.join(titles))}")
        incidents_waiting()
        reading_settings()
        if service.IDENTITY.way == "proxy":
            return  # who signed them in signs them out
        st.button(
            "Change person" if service.IDENTITY.way == "names" else "Sign out",
            key="sign_out",
            on_click=session.sign_out,
            icon=":material/logout:",
            help="What is not saved is given up." if titles else None,
        )


def roles_words(person: Person) -> str:
    """The roles as a phrase, such as "Psychologist and annotator"."""
    return " and ".join(person.roles).capitalize()


def _choice(person: Person) -> None:
    row = st.container(border=True, horizontal=True, vertical_alignment="center", key=f"choice_{person.person_id}")
    with row, st.container(gap=None, width="stretch"):
        st.markdown(f"**{escaped(person.name)}**")
        st.caption(f"{roles_words(person)}. {WHAT_THEY_DO[person.roles[0]]}.")
    row.button("This is me", key=f"sign_in_{person.person_id}", on_click=session.sign_in, args=[person.person_id])


def _by_role(person: Person) -> tuple[int, str]:
    """Those who write and audit first; then by name."""
    return list(WHAT_THEY_DO).index(person.roles[0]), person.name


def _nobody() -> None:
    with st.container(border=True, key="nobody_yet"):
        st.markdown("**Nobody is here yet.** Close the studio, add the first person, and open it again:")
        st.code('python -m db people add ada "Dr. Ada Example" psychologist', language="bash")
        st.markdown("To look around first, open the studio with invented people, rubrics and dialogues:")
        st.code("python -m studio --demo", language="bash")
