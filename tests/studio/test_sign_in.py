"""Signing in: who is offered, what is remembered, and what leaves with whoever signs out."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import rubric_versions
from db.people import SYSTEM, change_person
from rubrics.errors import UserError
from studio import service

ENTRY = Path(service.__file__).with_name("streamlit_app.py")


def test_everybody_with_a_role_is_offered(app: AppTest) -> None:
    app.run()
    assert not app.exception
    offered = {button.key for button in app.button if str(button.key).startswith("sign_in_")}
    assert offered == {f"sign_in_{one}" for one in ("ines", "tomas", "mei", "ravi", "hanna", "paul")}


def test_somebody_made_inactive_is_not_offered_and_is_out(app: AppTest, sign_in: Callable[..., AppTest]) -> None:
    at = sign_in(app, "mei")
    assert at.title[0].value == "Hello, Mei Tanaka"
    change_person(service.store(), SYSTEM, "mei", active=False)
    at.run()
    assert at.title[0].value == "Who is here?"
    assert "sign_in_mei" not in {button.key for button in at.button}


def test_a_part_that_is_drawn_anew_by_itself_asks_who_reads_it(studio_home: Path) -> None:
    """Somebody is made inactive after the page has asked who is here, as between two beats of a live part."""

    def page() -> None:
        import streamlit as st

        from db.people import SYSTEM, change_person
        from studio import run_cache, service, session

        run_cache.begin_run()
        if session.who() is None:
            st.caption("nobody is here")
            st.stop()
        session.live(lambda: st.caption("read before"), None)()
        change_person(service.store(), SYSTEM, "mei", active=False)
        session.live(lambda: st.caption("read live"), None)()

    at = AppTest.from_function(page)
    at.session_state["person_id"] = "mei"
    at.run()
    assert not at.exception
    assert [one.value for one in at.caption] == ["nobody is here"]


def test_no_part_of_a_page_is_drawn_anew_without_asking() -> None:
    folder = Path(service.__file__).parent
    by_itself = [file.name for file in folder.rglob("*.py") if re.search(r"st\.fragment|run_every", file.read_text())]
    assert by_itself == ["session.py"]


def test_the_click_signs_in_and_the_way_out_leads_back(app: AppTest) -> None:
    app.run()
    app.button(key="sign_in_ines").click().run()
    assert app.title[0].value == r"Hello, Dr\. Ines Okafor"
    app.button(key="sign_out").click().run()
    assert app.title[0].value == "Who is here?"


def test_an_empty_studio_says_how_to_add_somebody(tmp_path: Path) -> None:
    service.start(tmp_path / "empty")
    try:
        at = AppTest.from_file(str(ENTRY), default_timeout=30).run()
        assert not at.exception
        assert any("db people add" in code.value for code in at.code)
    finally:
        service.stop()


def test_what_was_typed_is_saved_before_somebody_signs_out(app: AppTest, sign_in: Callable[..., AppTest]) -> None:
    at = typing_a_title(app, sign_in)
    assert not any("Unsaved changes in" in caption.value for caption in at.sidebar.caption)
    at.button(key="sign_out").click().run()
    at.button(key="sign_in_tomas").click().run()
    assert not at.exception
    assert at.text_input(key="rubric_title").value == "Typed by Ines"


def test_signing_out_gives_up_what_could_not_be_saved(
    app: AppTest, sign_in: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise UserError("the disk is full; make room")

    monkeypatch.setattr(rubric_versions, "save_draft", full)
    at = typing_a_title(app, sign_in)
    assert any("Unsaved changes in" in caption.value for caption in at.sidebar.caption)
    at.button(key="sign_out").click().run()
    at.button(key="sign_in_tomas").click().run()
    assert not at.exception
    assert at.text_input(key="rubric_title").value == "Kardia empathy"


def typing_a_title(app: AppTest, sign_in: Callable[..., AppTest]) -> AppTest:
    """Ines, who has just typed another title for a rubric."""
    at = sign_in(app, "ines")
    at.switch_page("app_pages/rubrics.py")
    at.query_params["rubric"] = "kardia-empathy"
    at.run()
    at.button(key="start_editing").click().run()
    return at.text_input(key="rubric_title").set_value("Typed by Ines").run()
