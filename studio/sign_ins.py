"""Which comes first: a sign-in that a provider vouches for, or the moment somebody was signed out everywhere?

The one is told by the provider's clock and the other by ours, and either clock may be wrong or be set back.
"""

from datetime import UTC, datetime

from db.store import now

# When this process first saw a sign-in, and when it first saw that somebody was signed out at a time yet to come.
_seen: dict[tuple[str, datetime], datetime] = {}
_noticed: dict[tuple[str, datetime], datetime] = {}


def is_newer(person_id: str, issued: float, signed_out: datetime) -> bool:
    """Whether the sign-in (`issued`, seconds since 1970) came after `signed_out` (naive UTC, by our clock)."""
    return _signed_in(person_id, issued) > _signed_out(person_id, signed_out)


def _signed_in(person_id: str, issued: float) -> datetime:
    """A provider's clock may run ahead: nobody signed in later than we first saw it."""
    told = datetime.fromtimestamp(issued, UTC).replace(tzinfo=None)
    return min(told, _seen.setdefault((person_id, told), now()))


def _signed_out(person_id: str, told: datetime) -> datetime:
    """Our clock was set back when the time is yet to come: then it was at the latest when that was noticed."""
    if told > now():
        _noticed.setdefault((person_id, told), now())
    return _noticed.get((person_id, told), told)
