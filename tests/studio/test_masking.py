"""Profiles kept from a role: on no page of theirs, and in nothing that a page sends to the browser."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from db.dialogues import dialogue, personas
from db.finding import Filter
from db.finding_saved import save_filter
from db.masking import as_shown_to, is_masked, masked_roles
from db.people import Person, person
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


MBTI = r"\b[IE][NS][TF][JP]\b"


def keys(at: AppTest) -> set[str]:
    return {str(one.key) for one in at.selectbox}


def everything_said(at: AppTest) -> str:
    return "\n".join(one.value for one in at.markdown)


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


def test_data_shows_no_type_and_finds_by_none(app: AppTest, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    ravi = person(service.store(), "ravi")
    kept = save_filter(
        service.store(), ravi, "Some", Filter(mbti=dialogue(service.store(), "demo-01").mbti), shared=True
    )
    at = opened(app, sign_in, "app_pages/data.py", "mei")
    assert re.search(MBTI, everything_sent(at))
    assert "find_mbti" in keys(at)
    monkeypatch.setenv("KARDIA_MASK_PROFILES", "annotator")
    at = opened(app, sign_in, "app_pages/data.py", "mei", filter=kept.filter_id)
    assert not re.search(MBTI, everything_sent(at))
    assert "find_mbti" not in keys(at)
    assert "**48 dialogues**" in everything_said(at), "a filter by type, followed by its link, tells nothing either"


def test_trying_a_model_shows_no_profile(app: AppTest, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    about = personas(service.store()).iloc[0]["about"]

    def offered(who: str) -> str:
        at = opened(app, sign_in, "app_pages/models.py", who, **{"try": ""})
        return "\n".join(at.selectbox(key="try_persona").options)

    assert about in offered("ines")
    monkeypatch.setenv("KARDIA_MASK_PROFILES", "psychologist,annotator")
    assert "p01" in offered("ines")
    assert about not in offered("ines")
    assert not re.search(MBTI, offered("ines"))
    assert about in offered("ravi"), "a researcher exports, and is shown them"
