"""Who is here, and what may they do. The pages hide what would be refused; `db` refuses it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import streamlit as st

from db.people import Action, Person, may, people, person_by_email, sessions_since
from db.store import now
from studio import service
from studio.run_cache import once_a_run

_COOKIE = "kardia_person"

# A reload starts a new session, so the choice is also kept in a cookie of this browser, with the time it was made. It
# names a person and proves nothing: that is why a studio without a sign-in is served on loopback alone.
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
    """The person of this session; None before somebody chose or signed in, and from the moment they were signed out."""
    return once_a_run(("who", st.session_state.get("person_id")), _who)


def here() -> Person:
    """The person of this session; pages are only reached once there is one."""
    person = who()
    if person is None:
        st.stop()
    return person


def allowed(action: Action) -> bool:
    """Whether the person here may do `action` (see the table in db.people)."""
    return may(here(), action)


def vouched_address() -> str:
    """The e-mail address that the provider or the proxy vouches for; empty when there is none, or it is unverified."""
    if service.IDENTITY.way == "provider" and not st.user.is_logged_in:
        return ""
    claims = st.user.to_dict()
    if claims.get("email_verified") is False:
        return ""
    return str(claims.get("email") or "").strip().lower()


def sign_in(person_id: str) -> None:
    """Be that person from now on. Only where people choose their names."""
    st.session_state.person_id = person_id
    # A clock that went back must not leave somebody out who was signed out before.
    st.session_state.signed_in_at = max(now(), sessions_since(service.store(), person_id) + timedelta(microseconds=1))


def sign_out() -> None:
    """Be nobody; unsent text of the last person goes too."""
    st.session_state.clear()
    st.session_state.person_id = ""
    if service.IDENTITY.way == "provider":
        st.logout()


def keep_choice() -> None:
    """Draw nothing, but let the browser remember who is here; where people sign in, nothing is remembered by us."""
    if service.IDENTITY.way != "names":
        return
    person_id, at = st.session_state.get("person_id", ""), st.session_state.get("signed_in_at")
    told = f"{person_id}|{at.isoformat()}" if person_id and at else person_id
    _KEEP(key="keep_person", data={"person": told}, height=1)


def _who() -> Person | None:
    if service.IDENTITY.way == "names":
        found, since = _chosen()
    else:
        found, since = person_by_email(service.store(), vouched_address()) if vouched_address() else None, _vouched_at()
    if found is None or not found.active or since <= sessions_since(service.store(), found.person_id):
        return None
    st.session_state.person_id = found.person_id
    return found


def _chosen() -> tuple[Person | None, datetime]:
    if "person_id" not in st.session_state:
        # A browser sends back what was set there, still encoded.
        person_id, _, moment = unquote(str(st.context.cookies.get(_COOKIE, ""))).partition("|")
        st.session_state.person_id, st.session_state.signed_in_at = person_id, _moment(moment)
    here = st.session_state.person_id
    since = st.session_state.get("signed_in_at") or datetime.min.replace(year=2)  # noqa: DTZ901 before any sign-out
    return next((one for one in people(service.store()) if one.person_id == here), None), since


def _vouched_at() -> datetime:
    """When the provider signed this person in, naive UTC; behind a proxy, when this page was opened."""
    if issued := st.user.to_dict().get("iat"):
        return datetime.fromtimestamp(float(str(issued)), UTC).replace(tzinfo=None)
    began: datetime = st.session_state.setdefault("signed_in_at", now())
    return began


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
