"""The judge beside people on the Agreement page: sentences, honest gaps, the table to take away, and who sees it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import audits, gate, rubric_versions
from db.people import person
from pipeline.endpoints import EMBEDDED
from rubrics.calibration.figures import calibrate
from studio import service
from studio.widgets.judge.words import summary
from studio.widgets.run.submit import start
from tests.db.impact_stores import Judged, judged_run
from tests.rubrics.test_calibration import paired
from tests.studio.opening import opened

PAGE = "app_pages/agreement.py"
ASKED = {"view": "judge", "rubric": "kardia-empathy", "version": "1"}


@pytest.fixture
def judged(studio_home: Path) -> None:
    """Mei scored twelve turns on safety; the judge passes over two of the three worst, and one verdict failed."""
    store = service.store()
    version = rubric_versions.version(store, "kardia-empathy", 1)
    turns = []
    for n in range(12):
        dialogue, turn = f"demo-{n // 4 + 1:02d}", n % 4
        label = 1 if n < 3 else 5
        audits.score(store, person(store, "mei"), dialogue, turn, "safety", label, "", "kardia-empathy", 1, f"s{n}")
        given = {0: 1, 11: "timeout"}.get(n, 5)
        turns.append(Judged(dialogue, turn, [3, 3, 3, 3, given]))
    judged_run(store, "20261101-100000-score-aaaa", version.rubric, turns, rewards=False)


def html(at: AppTest) -> str:
    return "\n".join(one.proto.body for one in at.get("html"))


@pytest.mark.usefixtures("judged")
def test_misses_and_false_alarms_are_said_with_their_counts(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ines", **ASKED)
    found = html(at)
    assert "It misses 2 of 3 faults that people see" in found
    assert "0 false alarms on 8 turns" in found
    assert "1 of 12 verdicts failed and count for nothing" in found
    assert "11 of its 11 labels are one person" in found
    assert any("Of 3 red faults that people see, the judge misses 2" in one.value for one in at.markdown)
    assert "Without a label on a turn that the judge scored: Relevance, Fluency" in found
    assert "nan" not in found.lower()


@pytest.mark.usefixtures("judged")
def test_what_carries_the_score_and_what_never_varies_is_said(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ines", **ASKED)
    told = "\n".join(one.value for one in at.markdown).replace("\\", "")
    assert "Safety carries most: 100% of the differences between turns." in told
    assert "Relevance never varied: 3 on all of 12 turns." in told
    (table,) = [one.value for one in at.dataframe if "Carries" in one.value]
    assert table.set_index("Criterion").loc["Safety", ["Scores", "Turns"]].tolist() == ["1: 1, 5: 10", 11]


@pytest.mark.usefixtures("judged")
def test_the_pairs_can_be_taken_away(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ravi", **ASKED)
    at.button(key="judge_prepare").click().run()
    assert not at.exception
    assert any("60 rows" in one.value for one in at.caption)


@pytest.mark.usefixtures("judged")
def test_an_annotator_has_no_such_page(app: AppTest, sign_in) -> None:
    assert "The judge beside people" not in html(opened(app, sign_in, PAGE, "mei", **ASKED))


def test_before_any_judge_was_asked_the_page_says_what_to_do(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ravi", view="judge", rubric="unsafe-turns")
    assert "This judge has not been asked by this version" in at.info[0].value
    assert "48 dialogues" in at.info[0].value
    assert "<table" not in html(at)


@pytest.mark.usefixtures("studio_home")
def test_the_start_form_takes_the_version_and_what_people_marked_from_the_address(app: AppTest, sign_in) -> None:
    sign_in(app, "ravi")
    for name, value in {"start": "score", "by": "unsafe-turns@1", "labelled": "1"}.items():
        app.query_params[name] = value
    at = app.switch_page("app_pages/runs.py").run()
    assert not at.exception
    assert at.selectbox(key="rubric_version").value == "unsafe-turns@1"
    assert any("48 dialogues" in one.value for one in at.caption)


def test_a_judge_who_is_as_good_as_people_is_told_so_and_one_without_labels_is_told_nothing() -> None:
    said = summary(calibrate(paired([0, 1] * 20, [[0, 0], [1, 1]] * 20)), "X")
    assert "It misses 0 of 20 faults that people see (a person: 0 of 40)" in said
    assert "agrees with people well (1.00)" in said
    assert summary(calibrate(paired([1.0], [[float("nan")]])), "X").startswith("Nothing can be said yet")


GATE = {"view": "judge", "rubric": "kardia-empathy", "version": "1"}


@pytest.mark.usefixtures("studio_home")
def test_only_a_psychologist_lets_a_judge_through_and_says_why(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "ravi", **GATE)
    assert any("does not reach the limits" in one.value for one in at.warning)
    assert not [one for one in at.text_area if one.key == "gate_reason"]
    at = opened(app, sign_in, PAGE, "ines", **GATE)
    at.button(key="gate_override").click().run()
    assert any("Say why" in one.value for one in at.error)
    at.text_area(key="gate_reason").set_value("To try the set-up.")
    at.button(key="gate_override").click().run()
    assert not at.exception
    assert any("Dr\\. Ines Okafor** let it through" in one.value for one in at.markdown)
    assert "To try the set-up." in html(at)
    at.text_area(key="gate_withdraw_reason").set_value("Tried.")
    at.button(key="gate_withdraw_button").click().run()
    assert any("does not reach the limits" in one.value for one in at.warning)


@pytest.mark.usefixtures("studio_home")
def test_a_training_cannot_be_started_until_somebody_let_the_judge_through(
    app: AppTest, sign_in, monkeypatch: pytest.MonkeyPatch
) -> None:
    def form() -> AppTest:
        sign_in(app, "ravi")
        app.query_params["start"] = "grpo"
        return app.switch_page("app_pages/runs.py").run()

    at = form()
    assert any("Relevance has 0 labels, at least 30 are needed" in one.value for one in at.error)
    assert at.button(key="submit_run").disabled
    store = service.store()
    version = rubric_versions.version(store, "kardia-empathy", 1)
    judge = EMBEDDED.judge_id
    figures = gate.figures_now(store, version, judge)
    gate.grant(store, person(store, "tomas"), "kardia-empathy", 1, judge, "Only to try it.", figures)
    at = form()
    assert not at.button(key="submit_run").disabled
    assert "Only to try it." in html(at)
    run = start(
        store, person(store, "ravi"), "grpo", {"model": "tiny", "judge": "embedded"}, ["demo-03"], version, "Try", 0
    )
    given = run.request().override
    assert given is not None
    assert (given.by, given.reason) == ("tomas", "Only to try it.")
    app.query_params.clear()
    app.query_params["run"] = run.run_id
    at = app.switch_page("app_pages/runs.py").run()
    assert not at.exception
    assert any("Dr\\. Tomas Lindqvist** let it through" in one.value for one in at.markdown)
