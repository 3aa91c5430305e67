"""From a figure of a scorecard to what is behind it; evaluations side by side; and what may be taken out."""

import io
import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from db.ingest import ingest
from db.people import person
from db.store import Store
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from studio.widgets.model import leaderboard as boards
from studio.widgets.model.behind_rows import measures_behind
from studio.widgets.model.cells import MEASURE, WHICH, meant_by
from studio.widgets.model.report import figures_of, report_of
from studio.widgets.model.several import side_by_side
from tests.studio import run_dirs
from tests.studio.opening import SignIn, opened, texts

PAGE = "app_pages/models.py"
# What the judge says of the base: a crisis missed in the first dialogue, a lesser fault in the second; it fails once.
FLAGS = {(0, 1, "CR1"): 1.0, (1, 0, "VA1"): 1.0, (2, 0, "VA2"): None}


@pytest.fixture
def flagged(store: Store) -> RunDir:
    """An evaluation in which flags were looked for."""
    run = run_dirs.evaluated(store, run_dirs.trained(store).run_id, flags=FLAGS)
    ingest(store)
    return run


def model_of(run: RunDir) -> str:
    return str(run.request().config["trained"])


def tables_with(at: AppTest, column: str) -> list[pd.DataFrame]:
    return [frame.value for frame in at.dataframe if column in frame.value]


def test_a_cell_is_of_a_model_and_a_measure(flagged: RunDir) -> None:
    found = read_evaluation(flagged)
    assert meant_by(found, 1, "Empathy") == {WHICH: "trained", MEASURE: "empathy"}
    assert meant_by(found, 0, "Dialogues with a red flag") == {WHICH: "base", MEASURE: "red_dialogues"}
    assert meant_by(found, 0, "Model") == {WHICH: "base"}, "a model's name is of no measure"
    assert {"red_dialogues", "yellow_dialogues", "clear_dialogues"} <= set(measures_behind(found))


def test_safety_is_told_by_model_with_the_worst_band_in_words(app: AppTest, sign_in: SignIn, flagged: RunDir) -> None:
    at = opened(app, sign_in, PAGE, "ravi", model=model_of(flagged))
    (table,) = tables_with(at, "Dialogues with a red flag")
    base, trained = (row for _, row in table.iterrows())
    shares = ("Dialogues with a red flag", "Dialogues whose worst flag is yellow", "Dialogues without a flag")
    # Of eight dialogues one could not be told: red 1, yellow 1 and clear 5 of 7.
    assert [base[name].split(" ")[0] for name in shares] == ["14.3%", "14.3%", "71.4%"]
    assert [trained[name].split(" ")[0] for name in shares] == ["0.0%", "0.0%", "100.0%"]
    crisis = "Crisis turns taken up with help named"
    assert (base[crisis].split(" ")[0], trained[crisis].split(" ")[0]) == ("0.0%", "100.0%")
    told = texts(at).replace("\\", "")
    assert "SmolLM2-135M (built in): worst band: red (1 of 7 dialogues; 1 could not be told)" in told
    assert "worst band: no flag (8 of 8 dialogues)" in told


def test_behind_a_band_stand_the_dialogues_with_their_worst_answers(
    app: AppTest, sign_in: SignIn, flagged: RunDir, store: Store
) -> None:
    first, second, third, *others = dict.fromkeys(read_evaluation(flagged).answers["dialogue_id"])
    at = opened(
        app, sign_in, PAGE, "ravi", model=model_of(flagged), behind_which="base", behind_measure="red_dialogues"
    )
    listed = at.selectbox(key="behind_answer_base_red_dialogues")
    assert listed.options == [
        f"Red flag: {first}, its worst answer at turn 2",
        f"Yellow flag: {second}, its worst answer at turn 1",
        *(f"No flag: {one}" for one in others),
        f"Could not be told: {third}, not known at turn 1",
    ]
    assert "from 7 dialogues; 1 not measured" in texts(at)
    codes = run_dirs.unsafe_turns(store).rubric.ids
    assert "The reason for CR1." in texts(at)
    assert f"{len(codes) - 1} flags looked for and not found." in texts(at)
    listed.select_index(len(listed.options) - 1).run()
    assert "No answer in time" in texts(at), "a call that failed says nothing of a flag"
    at.selectbox(key=MEASURE).select("clear_dialogues").run()
    assert at.selectbox(key="behind_answer_base_clear_dialogues").options[0].startswith(f"Red flag: {first}")
    assert at.query_params["behind_measure"] in ("clear_dialogues", ["clear_dialogues"])


def test_earlier_evaluations_are_told_of_and_taken_when_asked_for(
    app: AppTest, sign_in: SignIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "_AT_ONCE", 1)
    for stage in ("sft", "grpo"):
        run_dirs.evaluated(store, run_dirs.trained(store, stage).run_id)
    ingest(store)
    at = opened(app, sign_in, PAGE, "ravi")
    assert "newest 1 evaluations; 1 earlier one may hold other models" in texts(at)
    assert [len(board) for board in tables_with(at, "Rubric score")] == [2]
    at.toggle(key="board_all").set_value(True).run()
    assert [len(board) for board in tables_with(at, "Rubric score")] == [3]


def test_an_evaluation_whose_folder_is_gone_is_counted(app: AppTest, sign_in: SignIn, store: Store) -> None:
    gone, _ = (run_dirs.evaluated(store, run_dirs.trained(store).run_id) for _ in range(2))
    ingest(store)
    shutil.rmtree(gone.path)
    at = opened(app, sign_in, PAGE, "ravi")
    assert "1 evaluation left out" in texts(at)
    assert len(tables_with(at, "Rubric score")) == 1


def test_rubric_versions_stand_in_one_table_and_published_figures_apart(
    app: AppTest, sign_in: SignIn, store: Store
) -> None:
    older, newer = (run_dirs.evaluated(store, run_dirs.trained(store).run_id) for _ in range(2))
    file = newer.path / "request.json"
    request = json.loads(file.read_text())
    request["rubric"]["version"] = 2
    file.write_text(json.dumps(request))
    ingest(store)
    at = opened(app, sign_in, PAGE, "ravi")
    (table,) = tables_with(at, "Rubric version")
    title = read_evaluation(older).rubric.title
    assert table["Rubric version"].tolist() == [f"{title}, version {n}" for n in (1, 1, 2, 2)]
    assert table["Evaluation"].tolist() == [older.run_id[-4:]] * 2 + [newer.run_id[-4:]] * 2
    assert "no figure is averaged over rows" in texts(at)
    published = tables_with(at, "Grade")
    assert len(published) == 2
    assert not any("Rubric version" in one for one in published)
    at.multiselect(key="evaluations").set_value([older.run_id]).run()
    (table,) = tables_with(at, "Rubric version")
    assert len(table) == 2
    at = opened(app, sign_in, PAGE, "ravi", evaluations=newer.run_id)
    at.multiselect(key="evaluations").set_value([]).run()
    assert "Choose one or more evaluations." in texts(at)


def test_a_criterion_on_two_scales_has_two_columns_and_what_was_not_asked_says_so(store: Store) -> None:
    found = read_evaluation(run_dirs.evaluated(store, run_dirs.trained(store).run_id, count=3))
    other = _with_other_scale(found)
    table = side_by_side([found, other])
    assert {"Empathy (1–5)", "Empathy (1–7)"} <= set(table.columns)
    assert table["Empathy (1–7)"].tolist()[:2] == table["Safety"].tolist()[2:] == ["not asked"] * 2
    for row, which in enumerate(("base", "trained")):
        expected = f"{found.score(which, 'empathy')['value']:.2f} ("
        assert table["Empathy (1–5)"][row].startswith(expected), "as scored, and never a mean over rows"


def _with_other_scale(found: Evaluation) -> Evaluation:
    """The same under a later version in which empathy has seven steps and safety is not asked."""
    criteria = []
    for criterion in found.rubric.criteria:
        if criterion.id == "empathy":
            criteria.append(criterion.model_copy(update={"anchors": {1: "None", 7: "Whole"}}))
        elif criterion.id != "safety":
            criteria.append(criterion)
    reference = found.request.rubric
    assert reference
    later = found.request.model_copy(update={"rubric": reference.model_copy(update={"version": 2})})
    return replace(found, rubric=found.rubric.model_copy(update={"criteria": criteria}), request=later)


def test_report_and_figures_are_made_for_who_may_export(
    app: AppTest, sign_in: SignIn, flagged: RunDir, store: Store
) -> None:
    def keys(who: str) -> set[str]:
        at = opened(app, sign_in, "app_pages/runs.py", who, run=flagged.run_id)
        return {str(one.key) for one in at.download_button}

    assert {"report_html", "report_csv"} <= keys("ravi")
    assert not {"report_html", "report_csv"} & keys("tomas")
    found = read_evaluation(flagged)
    ravi, tomas = person(store, "ravi"), person(store, "tomas")
    assert "worst band: red (1 of 7 dialogues" in report_of(found, ravi)
    table = pd.read_csv(io.StringIO(figures_of(found, ravi)))
    assert len(table) == len(found.scores) + len(found.changes)
    for made in (report_of, figures_of):
        with pytest.raises(UserError, match="may not export data"):
            made(found, tomas)
