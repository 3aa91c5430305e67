"""What the tests of every floor share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The third-party data: $KARDIA_SHARED_DATA, else ../shared/data beside the repository. Skips when absent."""
    folder = Path(os.environ.get("KARDIA_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"third-party data is not at {folder}; set KARDIA_SHARED_DATA to its folder")
    return folder
