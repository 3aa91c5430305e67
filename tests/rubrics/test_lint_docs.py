"""docs/rubric-checks.md is held to its word: each check has a section, whose weak piece trips it and the mended not."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rubrics.lint import RULES, lint
from rubrics.load import rubric_from
from rubrics.schema import Rubric

DOCS = Path(__file__).resolve().parents[2] / "docs" / "rubric-checks.md"
WHOLE = ("criteria", "aggregate", "reward", "calibration", "purpose")
PLAIN = {"id": "plain", "name": "Plain", "question": "Is it plain?", "kind": "binary"}


def sections() -> dict[str, list[Any]]:
    """Code → the pieces of YAML in its section."""
    parts = re.split(r"^### (\S+)$", DOCS.read_text(encoding="utf-8"), flags=re.M)[1:]
    fences = re.compile(r"```yaml\n(.*?)```", re.S)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {code: [yaml.safe_load(block) for block in fences.findall(text)] for code, text in pairs}


def rubric_of(piece: dict[str, Any]) -> Rubric:
    """A whole rubric around a piece: fields of a rubric as they are, anything else as its one criterion."""
    body: dict[str, Any] = {"id": "r", "title": "R", "criteria": [PLAIN]}
    if any(field in WHOLE for field in piece):
        return rubric_from(body | piece)
    return rubric_from(
        body | {"criteria": [{"id": "c", "name": "Feeling", "question": "Is the feeling named?"} | piece]}
    )


SECTIONS = sections()


def test_every_check_has_a_section_and_every_section_a_check() -> None:
    assert list(SECTIONS) == sorted(RULES, key=list(SECTIONS).index)


def test_a_section_has_a_weak_and_a_mended_piece() -> None:
    assert {code: len(pieces) for code, pieces in SECTIONS.items()} == dict.fromkeys(RULES, 2)


@pytest.mark.parametrize("code", RULES)
def test_the_weak_piece_trips_its_check_and_the_mended_one_does_not(code: str) -> None:
    weak, mended = ({warned.code for warned in lint(rubric_of(piece))} for piece in SECTIONS[code])
    assert code in weak
    assert code not in mended


@pytest.mark.parametrize("code", RULES)
def test_mending_brings_in_no_other_weakness_but_missing_examples(code: str) -> None:
    """The pieces are short, so some lack examples; beyond that a mend must not trip what the weak piece did not."""
    weak, mended = ({warned.code for warned in lint(rubric_of(piece))} for piece in SECTIONS[code])
    assert mended <= weak | {"E1"}
