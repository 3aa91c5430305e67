"""Reading and writing rubrics: nothing changes on the way, and every fault is told in one line that says where."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rubrics.errors import UserError
from rubrics.load import LIBRARY, dump_rubric, faults, library, load_rubric, parse_rubric
from rubrics.schema import Rubric

TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1).filter(str.strip)
HEAD = "id: r\ntitle: R\n"
GOOD = "  - {id: first, name: F, question: Q, kind: binary}\n"
LIKERT = "  - {id: empathy, name: E, question: Q, anchors: {1: low, 5: high}%s}\n"


@pytest.mark.parametrize("rubric", library(), ids=lambda rubric: rubric.id)
def test_dump_then_parse_gives_the_same_rubric(rubric: Rubric) -> None:
    again = parse_rubric(dump_rubric(rubric))
    assert again == rubric
    assert again.hash == rubric.hash


@given(texts=st.lists(TEXT, min_size=6, max_size=6))
@settings(max_examples=200, deadline=None)
def test_dump_then_parse_keeps_any_text(texts: list[str]) -> None:
    title, name, question, anchor, example, why = texts
    criterion = {"id": "a", "name": name, "question": question, "anchors": {1: anchor, 2: anchor + "."}}
    criterion["examples"] = [{"text": example, "score": 2, "why": why}]
    rubric = Rubric.model_validate({"id": "r", "title": title, "criteria": [criterion]})
    assert parse_rubric(dump_rubric(rubric)).hash == rubric.hash


def test_a_dump_writes_lines_as_lines() -> None:
    lines = [line.strip() for line in dump_rubric(load_rubric(LIBRARY / "kardia-empathy.yaml")).splitlines()]
    spoken = "Person: I failed my driving test again, and Dad had taken the day off to be there."
    assert lines[lines.index(spoken) + 1].startswith("Response: Failing")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must be a mapping with id, title and criteria"),
        ("- a\n- b\n", "must be a mapping with id, title and criteria"),
        (HEAD, "criteria: is missing"),
        (HEAD + "criteria: []\n", "a rubric needs at least one criterion"),
        (HEAD + "criteria: nothing\n", "criteria: must be a list"),
        (HEAD + "criteria: [text]\n", "criterion 1: must be a mapping of fields"),
        (HEAD + "criteria:\n" + GOOD + GOOD, "criterion id first is used more than once; ids must be unique"),
        (HEAD + "instrctions: x\ncriteria:\n" + GOOD, "instrctions: is not a field here; check the spelling"),
        (
            HEAD + "criteria:\n" + GOOD + LIKERT % ", wieght: 2",
            "criterion 2 (empathy), wieght: is not a field here; check the spelling",
        ),
        (HEAD + "criteria:\n  - {id: a, kind: binary, question: Q}\n", "criterion 1 (a), name: is missing"),
        (
            HEAD + "criteria:\n" + GOOD + "  - {id: empathy, name: E, question: Q, anchors: {1: low}}\n",
            "criterion 2 (empathy): a likert criterion needs an anchor for at least two scores",
        ),
        (
            HEAD + "criteria:\n  - {id: empathy, name: E, question: Q, anchors: {1: low, best: high}}\n",
            "criterion 1 (empathy), anchors, score best: must be a whole number",
        ),
        (
            HEAD + "criteria:\n  - {id: empathy, name: E, question: Q, anchors: {1: low, 2: ' '}}\n",
            "criterion 1 (empathy), anchors, score 2: must not be empty",
        ),
        (
            HEAD + "criteria:\n  - {id: empathy, name: E, question: Q, anchors: {1: low, 1: high}}\n",
            "line 4: not valid YAML: 1 is given twice",
        ),
        (
            HEAD + "criteria:\n" + LIKERT % ", examples: [{text: hi, score: 6}]",
            "criterion 1 (empathy): example 1 has score 6, outside 1–5",
        ),
        (
            HEAD + "criteria:\n" + LIKERT % ", examples: [{text: hi, score: 1}, {text: ho}]",
            "criterion 1 (empathy), examples, number 2, score: is missing",
        ),
        (
            HEAD + "criteria:\n" + LIKERT % ", veto: {at_or_below: 0}",
            "criterion 1 (empathy): veto.at_or_below must be at least 1 and below 5, the ends of the scale",
        ),
        (
            HEAD + "criteria:\n" + LIKERT % ", points: .nan",
            "criterion 1 (empathy), points: must be a finite number",
        ),
        (
            HEAD + "criteria:\n" + LIKERT % ", reads: []",
            "criterion 1 (empathy), reads: must name at least one part of the dialogue, such as response",
        ),
        (
            HEAD + "purpose: gate\ncriteria:\n" + GOOD,
            "purpose gate and aggregate.method gate go together: give both or neither",
        ),
        (
            HEAD + "purpose: gate\naggregate: {method: gate, solved_by: done}\ncriteria:\n" + GOOD,
            "a gate needs aggregate.solved_by, the id of the criterion that says the dialogue is SOLVED",
        ),
        (
            HEAD + "aggregate: {method: points}\ncriteria:\n" + GOOD,
            "aggregate.method points needs points for every criterion; first has none",
        ),
        (
            HEAD + "aggregate: {method: points}\ncriteria:\n" + GOOD.replace("}", ", points: -3}"),
            "aggregate.method points needs a criterion with points above 0, or nothing can be earned",
        ),
        (HEAD + "criteria: [\n", "line 4: not valid YAML: expected the node content, but found '<stream end>'"),
        (
            HEAD + "criteria: \0",
            'not valid YAML: unacceptable character #x0000: special characters are not allowed in "rubrics/',
        ),
        ("[" * 5000, "not a rubric: nested too deeply"),
    ],
)
def test_a_fault_is_one_line_that_names_file_and_place(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_rubric(path)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.startswith(f"{path}: {expected.removesuffix('rubrics/')}")


def test_an_id_of_several_lines_still_gives_one_line() -> None:
    with pytest.raises(UserError) as caught:
        parse_rubric(HEAD + 'criteria:\n  - {id: "a\\nb", name: N, question: Q, kind: binary}\n', where="mine.yaml")
    assert str(caught.value) == (
        "mine.yaml: criterion 1 (a b), id: must begin with a letter and hold only letters, digits, _ and -"
    )


def test_a_missing_file_and_a_file_that_is_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read: No such file or directory$"):
        load_rubric(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"title: caf\xe9\n")
    with pytest.raises(UserError, match=r"latin\.yaml: is not UTF-8 text"):
        load_rubric(tmp_path / "latin.yaml")


def test_faults_tells_all_of_them() -> None:
    body = {
        "id": "1",
        "criteria": [{"id": "a", "name": "", "question": "Q?", "kind": "binary"}, {"id": "b", "colour": "red"}],
    }
    assert faults(body) == [
        "id: must begin with a letter and hold only letters, digits, _ and -",
        "title: is missing",
        "criterion 1 (a), name: must not be empty",
        "criterion 2 (b), name: is missing",
        "criterion 2 (b), question: is missing",
        "criterion 2 (b), colour: is not a field here; check the spelling",
    ]
    assert (
        faults({"id": "r", "title": "R", "criteria": [{"id": "a", "name": "A", "question": "Q?", "kind": "binary"}]})
        == []
    )


def test_yaml_cannot_build_objects() -> None:
    with pytest.raises(UserError, match="not valid YAML"):
        parse_rubric("!!python/object/apply:os.getcwd []")


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x00", "\x85", "\u2028", "\u2029", "\ufeff", "’", "心", "🙂"])
def test_dump_then_parse_keeps_each_awkward_character(character: str) -> None:
    criterion = {"id": "a", "name": "A", "question": f"one{character}two\nthree", "kind": "binary"}
    rubric = Rubric.model_validate({"id": "r", "title": f"one{character}two", "criteria": [criterion]})
    assert parse_rubric(dump_rubric(rubric)) == rubric
