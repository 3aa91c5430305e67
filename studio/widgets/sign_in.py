"""Choosing who one is, and saying so in the sidebar."""

import streamlit as st

from db.people import Person, people
from studio import service, session

WHAT_THEY_DO = {
    "psychologist": "writes rubrics and approves those of others",
    "annotator": "flags unsafe turns",
    "researcher": "starts runs and explains rewards",
    "admin": "looks after people and data",
    "viewer": "reads",
}


def choose_person() -> None:
    """One button a person. Names are proof of nothing, and the page says so."""
    left, middle, right = st.columns([1, 2, 1])
    with middle:
        st.title("Who is here?")
        st.markdown(
            "Choose your name. Everything you save is kept under it. "
            "There is no password: this studio can be reached from this machine only."
        )
        for person in people(service.store()):
            if person.active and person.roles:
                _choice(person)
        if not any(p.roles for p in people(service.store())):
            st.info("Nobody is here yet. Add a person: `python -m db people add NAME --role psychologist`")


def _choice(person: Person) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"choice_{person.person_id}"):
        roles = ", ".join(person.roles)
        st.markdown(f"**{person.name}**  \n{roles}: {WHAT_THEY_DO[person.roles[0]]}")
        st.button("This is me", key=f"sign_in_{person.person_id}", on_click=session.sign_in, args=[person.person_id])


def person_card(person: Person) -> None:
    """Name and roles at the foot of the sidebar, with the way out."""
    with st.sidebar, st.container(key="person_card"):
        st.caption(f"**{person.name}**  \n{', '.join(person.roles)}")
        st.button("Change person", key="sign_out", on_click=session.sign_out, icon=":material/logout:")
