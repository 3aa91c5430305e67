"""Which dialogues are to be written: balanced as asked, the same for the same seed, everybody as often as everybody."""

import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.inputs import read_inputs
from pipeline.personas.privacy import Persona
from pipeline.plan import Situation, plan, read_personas, read_situations
from rubrics.errors import UserError

PEOPLE = [Persona(f"p{n}", "", "INFP", f"Number {n}.", "", "") for n in range(7)]
SITUATIONS = [Situation(f"s{n}", f"It happened, {n}.", "sad" if n % 4 else "joyful") for n in range(40)]


def test_even_gives_every_emotion_as_many() -> None:
    lines = plan(PEOPLE, SITUATIONS, 21, "even", seed=0)
    assert Counter(line["emotion"] for line in lines) == {"joyful": 11, "sad": 10}
    assert set(Counter(line["persona"]["persona_id"] for line in lines).values()) == {3}


def test_as_found_keeps_the_proportions() -> None:
    assert Counter(line["emotion"] for line in plan(PEOPLE, SITUATIONS, 8, "as-found", seed=0)) == {
        "sad": 6,
        "joyful": 2,
    }


def test_told_numbers_are_kept() -> None:
    assert Counter(line["emotion"] for line in plan(PEOPLE, SITUATIONS, 999, "sad=3, joyful=1", seed=0)) == {
        "sad": 3,
        "joyful": 1,
    }


def test_no_situation_comes_twice_before_all_have_come() -> None:
    used = Counter(line["situation"] for line in plan(PEOPLE, SITUATIONS, 30, "sad=30", seed=0))
    assert set(used.values()) == {1}
    used = Counter(line["situation"] for line in plan(PEOPLE, SITUATIONS, 60, "sad=60", seed=0))
    assert set(used.values()) == {2}


def test_the_seed_decides() -> None:
    first = plan(PEOPLE, SITUATIONS, 20, "even", seed=1)
    assert first == plan(PEOPLE[::-1], SITUATIONS[::-1], 20, "even", seed=1)
    assert first != plan(PEOPLE, SITUATIONS, 20, "even", seed=2)


@pytest.mark.parametrize(
    ("balance", "told"),
    [
        ("evenly", "none of even"),
        ("sad=x", "no number"),
        ("blue=1", "not one of the 32"),
        ("angry=1", "no situation with"),
    ],
)
def test_a_balance_that_cannot_be_met_is_told(balance: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        plan(PEOPLE, SITUATIONS, 5, balance, seed=0)


def test_a_plan_can_be_read_as_inputs(tmp_path: Path) -> None:
    file = tmp_path / "inputs.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in plan(PEOPLE, SITUATIONS, 5, "even", seed=0)))
    frame = read_inputs(file)
    assert len(frame) == 5
    assert frame.person.str.contains("About: Number").all()


def test_files_of_the_wrong_kind_are_told(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"situation": "s", "emotion": "blue"}\n')
    with pytest.raises(UserError, match="holds no situation"):
        read_situations(file)
    with pytest.raises(UserError, match="has no 'persona_id'"):
        read_personas(file)
