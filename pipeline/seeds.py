"""The inputs of regeneration: who the person is, what they go through, what they feel; and what auditors flagged."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.configs import RegenerateConfig
from pipeline.emotions import check_emotion
from pipeline.rundir import RunDir
from pipeline.turns import Message, messages_of
from rubrics.errors import UserError
from rubrics.schema import Rubric


class Seed(NamedTuple):
    """What a dialogue is made from.

    A new one uses no words of its source. One that was audited keeps what was said before its first flagged turn
    (`before`) and the words that this turn answered (`asked`); `flagged` is the answer that is written anew, `notes`
    what auditors said, by exchange, and `exchanges` how many the source has.
    """

    source_dialogue_id: str
    persona_id: str
    person: str
    mbti: str
    anon_username: str
    emotion: str
    situation: str
    before: tuple[Message, ...] = ()
    asked: str = ""
    flagged: str = ""
    notes: Mapping[int, str] = {}
    exchanges: int = 0

    @property
    def first_exchange(self) -> int:
        """The number of the first exchange that is written."""
        return sum(message.role == "assistant" for message in self.before)

    def exchanges_left(self, cap: int) -> int:
        """How many exchanges may be written: up to the cap, or as many as the audited dialogue has from there on."""
        return self.exchanges - self.first_exchange if self.exchanges else cap


RECORD_FIELDS = Seed._fields[:7]


def seeds_of(run: RunDir) -> dict[str, Seed]:
    """Id of the dialogue to make → its seed, in the order of the inputs.

    Of audited dialogues only those with a flag are taken. Raises UserError naming the first dialogue that comes twice,
    has none of the 32 emotions, or lacks a situation or a profile that the rubric reads: a criterion without its part
    could never be judged.
    """
    rubric, mode = run.rubric(), RegenerateConfig.model_validate(run.request().config).mode
    found: dict[str, Seed] = {}
    for seed in _seeds(run, mode == "flagged"):
        where = f"dialogue {seed.source_dialogue_id}"
        new_id = new_id_of(run.run_id, seed.source_dialogue_id)
        if new_id in found:
            raise UserError(f"{where}: comes twice among the inputs; choose each dialogue once")
        found[new_id] = seed._replace(emotion=check_emotion(seed.emotion, where))
        _has_what_is_read(seed, rubric, where)
    if not found:
        raise UserError("none of the dialogues has a flag; flag a turn, or export the dialogues with their flags")
    return found


def new_id_of(run_id: str, source_dialogue_id: str) -> str:
    """The same for every attempt of a run, unlike any source's, and no longer with every generation."""
    return f"{run_id}-{hashlib.sha256(source_dialogue_id.encode()).hexdigest()[:10]}"


def _seeds(run: RunDir, only_flagged: bool) -> Iterator[Seed]:
    row: Any
    for row in run.inputs().itertuples():
        fields = [_text(getattr(row, field)) for field in RECORD_FIELDS[1:]]
        seed = Seed._make([str(row.dialogue_id), *fields, *Seed._field_defaults.values()])
        if not only_flagged:
            yield seed
        elif notes := _notes(getattr(row, "flags", None)):
            yield _from_first_flag(seed, messages_of(row), notes)


def _from_first_flag(seed: Seed, messages: tuple[Message, ...], notes: dict[int, str]) -> Seed:
    """The seed with everything before its first flagged turn. Raises UserError when no such turn is there."""
    said = tuple(message for message in messages if message.role != "system")
    turns = [place for place, message in enumerate(said) if message.role == "assistant"]
    first = min(notes)
    if first >= len(turns) or turns[first] == 0 or said[turns[first] - 1].role != "user":
        raise UserError(
            f"dialogue {seed.source_dialogue_id}: turn {first + 1} is flagged, "
            f"and the dialogue has {len(turns)} answers, each to be one to a message of the person"
        )
    place = turns[first]
    return seed._replace(
        before=said[: place - 1],
        asked=said[place - 1].content,
        flagged=said[place].content,
        notes=notes,
        exchanges=len(turns),
    )


def _notes(flags: object) -> dict[int, str]:
    """Exchange → what auditors said of its answer, a line a flag; from the flags of one row as JSON."""
    notes: dict[int, list[str]] = {}
    for flag in json.loads(flags) if isinstance(flags, str) and flags else []:
        named = " ".join(filter(None, [flag.get("code", ""), flag.get("name", "")])).strip() or "Flagged"
        note = str(flag.get("note") or "").strip()
        line = f"- {named}: {note}" if note else f"- {named}"
        lines = notes.setdefault(int(flag["turn_index"]), [])
        if line not in lines:
            lines.append(line)
    return {turn: "\n".join(lines) for turn, lines in sorted(notes.items())}


def _has_what_is_read(seed: Seed, rubric: Rubric, where: str) -> None:
    if not seed.situation.strip():
        raise UserError(f"{where}: has no situation to rebuild it from; fill it in or leave the dialogue out")
    reader = next((c.id for c in rubric.criteria if "profile" in c.reads), None)
    if reader and not seed.person.strip():
        raise UserError(f"{where}: has no profile, which the criterion {reader} reads; leave the dialogue out")


def _text(value: object) -> str:
    """A frame holds None or NaN where a text is unknown."""
    return value if isinstance(value, str) else ""
