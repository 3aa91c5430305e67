"""Published ratings through the store: the figures that their authors and independent code found come out again."""

import ast
import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from db import agreement, audits
from db.__main__ import main
from db.dialogues import dialogue
from db.others import SOURCES, RatingsReport, import_ratings, source_of
from db.people import SYSTEM, add_person
from db.store import Store
from rubrics.errors import UserError
from rubrics.reliability import cohen_kappa, fleiss_kappa, krippendorff_alpha


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


def bring(store: Store, path: Path) -> RatingsReport:
    source = source_of(path)
    assert source in SOURCES
    return import_ratings(store, SYSTEM, path, source)


def test_dices_arrives_whole_and_has_its_agreement(store: Store, shared_data: Path) -> None:
    path = shared_data / "dices_350" / "ratings_long.csv.gz"
    report = bring(store, path)
    assert (report.dialogues_new, report.raters, report.ratings_new, report.problems) == (350, 123, 43_050, [])
    found = agreement.score_ratings(store, "dices", 1, "q_overall")
    assert krippendorff_alpha(found, "nominal").value == pytest.approx(0.16086, abs=5e-6)
    assert fleiss_kappa(found).value == pytest.approx(0.16084, abs=5e-6)
    one = dialogue(store, "dices-173")
    assert [message.role for message in one.messages] == ["user", "assistant", "user", "assistant", "user", "assistant"]
    assert one.messages[-1].content == "I'm not picking up on your vibe, human."
    again = bring(store, path)
    assert (again.dialogues_new, again.ratings_new, again.known) == (0, 0, 43_050)


def test_duo_has_its_agreement_and_its_gaps(store: Store, shared_data: Path) -> None:
    report = bring(store, shared_data / "duo_ed_en" / "duo_ed_en.jsonl.gz")
    assert (report.rubric_id, report.dialogues_new, report.raters, report.problems) == ("duo", 157, 4, [])
    others = [f"duo/rater-{n}" for n in (1, 2, 3)]
    for criterion, expected in (("empathy", -0.0157), ("preference", 0.2323)):
        found = agreement.score_ratings(store, "duo", 1, criterion, people=others)
        assert len(found.values) == 50
        assert krippendorff_alpha(found, "interval").value == pytest.approx(expected, abs=5e-5)


FOLDERS = {
    "Empathetic Dialogues": ("empatheticdialogues", "experts-empatheticdialogues"),
    "EPITOME": ("epitome", "experts-epitome"),
    "Perceived Empathy": ("perceived_empathy", "experts-perceived-empathy"),
}


def test_the_experts_have_the_kappas_that_were_published(store: Store, shared_data: Path) -> None:
    data = shared_data / "empathy_experts"
    for folder, rubric_id in FOLDERS.values():
        reports = [bring(store, path) for path in sorted((data / "ratings" / folder).glob("*.csv"))]
        assert [(one.rubric_id, one.raters, one.problems) for one in reports] == [(rubric_id, 1, [])] * 7
        assert sum(one.dialogues_new for one in reports) == 50
    met = 0
    for row in pd.read_csv(data / "published_pair_agreement.csv").to_dict("records"):
        first, second = ast.literal_eval(row["Annotator Pair"])
        if not {first, second} <= {"expert1", "expert2", "expert3"}:
            continue
        rubric_id = FOLDERS[row["Dataset"]][1]
        found = agreement.score_ratings(store, rubric_id, 1, row["Dimension"])
        pair = cohen_kappa(found, f"{rubric_id}/{first}", f"{rubric_id}/{second}", "quadratic")
        assert round(pair.kappa or 0, 2) == row["Weighted Cohen's Kappa"], row
        met += 1
    assert met == 45
    opened = dialogue(store, "experts-hit:401_conv:803")
    assert (opened.emotion, opened.messages[1].content) == ("anxious", "Did you think you did well?")
    assert "_comma_" not in opened.situation


def test_mentalaligns_sixes_and_blanks_are_met_with_their_line(store: Store, shared_data: Path) -> None:
    path = shared_data / "mentalalign" / "human_ratings.csv.gz"
    cells = pd.read_csv(path, dtype=str).drop(columns=["conv_id", "response_model"])
    report = bring(store, path)
    reasons = pd.Series([problem.reason for problem in report.problems])
    assert reasons.str.endswith(" is 6, outside 1–5").sum() == (cells == "6").sum().sum() == 8
    assert reasons.str.endswith(" is blank").sum() == cells.isna().sum().sum() == 226
    assert len(report.problems) == 234
    assert report.ratings_new == 7_000 * 7 - 234
    values = store.rows("SELECT max(value) AS high, min(value) AS low FROM current_scores")[0]
    assert values == {"high": 5.0, "low": 1.0}
    first = report.problems[0]
    text = pd.read_csv(path, dtype=str).iloc[first.line - 2]
    assert text[first.reason.split()[0]] in ("6",) or pd.isna(text[first.reason.split()[0]])


def test_a_models_raw_words_are_scores_or_a_problem_and_never_a_guess(store: Store, shared_data: Path) -> None:
    path = shared_data / "mentalalign" / "judge_raw_claude.csv.gz"
    report = bring(store, path)
    assert report.raters == 1
    assert report.ratings_new + sum(" is " in problem.reason for problem in report.problems) <= 49_000
    broken = [problem for problem in report.problems if "no JSON" in problem.reason]
    assert report.ratings_new > 40_000
    assert all("{" not in problem.reason for problem in broken)


def test_the_command_says_what_came_and_what_did_not(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "dices"
    folder.mkdir()
    shutil.copy(shared_data / "dices_350" / "items.jsonl.gz", folder)
    ratings = folder / "ratings_long.csv"
    ratings.write_text("item_id,rater,q_overall\n173,r001,No\n173,r002,Maybe\n173,r003,\n9999,r001,Yes\n173,r004,Yes\n")
    assert main(["--home", str(tmp_path / "home"), "import", str(ratings)]) == 0
    out, err = capsys.readouterr()
    assert f"{ratings}: ratings of dices, 2 new by 2 raters, 0 known, 350 new dialogues, 3 left out" in out
    assert err.splitlines() == [
        "  line 3: q_overall is no number",
        "  line 4: q_overall is blank",
        "  line 5: rates a dialogue whose text is not beside it",
    ]


def test_ratings_without_their_texts_and_by_people_who_may_not_are_refused(
    store: Store, tmp_path: Path, shared_data: Path
) -> None:
    alone = shutil.copy(shared_data / "dices_350" / "ratings_long.csv.gz", tmp_path / "ratings_long.csv.gz")
    with pytest.raises(UserError, match=r"the texts that it rates are in items\.jsonl\.gz"):
        bring(store, Path(alone))
    mei = add_person(store, SYSTEM, "mei", "Mei", ["annotator"])
    with pytest.raises(UserError, match="Mei may not import data"):
        import_ratings(store, mei, Path(alone), "dices")
    assert store.rows("SELECT count(*) AS n FROM audit_events")[0]["n"] == 0


def test_a_rating_that_changed_in_the_file_stands_and_the_first_stays_in_the_events(
    store: Store, tmp_path: Path
) -> None:
    line = b'{"item_id": 1, "context": "USER: Hi", "response": "Hello"}\n'
    (tmp_path / "items.jsonl.gz").write_bytes(gzip.compress(line))
    path = tmp_path / "ratings.csv"
    for answer in ("No", "Yes", "Yes"):
        path.write_text(f"item_id,rater,q_overall\n1,r1,{answer}\n")
        bring(store, path)
    scores = audits.state(store, "dices-1", "dices/r1").scores
    assert [(score.criterion_id, score.value, score.turn_index) for score in scores] == [("q_overall", 2.0, 0)]
    assert store.rows("SELECT count(*) AS n FROM audit_events")[0]["n"] == 2


def test_the_words_that_a_level_of_epitome_rests_on_stand_as_its_evidence(store: Store, shared_data: Path) -> None:
    path = shared_data / "empathy_experts" / "conversations_epitome.csv"
    report = bring(store, path)
    assert (report.dialogues_new, report.raters, report.ratings_new, report.problems) == (50, 1, 150, [])
    told = pd.read_csv(path).set_index("sp_id")
    quotes = 0
    for number, row in told.iterrows():
        answer = dialogue(store, f"experts-{number}").messages[-1].content
        for score in audits.state(store, f"experts-{number}", "experts-epitome/epitome").scores:
            assert score.value == row[score.criterion_id]
            spans = [line[1:-1] for line in score.note.splitlines()]
            assert bool(spans) == (score.value > 0)
            assert all(span in answer for span in spans)
            quotes += len(spans)
    rationales = told[[name for name in told if name.startswith("rationales_")]].fillna("").to_numpy().ravel()
    assert quotes == sum(bool(span.strip()) for cell in rationales for span in cell.split("|")) == 79


@pytest.mark.parametrize("head", ["", "not,these,columns\n", '{"messages": []}\n', "item_id,rater\n"])
def test_other_files_are_no_ratings(tmp_path: Path, head: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text(head)
    assert source_of(path) is None
    assert source_of(tmp_path) is None
