"""What the dialogue pane is given to draw: texts, marks, codes with their keys. Covered words are not in it."""

from collections.abc import Iterable
from typing import Any

from db.audits import Flag
from db.rubric_versions import Version
from db.themes import severe_themes_in
from pipeline.spans import fault, find_marks, read_spans
from rubrics.schema import Criterion
from studio.widgets.audit.dialogue_open import Open, is_shown
from studio.widgets.audit.dialogue_person import emotion_word
from studio.widgets.audit.flag_names import name_of_code
from studio.widgets.audit.keys import code_keys, my_keys
from studio.widgets.audit.turn_parts import Exchange
from studio.widgets.campaign.working import final_words, working_on


def codes_data(version: Version | None) -> list[dict[str, Any]]:
    """Every code that can be set by key or press."""
    if version is None:
        return []
    keys = code_keys(version, my_keys())
    return [_code(criterion, keys.get(criterion.id)) for criterion in version.rubric.criteria]


def dialogue_data(audit: Open, blur: bool, show_gold: bool, version: Version | None) -> dict[str, Any]:
    """One dialogue with one's own marks; with gold where it is shown. `final` says why they cannot be changed."""
    dialogue = audit.dialogue
    facts = ["Situation", dialogue.dialogue_id, emotion_word(dialogue), dialogue.mbti]
    return {
        "id": dialogue.dialogue_id,
        "facts": " · ".join(fact for fact in facts if fact),
        **_head(audit, blur),
        "exchanges": [_exchange(audit, exchange, blur) for exchange in audit.exchanges],
        "flags": _flags(audit.state.flags),
        "gold": _flags(audit.gold if show_gold else ()),
        "notes": {str(note.turn_index): note.text for note in audit.state.notes if not note.code},
        "finished": audit.state.finished,
        "final": final_words(dialogue.dialogue_id, version.rubric_id) if version else "",
    }


def is_covered(audit: Open, turn: int | None, blur: bool) -> bool:
    """Whether that turn's words are kept back until somebody asks to see them; None is what follows the last turn."""
    return blur and audit.is_severe(turn) and not is_shown(audit.dialogue.dialogue_id, turn)


def unread_turns(audit: Open, blur: bool) -> list[int]:
    """The turns that are still covered. One that bears a flag of one's own was seen, and is not among them."""
    turns = range(audit.dialogue.n_turns)
    return [turn for turn in turns if is_covered(audit, turn, blur) and not audit.flags_on(turn)]


def rather_not_words() -> str:
    """What somebody can do who does not want to see a covered turn: leave the dialogue, which then counts as unread."""
    if working_on():
        return "Rather not? Skip gives this dialogue to somebody else."
    return "Rather not? Shift+N goes on and leaves it unfinished, so that it does not count as read."


def _head(audit: Open, blur: bool) -> dict[str, Any]:
    """The situation and the person, without those that are covered, and the names of those."""
    dialogue = audit.dialogue
    person = " · ".join(line.strip() for line in dialogue.person.splitlines() if line.strip())
    told = {"situation": dialogue.situation.strip(), "person": person}
    hard = [name for name, text in told.items() if blur and severe_themes_in(text)]
    covered = [name for name in hard if not is_shown(dialogue.dialogue_id, name)]
    return {**told, **dict.fromkeys(covered, ""), "coveredHead": covered}


def _exchange(audit: Open, exchange: Exchange, blur: bool) -> dict[str, Any]:
    turn, text = exchange.turn_index, exchange.text
    if is_covered(audit, turn, blur):
        return {"turn": turn, "covered": True, "before": []}
    spans = read_spans(text)
    problem = fault(text) if find_marks(text) else None
    return {
        "turn": turn,
        "covered": False,
        "before": [{"role": message.role, "text": message.content.strip()} for message in exchange.before],
        "spans": {name: said.strip() for name, said in spans._asdict().items() if said},
        "fault": problem or "",
        "raw": text if problem else "",
    }


def _flags(flags: Iterable[Flag]) -> list[dict[str, Any]]:
    return [
        {
            "turn": flag.turn_index,
            "code": flag.code,
            "severity": flag.severity,
            "note": flag.note,
            "name": name_of_code(flag),
            "rubric": flag.rubric_id,
            "version": flag.rubric_version,
        }
        for flag in flags
    ]


def _code(criterion: Criterion, key: str | None) -> dict[str, Any]:
    lines = [f"{criterion.id} {criterion.name}", criterion.question]
    lines += [f"Use when {criterion.use_when}"] if criterion.use_when else []
    lines += [f"Not when {criterion.avoid_when}"] if criterion.avoid_when else []
    named = {"code": criterion.id, "name": criterion.name, "severity": criterion.severity}
    return {**named, "key": key, "help": "\n".join(lines)}
