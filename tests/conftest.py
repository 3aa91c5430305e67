"""What the tests of every floor share."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

import pipeline  # noqa: F401 before anything that would tell its makers that it is in use

REPOSITORY = Path(__file__).resolve().parent.parent
GUARD = Path(__file__).resolve().parent / "guard"


def pytest_configure(config: pytest.Config) -> None:
    """Nothing leaves this machine while tests run: neither from here nor from any process that a test starts."""
    if "KARDIA_GUARD_LOG" not in os.environ:
        os.environ["KARDIA_GUARD_LOG"] = str(Path(tempfile.mkdtemp(prefix="kardia-guard-")) / "refused.txt")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
    if "_kardia_guard" not in sys.modules:
        _load("_kardia_guard", GUARD / "sitecustomize.py")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A refusal that somebody swallowed still fails the run, and says who tried."""
    refused = Path(os.environ["KARDIA_GUARD_LOG"])
    if not hasattr(session.config, "workerinput") and refused.is_file():
        sys.stderr.write(f"\nSomething tried to leave this machine:\n{refused.read_text(encoding='utf-8')}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _load(name: str, file: Path) -> None:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The third-party data: $KARDIA_SHARED_DATA, else ../shared/data beside the repository. Skips when absent."""
    folder = Path(os.environ.get("KARDIA_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"third-party data is not at {folder}; set KARDIA_SHARED_DATA to its folder")
    return folder
