"""ESC-Judge's files, each in a shape of its own: which come in, and why the others do not."""

import json
from pathlib import Path

import pytest

from rubrics.errors import UserError
from rubrics.exchange import read
from rubrics.exchange.esc_judge import NO_SCALE
from rubrics.load import dump_rubric, parse_rubric

WARM = '{"criteria": "Warmth", "description": "Is it warm?"}'
CALM = '{"criteria": "Calm", "description": "Is it calm?", "weight": 3}'


def put(folder: Path, text: str, name: str = "mine.jsonl") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_lines_of_criteria_and_description(shared_data: Path) -> None:
    path = shared_data / "esc_judge" / "exploration_rubric2.jsonl"
    found = read(path)
    (rubric,) = found.rubrics
    expected = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(c.name, c.question) for c in rubric.criteria] == [(e["criteria"], e["description"]) for e in expected]
    assert (rubric.id, rubric.title) == ("esc-judge-exploration_rubric2", "ESC-Judge, exploration_rubric2")
    assert all(c.kind == "binary" and set(c.anchors) == {0, 1} for c in rubric.criteria)
    assert (found.format, found.notes) == ("esc-judge", [NO_SCALE])


def test_plain_json_of_stages_that_is_called_jsonl(shared_data: Path) -> None:
    path = shared_data / "esc_judge" / "exploration_rubric3.jsonl"
    (rubric,) = read(path).rubrics
    stages = json.loads(path.read_text(encoding="utf-8"))
    expected = [(f"stage:{stage}", name, text) for stage, named in stages.items() for name, text in named.items()]
    assert [(c.tags[0], c.name, c.question) for c in rubric.criteria] == expected
    assert len(expected) == 11
    assert parse_rubric(dump_rubric(rubric)).hash == rubric.hash


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exploration_rubric.jsonl", "every line is commented out with //; take // off the lines that are meant"),
        ("dimensions.json", "names dimensions but describes none, and a criterion needs its question; "
                            "use a file that has a description for each"),
    ],
)  # fmt: skip
def test_the_others_are_refused_with_the_reason(name: str, reason: str, shared_data: Path) -> None:
    path = shared_data / "esc_judge" / name
    with pytest.raises(UserError) as refused:
        read(path)
    assert str(refused.value) == f"{path}: {reason}"


@pytest.mark.parametrize("name", ["generated_personas.json", "test_persona.json", "roles-v1.jsonl.gz"])
def test_what_is_no_rubric_is_taken_for_none(name: str, shared_data: Path) -> None:
    with pytest.raises(UserError, match="known format"):
        read(shared_data / "esc_judge" / name)


def test_commented_and_broken_lines_are_noted_beside_those_that_come_in(tmp_path: Path) -> None:
    found = read(put(tmp_path, f"{WARM}\n// {CALM}\n{{broken\n\n{CALM}\n" + '{"criteria": "Deep"}'))
    (rubric,) = found.rubrics
    assert [(c.id, c.name) for c in rubric.criteria] == [("warmth", "Warmth"), ("calm", "Calm")]
    assert found.notes[1:] == [
        "line 2: is commented out; left out",
        "line 3: not valid JSON: Expecting property name enclosed in double quotes; left out",
        "line 6: has no text under description; write one; left out",
        "not kept of each criterion: weight",
    ]


def test_two_criteria_of_one_name_keep_apart(tmp_path: Path) -> None:
    (rubric,) = read(put(tmp_path, f"{WARM}\n{WARM}")).rubrics
    assert rubric.ids == ("warmth", "warmth_2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"Insight": {"Trust": ""}}', "Insight: has no text under Trust; write one"),
        ('{"Insight": "Trust"}', "is not ESC-Judge's: give a mapping of stage to criteria to descriptions"),
        ("[]", "is not ESC-Judge's: give a mapping of stage to criteria to descriptions"),
        ("words", "no line describes a criterion; line 1: not valid JSON: Expecting value; left out"),
    ],
)
def test_what_describes_nothing_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = put(tmp_path, text)
    with pytest.raises(UserError) as refused:
        read(path, "esc-judge")
    assert str(refused.value) == f"{path}: {reason}"
