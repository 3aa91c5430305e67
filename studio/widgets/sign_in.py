"""Choosing who one is, and saying so in the sidebar."""

import streamlit as st

from db.people import Person, Role, people
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


def person_card(person: Person) -> None:
    """Name and roles at the foot of the sidebar, with the way out."""
    with st.sidebar, st.container(key="person_card", gap="xsmall"):
        st.markdown(f"**{escaped(person.name)}**")
        st.caption(roles_words(person))
        if titles := unsaved():
            st.caption(f":orange[:material/edit:] Unsaved changes in {escaped(', '.join(titles))}")
        incidents_waiting()
        reading_settings()
        st.button(
            "Change person",
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
