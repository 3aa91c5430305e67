"""Campaigns on the pages: made by who may, worked on place after place, skipped, undone, and shown on Home."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import audits, campaign_blind, campaigns, care, dialogues, finding_saved
from db.campaigns import Campaign
from db.dialogues import Filter
from db.exchange import import_lines
from db.gold_completion import gold_state
from db.people import SYSTEM, person
from db.store import now
from rubrics.errors import UserError
from studio import service
from studio.widgets.campaign.working import next_address
from tests.studio.opening import pane

pytestmark = pytest.mark.usefixtures("studio_home")

ENTRY = Path(__file__).resolve().parents[2] / "studio" / "streamlit_app.py"
BY = {"rubric_id": "unsafe-turns", "rubric_version": 1}
WITH_GOLD = "demo-04"
HOSTILE = "**bold** $x^2$ <b>hot</b>"


def opened(who: str, page: str, **query: str) -> AppTest:
    """A new browser tab of that person on a page."""
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = who
    at.run()
    at.switch_page(f"app_pages/{page}.py")
    for name, value in query.items():
        at.query_params[name] = value
    return again(at)


def again(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, at.exception
    return at


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    return again(at)


def ids(n: int) -> list[str]:
    return dialogues.matching_ids(service.store(), Filter())[:n]


def made(n: int = 4, people: tuple[str, ...] = ("mei",), **more: object) -> Campaign:
    told = {"overlap": 1, "seed": "s", **more}
    store = service.store()
    return campaigns.create(store, person(store, "ines"), "Spring", "unsafe-turns", 1, ids(n), people, **told)  # type: ignore[arg-type]


def reading(who: str, campaign: Campaign) -> AppTest:
    """That person at work on the campaign, past what is told before reading."""
    care.begin(service.store(), person(service.store(), who), f"begin-{who}-{now()}")
    return opened(who, "audit", campaign=campaign.campaign_id)


def finish(who: str, dialogue_id: str) -> None:
    audits.finish(service.store(), person(service.store(), who), dialogue_id, client_id=f"f-{dialogue_id}", **BY)  # type: ignore[arg-type]


def here(at: AppTest) -> str:
    found = at.query_params["dialogue"]
    return found[0] if isinstance(found, list) else found


def words(at: AppTest) -> str:
    return " ".join(
        str(element.value)
        for kind in (at.markdown, at.caption, at.info, at.success, at.warning, at.subheader)
        for element in kind
    ).replace("\\", "")


def keys(at: AppTest) -> set[str]:
    return {button.key for button in at.button if button.key}


def test_a_psychologist_starts_a_campaign_and_sees_what_will_come_of_it() -> None:
    at = opened("ines", "campaigns")
    assert "No campaign is open" in words(at)
    at.session_state["new_campaign"] = True
    again(at)
    assert at.button(key="nc_start").disabled
    assert "Still missing: a name, who reads." in words(at)
    at.text_input(key="nc_title").set_value(HOSTILE)
    at.multiselect(key="nc_people").set_value(["mei", "ines"])
    at.number_input(key="nc_overlap").set_value(2)
    at.date_input(key="nc_deadline").set_value(date(2026, 12, 24))
    again(at)
    total = len(ids(999))
    assert f"{2 * (total - 6)} readings" in words(at)  # 48 dialogues with 2 of 2 readers, 1 in 10: ceil(48 / 9) = 6
    press(at, "nc_start")
    (campaign,) = campaigns.campaigns(service.store(), person(service.store(), "ines"))
    assert (campaign.title, campaign.overlap, campaign.people) == (HOSTILE, 2, ("ines", "mei"))
    assert (campaign.dialogues, campaign.gold_share) == (total - 6, 0.1)
    assert campaign.deadline
    assert campaign.deadline.date() == date(2026, 12, 24)
    assert HOSTILE in words(at)


def test_a_sample_is_what_was_foreseen() -> None:
    at = opened("ravi", "campaigns")
    at.session_state["new_campaign"] = True
    again(at)
    at.text_input(key="nc_title").set_value("Sample")
    at.multiselect(key="nc_people").set_value(["mei"])
    at.get_by_key("nc_how").set_value("sample")
    again(at)
    at.number_input(key="nc_n").set_value(5)
    at.get_by_key("nc_share").set_value(0.0)
    again(at)
    press(at, "nc_start")
    (campaign,) = campaigns.campaigns(service.store(), person(service.store(), "ravi"))
    assert (campaign.dialogues, campaign.gold_share) == (5, 0.0)
    assert campaign.chosen["by"] == "sample"


def test_a_saved_filter_says_which_dialogues() -> None:
    store = service.store()
    emotion = dialogues.dialogue(store, ids(1)[0]).emotion
    kept = finding_saved.save_filter(store, person(store, "ines"), "These", Filter(emotion=emotion), shared=False)
    at = opened("ines", "campaigns")
    at.session_state["new_campaign"] = True
    again(at)
    at.selectbox(key="nc_saved").set_value(kept.filter_id)
    at.text_input(key="nc_title").set_value("Saved")
    at.multiselect(key="nc_people").set_value(["mei"])
    at.get_by_key("nc_share").set_value(0.0)
    again(at)
    press(at, "nc_start")
    (campaign,) = campaigns.mine(store, "mei")
    assert campaign.dialogues == len(dialogues.matching_ids(store, Filter(emotion=emotion)))
    assert campaign.chosen["filter"] == "These"


def test_a_place_that_ran_out_and_went_to_others_is_told() -> None:
    campaign = made(1, people=("mei", "ines"))
    at = reading("mei", campaign)
    store = service.store()
    store.write(lambda cursor: cursor.execute("UPDATE campaign_events SET expires_at = created_at"))
    campaigns.next_place(store, person(store, "ines"), campaign.campaign_id)
    again(at)
    assert "nothing left for you" in words(at)
    assert "its time ran out and somebody else was given it" in words(at)


def test_who_may_not_run_campaigns_sees_their_own_line_only() -> None:
    campaign = made(people=("mei", "ines"))
    finish("ines", ids(1)[0])
    at = opened("mei", "campaigns")
    assert not at.expander
    assert f"close_{campaign.campaign_id}" not in str(at)
    assert not at.dataframe
    assert "0 dialogues finished" in words(at)
    assert "No campaign is open" in words(opened("paul", "campaigns"))


def test_finishing_leads_from_place_to_place_until_nothing_is_left() -> None:
    campaign = made(3)
    at = reading("mei", campaign)
    seen = []
    for _ in range(3):
        seen.append(here(at))
        finish("mei", here(at))
        again(at)
    assert sorted(seen) == sorted(ids(3))
    assert here(at) == seen[-1]
    assert "nothing left for you" in words(at)
    assert at.query_params["campaign"] in (campaign.campaign_id, [campaign.campaign_id])


def test_a_reload_finds_the_open_place_and_two_people_never_meet() -> None:
    campaign = made(4, people=("mei", "ines"))
    first = here(reading("mei", campaign))
    other = here(reading("ines", campaign))
    assert first != other
    assert here(reading("mei", campaign)) == first
    held = service.store().rows("SELECT dialogue_id FROM campaign_places WHERE kind = 'reserve'")
    assert len({row["dialogue_id"] for row in held}) == len(held) == 4  # each has the next one ready


def test_skipping_leads_on_and_undo_comes_back() -> None:
    campaign = made(4)
    at = reading("mei", campaign)
    first = here(at)
    press(at, "skip_too_close")
    assert here(at) != first
    own = campaigns.progress(service.store(), person(service.store(), "mei"), campaign.campaign_id)
    assert [(one.skipped, one.done) for one in own] == [(1, 0)]
    press(at, "campaign_undo")
    assert here(at) == first
    assert "1 skipped" not in words(at)


def test_undo_takes_a_flag_back_and_opens_its_turn() -> None:
    campaign = made(2)
    at = reading("mei", campaign)
    store, mei = service.store(), person(service.store(), "mei")
    audits.flag(store, mei, here(at), 1, "CR1", "red", client_id="c", **BY)  # type: ignore[arg-type]
    press(at, "campaign_undo")
    assert audits.state(store, here(at), "mei").flags == []
    assert at.query_params["turn"] in ("1", ["1"])


def test_the_whole_queue_is_one_choice_away() -> None:
    campaign = made(2)
    at = reading("mei", campaign)
    assert at.selectbox(key="work_on").value == campaign.campaign_id
    assert "queue_text" not in str(at.text_input)
    at.selectbox(key="work_on").set_value("")
    again(at)
    assert "campaign" not in at.query_params
    assert "Queue:" in words(at)


def gold_shown(at: AppTest) -> list[str]:
    """The gold that the dialogue pane was given, while the reader asks for it."""
    if not at.toggle(key="show_gold").value:
        at.toggle(key="show_gold").set_value(True)
        again(at)
    return [flag["code"] for flag in pane(at)["here"]["gold"]]


def test_gold_and_machine_scores_are_hidden_until_a_reading_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    store = service.store()
    campaign = campaigns.create(
        store, person(store, "ines"), "Gold", "unsafe-turns", 1, [WITH_GOLD, ids(1)[0]], ["ines", "mei"], 2
    )
    at = opened("ines", "audit", campaign=campaign.campaign_id, dialogue=WITH_GOLD)
    at.session_state["panel"] = "Machine scores"
    again(at)
    assert "Shown an hour after you have finished" in words(at)
    assert gold_shown(at) == []
    assert f"gold_reopen_{WITH_GOLD}" not in keys(at)
    finish("ines", WITH_GOLD)
    at = opened("ines", "audit", dialogue=WITH_GOLD)
    at.session_state["panel"] = "Machine scores"
    again(at)
    assert "Shown an hour after you have finished" in words(at), "she could take her finish back and mark again"
    assert "You can take this back until" in words(at)
    assert "unfinish_dialogue" in keys(at)
    monkeypatch.setattr(campaign_blind, "now", lambda: now() + timedelta(minutes=61))
    again(at)
    assert "Shown an hour after you have finished" not in words(at)
    assert "Your reading is final" in words(at)
    assert "unfinish_dialogue" not in keys(at)
    assert pane(at)["here"]["final"].startswith("Your reading is final")
    at.session_state["panel"] = "Flags"
    again(at)
    assert at.button(key="flag_CR1").disabled
    assert gold_shown(at) == [], "until the campaign is closed"
    campaigns.close(store, person(store, "ines"), campaign.campaign_id, "Enough.")
    at = opened("ines", "audit", dialogue=WITH_GOLD)
    expected = [flag.code for flag in audits.gold(store, WITH_GOLD)]
    assert expected
    assert gold_shown(at) == expected
    assert f"gold_reopen_{WITH_GOLD}" in keys(at)


def test_gold_is_called_complete_beside_the_dialogue() -> None:
    store = service.store()
    audits.unfinish(store, person(store, "tomas"), WITH_GOLD, client_id="again", is_gold=True, **BY)  # type: ignore[arg-type]
    at = opened("ines", "audit", dialogue=WITH_GOLD)
    gold_shown(at)
    press(at, f"gold_complete_{WITH_GOLD}")
    assert "Gold is complete in" in words(at)
    assert f"gold_reopen_{WITH_GOLD}" in keys(at)
    assert gold_state(store, WITH_GOLD, "unsafe-turns", 1).completed_by == "ines"
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    import_lines(store, SYSTEM, [json.dumps({"dialogue_id": "bare", "messages": said}).encode()], "one", "made")
    at = opened("ines", "audit", dialogue="bare")
    gold_shown(at)
    assert at.button(key="gold_complete_bare").disabled
    assert "fewer than two people have finished it" in words(at)


def test_closing_says_why_and_frees_nobodys_work() -> None:
    campaign = made(2)
    at = opened("ravi", "campaigns")
    at.text_input(key=f"close_reason_{campaign.campaign_id}").set_value("Enough.")
    again(at)
    press(at, f"do_close_{campaign.campaign_id}")
    assert campaigns.campaign(service.store(), campaign.campaign_id).close_reason == "Enough."
    with pytest.raises(UserError, match="closed"):
        next_address(service.store(), person(service.store(), "mei"), campaign.campaign_id)


def test_somebody_is_added_and_removed_on_the_page() -> None:
    campaign = made(2)
    at = opened("ines", "campaigns")
    name = campaign.campaign_id
    for word, chosen, people in (("add", "tomas", ("mei", "tomas")), ("remove", "mei", ("tomas",))):
        at.selectbox(key=f"{word}_person_{name}").set_value(chosen)
        again(at)
        press(at, f"do_{word}_person_{name}")
        assert campaigns.campaign(service.store(), name).people == people


def test_home_shows_my_campaigns_with_what_is_left_and_the_deadline(app: AppTest) -> None:
    campaign = made(4, deadline=now() + timedelta(days=3))
    finish("mei", ids(1)[0])
    at = opened("mei", "home")
    assert "1 dialogue finished, up to 3 left" in words(at)
    assert "in 3 days" in words(at)
    press(at, f"go_on_with_{campaign.campaign_id}")
    assert at.query_params["campaign"] in (campaign.campaign_id, [campaign.campaign_id])
    assert f"go_on_with_{campaign.campaign_id}" not in keys(opened("tomas", "home"))


def test_the_diary_names_campaigns_by_their_title() -> None:
    made(2)
    assert "started the campaign Spring" in " ".join(str(html.value) for html in opened("paul", "home").html)


def test_what_was_found_on_data_is_given_to_people_in_one_go() -> None:
    at = opened("ines", "data")
    at.selectbox(key="find_emotion").set_value("anxious")
    again(at)
    wanted = dialogues.matching_ids(service.store(), Filter(emotion="anxious"))
    press(at, "data_hand_out")
    at.switch_page("app_pages/campaigns.py")  # as the press did; AppTest itself stays where it was
    again(at)
    assert f"{len(wanted)} dialogue" in words(at)
    at.text_input(key="nc_title").set_value("Anxious ones")
    at.multiselect(key="nc_people").set_value(["mei"])
    at.get_by_key("nc_share").set_value(0.0)
    again(at)
    press(at, "nc_start")
    (campaign,) = campaigns.mine(service.store(), "mei")
    told = service.store().rows("SELECT dialogue_id FROM campaign_dialogues ORDER BY dialogue_id")
    assert [row["dialogue_id"] for row in told] == sorted(wanted)
    assert campaign.title == "Anxious ones"
    assert "data_hand_out" not in [one.key for one in opened("mei", "data").button]
