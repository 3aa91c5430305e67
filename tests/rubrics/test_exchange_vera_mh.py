"""VERA-MH's branching table: the real one against the file itself, its ways by a small tree worked out by hand."""

from pathlib import Path

import pandas as pd
import pytest

from rubrics.errors import UserError
from rubrics.exchange import Imported, read
from rubrics.load import dump_rubric, parse_rubric

HEAD = "Question ID\tDimension\tSeverity\tRisk Type\tQuestion\tExamples\tAnswer\tGOTO"
TREE = [
    HEAD,
    "1\tNotice\t\t\tIs there danger?\tSay what counts.\tDanger is plain\t2",
    "\t\t\t\t\t\tNo danger is plain\t3",
    "\t\t\t\t\t\tNot Relevant (nothing was said)\tEND",
    "2\tNotice\tRed\t\tIs it passed over?\t\tNo\t",
    "\t\t\t\t\t\tYes\t4",
    "3\tNotice\tYelow\t\tIs there a false alarm?\t\tYes\t99",
    "\t\t\t\t\t\tNo\t4",
    "4\tHelp\t\t\tHow great is the danger?\t\tNone\t7",
    "\t\t\t\t\t\tSome\t5",
    "\t\t\t\t\t\tGreat\t6",
    "5\tHelp\tRed\tSome\tIs no help named?\t\t\t",
    "6\tHelp\tRed\tGreat\tIs no help named now?\t\t\t",
    "7\tTone\tYellow\t\tIs it cold?\t\t\t",
    "8\tTone\tYellow\t\tIs it a lecture?\t\t\t",
]


def put(folder: Path, lines: list[str], end: str = "\n") -> Path:
    path = folder / "tree.txt"
    path.write_bytes(end.join(lines).encode())
    return path


@pytest.fixture(scope="module")
def table(shared_data: Path) -> pd.DataFrame:
    return pd.read_csv(shared_data / "vera_mh" / "rubric.tsv", sep="\t", dtype=str).fillna("")


@pytest.fixture(scope="module")
def imported(shared_data: Path) -> Imported:
    return read(shared_data / "vera_mh" / "rubric.tsv")


def test_every_question_is_a_criterion_with_its_text_and_severity(table: pd.DataFrame, imported: Imported) -> None:
    (rubric,) = imported.rubrics
    asked = table[table["Question ID"] != ""].to_dict("records")
    assert len(asked) == 34
    for row, criterion in zip(asked, rubric.criteria, strict=True):
        assert criterion.id == f"Q{row['Question ID']}"
        assert criterion.question.startswith(row["Question"].strip())
        assert criterion.question.endswith(row["Examples"].strip() or row["Question"].strip())
        assert criterion.severity == {"Red": "red", "Yellow": "yellow", "Yelow": "yellow", "": "none"}[row["Severity"]]
        assert f"dimension:{row['Dimension']}" in criterion.tags
    assert (rubric.purpose, imported.format) == ("flags", "vera-mh")
    assert parse_rubric(dump_rubric(rubric)).hash == rubric.hash


def test_every_answer_that_is_written_is_an_anchor(table: pd.DataFrame, imported: Imported) -> None:
    (rubric,) = imported.rubrics
    question = ""
    for row in table.to_dict("records"):
        question = row["Question ID"] or question
        anchors = " ".join(rubric.criterion(f"Q{question}").anchors.values())
        assert row["Answer"].strip() in anchors


def test_every_row_has_a_note_and_every_goto_is_in_words_or_said_to_be_lost(
    table: pd.DataFrame, imported: Imported
) -> None:
    question, notes = "", imported.notes
    for number, row in enumerate(table.to_dict("records"), start=2):
        question = row["Question ID"] or question
        (note,) = [one for one in notes if one.startswith(f"line {number}, Q{question}: ")]
        if row["GOTO"].isdigit():
            assert f"leads to Q{row['GOTO']}, in words only" in note
            assert f"Q{question}" in imported.rubrics[0].criterion(f"Q{row['GOTO']}").use_when
        elif row["GOTO"]:
            assert "ends the questions, which is not kept" in note
    assert sum("severity “Yelow” is read as yellow" in note for note in notes) == 2
    assert sum("no answers are written" in note for note in notes) == 24


def test_a_small_tree_in_full(tmp_path: Path) -> None:
    found = read(put(tmp_path, TREE, "\r\n"))
    (rubric,) = found.rubrics
    assert (rubric.id, rubric.title) == ("vera-mh-tree", "VERA-MH, tree")
    assert [(c.id, c.kind, c.severity, c.anchors) for c in rubric.criteria[:4]] == [
        ("Q1", "binary", "none", {1: "Danger is plain", 0: "No danger is plain, or: Not Relevant (nothing was said)"}),
        ("Q2", "binary", "red", {1: "Yes", 0: "No"}),
        ("Q3", "binary", "yellow", {1: "Yes", 0: "No"}),
        ("Q4", "likert", "none", {1: "None", 2: "Some", 3: "Great"}),
    ]
    assert rubric.criteria[0].question == "Is there danger?\n\nSay what counts."
    assert [(c.id, c.use_when) for c in rubric.criteria] == [
        ("Q1", ""),
        ("Q2", "Asked only when Q1 was answered “Danger is plain”."),
        ("Q3", "Asked only when Q1 was answered “No danger is plain”, or Q2 was answered “No”."),
        ("Q4", "Asked only when Q2 was answered “Yes”, or Q3 was answered “No”."),
        ("Q5", "Only for a person whose risk is: Some. Asked only when Q4 was answered “Some”."),
        ("Q6", "Only for a person whose risk is: Great. Asked only when Q4 was answered “Great”."),
        ("Q7", "Asked only when Q4 was answered “None”, or Q5 or Q6 was answered “Yes”, "
               "or Q5 or Q6 was answered “No”."),
        ("Q8", ""),
    ]  # fmt: skip
    assert found.notes[3:] == [
        "line 2, Q1: Not Relevant scores 0, as No does; “Danger is plain” leads to Q2, in words only",
        "line 3, Q1: “No danger is plain” leads to Q3, in words only",
        "line 4, Q1: “Not Relevant (nothing was said)” ends the questions, which is not kept",
        "line 5, Q2: “No” leads to Q3, in words only",
        "line 6, Q2: “Yes” leads to Q4, in words only",
        "line 7, Q3: severity “Yelow” is read as yellow; GOTO “99” of “Yes” names no question and is not kept",
        "line 8, Q3: “No” leads to Q4, in words only",
        "line 9, Q4: its answers became levels 1 to 3 in their order; “None” leads to Q7, in words only",
        "line 10, Q4: “Some” leads to Q5, in words only",
        "line 11, Q4: “Great” leads to Q6, in words only",
        "line 12, Q5: no answers are written, so that they are Yes and No; “Yes” leads to Q7, in words only; "
        "“No” leads to Q7, in words only",
        "line 13, Q6: no answers are written, so that they are Yes and No; “Yes” leads to Q7, in words only; "
        "“No” leads to Q7, in words only",
        "line 14, Q7: no answers are written, so that they are Yes and No; “Yes” ends the questions, "
        "which is not kept; “No” leads to Q8, which is not kept",
        "line 15, Q8: no answers are written, so that they are Yes and No; “Yes” ends the questions, "
        "which is not kept; “No” ends the questions, which is not kept",
    ]


def test_cells_of_several_lines_numbers_with_a_point_and_other_columns(tmp_path: Path) -> None:
    lines = [
        HEAD + "\tHuman notes",
        '4.0\tA\tRed\t\t"One\tcell\nof ""two"" lines"\t\tYes\t5.0\tmine',
        "5\tA\t\t\tNext?",
    ]
    found = read(put(tmp_path, lines))
    (rubric,) = found.rubrics
    assert rubric.ids == ("Q4", "Q5")
    assert rubric.criteria[0].question == 'One\tcell\nof "two" lines'
    assert rubric.criteria[1].use_when == "Asked only when Q4 was answered “Yes”."
    assert "not kept: column Human notes" in found.notes


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([HEAD], "holds no question below its first line"),
        ([HEAD, "\t\t\t\t\t\tYes\t2"], "line 2: has no Question ID, and no question stands above it"),
        ([HEAD, "1\t\tRed\t\tWhy?", "1\t\tRed\t\tHow?"],
         "line 3: Question ID is that of line 2 again; give it one of its own"),
        ([HEAD, "1\t\tRed\t\t"], "line 2: has a Question ID and no Question; write one"),
        ([HEAD, "1\t\tOrange\t\tWhy?"], "line 2: Severity must be Red, Yellow or empty"),
        ([HEAD, "?!\t\tRed\t\tWhy?"],
         "line 2: Question ID must be a number, or letters and digits that begin with a letter"),
        ([HEAD, "1\t\tRed\t\tWhy?\t\t\t\tmore"],
         "line 2: has more cells than there are columns; put a cell with tabs in quotes"),
        ([HEAD, '1\t\tRed\t\t"Why?'], "line 2: not a sound table: unexpected end of data"),
        ([HEAD, "1\t\tRed\t\tWhy?" + "y" * 140_000],
         "line 2: not a sound table: field larger than field limit (131072)"),
        (["Question ID\tQuestion\tGOTO", "1\tWhy?"],
         "line 1: has no column Severity and Answer; columns are parted by tabs"),
        ([HEAD + "\tGOTO", "1\t\tRed\t\tWhy?"], "line 1: column GOTO is there twice"),
        ([HEAD, *[f"{n}\t\tRed\t\tWhy?" for n in range(501)]],
         "holds more than 500 questions, which no single rubric does; split it"),
        ([HEAD, "1\t\tRed\t\tWhy\0?"], "line 2: holds a NUL; is it text?"),
        ([HEAD, "1\t\tRed\t\tWhy\a?"], "a text holds a control character such as NUL; take it out"),
    ],
)  # fmt: skip
def test_one_fault_refuses_the_whole_tree(lines: list[str], reason: str, tmp_path: Path) -> None:
    path = put(tmp_path, lines)
    with pytest.raises(UserError) as refused:
        read(path)
    assert str(refused.value) == f"{path}: {reason}"
