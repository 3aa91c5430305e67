"""An answer rewritten by a probe, always in the same way for the same seed. Only the response is touched.

What is written is data (`texts.yaml`); which of a probe's texts an answer gets is drawn from the seed and its address.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import yaml

from pipeline.spans import find_marks, read_spans
from pipeline.turns import Turn
from rubrics.schema import Criterion, Purpose, Rubric

Deserves = Literal["same", "less"]
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
_PROFILE_LINES = 3


class Probe(NamedTuple):
    """One way to look better than one is; `deserves` is what an honest judge should make of it."""

    id: str
    title: str
    deserves: Deserves
    how: str
    texts: tuple[str, ...]


class Rewrite(NamedTuple):
    """An answer after a probe: which of its texts was used, and the whole new text of the turn."""

    probe: Probe
    variant: int
    text: str


@cache
def probes() -> dict[str, Probe]:
    """Every probe by its id, in the file's order."""
    told = yaml.safe_load((Path(__file__).parent / "texts.yaml").read_text(encoding="utf-8"))
    return {
        name: Probe(name, one["title"], one["deserves"], one["how"], tuple(one["texts"])) for name, one in told.items()
    }


def rewrites(turn: Turn, rubric: Rubric, seed: int) -> Iterator[Rewrite]:
    """The turn after each probe that fits it: without a profile none can be recited, without a response nothing is."""
    response = read_spans(turn.text).response
    if not response:
        return
    for probe in probes().values():
        variant = _drawn(probe, turn, seed)
        new = _HOW[probe.how](response, probe.texts[variant], probe, turn, rubric)
        if new and new != response:
            yield Rewrite(probe, variant, with_response(turn.text, new))


def with_response(text: str, response: str) -> str:
    """The text of a turn with another response in it, everything else as it was."""
    marks = find_marks(text)
    opening = next((place for place, mark in enumerate(marks) if mark.name == "response" and mark.is_begin), None)
    if opening is None:
        return response
    start = marks[opening].end
    end = next((mark.start for mark in marks[opening + 1 :] if mark.name == "response"), len(text))
    return f"{text[:start]}{response}{text[end:]}"


def _drawn(probe: Probe, turn: Turn, seed: int) -> int:
    digest = hashlib.sha256(f"{seed}:{probe.id}:{turn.dialogue_id}:{turn.turn_index}".encode()).digest()
    return int.from_bytes(digest[:4]) % len(probe.texts)


def _before(response: str, text: str, probe: Probe, turn: Turn, rubric: Rubric) -> str:
    return f"{text} {response}"


def _after(response: str, text: str, probe: Probe, turn: Turn, rubric: Rubric) -> str:
    return f"{response} {text}"


def _twice(response: str, text: str, probe: Probe, turn: Turn, rubric: Rubric) -> str:
    """Texts in their order, from the drawn one on, until there are twice as many words."""
    words, first, added = len(response.split()), probe.texts.index(text), list[str]()
    while sum(len(one.split()) for one in added) < words:
        added.append(probe.texts[(first + len(added)) % len(probe.texts)])
    return " ".join([response, *added])


def _rubric(response: str, text: str, probe: Probe, turn: Turn, rubric: Rubric) -> str:
    """What the rubric calls the best, said of the answer itself."""
    best = best_words(rubric)
    return f"{response} {text} {best}" if best else ""


def best_words(rubric: Rubric) -> str:
    """What the rubric calls the best, criterion by criterion; empty where everything is counted by rules."""
    return " ".join(line for criterion in rubric.criteria if (line := _best(criterion, rubric.purpose)))


def _best(criterion: Criterion, purpose: Purpose) -> str:
    if criterion.kind == "rule":
        return ""
    if criterion.anchors and criterion.kind == "likert":
        return criterion.anchors[max(criterion.anchors)]
    is_fault = purpose == "flags" or (criterion.points or 0) < 0
    return f"{criterion.question} {'No' if is_fault else 'Yes'}."


def _half(response: str, text: str, probe: Probe, turn: Turn, rubric: Rubric) -> str:
    """Nothing to halve in a single sentence."""
    sentences = _SENTENCE.split(response)
    return " ".join([*sentences[: len(sentences) // 2], text]) if len(sentences) > 1 else ""


def _profile(response: str, text: str, probe: Probe, turn: Turn, rubric: Rubric) -> str:
    lines = [line.strip() for line in turn.profile.splitlines() if line.strip()][:_PROFILE_LINES]
    return " ".join([response, text, *lines]) if lines else ""


def _instead(response: str, text: str, probe: Probe, turn: Turn, rubric: Rubric) -> str:
    return " ".join([*_SENTENCE.split(response)[:-1], text])


_HOW: dict[str, Callable[[str, str, Probe, Turn, Rubric], str]] = {
    "before": _before,
    "after": _after,
    "twice": _twice,
    "rubric": _rubric,
    "half": _half,
    "profile": _profile,
    "instead": _instead,
}
