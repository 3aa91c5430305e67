"""The History page: everything for who may read it, one's own for who audits, by fields and by address."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from db import audits
from db.history import recent
from db.people import person
from studio import service
from tests.studio.opening import SignIn, opened

PAGE = "app_pages/history.py"


def flagged() -> None:
    store = service.store()
    mei, ines = person(store, "mei"), person(store, "ines")
    code = store.rows("SELECT code FROM current_flags LIMIT 1")[0]["code"]
    for who in (mei, ines):
        audits.flag(store, who, "demo-07", 0, code, "red", rubric_id="unsafe-turns", rubric_version=1, client_id="x")


def rows(at: AppTest) -> str:
    return " ".join(one.proto.body for one in at.get("html"))


def test_who_leads_sees_everybody_and_narrows(app: AppTest, sign_in: SignIn) -> None:
    flagged()
    at = opened(app, sign_in, PAGE, "ines", actor="mei")
    assert "Mei Tanaka" in rows(at)
    assert "Ines Okafor" not in rows(at)
    at.text_input(key="history_text").set_value("nobody did this").run()
    assert any("No entry matches" in one.value for one in at.info)
    assert (at.query_params["text"], at.query_params["actor"]) == ("nobody did this", "mei")


def test_who_audits_sees_their_own_alone(app: AppTest, sign_in: SignIn) -> None:
    flagged()
    at = opened(app, sign_in, PAGE, "mei")
    assert "Mei Tanaka" in rows(at)
    assert "Ines" not in rows(at)
    assert any("You see what you did yourself" in one.value for one in at.caption)
    others = next(one for one in recent(service.store()) if one.actor == "ines")
    at = opened(app, sign_in, PAGE, "mei", entry=str(others.seq))
    assert any("not yours to see" in one.value for one in at.info)


def test_an_address_opens_one_entry(app: AppTest, sign_in: SignIn) -> None:
    newest = recent(service.store(), 1)[0]
    at = opened(app, sign_in, PAGE, "hanna", entry=str(newest.seq))
    assert f"act: {newest.action}" in rows(at)
    at.button(key="history_all").click().run()
    assert "entry" not in at.query_params


def test_the_history_is_signed_off_on_the_page(app: AppTest, sign_in: SignIn, studio_home: Path) -> None:
    at = opened(app, sign_in, PAGE, "hanna")
    at.text_input(key="history_why").set_value("for the board").run()
    at.button(key="history_make").click().run()
    assert not at.exception
    newest = recent(service.store(), 1)[0]
    assert (newest.action, newest.actor, newest.reason) == ("sign_off_history", "hanna", "for the board")
    assert any(code.value == newest.detail["head"] for code in at.code)
