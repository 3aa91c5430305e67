"""The inputs of regeneration: who the person is, what they go through, what they feel."""

import hashlib
from typing import NamedTuple

from pipeline.emotions import check_emotion
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from rubrics.schema import Rubric


class Seed(NamedTuple):
    """What a dialogue is rebuilt from; the words of the source dialogue itself are not used."""

    source_dialogue_id: str
    persona_id: str
    person: str
    mbti: str
    anon_username: str
    emotion: str
    situation: str


def seeds_of(run: RunDir) -> dict[str, Seed]:
    """Id of the dialogue to make → its seed, in the order of the inputs.

    Raises UserError naming the first dialogue that comes twice, has none of the 32 emotions, or lacks a situation or a
    profile that the rubric reads: a criterion without its part could never be judged.
    """
    rubric = run.rubric()
    found: dict[str, Seed] = {}
    for row in run.inputs().itertuples():
        seed = Seed(str(row.dialogue_id), *(_text(getattr(row, field)) for field in Seed._fields[1:]))
        where = f"dialogue {seed.source_dialogue_id}"
        new_id = _new_id(run.run_id, seed.source_dialogue_id)
        if new_id in found:
            raise UserError(f"{where}: comes twice among the inputs; choose each dialogue once")
        found[new_id] = seed._replace(emotion=check_emotion(seed.emotion, where))
        _has_what_is_read(seed, rubric, where)
    return found


def _has_what_is_read(seed: Seed, rubric: Rubric, where: str) -> None:
    if not seed.situation.strip():
        raise UserError(f"{where}: has no situation to rebuild it from; fill it in or leave the dialogue out")
    reader = next((c.id for c in rubric.criteria if "profile" in c.reads), None)
    if reader and not seed.person.strip():
        raise UserError(f"{where}: has no profile, which the criterion {reader} reads; leave the dialogue out")


def _new_id(run_id: str, source_dialogue_id: str) -> str:
    """The same for every attempt of a run, unlike any source's, and no longer with every generation."""
    return f"{run_id}-{hashlib.sha256(source_dialogue_id.encode()).hexdigest()[:10]}"


def _text(value: object) -> str:
    """A frame holds None or NaN where a text is unknown."""
    return value if isinstance(value, str) else ""
