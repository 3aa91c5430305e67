"""Several people flag at once against one real studio, in short; bench/audit_crowd.py does it with twenty for long."""

import asyncio
from pathlib import Path

import pytest

from bench.audit_crowd import compared, crowd, everybody
from bench.served import CHROMIUM, studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_what_was_acknowledged_to_five_people_at_once_is_there_in_order_once(tmp_path: Path) -> None:
    if not Path(CHROMIUM).is_file():
        pytest.skip("no chromium: apt-get install chromium, or set CHROMIUM to its path")
    everybody(tmp_path / "home", 5)
    with studio(tmp_path / "home", tmp_path / "studio.log") as url:
        made, _ = asyncio.run(crowd(url, people=5, browsers=2, seconds=15, pause=0.5))
    told = compared(tmp_path / "home", made)
    assert told["made"] == told["acknowledged"] == told["in_store"] > 20
    assert (told["lost"], told["doubled"], told["unordered"]) == (0, 0, 0)
