"""Keys that a person changes: what each does then, in the settings and in the dialogue pane."""

import pytest
from streamlit.testing.v1 import AppTest

from db import care
from db.care import Care
from db.rubric_versions import Version, approved
from studio import service
from studio.widgets.audit.keys import ACTIONS, action_keys, code_keys, swapped
from tests.studio.test_care import ENTRY, audit, opened, press, settings, who

pytestmark = pytest.mark.usefixtures("studio_home")


def flags() -> Version:
    return next(one for one in approved(service.store(), "flags") if one.rubric_id == "unsafe-turns")


def test_keys_come_in_the_rubrics_order_and_none_is_given_twice() -> None:
    version = flags()
    keys = code_keys(version, {})
    assert list(keys) == list(version.rubric.ids)
    assert (keys["CR1"], keys["VA1"]) == ("1", "6")
    for chosen in (
        {},
        {"CR1": "J", "next": "1"},
        {"VA1": "1"},
        {"ST1": "U", "take_back": "Z", "note": "6"},
        {"CR1": "Z"},
    ):
        now = [*action_keys(chosen).values(), *code_keys(version, chosen).values()]
        assert len(now) == len(set(now)) == len(ACTIONS) + len(version.rubric.ids)
    assert action_keys({})["undo"] == "Z"
    assert action_keys({"CR1": "Z"})["undo"] != "Z", "a key that was chosen before stays with what it was chosen for"


def test_a_key_that_something_has_changes_places() -> None:
    present = {"next": "J", "CR1": "1"}
    assert swapped(present, {}, "CR1", "J") == {"next": "1", "CR1": "J"}
    assert swapped(present, {"note": "M"}, "CR1", "F") == {"note": "M", "CR1": "F"}


def test_a_key_chosen_for_a_code_of_another_rubric_gives_way_to_one_that_is_seen() -> None:
    hidden = (("RH1", "J"), ("RH2", "M"))  # the rubric that is worked by has neither
    care.change(service.store(), who("mei"), Care(keys=(*hidden, ("CR1", "F"))), "hidden")
    press(settings_with("mei", keys_what="CR1", keys_key="M"), "keys_use")
    assert care.settings(service.store(), who("mei")).keys == (("RH1", "J"), ("CR1", "M"))
    # What changes places takes the key that becomes free, which may be one of those too.
    assert swapped({"next": "J", "CR1": "1"}, {"RH1": "1"}, "CR1", "J") == {"next": "1", "CR1": "J"}


def settings_with(who_is_here: str, **chosen: str) -> AppTest:
    """The settings as they stand once these were chosen: a dialog is not drawn again by AppTest."""
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = who_is_here
    for key, value in chosen.items():
        at.session_state[key] = value
    return press(opened(at), "how_i_read")


def test_a_changed_key_is_ones_own_and_stands_beside_the_code_and_the_step() -> None:
    press(settings_with("mei", keys_what="CR1", keys_key="J"), "keys_use")
    assert care.settings(service.store(), who("mei")).keys == (("next", "1"), ("CR1", "J"))
    care.begin(service.store(), who("mei"), "begun")
    at = audit("mei", dialogue="demo-02")
    assert at.button(key="flag_CR1").proto.shortcut.upper() == "J"
    assert at.button(key="next_turn").proto.shortcut == "1"
    care.begin(service.store(), who("ines"), "begun")
    others = audit("ines", dialogue="demo-02")
    assert others.button(key="flag_CR1").proto.shortcut == "1"
    press(settings("mei"), "keys_reset")
    assert care.settings(service.store(), who("mei")).keys == ()
