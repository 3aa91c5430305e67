"""The dialogue that is open, with what the person here may know of it."""

from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from db import audits, dialogues, people
from db.audits import AuditState, Flag
from db.dialogues import Dialogue
from db.masking import as_shown_to
from db.themes import severe_themes_in
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.dialogue_place import Place
from studio.widgets.audit.turn_parts import Exchange, exchanges
from studio.widgets.campaign.working import may_see_gold, seen_by_campaign
from studio.widgets.care.reader import count_once, covers

# What can be covered: a turn, None for what was said after the last one, or "situation" or "person" above the first.
Part = int | str | None
_SHOWN = "audit_shown_turns"


@dataclass(frozen=True)
class Open:
    """One dialogue as one person audits it. `turn` is the turn in focus, None in a dialogue without any.

    `gold` is empty for people who may not see it. `refusal` says why nothing can be marked; empty when it can.
    """

    dialogue: Dialogue
    turn: int | None
    state: AuditState
    gold: tuple[Flag, ...]
    refusal: str

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """The dialogue cut at its assistant turns."""
        return exchanges(self.dialogue.messages)

    def flags_on(self, turn: int | None) -> list[Flag]:
        """One's own flags on that turn."""
        return [flag for flag in self.state.flags if flag.turn_index == turn]

    def gold_on(self, turn: int | None) -> list[Flag]:
        """The gold flags on that turn, for whom they are not hidden from."""
        return [flag for flag in self.gold if flag.turn_index == turn]

    def is_severe(self, turn: int | None) -> bool:
        """Whether the turn may be hard to read: by its words, or by a red flag of one's own.

        None is what was said after the last turn. Gold counts only while it is shown, or a cover would tell of it.
        """
        gold = self.gold_on(turn) if st.session_state.get("show_gold") else []
        return turn in self._hard_by_words or any(flag.severity == "red" for flag in [*self.flags_on(turn), *gold])

    @cached_property
    def _hard_by_words(self) -> frozenset[int | None]:
        """Turns that hold a severe theme, in the answer or in what was said just before it; None without answer."""
        return frozenset(
            one.turn_index
            for one in self.exchanges
            if severe_themes_in("\n".join([*(message.content for message in one.before), one.text]))
        )


def open_dialogue(place: Place) -> Open:
    """Read what the address names. Raises UserError when no dialogue has that id; a turn too far is the last one."""
    store, person = service.store(), session.here()
    dialogue = as_shown_to(person, dialogues.dialogue(store, place.dialogue_id))
    gold = audits.gold(store, dialogue.dialogue_id) if may_see_gold(dialogue.dialogue_id) else []
    state = seen_by_campaign(audits.state(store, dialogue.dialogue_id, person.person_id))
    turn = min(place.turn, dialogue.n_turns - 1) if dialogue.n_turns else None
    return Open(dialogue, turn, state, tuple(gold), _refusal())


def show_turn(dialogue_id: str, turn: Part) -> None:
    """From now on in this session that is not covered. A severe turn is counted once. Also a callback."""
    if is_shown(dialogue_id, turn):
        return
    st.session_state.setdefault(_SHOWN, set()).add((dialogue_id, turn))
    if isinstance(turn, int) and open_dialogue(Place(dialogue_id, turn)).is_severe(turn):
        count_once(dialogue_id, turn)


def count_reading(audit: Open) -> None:
    """Count the turn in focus where it is severe and nothing covers it."""
    turn = audit.turn
    if turn is not None and audit.is_severe(turn) and (not covers() or is_shown(audit.dialogue.dialogue_id, turn)):
        count_once(audit.dialogue.dialogue_id, turn)


def is_shown(dialogue_id: str, turn: Part) -> bool:
    """Whether somebody asked in this session to see that."""
    return (dialogue_id, turn) in st.session_state.get(_SHOWN, ())


def _refusal() -> str:
    try:
        people.require(session.here(), "audit")
    except UserError as error:
        return str(error)
    return ""
