"""The checks in the start form: what is well, what to know, and what bars the start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import gate, people, rubric_versions
from db.store import Store
from pipeline import jobs
from studio import service
from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving
from tests.studio.opening import SignIn, opened

PAGE = "app_pages/runs.py"
JUDGE = "loopback/loopback"


@pytest.fixture
def store(studio_home: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(jobs, "ensure_worker", lambda home: None)
    return service.store()


@pytest.fixture
def judge(studio_home: Path) -> Iterator[LoopbackJudge]:
    with serving() as server:
        known_to(studio_home, server)
        yield server


def let_through(store: Store) -> None:
    version = rubric_versions.version(store, "kardia-empathy", 1)
    figures = gate.figures_now(store, version, JUDGE)
    ines = people.person(store, "ines")
    gate.grant(store, ines, "kardia-empathy", 1, JUDGE, "To see it run.", figures)


def lines(at: AppTest) -> str:
    return "\n".join(str(one.value) for one in at.container(key="checks").markdown).replace("\\", "")


def test_what_fails_bars_the_start_until_it_is_mended(
    app: AppTest, sign_in: SignIn, store: Store, judge: LoopbackJudge
) -> None:
    at = opened(app, sign_in, PAGE, "ravi", start="grpo")
    assert "**Calibration** (bars the start)" in lines(at)
    assert at.button(key="submit_run").disabled
    let_through(store)
    at.run()
    assert "**Calibration** (to know): let through by Dr. Ines Okafor" in lines(at)
    assert "**Rubric** (well): kardia-empathy version 1, approved by Dr. Tomas Lindqvist" in lines(at)
    assert not at.button(key="submit_run").disabled


def test_the_judge_is_asked_when_somebody_asks_and_not_before(
    app: AppTest, sign_in: SignIn, store: Store, judge: LoopbackJudge
) -> None:
    let_through(store)
    at = opened(app, sign_in, PAGE, "ravi", start="grpo")
    assert not judge.prompts
    at.button(key="ask_judge").click().run()
    assert "**Judge** (well): loopback took" in lines(at)
    assert judge.prompts
    judge.refuse = lambda prompt: True
    at.button(key="ask_judge").click().run()
    assert "**Judge** (bars the start)" in lines(at)
    assert at.button(key="submit_run").disabled
    at.number_input(key="config_max_steps").set_value(9).run()
    assert "**Judge**" not in lines(at), "another training was not asked about yet"


def test_fine_tuning_needs_no_judge(app: AppTest, sign_in: SignIn, store: Store) -> None:
    at = opened(app, sign_in, PAGE, "ravi", start="sft")
    assert "**Dialogues** (well): 20 with" in lines(at)
    assert "**Validation** (to know): nobody is held out" in lines(at)
    assert "**Prompts** (to know): the job counts them when it starts" in lines(at)
    assert "ask_judge" not in {button.key for button in at.button}
    assert not at.button(key="submit_run").disabled
