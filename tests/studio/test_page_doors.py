"""Pages and addresses for every role: what leads to an act is there exactly where docs/roles.md says that they may.

The store refuses by itself (tests/db/test_doors.py); a page that offered what is then refused would only annoy, and one
that hid what is allowed would make a role useless.
"""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db.care import begin
from db.incidents import open_incident
from db.people import ROLES, SYSTEM, Action, Role, add_person, person
from db.rubric_versions import open_draft, save_draft, submit
from studio import service
from tests.db.test_doors import told
from tests.studio.opening import SignIn, opened

EMPATHY = "kardia-empathy"

# What leads to an act: its right, the page, the address, and how a key begins that is there then.
OFFERED: list[tuple[Action, str, dict[str, str], str]] = [
    ("import_data", "data", {}, "data_import"),
    ("export_data", "data", {}, "data_export_format"),
    ("run_campaign", "data", {}, "data_hand_out"),
    ("read_history", "history", {}, "history_why"),
    ("manage_people", "people", {}, "invite_add"),
    ("try_model", "models", {}, "try_one"),
    ("start_run", "runs", {}, "start_run"),
    ("start_run", "runs", {"start": "score"}, "run_reason"),
    ("edit_rubric", "rubrics", {"rubric": "unsafe-turns"}, "start_editing"),
    ("decide_rubric", "rubrics", {"rubric": EMPATHY, "version": "2", "view": "review"}, "approve"),
    ("adjudicate", "audit", {"dialogue": "demo-01", "turn": "0"}, "show_gold"),
    ("audit", "audit", {"dialogue": "demo-01", "turn": "0"}, "finish_dialogue"),
    ("raise_incident", "audit", {"dialogue": "demo-01", "turn": "0"}, "incident_what_demo-01_0"),
    ("handle_incident", "home", {}, "take_"),
    ("comment", "rubrics", {"rubric": EMPATHY, "version": "1"}, f"talk_{EMPATHY}_1_whole"),
    ("override_gate", "agreement", {"view": "judge", "rubric": EMPATHY, "version": "1"}, "gate_reason"),
]


@pytest.fixture
def everybody(studio_home: Path) -> None:
    """One of each role alone, and a version that waits for a decision."""
    store = service.store()
    for role in ROLES:
        begin(store, add_person(store, SYSTEM, f"a-{role}", f"A {role}", [role]), f"has read the warning, {role}")
    ravi = person(store, "ravi")
    draft = open_draft(store, ravi, EMPATHY)
    saved = save_draft(store, ravi, EMPATHY, {**draft.body, "title": "Kardia empathy, shorter"}, draft.revision)
    submit(store, ravi, EMPATHY, saved.revision, "shorter")
    open_incident(store, person(store, "mei"), "demo-02", 0, "danger", "i1")


def keys(at: AppTest) -> set[str]:
    """The keys of everything on the page that somebody can press or fill in; what is greyed out they cannot."""
    kinds = ("button", "text_input", "text_area", "selectbox", "multiselect", "toggle", "checkbox", "radio")
    return {str(one.key) for kind in kinds for one in at.get(kind) if not one.disabled}


@pytest.mark.usefixtures("everybody")
@pytest.mark.parametrize("role", ROLES)
def test_a_page_offers_what_the_manual_says_and_nothing_else(app: AppTest, sign_in: SignIn, role: Role) -> None:
    table, wrong = told(), []
    for action, page, address, key in OFFERED:
        app.query_params.clear()
        app.session_state["incident_door_0"] = True  # it opens at a press
        at = opened(app, sign_in, f"app_pages/{page}.py", f"a-{role}", **address)
        if any(one.startswith(key) for one in keys(at)) != table[role, action]:
            wrong.append(f"{page} {address}: {key}")
    assert wrong == []


@pytest.mark.usefixtures("everybody")
@pytest.mark.parametrize("role", ROLES)
def test_an_address_is_no_way_around(app: AppTest, sign_in: SignIn, role: Role) -> None:
    """What the menu does not offer is not drawn either when somebody types where it would be."""
    table = told()
    at = opened(app, sign_in, "app_pages/agreement.py", f"a-{role}", view="judge")
    choice = next((one for one in at.get("button_group") if one.key == "agreement_view"), None)
    shown = choice.value if choice else "figures"
    assert (shown == "judge") == table[role, "see_agreement"]
    app.query_params.clear()
    at = opened(app, sign_in, "app_pages/models.py", f"a-{role}", **{"try": ""})
    refused = any("Models are tried by psychologists" in one.value for one in at.info)
    assert refused != table[role, "try_model"]


def test_nobody_reaches_a_page_before_saying_who_they_are(app: AppTest) -> None:
    for page in ("data", "history", "people", "runs", "audit"):
        at = app.switch_page(f"app_pages/{page}.py").run()
        assert not at.exception
        assert at.title[0].value == "Who is here?"
        assert all(key.startswith("sign_in_") for key in keys(at))
