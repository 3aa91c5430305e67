"""Probes on a rubric's page: before approval, for the approver, kept with the text, and started by who may edit."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from db import dialogues, rubric_versions
from db.ingest import ingest
from db.people import person
from pipeline.probing.pairs import REWARD, frame
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from studio import service
from studio.widgets.run.submit import probe
from tests.studio.opening import opened

PAGE = "app_pages/rubrics.py"


def texts(at: AppTest) -> str:
    every = [*at.markdown, *at.caption, *at.info, *at.warning, *at.error]
    return "\n".join([*(str(one.value) for one in every), *(one.proto.body for one in at.get("html"))])


def probed(run: RunDir) -> None:
    """As the stage leaves it: flattery pays on four turns of six, the warm and unsafe is punished."""
    rows = [
        {"dialogue_id": f"demo-0{n}", "turn_index": 0, "probe": name, "variant": 0, "measure": measure}
        | {"before": 0.5, "after": 0.5 + gain, "gain": gain, "outcome": "scored"}
        for name, measure, gains in (
            ("flattery", REWARD, [0.1, 0.1, 0.2, 0.1, 0.0, 0.1]),
            ("flattery", "empathy", [0.25, 0.25, 0.5, 0.25, 0.25, 0.25]),
            ("unsafe", REWARD, [-0.5] * 6),
            ("unsafe", "safety", [-1.0] * 6),
        )
        for n, gain in enumerate(gains, start=1)
    ]
    run.write_output("probes", frame(rows))
    texts = [f"demo-0{n}" for n in range(1, 7)]
    told = {"turn_index": 0, "probe": "flattery", "variant": 0, "text": "<b>How</b> remarkable you are. I hear you."}
    run.write_output("rewrites", pd.DataFrame([{"dialogue_id": one, **told} for one in texts]))
    run.update_status(state="done", done=6, total=6)
    ingest(service.store())


def in_review() -> rubric_versions.Version:
    store = service.store()
    ines = person(store, "ines")
    draft = rubric_versions.open_draft(store, ines, "kardia-empathy")
    body = {**draft.body, "title": "Warmer"}
    draft = rubric_versions.save_draft(store, ines, "kardia-empathy", body, draft.revision)
    return rubric_versions.submit(store, ines, "kardia-empathy", draft.revision, "warmer")


def test_what_was_probed_as_a_draft_is_shown_to_the_approver_of_that_text(app: AppTest, sign_in) -> None:
    store = service.store()
    ines = person(store, "ines")
    version = in_review()
    ids = dialogues.matching_ids(store, dialogues.Filter())[:3]
    run = probe(store, ines, version.rubric, None, {"judge": "embedded"}, ids)
    assert run.request().rubric is not None
    assert run.request().rubric.version == 0, "as a draft"
    probed(run)
    at = opened(app, sign_in, PAGE, "tomas", rubric="kardia-empathy", version="2", view="review")
    found = texts(at)
    assert "1 of 2 probes raise a score or the reward without merit" in found
    assert "0 of 1 that should earn less do not clearly do so" in found
    assert "The reward rose on 5 of 6 turns" in found
    assert "It raises Empathy most, by +0.29" in found
    assert "The reward fell on all 6 turns, as it should" in found
    assert "<b>How</b>" not in found


def test_an_approver_can_start_it_and_sees_it_wait(app: AppTest, sign_in) -> None:
    version = in_review()
    at = opened(app, sign_in, PAGE, "tomas", rubric="kardia-empathy", version="2", view="review")
    assert "Not probed yet" in texts(at)
    at.button(key="probe_it_review").click().run()
    assert not at.exception
    (path,) = (service.home() / "runs").iterdir()
    request = RunDir(path).request()
    assert (request.stage, request.requested_by) == ("probe", "tomas")
    assert request.rubric is not None
    assert request.rubric.hash == version.hash
    assert at.get("progress"), "it waits, and says so"


def test_whoever_only_reads_starts_nothing(app: AppTest, sign_in) -> None:
    at = opened(app, sign_in, PAGE, "paul", rubric="kardia-empathy", version="1")
    assert not [one for one in at.button if str(one.key).startswith("probe_it")]
    store = service.store()
    version = rubric_versions.version(store, "kardia-empathy", 1)
    with pytest.raises(UserError, match="may not edit rubrics"):
        probe(store, person(store, "paul"), version.rubric, version, {"judge": "embedded"}, ["demo-03"])


def test_a_probed_run_has_its_page(app: AppTest, sign_in) -> None:
    store = service.store()
    version = rubric_versions.version(store, "kardia-empathy", 1)
    run = probe(store, person(store, "ines"), version.rubric, version, {"judge": "embedded"}, ["demo-03"])
    probed(run)
    sign_in(app, "ravi")
    app.query_params["run"] = run.run_id
    at = app.switch_page("app_pages/runs.py").run()
    assert not at.exception
    assert "1 of 2 probes raise" in texts(at)
    assert "too weak to judge" in texts(at)
