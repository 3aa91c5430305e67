"""Signing out everywhere while one of the two clocks is wrong: nobody stays in, and nobody is kept out."""

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from db import people
from db.people import SYSTEM, change_person, person, sign_out_everywhere
from studio import service, session, sign_ins
from studio.identity import Identity

NOON = datetime(2030, 1, 1, 12)  # noqa: DTZ001 naive UTC, as the store keeps it
ONE = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Clock:
    """Ours, as it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock(NOON)
    monkeypatch.setattr(sign_ins, "now", ours)
    monkeypatch.setattr(sign_ins, "_seen", {})
    monkeypatch.setattr(sign_ins, "_noticed", {})
    return ours


def is_in(issued: datetime, signed_out: datetime) -> bool:
    return sign_ins.is_newer("ada", issued.replace(tzinfo=UTC).timestamp(), signed_out)


def test_a_provider_whose_clock_runs_ahead_keeps_nobody_in(clock: Clock) -> None:
    issued = NOON + 2 * MINUTE
    assert is_in(issued, NOON - MINUTE)
    clock.at = NOON + 20 * ONE
    signed_out = NOON + 10 * ONE
    assert not is_in(issued, signed_out), "they signed in before, whatever the provider's clock says"
    assert is_in(issued + 15 * ONE, signed_out), "and this is another sign-in, after it"


def test_a_clock_of_ours_that_was_set_back_keeps_nobody_out(clock: Clock) -> None:
    signed_out = NOON + 60 * MINUTE
    before, again = NOON - MINUTE, NOON + ONE
    assert not is_in(before, signed_out), "the sign-out holds although its time is yet to come"
    clock.at = again + ONE
    assert is_in(again, signed_out), "who signs in after that was noticed is in"
    assert not is_in(before, signed_out)
    clock.at = signed_out + MINUTE
    assert is_in(again, signed_out), "and stays in"


@pytest.mark.parametrize(
    ("verified", "address"),
    [
        ({}, "ada@example.org"),
        ({"email_verified": True}, "ada@example.org"),
        ({"email_verified": "True"}, "ada@example.org"),
        *(({"email_verified": no}, "") for no in (False, "false", "False", "no", "", 0, None)),
    ],
)
def test_an_address_is_vouched_for_only_when_it_is_verified(
    verified: dict[str, object], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class User:
        def to_dict(self) -> dict[str, object]:
            return {"email": "Ada@Example.org ", **verified}

    monkeypatch.setattr(service, "IDENTITY", Identity("proxy"))
    monkeypatch.setattr(session.st, "user", User())
    assert session.vouched_address() == address


def test_behind_a_proxy_a_page_opened_after_the_clock_went_back_is_in(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_person(service.store(), SYSTEM, "mei", email="mei@example.org")
    monkeypatch.setattr(service, "IDENTITY", Identity("proxy"))
    monkeypatch.setattr(session, "vouched_address", lambda: "mei@example.org")
    with monkeypatch.context() as ahead:
        ahead.setattr(people, "now", lambda: NOON.replace(year=2099))
        sign_out_everywhere(service.store(), person(service.store(), "hanna"), "mei")
    at = app.run()
    assert at.title[0].value == "Hello, Mei Tanaka"
    sign_out_everywhere(service.store(), person(service.store(), "hanna"), "mei")
    at.run()
    assert any("You were signed out here" in one.value for one in at.info), "the next sign-out counts, too"
