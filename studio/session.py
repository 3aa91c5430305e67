"""Who is here, and what may they do. The pages hide what would be refused; `db` refuses it."""

import streamlit as st

from db.people import Action, Person, may, people
from studio import service
from studio.run_cache import once_a_run

_COOKIE = "kardia_person"

# A reload starts a new session, so the choice is also kept in a cookie of this browser. It names a person and proves
# nothing: that is why the studio is served on loopback alone until a real sign-in is configured.
_KEEP = st.components.v2.component(
    "kardia_keep_person",
    js="""
export default function ({ data }) {
  const age = data.person ? 60 * 60 * 24 * 30 : 0
  document.cookie = `kardia_person=${encodeURIComponent(data.person)}; path=/; max-age=${age}; SameSite=Strict`
}
""",
)


def who() -> Person | None:
    """The person of this session, or None before somebody chose."""
    if "person_id" not in st.session_state:
        st.session_state.person_id = st.context.cookies.get(_COOKIE, "")
    here = st.session_state.person_id
    return once_a_run(
        ("who", here), lambda: next((p for p in people(service.store()) if p.person_id == here and p.active), None)
    )


def here() -> Person:
    """The person of this session; pages are only reached once there is one."""
    person = who()
    if person is None:
        st.stop()
    return person


def allowed(action: Action) -> bool:
    """Whether the person here may do `action` (see the table in db.people)."""
    return may(here(), action)


def sign_in(person_id: str) -> None:
    """Be that person from now on."""
    st.session_state.person_id = person_id


def sign_out() -> None:
    """Be nobody; unsent text of the last person goes too."""
    st.session_state.clear()
    st.session_state.person_id = ""


def keep_choice() -> None:
    """Draw nothing, but let the browser remember who is here."""
    _KEEP(key="keep_person", data={"person": st.session_state.get("person_id", "")}, height=1)
