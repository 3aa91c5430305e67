"""Presets of training: settings under a name, each with where it comes from. The numbers are in presets.yaml.

`reported`: published as Kardia-R1's own (arXiv 2512.01282, as reported). `ours`: chosen here, with the reason, because
nobody has published it or because the preset is for another machine.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from rubrics.errors import UserError

FILE = Path(__file__).parent / "presets.yaml"


class Setting(BaseModel):
    """One value with its source; `why` is one line, empty where it was simply reported."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    value: int | float | str = Field(alias="is")
    source: Literal["reported", "ours"] = Field(alias="from")
    why: str = ""


class Preset(BaseModel):
    """A preset: for whom it is, and its settings per stage, those of `both` included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    both: dict[str, Setting] = {}
    sft: dict[str, Setting] = {}
    grpo: dict[str, Setting] = {}

    def settings(self, stage: str) -> dict[str, Setting]:
        """Option → setting for sft or grpo; nothing for any other stage."""
        own = {"sft": self.sft, "grpo": self.grpo}.get(stage)
        return {} if own is None else {**self.both, **own}


@cache
def presets() -> dict[str, Preset]:
    """Every preset by name, in the order of the file."""
    return {name: Preset.model_validate(row) for name, row in yaml.safe_load(FILE.read_text(encoding="utf-8")).items()}


def values(stage: str, name: str) -> dict[str, Any]:
    """Option → value of a preset. Raises UserError when there is no such preset, or none for the stage."""
    if name not in presets() or not presets()[name].settings(stage):
        raise UserError(f"{stage}, preset: there is no {name!r}; use one of {', '.join(presets())}")
    return {option: setting.value for option, setting in presets()[name].settings(stage).items()}


def with_preset(stage: str, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's values with what was asked beside it on top; steps that were asked for take the place of its epochs,
    and the other way round.
    """
    found = values(stage, name)
    for one, other in (("max_steps", "epochs"), ("epochs", "max_steps")):
        if asked.get(one) and not asked.get(other):
            found.pop(other, None)
            found[other] = 0
    return {**found, **asked}
