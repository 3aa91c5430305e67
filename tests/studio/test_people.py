"""The People page: who sees what, inviting, changing roles, making inactive, ending sessions."""

from streamlit.testing.v1 import AppTest

from db.history import recent
from db.people import change_person, person, person_by_email
from studio import service
from tests.studio.opening import SignIn, opened

PAGE = "app_pages/people.py"


def test_everybody_sees_who_is_here_and_only_an_admin_the_tools(app: AppTest, sign_in: SignIn) -> None:
    at = opened(app, sign_in, PAGE, "mei")
    assert "Dr. Tomas Lindqvist" in " ".join(one.proto.body for one in at.get("html"))
    keys = {button.key for button in at.button}
    assert "out_mei" in keys
    assert "out_tomas" not in keys
    assert not [one for one in at.text_input if str(one.key).startswith("invite")]


def test_an_admin_invites_somebody_by_address(app: AppTest, sign_in: SignIn) -> None:
    at = opened(app, sign_in, PAGE, "hanna")
    at.text_input(key="invite_name").set_value("Ada Example")
    at.text_input(key="invite_email").set_value("Ada@Example.org")
    at.multiselect(key="invite_roles").set_value(["annotator"])
    at.button(key="invite_add").click().run()
    assert not at.exception
    added = person_by_email(service.store(), "ada@example.org")
    assert added is not None
    assert (added.person_id, added.roles) == ("ada@example.org", ("annotator",))


def test_what_an_admin_may_not_do_is_one_line(app: AppTest, sign_in: SignIn) -> None:
    at = opened(app, sign_in, PAGE, "hanna")
    at.toggle(key="active_hanna").set_value(False)
    at.button(key="save_hanna").click().run()
    assert not at.exception
    assert any("last active admin" in one.value for one in at.error)


def test_signed_out_everywhere_means_at_the_next_action(app: AppTest, sign_in: SignIn) -> None:
    at = opened(app, sign_in, PAGE, "mei")
    at.button(key="out_mei").click().run()
    assert at.title[0].value == "Who is here?"
    assert recent(service.store(), 1)[0].action == "sign_out_everywhere"
    at.button(key="sign_in_mei").click().run()
    assert at.title[0].value == "People"


def test_a_role_taken_away_counts_at_the_next_action(app: AppTest, sign_in: SignIn) -> None:
    at = opened(app, sign_in, PAGE, "hanna")
    store = service.store()
    change_person(store, person(store, "hanna"), "ravi", roles=["admin"])
    change_person(store, person(store, "ravi"), "hanna", roles=["viewer"])
    at.text_input(key="invite_name").set_value("Eve")
    at.text_input(key="invite_id").set_value("eve")
    at.button(key="invite_add").click().run()
    assert not at.exception
    assert store.rows("SELECT 1 FROM people WHERE person_id = 'eve'") == []
