"""Profiles kept from a role: on no page of theirs, and in nothing that a page sends to the browser."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from db.dialogues import dialogue
from db.masking import as_shown_to, is_masked, masked_roles
from db.people import Person
from rubrics.errors import UserError
from studio import service
from tests.studio.opening import SignIn, opened


@pytest.mark.parametrize(
    ("roles", "masked"),
    [
        (("annotator",), True),
        (("viewer",), True),
        (("annotator", "psychologist"), False),
        (("admin",), False),
        ((), False),
    ],
)
def test_who_has_a_role_that_sees_them_sees_them(
    roles: tuple[str, ...], masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KARDIA_MASK_PROFILES", "annotator, viewer")
    assert is_masked(Person("x", "X", roles)) is masked  # type: ignore[arg-type]


@pytest.mark.parametrize(("setting", "words"), [("owner", "is no role"), ("annotator,researcher", "may export data")])
def test_a_setting_that_would_not_hold_is_refused(setting: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KARDIA_MASK_PROFILES", setting)
    with pytest.raises(UserError, match=words):
        masked_roles()


def everything_sent(at: AppTest) -> str:
    return "".join(str(block.proto) for block in (*at.get("html"), *at.get("bidi_component"), *at.get("markdown")))


def test_an_annotator_is_sent_no_profile(app: AppTest, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    found = dialogue(service.store(), "demo-01")
    # Runs of plain letters: quotes and commas are written otherwise in a page's markup.
    told = [run.strip() for run in re.findall(r"[A-Za-z ]{16,}", found.person)]
    assert told
    where = {"dialogue": "demo-01", "turn": "0"}
    at = opened(app, sign_in, "app_pages/audit.py", "mei", **where)
    assert told[0] in everything_sent(at)
    monkeypatch.setenv("KARDIA_MASK_PROFILES", "annotator")
    at = opened(app, sign_in, "app_pages/audit.py", "mei", **where)
    assert not any(words in everything_sent(at) for words in told)
    at = opened(app, sign_in, "app_pages/audit.py", "ines", **where)
    assert told[0] in everything_sent(at)
    assert as_shown_to(Person("x", "X", ("annotator",)), found).situation == found.situation
