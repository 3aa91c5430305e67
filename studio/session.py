"""Who is here, and what may they do. The pages hide what would be refused; `db` refuses it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import unquote

import streamlit as st

from db.people import Action, Person, may, people, person_by_email, sessions_since
from db.store import now
from studio import passes, service, sign_ins
from studio.run_cache import forget, once_a_run

_COOKIE = "kardia_person"
_BEFORE_ANY_SIGN_OUT = datetime.min.replace(year=2)  # noqa: DTZ901 the store keeps naive UTC

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
    return once_a_run(_asked(), _who)


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
    # Some providers say it in words.
    if str(claims.get("email_verified", True)).strip().lower() != "true":
        return ""
    return str(claims.get("email") or "").strip().lower()


def sign_in(person_id: str) -> None:
    """Be that person from now on. Only where people choose their names."""
    st.session_state.person_id = person_id
    st.session_state.signed_in_at = _after(sessions_since(service.store(), person_id))


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


def live(draw: Callable[..., None], every: float | str | None) -> Callable[..., None]:
    """`draw` as a part of the page that is drawn anew `every` so often, for as long as its reader may be here.

    Such a part runs without the entry script: it asks by itself whether somebody was signed out or made inactive.
    """

    @wraps(draw)
    def drawn(*given: Any) -> None:
        forget(_asked())
        if who() is None:
            st.rerun()
        draw(*given)

    return st.fragment(drawn, run_every=every)


def _asked() -> tuple[str, Any]:
    return "who", st.session_state.get("person_id")


def _who() -> Person | None:
    found = _found()
    passes.give(found is not None)
    return found


def _found() -> Person | None:
    if service.IDENTITY.way == "names":
        found = _chosen()
    else:
        found = person_by_email(service.store(), vouched_address()) if vouched_address() else None
    if found is None or not found.active or not _is_still_in(found.person_id):
        return None
    st.session_state.person_id = found.person_id
    return found


def _chosen() -> Person | None:
    if "person_id" not in st.session_state:
        # A browser sends back what was set there, still encoded.
        person_id, _, moment = unquote(str(st.context.cookies.get(_COOKIE, ""))).partition("|")
        st.session_state.person_id, st.session_state.signed_in_at = person_id, _moment(moment)
    here = st.session_state.person_id
    return next((one for one in people(service.store()) if one.person_id == here), None)


def _is_still_in(person_id: str) -> bool:
    """Whether they came after they were last signed out everywhere; behind a proxy, whether this page was opened so."""
    out = sessions_since(service.store(), person_id)
    if service.IDENTITY.way == "names":
        came: datetime = st.session_state.get("signed_in_at") or _BEFORE_ANY_SIGN_OUT
    elif issued := st.user.to_dict().get("iat"):
        return sign_ins.is_newer(person_id, float(str(issued)), out)
    else:
        came = st.session_state.setdefault("signed_in_at", _after(out))
    return came > out


def _after(signed_out: datetime) -> datetime:
    """Now; a clock that went back must not leave somebody out who was signed out before."""
    return max(now(), signed_out + timedelta(microseconds=1))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
