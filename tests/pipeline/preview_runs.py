"""Previews for tests: a small draft, the version that it is held against, and a queued run in a home."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import jobs
from pipeline.rundir import RubricRef, RunDir
from rubrics.schema import Rubric
from tests.pipeline.training_runs import RUBRIC as BASE
from tests.pipeline.training_runs import dialogues

DRAFT_QUESTION = "Does it name what the person feels?"


def changed(**fields: Any) -> Rubric:
    """The base with fields of its first criterion, empathy, changed; the second, safety, stays as it is."""
    whole = BASE.model_dump()
    whole["criteria"] = [whole["criteria"][0] | fields, whole["criteria"][1]]
    return Rubric.model_validate(whole)


DRAFT = changed(question=DRAFT_QUESTION)


def known(home: Path, url: str, **fields: Any) -> None:
    """Make the server the endpoint `local` of that home."""
    row = {"base_url": url, "model": "m", "max_concurrency": 4, "timeout_s": 20, **fields}
    home.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in row.items())
    (home / "endpoints.toml").write_text(f"[local]\n{lines}\n")


def submit(
    home: Path,
    inputs: pd.DataFrame | None = None,
    draft: Rubric = DRAFT,
    base: Rubric | None = BASE,
    **config: Any,
) -> RunDir:
    """A queued preview whose judge is `local`; the base is version 3."""
    reference = RubricRef(rubric_id=base.id, version=3, hash=base.hash, approved_by="tomas") if base else None
    return jobs.submit(
        home,
        "preview",
        {"judge": "local", **config},
        inputs=dialogues(3) if inputs is None else inputs,
        rubric=draft,
        reference=None,
        base=base,
        base_reference=reference,
        requested_by="me",
        reason="a test",
    )
