"""The form of a computed criterion: what is set there is the rule in the draft, and nothing is no rule."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from db import rubric_versions
from db.people import person
from studio import service

ENTRY = Path(service.__file__).with_name("streamlit_app.py")
RUBRIC = "regeneration-gate"


@pytest.fixture
def form(studio_home: Path) -> AppTest:
    """The draft of the gate with its word limit in focus."""
    rubric_versions.open_draft(service.store(), person(service.store(), "ines"), RUBRIC)
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = "ines"
    at.run()
    at.switch_page("app_pages/rubrics.py")
    at.query_params["rubric"], at.query_params["view"], at.query_params["criterion"] = RUBRIC, "edit", "brief"
    at.run()
    assert not at.exception
    return at


def rule() -> dict[str, Any]:
    draft = rubric_versions.draft(service.store(), RUBRIC)
    assert draft is not None
    return dict(next(one for one in draft.body["criteria"] if one["id"] == "brief")["rule"])


def test_every_part_of_a_rule_reaches_the_draft(form: AppTest) -> None:
    assert rule() == {"max_words": 60}
    form.number_input(key="max_words_brief").set_value(40).run()
    form.number_input(key="min_words_brief").set_value(5).run()
    form.text_area(key="avoids_brief").set_value("calm down\n\n  cheer up ").run()
    form.text_area(key="says_brief").set_value("988").run()
    form.selectbox(key="spans_brief").set_value(True).run()
    form.selectbox(key="label_brief").set_value(True).run()
    assert not form.exception
    asked = {"max_words": 40, "min_words": 5, "spans": True, "label": True}
    assert rule() == {**asked, "avoids": ["calm down", "cheer up"], "says": ["988"]}


def test_what_is_taken_back_is_no_part_of_the_rule(form: AppTest) -> None:
    form.text_area(key="avoids_brief").set_value("calm down").run()
    form.number_input(key="max_words_brief").set_value(0).run()
    assert rule() == {"avoids": ["calm down"]}
    form.text_area(key="avoids_brief").set_value("").run()
    assert rule() == {}
    shown = "\n".join(str(one.value) for one in [*form.caption, *form.error, *form.warning, *form.markdown])
    assert "a rule must ask for something" in shown or "needs its rule" in shown
