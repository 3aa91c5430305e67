"""Times in words against hand-counted ones."""

from datetime import datetime

import pandas as pd
import pytest

from studio.widgets.times import ago, exact

NOON = datetime.fromisoformat("2026-11-23T12:00:00")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-23T11:59:55", "just now"),
        ("2026-11-23T12:00:30", "just now"),  # another machine's clock is ahead
        ("2026-11-23T11:59:30.250", "29 s ago"),
        ("2026-11-23T11:57:00", "3 min ago"),
        ("2026-11-23T11:00:00", "1 hour ago"),
        ("2026-11-22T13:00:00", "23 hours ago"),
        ("2026-11-22T12:00:00", "1 day ago"),
        ("2026-11-10T12:00:00", "13 days ago"),
        ("2026-11-09T12:00:00", "on 9 Nov 2026"),
        (None, "not yet"),
        (pd.NaT, "not yet"),
    ],
)
def test_ago(moment: str | None, words: str) -> None:
    assert ago(moment, NOON) == words


def test_exact_outside_a_browser_is_utc() -> None:
    assert (
        exact("2026-11-23T09:02:04.123")
        == exact(NOON.replace(hour=9, minute=2, second=4))
        == "23 Nov 2026, 09:02:04 UTC"
    )
    assert exact(None) == "not yet"
