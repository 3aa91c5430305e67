"""Calls in flight rise and fall with what the server says; a rate is kept to, evenly."""

import asyncio
import time

import pytest

from pipeline.breaker import Breaker, EndpointGone
from pipeline.pace import AdaptiveLimit, Rate


def test_a_429_halves_once_for_all_that_were_under_way_and_successes_bring_it_back() -> None:
    limit = AdaptiveLimit(64)
    sent = time.monotonic()
    limit.was_too_much(sent)
    limit.was_too_much(sent)
    assert limit.allowed == 32
    limit.was_too_much(time.monotonic())
    assert limit.allowed == 16
    for _ in range(16):
        limit.went_well()
    assert 16.9 < limit.allowed <= 17.0
    for _ in range(10_000):
        limit.went_well()
    assert limit.allowed == 64


def test_it_never_falls_below_the_lowest() -> None:
    limit = AdaptiveLimit(3)
    for _ in range(9):
        limit.was_too_much(time.monotonic())
    assert limit.allowed == 1


def test_slots_are_given_in_order_and_one_who_stops_waiting_takes_none() -> None:
    async def play() -> tuple[list[int], int]:
        limit, order = AdaptiveLimit(1), []

        async def one(number: int) -> None:
            async with limit:
                order.append(number)
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(one(number)) for number in range(5)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order, limit.in_flight

    assert asyncio.run(play()) == ([0, 1, 3, 4], 0)


def test_a_cut_lets_the_calls_under_way_end_before_it_lets_others_in() -> None:
    async def play() -> int:
        limit, most = AdaptiveLimit(4), 0

        async def one(number: int) -> None:
            nonlocal most
            async with limit:
                if number == 0:
                    limit.was_too_much(time.monotonic())
                await asyncio.sleep(0.01)
                if number >= 4:
                    most = max(most, limit.in_flight)

        await asyncio.gather(*(one(number) for number in range(10)))
        return most

    assert asyncio.run(play()) == 2


def test_a_rate_spreads_what_is_more_than_a_second_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)

    async def take() -> None:
        rate = Rate(600)  # ten a second
        for _ in range(30):
            await rate.take()
        rate.also(50)  # it turns out that they were more
        await rate.take()
        await Rate(None).take(1e9)

    asyncio.run(take())
    # A second's worth goes at once, and one that is due now; the others wait a tenth of a second more each.
    assert waits == pytest.approx([0.1 * n for n in range(1, 20)] + [7.0])


def test_a_server_that_asks_to_be_left_alone_is(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    rate = Rate(None)
    rate.hold(7.0)
    asyncio.run(rate.take())
    assert waits == [pytest.approx(7.0)]


def trips(outcomes: str, in_flight: int = 2, share: float = 0.5) -> int | None:
    """After how many calls the breaker opens; "." is an answer, "x" none."""
    breaker = Breaker("judge", in_flight, share)
    for number, outcome in enumerate(outcomes, start=1):
        breaker.answered() if outcome == "." else breaker.failed("HTTP 500")
        try:
            breaker.check()
        except EndpointGone:
            return number
    return None


@pytest.mark.parametrize(
    ("outcomes", "at"),
    [
        ("." * 40 + "x" * 20, 46),  # more in a row than were in flight
        (".x" * 100, None),  # half fail: not more than half
        (".xx" * 40, 50),  # two of three: as soon as there are fifty to look at
        ("x" * 5, None),
        ("x....." * 50, None),
    ],
)
def test_a_job_ends_when_its_endpoint_is_gone_and_not_for_single_failures(outcomes: str, at: int | None) -> None:
    assert trips(outcomes) == at


def test_at_the_end_a_job_of_which_nothing_came_is_told() -> None:
    breaker = Breaker("judge", 8, 0.5)
    breaker.look_back()
    breaker.failed("HTTP 401")
    with pytest.raises(
        EndpointGone, match=r"judge: 1 of the last 1 calls failed \(HTTP 401\); what is finished is kept"
    ):
        breaker.look_back()
    breaker.answered()
    breaker.look_back()
