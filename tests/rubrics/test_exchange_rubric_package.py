"""The YAML and JSON of the package `rubric`: every shape that it reads, and what goes out to it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rubrics.aggregate import points_share
from rubrics.errors import UserError
from rubrics.exchange import Imported, lost, read, write
from rubrics.schema import Rubric

ASKS = {"weight": 10.0, "requirement": "Asks what happened."}
HOLDS = {"weight": 5, "requirement": "Holds back advice."}
ODD_TEXT = "Asks\u0085 and\nwaits \x7f\U0001f600."
NO_POINTS = "a points criterion needs points other than 0"
BLAMES = {"weight": -15, "requirement": "Blames the person."}


def put(folder: Path, document: Any, name: str = "my checks.v2.yaml") -> Path:
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def imported(folder: Path, document: Any, name: str = "my checks.v2.yaml") -> Imported:
    return read(put(folder, document, name))


@pytest.mark.parametrize(
    "document",
    [
        [ASKS, HOLDS, BLAMES],
        {"rubric": [ASKS, HOLDS, BLAMES]},
        {"rubrics": [ASKS, HOLDS, BLAMES]},
        {"sections": [{"name": "Start", "criteria": [ASKS, HOLDS]}, {"criteria": [BLAMES]}]},
        {"rubric": {"sections": [{"title": "Start", "criteria": [ASKS, HOLDS]}, BLAMES]}},
        [{"criteria": [ASKS]}, HOLDS, BLAMES],
    ],
)
def test_every_shape_gives_the_same_criteria(document: Any, tmp_path: Path) -> None:
    for text in (yaml.safe_dump(document), json.dumps(document), json.dumps(document, indent=1)):
        found = imported(tmp_path, text)
        (rubric,) = found.rubrics
        assert (found.format, rubric.id, rubric.title) == ("rubric", "my-checks", "my checks")
        assert [(c.question, c.points, c.kind) for c in rubric.criteria] == [
            ("Asks what happened.", 10, "points"),
            ("Holds back advice.", 5, "points"),
            ("Blames the person.", -15, "points"),
        ]


def test_the_score_is_the_packages(tmp_path: Path) -> None:
    """Its normalised score: weights met over weights above 0, here (10 − 15) / 15 before it is cut to 0–1."""
    (rubric,) = imported(tmp_path, [ASKS, HOLDS, BLAMES]).rubrics
    assert points_share(rubric, dict(zip(rubric.ids, (1.0, 0.0, 1.0), strict=True))) == pytest.approx(-1 / 3)


def test_sections_become_tags_and_what_has_no_place_is_noted(tmp_path: Path) -> None:
    sections = [{"name": "Start", "note": "x", "criteria": [ASKS | {"id": 7, "colour": "red"}]}, HOLDS]
    found = imported(tmp_path, {"sections": sections, "version": 2})
    assert [(c.id, c.tags) for c in found.rubrics[0].criteria] == [
        ("c-7", ("section:Start",)),
        ("holds_back_advice", ()),
    ]
    assert found.notes == [
        "not kept of the file: version", "not kept of each section: note", "not kept of each criterion: colour",
    ]  # fmt: skip


def own(**changed: Any) -> Rubric:
    reads = {"kind": "points", "reads": ("history", "response")}
    criteria = [
        {"id": "b", "name": "First", "question": ODD_TEXT, "points": 2.5, "tags": ["axis:x"]} | reads,
        {"id": "a", "name": "Blames the person.", "question": "Blames the person.", "points": -1} | reads,
    ]  # fmt: skip
    body = {"id": "mine", "title": "Mine: “all”", "criteria": criteria, "aggregate": {"method": "points"}}
    return Rubric.model_validate(body | changed)


def as_the_package_reads(document: Any) -> list[tuple[float, str]]:
    """What the package's validate_and_create_criteria makes of a mapping with `rubric`."""
    return [(float(entry["weight"]), entry["requirement"]) for entry in document["rubric"]]


def test_what_goes_out_is_read_by_the_package_as_yaml_and_as_json() -> None:
    text = write(own(), "rubric")
    expected = [(2.5, own().criteria[0].question), (-1.0, "Blames the person.")]
    assert as_the_package_reads(json.loads(text)) == as_the_package_reads(yaml.safe_load(text)) == expected


def test_out_and_in_again_is_the_same_rubric(tmp_path: Path) -> None:
    plain = own(criteria=[c.model_copy(update={"question": c.question.replace("\x7f", "")}) for c in own().criteria])
    (again,) = imported(tmp_path, write(plain, "rubric")).rubrics
    assert again.hash == plain.hash
    assert lost(plain, "rubric") == []
    assert lost(own(instructions="Be fair."), "rubric") == ["the instructions"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([BLAMES], "no weight is above 0, so nothing could be earned; add what a good reply does"),
        ([ASKS, HOLDS | {"weight": 0}], f"criterion 2 (holds_back_advice): {NO_POINTS}"),
        ([ASKS | {"weight": None}], "criterion 1: has no number under weight; write one"),
        ([ASKS | {"weight": float("inf")}], "criterion 1 (asks_what_happened), points: must be a finite number"),
        ([{"requirement": ""}], "criterion 1: has no text under requirement; write one"),
        ([ASKS, "text"], "criterion 2: is not a mapping of weight and requirement"),
        ({"rubric": []}, "holds no list of criteria; give a list of weight and requirement, or sections"),
        ({"sections": {"a": 1}}, "holds no list of criteria; give a list of weight and requirement, or sections"),
        ({"sections": [{"criteria": "x"}]}, "section 1: criteria must be a list"),
        ([ASKS | {"id": "x"}, HOLDS | {"id": "x"}],
         "criterion id x is used more than once; ids must be unique, archived ones included"),
        ([ASKS] * 2001, "holds more than 2000 criteria, which no single rubric does; split it"),
    ],
)  # fmt: skip
def test_one_fault_refuses_the_whole_file(document: Any, reason: str, tmp_path: Path) -> None:
    path = put(tmp_path, document)
    with pytest.raises(UserError) as refused:
        read(path, "rubric")
    assert str(refused.value) == f"{path}: {reason}"


def test_a_list_pointed_at_again_and_again_is_not_multiplied_out(tmp_path: Path) -> None:
    """Three thousand sections of 400 criteria each would be over a million, from a file of 70 kB."""
    first = "- criteria: &all\n" + "  - {weight: 1, requirement: Asks.}\n" * 400
    path = put(tmp_path, first + "- {criteria: *all}\n" * 3000)
    with pytest.raises(UserError, match="holds more than 2000 criteria"):
        read(path)
