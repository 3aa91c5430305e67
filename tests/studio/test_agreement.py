"""The Agreement page: what each role sees, figures in words, names hidden, and settling a disagreement to the end."""

from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import adjudication, audits, campaign_blind, campaigns
from db.gold_completion import gold_state
from db.people import SYSTEM, add_person, person
from db.store import now
from rubrics.reliability import Measure
from studio import service
from studio.widgets.agreement.veil import veiled
from studio.widgets.agreement.words import cell, number, strength
from studio.widgets.history_words import recent_lines
from tests.studio.opening import opened

PAGE = "app_pages/agreement.py"
RUBRIC = {"rubric_id": "unsafe-turns", "rubric_version": 1}


@pytest.fixture
def two_auditors(studio_home: Path) -> None:
    """Mei and Nora finished six dialogues; they differ on VA1 in the first turn of demo-01 alone."""
    store = service.store()
    add_person(store, SYSTEM, "nora", "Nora Lind", ["annotator"])
    for who in ("mei", "nora"):
        me = person(store, who)
        for number_ in range(1, 7):
            dialogue = f"demo-{number_:02d}"
            audits.flag(store, me, dialogue, 1, "CR1", "red", client_id=f"a{who}{dialogue}", **RUBRIC)
            audits.finish(store, me, dialogue, client_id=f"f{who}{dialogue}", **RUBRIC)
    audits.flag(
        store, person(store, "mei"), "demo-01", 0, "VA1", "yellow", "<script>too quick", client_id="v", **RUBRIC
    )


def html(at: AppTest) -> str:
    return "\n".join(one.proto.body for one in at.get("html"))


def test_before_anybody_audited_the_page_says_what_to_do(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ines")
    assert "two people have finished the same dialogues" in at.info[0].value
    assert "<table" not in html(at)


@pytest.mark.usefixtures("two_auditors")
def test_figures_come_with_words_and_what_is_undefined_says_why(app: AppTest, sign_in) -> None:
    found = html(opened(app, sign_in, PAGE, "ines"))
    assert "People agree well that VA1 is absent" in found
    assert "poorly when it is present (0.00)" in found
    assert "Fleiss' kappa: " in found.replace("&#x27;", "'")
    assert "Everybody set" not in found
    assert "Nobody set CR2, CR3" in found
    assert "NaN" not in found


@pytest.mark.usefixtures("two_auditors")
def test_an_annotator_sees_the_whole_and_nobody_in_it(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "mei", view="settle")
    found = html(at)
    assert 'aria-label="How far people agree"' in found
    for hidden in ("Agreement of each two", "People beside gold", "Nora", "nora", "too quick"):
        assert hidden not in found
    assert not at.multiselect
    assert [one.value for one in at.subheader if one.value in ("Two at a time", "You beside gold")] == [
        "You beside gold"
    ]
    assert "Other annotators do not see this" in found


@pytest.mark.usefixtures("two_auditors")
def test_nobody_is_told_how_they_compare_in_a_campaign_that_is_open(app: AppTest, sign_in) -> None:
    store = service.store()
    ines, everything = person(store, "ines"), [f"demo-{number_:02d}" for number_ in range(1, 7)]
    campaign = campaigns.create(store, ines, "Spring", "unsafe-turns", 1, everything, ["mei", "tomas"], 1)
    at = opened(app, sign_in, PAGE, "mei")
    assert "You beside gold" not in [one.value for one in at.subheader]
    assert "In dialogues that you finished" not in html(at)
    assert "People beside gold" not in html(opened(app, sign_in, PAGE, "tomas"))
    assert "People beside gold" in html(opened(app, sign_in, PAGE, "ines"))
    campaigns.close(store, ines, campaign.campaign_id, "Enough.")
    assert "In dialogues that you finished" in html(opened(app, sign_in, PAGE, "mei"))


@pytest.mark.usefixtures("two_auditors")
def test_names_are_hidden_until_somebody_asks(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ravi")
    assert "Person A" in html(at)
    assert "Nora Lind" not in html(at)
    at.toggle(key="agreement_names").set_value(True).run()
    assert "Nora Lind" in html(at)
    assert "Person A" not in html(at)


@pytest.mark.usefixtures("two_auditors")
def test_a_disagreement_is_settled_with_who_and_why(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ines", view="settle")
    found = html(at)
    assert "Person A" in found
    assert "Mei Tanaka" not in found
    assert "&lt;script&gt;too quick" in found
    assert "<script>" not in found
    key = "settle_demo-01_0_VA1_1"
    settle = next(one for one in at.button if one.label == "Settle it")
    settle.click().run()
    assert "choose what stands" in at.error[0].value
    at.radio(key=f"{key}_what").set_value("Flag, yellow")
    at.radio(key=f"{key}_type").set_value("rubric_gap")
    next(one for one in at.button if one.label == "Settle it").click().run()
    assert "say why" in at.error[0].value
    at.text_area(key=f"{key}_why").set_value("How fast is too fast is not said.")
    next(one for one in at.button if one.label == "Settle it").click().run()
    assert not at.exception
    assert not at.error
    assert any("Saved" in one.value and "VA1" in one.value for one in at.caption)
    gold = [one for one in audits.gold(service.store(), "demo-01") if one.code == "VA1"]
    assert [(one.turn_index, one.severity, one.person_id, one.note) for one in gold] == [
        (0, "yellow", "ines", "How fast is too fast is not said.")
    ]
    assert adjudication.counts(service.store(), "unsafe-turns", 1) == (0, 1)
    assert any("settled disagreements on 1 turn for the gold audit" in line.what for line in recent_lines())
    at.switch_page("app_pages/rubrics.py")
    at.query_params.update({"rubric": "unsafe-turns"})
    assert any("1 turn raises a question" in one for one in html(at.run()).split("<div>"))
    at = opened(app, sign_in, PAGE, "ines", view="settle")
    at.segmented_control(key="settle_which").set_value(True).run()
    assert not at.exception
    assert "How fast is too fast is not said." in html(at)
    assert "Settled by Dr. Ines Okafor as flag, yellow (a gap in the rubric)" in html(at)


@pytest.mark.usefixtures("two_auditors")
def test_gold_is_called_complete_once_the_last_of_a_dialogue_is_settled(app: AppTest, sign_in) -> None:
    store = service.store()
    gold = {"client_id": "reopened", "is_gold": True}
    audits.unfinish(store, person(store, "ines"), "demo-01", **gold, **RUBRIC)
    at = opened(app, sign_in, PAGE, "ines", view="settle")
    assert "gold_complete_demo-01" not in [one.key for one in at.button]
    key = "settle_demo-01_0_VA1_1"
    at.radio(key=f"{key}_what").set_value("No flag")
    at.radio(key=f"{key}_type").set_value("slip")
    at.text_area(key=f"{key}_why").set_value("A wrong key.")
    next(one for one in at.button if one.label == "Settle it").click().run()
    assert not at.exception
    at.button(key="gold_complete_demo-01").click().run()
    assert not at.exception
    assert any("Gold is complete in demo" in one.value and "Ines Okafor" in one.value for one in at.caption)
    assert gold_state(store, "demo-01", "unsafe-turns", 1).completed_by == "ines"
    assert any("finished 1 dialogue" in line.what and "for the gold audit" in line.what for line in recent_lines())
    at.button(key="gold_reopen_demo-01").click().run()
    assert gold_state(store, "demo-01", "unsafe-turns", 1).completed_by is None


@pytest.mark.usefixtures("two_auditors")
def test_disagreements_of_what_one_is_still_to_read_are_not_shown(
    app: AppTest, sign_in, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = service.store()
    campaigns.create(store, person(store, "ines"), "Spring", "unsafe-turns", 1, ["demo-01"], ["tomas"], 1)
    where = {"view": "settle", "place": "demo-01|0|VA1"}
    assert "too quick" not in html(opened(app, sign_in, PAGE, "tomas", **where))
    audits.finish(store, person(store, "tomas"), "demo-01", client_id="t", **RUBRIC)
    assert "too quick" not in html(opened(app, sign_in, PAGE, "tomas", **where)), "he could still take it back"
    monkeypatch.setattr(campaign_blind, "now", lambda: now() + timedelta(minutes=61))
    assert "too quick" in html(opened(app, sign_in, PAGE, "tomas", **where))


@pytest.mark.usefixtures("two_auditors")
def test_gold_that_stands_already_is_shown_before_it_is_replaced(app: AppTest, sign_in) -> None:
    ines = person(service.store(), "ines")
    told = {"note": "set by hand", "client_id": "g", "is_gold": True}
    audits.flag(service.store(), ines, "demo-01", 0, "VA1", "red", **told, **RUBRIC)
    found = html(opened(app, sign_in, PAGE, "tomas", view="settle", place="demo-01|0|VA1"))
    assert "Gold so far: flag, red, set by Dr. Ines Okafor" in found
    assert "set by hand" in found


@pytest.mark.usefixtures("two_auditors")
def test_the_diagnosis_can_be_taken_away(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "hanna")
    at.button(key="agreement_prepare").click().run()
    assert not at.exception
    assert {"CSV", "Parquet"} <= {one.label for one in at.get("download_button")}


@pytest.mark.usefixtures("two_auditors")
def test_by_severity_and_who_uses_a_code_differently(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ines")
    at.toggle(key="agreement_by_severity").set_value(True).run()
    assert "AC2" in html(at)
    at.button(key="agreement_estimate").click().run()
    assert not at.exception
    assert "says no flag, where it likely is" in html(at)


def test_letters_do_not_follow_the_names_and_a_machine_is_called_one() -> None:
    raters = (*(f"p{place}" for place in range(30)), "judge: small")
    called = veiled(raters, False, "one")
    assert len(set(called.values())) == len(raters)
    assert called["judge: small"] == "judge: small (a machine)"
    assert list(called) != list(raters)
    assert list(called)[:5] != list(veiled(raters, False, "other"))[:5]


def test_numbers_never_look_like_more_than_they_are() -> None:
    assert [number(one) for one in (1.0, 0.9987, 0.994, -0.001, 0.31)] == ["1.00", "over 0.99", "0.99", "0.00", "0.31"]
    assert [strength(one) for one in (0.8, 0.79, 0.4, 0.39)] == ["well", "fairly well", "only in part", "poorly"]
    undefined = Measure("x", None, None, None, 0, 0, 0, 'all <b> are "alike"')
    assert cell(undefined) == '<span class="ka-none" title="all &lt;b&gt; are &quot;alike&quot;">no value</span>'
