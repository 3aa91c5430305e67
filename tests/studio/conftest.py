"""What the tests of the pages share: a running service on a temporary home, and somebody signed in.

def test_a_page(app, sign_in):
    at = sign_in(app, "ines")
    at.switch_page("app_pages/rubrics.py").run()
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db.care import begin
from db.people import people
from db.store import Store
from pipeline import processes
from studio import service
from tests.studio.opening import Open, SignIn, opening_once_read

ENTRY = Path(__file__).resolve().parents[2] / "studio" / "streamlit_app.py"


@pytest.fixture
def studio_home(tmp_path: Path) -> Iterator[Path]:
    """A fresh home with the demo content, its store open as the studio's server would have it.

    The worker's place is taken, so that no test leaves a job behind it.
    """
    home = tmp_path / "home"
    store = service.start(home, demo=True)
    for person in people(store):  # everybody has read the warning that comes before the first dialogue
        begin(store, person, f"session of {person.person_id}")
    with processes.try_lock(home / "worker.lock") or pytest.fail("somebody holds a fresh lock"):
        yield home
    service.stop()


@pytest.fixture
def store(studio_home: Path) -> Store:
    """The open store of that home."""
    return service.store()


@pytest.fixture
def app(studio_home: Path) -> AppTest:
    """The studio over that home, not yet run and with nobody signed in."""
    return AppTest.from_file(str(ENTRY), default_timeout=30)


@pytest.fixture
def sign_in() -> SignIn:
    """A function: be that person, as a click on their name would do; the page that opens is Home."""

    def as_person(at: AppTest, person_id: str) -> AppTest:
        at.session_state["person_id"] = person_id
        return at.run()

    return as_person


@pytest.fixture
def open_runs(app: AppTest, sign_in: SignIn, store: Store) -> Open:
    """A function: the Runs page as that person finds it, once the store has read every run."""
    return opening_once_read(app, sign_in, store, "app_pages/runs.py")
