"""Files through the browser whose name or whose disk is not as it should be: one line, and nothing is left behind."""

import errno
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db.exchange import ImportReport, imports
from db.people import person
from rubrics.errors import UserError
from studio import service, session
from studio.uploads import called, on_disk
from studio.widgets.data import bring_in
from tests.studio.opening import SignIn, opened

LINE = json.dumps({"dialogue_id": "new", "messages": [{"role": "assistant", "content": "a"}]}).encode() + b"\n"
RUBRIC = b"""
id: grief
title: Warmth in grief
criteria:
  - {id: warm, name: Warmth, question: "Is it warm?", kind: binary}
"""
NAMES = ["x" * 5000 + ".jsonl", "..", "", "/", "a/../../b.jsonl", "a\0b.jsonl", "ü" * 250 + ".jsonl"]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_room)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_it_is_called_it_is_read_and_gone(name: str) -> None:
    with on_disk(b"data", called(name)) as path:
        assert path.read_bytes() == b"data"
        assert path.is_relative_to(tempfile.gettempdir())
    assert not path.parent.exists()
    assert len(called(name)) <= 100
    assert called(name).isprintable()
    assert "/" not in called(name)


@pytest.fixture
def import_of(studio_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], ImportReport]:
    """What the dialog's button does for Ravi; no dialog stays open in a test."""
    monkeypatch.setattr(session, "here", lambda: person(service.store(), "ravi"))
    return lambda name, data: bring_in.imported(data, called(name), "auto")


def test_an_import_keeps_the_end_of_a_name_that_goes_on_for_ever(import_of: Callable[..., ImportReport]) -> None:
    assert import_of("y" * 5000 + ".jsonl.gz", gzip.compress(LINE)).dialogues_new == 1
    assert imports(service.store()).iloc[0]["file"] == "y" * 91 + ".jsonl.gz"


def test_a_file_that_is_cut_short_is_named_as_people_call_it(import_of: Callable[..., ImportReport]) -> None:
    with pytest.raises(UserError, match=r"^upload of mine\.jsonl\.gz: the gzip file is cut short"):
        import_of("upload of mine.jsonl.gz", gzip.compress(LINE * 99)[:-9])


@pytest.mark.usefixtures("full")
def test_a_full_disk_is_one_line(import_of: Callable[..., ImportReport]) -> None:
    with pytest.raises(UserError, match=r"^mine\.jsonl: cannot be read here \(No space left on device\)") as told:
        import_of("mine.jsonl", LINE)
    assert tempfile.gettempdir() not in str(told.value)


@pytest.mark.usefixtures("full")
def test_a_rubric_file_on_a_full_disk_is_one_line(app: AppTest, sign_in: SignIn) -> None:
    at = opened(app, sign_in, "app_pages/rubrics.py", "ines")
    at.button(key="import_menu").click().run()
    at.file_uploader(key="import_file").set_value(("z" * 5000 + ".yaml", RUBRIC, "text/plain")).run()
    assert not at.exception
    (error,) = at.error
    assert "make room for temporary files" in error.value
