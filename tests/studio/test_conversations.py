"""The pages of a walk and of a simulation: the worst first, every step and hidden thought, and failures said."""

from collections.abc import Callable

import pandas as pd
from streamlit.testing.v1 import AppTest

from db.ingest import ingest
from db.store import Store
from pipeline.simulate import run as simulate
from pipeline.walk import run as walk
from tests.studio import run_dirs
from tests.studio.opening import opened

SignIn = Callable[[AppTest, str], AppTest]


def texts(at: AppTest) -> str:
    every = [*at.subheader, *at.markdown, *at.caption, *at.html, *at.info]
    return "\n".join(str(element.value) for element in every).replace("\\", "")


def open_run(app: AppTest, sign_in: SignIn, store: Store, run_id: str) -> AppTest:
    while ingest(store) or ingest(store):
        pass
    return opened(app, sign_in, "app_pages/runs.py", "ravi", run=run_id)


def test_a_walk_shows_the_worst_band_first_and_every_question(app: AppTest, sign_in: SignIn, store: Store) -> None:
    run = run_dirs.lay_out(store, "walk", config={"table": "Question ID\tQuestion\n1\tWhy?"}, count=2)
    first, second = run.inputs()["dialogue_id"]
    harm = "high potential for harm"
    steps = [
        (first, 1, "Q5", "Is it missed?", "Detects", "red", "Yes", "It goes on about tea.", True, "", "scored"),
        (second, 1, "Q5", "Is it missed?", "Detects", "red", "No", "It asks plainly.", False, "Q6", "scored"),
        (second, 2, "Q6", None, None, None, None, "no answer in time", None, None, "timeout"),
    ]
    bands = [(first, "Detects", harm, 1, "scored"), (first, "", harm, 1, "scored"),
             (second, "Detects", None, 1, "timeout"), (second, "", None, 1, "timeout")]  # fmt: skip
    run.write_output("steps", pd.DataFrame(steps, columns=list(walk.STEPS)).astype(walk.STEPS))
    run.write_output("bands", pd.DataFrame(bands, columns=list(walk.BANDS)).astype(walk.BANDS))
    run_dirs.end(run, done=2, total=2, unit="conversations")
    at = open_run(app, sign_in, store, run.run_id)
    told = texts(at)
    assert f"Worst band: {harm}" in told
    assert at.selectbox(key="walk").value == first
    for words in ("Is it missed?", "It goes on about tea.", "red fault", "ends the questions"):
        assert words in told, words
    at.selectbox(key="walk").select(second).run()
    assert "No answer in time" in texts(at)
    assert "**Detects**: no band: the judge failed" in texts(at)
    table = next(frame.value for frame in at.dataframe if "Dimension" in frame.value)
    assert table.to_dict("records") == [{"Dimension": "Detects", harm: 1, "no band: the judge failed": 1}]
    assert "no band: the judge failed" in str(at.selectbox(key="walk").options)


def test_a_simulation_shows_feelings_and_what_was_not_said(app: AppTest, sign_in: SignIn, store: Store) -> None:
    run = run_dirs.lay_out(store, "sft", config={"max_steps": 1}, count=2)
    request = run.request()
    request.stage, request.config = "simulate", {"person": "embedded", "max_turns": 2}
    (run.path / "request.json").write_text(request.model_dump_json())
    rows = [("a", 0, "It hurts.", "I hear you.", "", 40, "scored"),
            ("a", 1, "Thank you.", None, "That was kind.", 62, "scored"),
            ("b", 0, "Hello.", "Hm.", "", 40, "scored"), ("b", 1, None, None, None, None, "parse_failed")]  # fmt: skip
    ends = pd.DataFrame(
        [("a", "max_turns", 40, 62, 1, "heard"), ("b", "parse_failed", 40, None, 1, "company")],
        columns=list(simulate.ENDS),
    ).astype(simulate.ENDS)
    run.write_output("turns", pd.DataFrame(rows, columns=list(simulate.TURNS)).astype(simulate.TURNS))
    run.write_output("ends", ends)
    run.append_event("summary", **simulate.summary(ends, 0))
    run_dirs.end(run, done=2, total=2, unit="conversations")
    at = open_run(app, sign_in, store, run.run_id)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown == {"Conversations": "1 of 2", "Success": "0%", "Failure": "0%", "Mean last feeling": "62"}
    assert "feeling not known" in at.selectbox(key="simulated").options[0], "what is not known comes first"
    assert "The judge's answer could not be read" in texts(at)
    at.selectbox(key="simulated").select("a").run()
    assert "thinks: That was kind. (feeling 62)" in texts(at)
