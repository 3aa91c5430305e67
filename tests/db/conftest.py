"""What tests of the store share: an empty one, and people who write rubrics and decide on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.store import Store
from tests.db.rubric_teams import Team, join


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def team(store: Store) -> Team:
    """Everybody who works on rubrics in the store of the test."""
    return join(store)
