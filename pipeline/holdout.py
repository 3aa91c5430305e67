"""Who is held out of a training: persons on whose turns a model is tried while it learns, and who teach it nothing."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from pipeline.configs import TrainingConfig
from rubrics.errors import UserError


class Parts(NamedTuple):
    """Dialogues to train on and dialogues held out, both as rows of inputs.parquet; nobody is in both."""

    train: pd.DataFrame
    held: pd.DataFrame

    @property
    def persons(self) -> Mapping[str, str]:
        """Whose dialogue it is, for those held out."""
        return dict(zip(self.held["dialogue_id"], persons(self.held), strict=True))


def persons(inputs: pd.DataFrame) -> list[str]:
    """Whose dialogue each is: persona, user name, or the profile's text; where nothing is known, its own."""
    return [
        next(value for name in ("persona_id", "anon_username", "person", "dialogue_id") if (value := _text(row, name)))
        for row in inputs.to_dict("records")
    ]


def hold_out(inputs: pd.DataFrame, config: TrainingConfig, seed: int) -> Parts:
    """The run's dialogues by person: drawn by the seed alone, until `validation_share` of the dialogues are held out.

    Everything is trained on where the run does not validate, or where there is one person only. Raises UserError when
    somebody has one user name and two personas, and would be on both sides.
    """
    whose = persons(inputs)
    sizes = Counter(whose)
    wanted = config.validation_share * len(inputs) if config.validation_turns else 0.0
    held: set[str] = set()
    for person in sorted(sizes, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest()):
        if sum(sizes[one] for one in held) >= wanted or len(held) == len(sizes) - 1:
            break
        held.add(person)
    is_held = pd.Series([person in held for person in whose], index=inputs.index, dtype=bool)
    parts = Parts(inputs[~is_held], inputs[is_held])
    check_disjoint(parts)
    return parts


def check_disjoint(parts: Parts) -> None:
    """Raises UserError when somebody is on both sides, by persona or by user name."""
    for name in ("persona_id", "anon_username"):
        train, held = ({value for value in frame[name] if isinstance(value, str) and value} for frame in parts)
        if both := train & held:
            raise UserError(
                f"{len(both)} persons would be trained on and held out, by {name}: give each one persona_id, or take "
                f"--validation-turns 0"
            )


def _text(row: Mapping[object, object], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
