"""The simulated person: what a reply does to them, how their feeling moves, and what they say next."""

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import yaml

from pipeline.answers import BadAnswer, find_answer
from pipeline.client import Client, EndpointError
from pipeline.judge import Outcome
from pipeline.roles import spoken, well_formed
from pipeline.turns import Message, seen_by_people

_FOLDER = Path(__file__).parent
_PERSON = Template((_FOLDER / "person.txt").read_text(encoding="utf-8").strip())
_NEXT = Template((_FOLDER / "next.txt").read_text(encoding="utf-8").strip())
INTENTIONS: dict[str, str] = yaml.safe_load((_FOLDER / "intentions.yaml").read_text(encoding="utf-8"))
MOST = 30
MAX_TOKENS = 500
TRIES = 2
_OPEN = "(The supporter is here. Begin: say in your own words, in one to three sentences, what brings you.)"


class Simulated(NamedTuple):
    """Who is played, and what they want without saying so."""

    profile: str
    situation: str
    emotion: str
    intention: str


class Moved(NamedTuple):
    """What a reply did: thoughts that nobody hears, the feeling's change, what is said next; or why nothing came."""

    thought: str
    change: int | None
    said: str
    outcome: Outcome = "scored"


async def opening(client: Client, who: Simulated, temperature: float, seed: int) -> Moved:
    """What the person says first; their feeling has not moved yet. A failed call is an outcome."""
    try:
        reply = await client.chat(
            [{"role": "system", "content": _system(who)}, {"role": "user", "content": _OPEN}],
            temperature=temperature,
            max_tokens=MAX_TOKENS,
            seed=seed,
        )
    except EndpointError as error:
        return Moved(str(error), None, "", error.outcome)
    said = spoken(well_formed(reply.text), reply.finish_reason == "length")
    return Moved("", 0, said) if said else Moved("the person said nothing", None, "", "parse_failed")


async def moved(
    client: Client, who: Simulated, history: Sequence[Message], feeling: int, temperature: float, seed: int
) -> Moved:
    """What the newest reply in `history` did, `feeling` (0–100) being where it stood. Asked again once."""
    found = Moved("", None, "", "parse_failed")
    for attempt in range(TRIES):
        found = await _asked(client, who, history, feeling, temperature, seed + attempt)
        if found.change is not None:
            break
    return found


def messages(who: Simulated, history: Sequence[Message], feeling: int) -> list[dict[str, str]]:
    """The chat as the person lives it; the newest reply is fenced, for it is what is asked about."""
    flipped = {"user": "assistant", "assistant": "user"}
    said = [{"role": flipped[m.role], "content": seen_by_people(m)} for m in history]
    asked = _NEXT.substitute(reply=seen_by_people(history[-1]) or "(nothing)", emotion=feeling)
    begin = {"role": "user", "content": _OPEN}
    return [{"role": "system", "content": _system(who)}, begin, *said[:-1], {"role": "user", "content": asked}]


async def _asked(
    client: Client, who: Simulated, history: Sequence[Message], feeling: int, temperature: float, seed: int
) -> Moved:
    try:
        reply = await client.chat(
            messages(who, history, feeling),
            schema=_SCHEMA,
            temperature=temperature,
            max_tokens=MAX_TOKENS,
            seed=seed,
        )
    except EndpointError as error:
        return Moved(str(error), None, "", error.outcome)
    return _read(well_formed(reply.text), seen_by_people(history[-1]))


def _read(text: str, heard: str) -> Moved:
    try:
        found = find_answer(text, {"change"}, heard).answer
    except BadAnswer as error:
        return Moved(str(error), None, "", "refused" if error.fault == "refusal" else "parse_failed")
    change, said, thought = found.get("change"), found.get("said"), found.get("thought")
    if isinstance(change, bool) or not isinstance(change, int) or abs(change) > MOST:
        return Moved(f"the change is not a whole number from -{MOST} to {MOST}", None, "", "parse_failed")
    words = spoken(said) if isinstance(said, str) else ""
    if not words:
        return Moved("the person said nothing", None, "", "parse_failed")
    return Moved(thought.strip() if isinstance(thought, str) else "", change, words)


def _system(who: Simulated) -> str:
    return _PERSON.substitute(
        profile=who.profile.strip() or "(nothing is known)",
        situation=who.situation.strip() or "(you will say)",
        emotion=who.emotion.strip() or "(you will say)",
        intention=INTENTIONS[who.intention],
    )


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "thought": {"type": "string", "maxLength": 400},
        "change": {"type": "integer", "minimum": -MOST, "maximum": MOST},
        "said": {"type": "string", "minLength": 1, "maxLength": 400},
    },
    "required": ["thought", "change", "said"],
    "additionalProperties": False,
}
