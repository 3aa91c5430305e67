"""Reports and exports of evaluations: what they hold, what they never hold, and that they can be made again."""

import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.evaluation import askable_turns
from pipeline.report import figures, published, tables
from pipeline.report.export import csv_of, lm_eval_of
from pipeline.report.leaderboard import leaderboards
from pipeline.report.page import page
from pipeline.report.read import read_evaluation
from pipeline.rundir import RunDir
from pipeline.scorecard import CHANGES, SCORES
from rubrics.errors import UserError
from tests.pipeline.evaluations import evaluated
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.training_runs import FLAGS, RUBRIC, dialogues, lay_out


@pytest.fixture
def run(tmp_path: Path, judge: LoopbackJudge) -> RunDir:
    return evaluated(tmp_path)


class Tags(HTMLParser):
    """Every element with its attributes, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._in = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        self.text += data if self._in not in ("script", "style") else ""


def test_a_report_is_one_file_that_asks_for_nothing_and_holds_no_dialogue(run: RunDir, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert main(["report", str(run.path), "--out", str(out), "--title", "First <try>"]) == 0
    text = out.read_text()
    page = Tags(text)
    for tag, attributes in page.seen:
        assert not {"src", "href", "action"} & attributes.keys(), (tag, attributes)
    assert not [tag for tag, _ in page.seen if tag in ("link", "iframe", "img", "form")]
    assert "First <try>" in page.text
    assert "<try>" not in text
    for words in ("It hurts", "hears d0", "they are hurt", "tea and long walks", "A friend moved away"):
        assert words not in text, "no words of a dialogue, nor of a profile"
    assert main(["report", str(run.path), "--out", str(tmp_path / "again.html"), "--title", "First <try>"]) == 0
    assert (tmp_path / "again.html").read_text() == text, "the same command gives the same file"


def test_a_report_tells_what_was_added_and_where_it_comes_from(run: RunDir) -> None:
    told = Tags(page([read_evaluation(run)], "Evaluation")).text
    for words in (
        "Emotion named exactly: Tiny random model (to try the set-up) added 100.0 percentage points, interval "
        "100.0 to 100.0: shown",
        "rubric small, version 3",
        "approved by tomas on 2026-11-01: Reads well.",
        "The judge was not held against people",
        "the worst of k answers",
        "Published figures, not ours",
        "Not looked for: no flags rubric",
    ):
        assert words in told, words
    ours = told[: told.index("Published figures, not ours")]
    assert not re.search(r"66\.53|9\.54|Qwen|Gemma", ours), "no published figure stands among ours"


def test_whatever_people_wrote_is_escaped(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = evaluated(tmp_path)
    request = run.request()
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    request.reason = evil
    request.config["models"] = [evil]
    (run.path / "request.json").write_text(request.model_dump_json())
    scores = run.read_output("scores")
    assert scores is not None
    run.write_output("scores", pd.concat([scores, scores.assign(which=evil)]).astype(SCORES))
    run.write_output("changes", pd.DataFrame([["base", evil, "emotion", 1, 0, 1, 0.1, 3, 0, 3]], columns=list(CHANGES)))
    text = page([read_evaluation(run)], evil)
    assert "<script>alert(1)" not in text
    assert "<img" not in text.lower().replace("&lt;img", "")
    assert "onerror=" not in re.sub(r"<script.*?</script>", "", text, flags=re.S).replace("onerror=&quot;", "")
    assert not any("onerror" in attributes for _, attributes in Tags(text).seen)


def test_every_published_row_has_a_grade_and_the_means_are_those_of_the_source() -> None:
    for table in (published.absolute(), published.added_by_grpo()):
        assert table["Grade"].isin(published.grades().keys()).all()
    added = published.added_by_grpo().iloc[:, 2:-1].map(lambda cell: float(cell.replace("−", "-")))
    means = [0.315, 0.030, 0.018, 0.046, 0.098, 0.044]  # as the source states them for the four backbones
    assert added.mean().tolist() == pytest.approx(means, abs=0.0008)


def test_results_go_out_as_lm_eval_writes_them_and_as_csv(run: RunDir, tmp_path: Path) -> None:
    folder, table = tmp_path / "lm", tmp_path / "all.csv"
    assert main(["report", str(run.path), "--lm-eval", str(folder), "--csv", str(table)]) == 0
    files = {path.name.removeprefix(f"{run.run_id}-"): json.loads(path.read_text()) for path in folder.iterdir()}
    assert set(files) == {"base.json", "trained.json"}
    trained = files["trained.json"]
    assert {"results", "configs", "versions", "n-shot", "n-samples", "higher_is_better", "config"} <= trained.keys()
    assert trained["results"]["small"]["emotion,none"] == 1.0
    assert trained["results"]["small"]["emotion_stderr,none"] == pytest.approx(0.459 / 2 / 1.96, abs=1e-3)
    assert files["base.json"]["results"]["small"]["emotion,none"] == 0.0
    assert trained["n-samples"]["small"] == {"original": 6, "effective": 6}
    frame = pd.read_csv(table)
    change = frame[(frame["kind"] == "change") & (frame["measure"] == "emotion")].iloc[0]
    assert (change["value"], change["model"], change["against"]) == (1.0, "tiny", "tiny")
    assert set(frame["run_id"]) == {run.run_id}
    found = read_evaluation(run)
    hostile = replace(found, scores=found.scores.assign(measure="=cmd|' /C calc'!A0"))
    assert "=cmd" not in csv_of([hostile]).replace("'=cmd", "")
    assert pd.read_csv(io.StringIO(csv_of([found])))["value"].dtype == float


def again(run: RunDir, folder: Path) -> Path:
    """The run as `--out FOLDER` would have left it: its id is the folder's name."""
    shutil.copytree(run.path, folder)
    request = run.request().model_copy(update={"run_id": folder.name})
    (folder / "request.json").write_text(request.model_dump_json())
    return folder


def test_evaluations_of_one_name_are_told_apart_by_their_folders(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = [again(run, tmp_path / f"seed{n}" / "evaluate") for n in range(2)]
    paths, out = [str(path) for path in (*seeds, run.path)], ["--lm-eval", str(tmp_path / "lm"), "--csv"]
    assert main(["report", *paths, *out, str(tmp_path / "all.csv")]) == 0
    names = {"seed0-evaluate", "seed1-evaluate", run.run_id}
    assert {path.stem for path in (tmp_path / "lm").iterdir()} == {
        f"{n}-{w}" for n in names for w in ("base", "trained")
    }
    assert set(pd.read_csv(tmp_path / "all.csv")["run_id"]) == names
    capsys.readouterr()
    assert main(["report", paths[0], paths[0], *out, str(tmp_path / "twice.csv")]) == 1
    assert "seed0-evaluate: two evaluations are called so" in capsys.readouterr().err
    assert not (tmp_path / "twice.csv").exists()


def test_both_counts_of_samples_are_turns(tmp_path: Path, judge: LoopbackJudge) -> None:
    found = read_evaluation(evaluated(tmp_path, count=6, max_turns=4))
    told = json.loads(lm_eval_of(found, "x")["x-base.json"])["n-samples"]["small"]
    assert told == {"original": 6, "effective": 4}
    two = found.run.inputs().assign(messages=lambda rows: [json.dumps(json.loads(m) * 2) for m in rows["messages"]])
    assert len(askable_turns(two)) == 12


def test_models_are_ranked_together_only_where_the_same_turns_were_called_a_crisis(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    named: list[dict[str, list[str]]] = [{}, {"crisis": ["d0:0"]}, {"crisis": ["d0:0"]}]
    runs = [evaluated(tmp_path, count=2, samples=1, flags=FLAGS, **one) for one in named]
    boards = leaderboards(map(read_evaluation, runs))
    assert [board.runs for board in boards] == [(runs[0].run_id,), (runs[1].run_id, runs[2].run_id)]
    without = [evaluated(tmp_path, count=2, samples=1, **one) for one in named]
    assert len(leaderboards(map(read_evaluation, without))) == 1, "where no flags are looked for it makes no difference"


def test_only_evaluations_that_were_scored_can_be_reported(tmp_path: Path, judge: LoopbackJudge) -> None:
    other = lay_out(tmp_path, "sft", {"model": "tiny"}, dialogues())
    with pytest.raises(UserError, match="is a sft run"):
        read_evaluation(other)
    waiting = lay_out(tmp_path, "evaluate", {"base": "tiny", "judge": "loopback"}, dialogues(), RUBRIC)
    with pytest.raises(UserError, match="has no scores yet; it is queued"):
        read_evaluation(waiting)
    with pytest.raises(SystemExit, match="2"):
        main(["report", str(waiting.path)])


def test_the_confusion_table_counts_every_answer_once(run: RunDir) -> None:
    found = read_evaluation(run)
    base, trained = found.confusion("base"), found.confusion("trained")
    assert base.loc["sad", "proud"] == trained.loc["sad", "sad"] == 12
    assert base.to_numpy().sum() == 12
    (heat,) = figures.confusion(found, "base").data
    assert heat.hovertemplate.startswith("%{y} named as %{x}: %{customdata} answers"), "two answers to each turn"
    assert base.shape == (32, 33)


def test_a_table_by_the_papers_layout(run: RunDir) -> None:
    table = tables.table_two(read_evaluation(run))
    assert list(table.columns) == ["Model", "Emotion named exactly", "Empathy", "Safety"]
    assert table["Emotion named exactly"].tolist() == ["0.0% (0.0% to 45.9%)", "100.0% (54.1% to 100.0%)"]
