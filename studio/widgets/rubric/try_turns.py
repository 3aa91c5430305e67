"""Which turns to try a draft on: those that the change probably moves, the hardest, or one that somebody looks up."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from db import dialogues, impact
from db.dialogues import Filter
from pipeline.turns import turns_of
from rubrics.errors import UserError
from rubrics.impact import to_judge_again
from rubrics.schema import Rubric
from studio import service
from studio.widgets.run.tried_turn import show_turn
from studio.widgets.run.words import amount

AFFECTED, HARDEST, ONE = "Most affected", "The ten hardest", "One turn of your choice"
AT_MOST, USUAL, HARD, FOUND = 200, 10, 10, 20


class Chosen(NamedTuple):
    """The chosen turns as (dialogue_id, turn_index), the first to be tried first."""

    addresses: list[tuple[str, int]]


def choose_turns(rubric_id: str, draft: Rubric, base: Rubric | None) -> Chosen:
    """Three ways to choose; the list with why each turn is on it, or the turn itself."""
    asks_anew = base is None or bool(to_judge_again(base, draft))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        way = st.segmented_control(
            "On which turns", [AFFECTED, HARDEST, ONE], default=AFFECTED, required=True, key="try_way", width="content"
        )
        limit = USUAL
        if way == AFFECTED and asks_anew:
            limit = int(st.number_input("Turns, at most", 1, AT_MOST, USUAL, key="try_limit", width=150))
    if way == ONE:
        return _one_turn()
    return _most_affected(draft, base, asks_anew, limit) if way == AFFECTED else _hardest(rubric_id)


def _most_affected(draft: Rubric, base: Rubric | None, asks_anew: bool, limit: int) -> Chosen:
    if not asks_anew:
        st.caption(
            "No criterion asks anything new, so what would change is computed above without a judge. "
            "Choose other turns to see it on them."
        )
        return Chosen([])
    found = impact.ranked(service.store(), base, draft, limit)
    return _listed(found, "There is no dialogue here yet. Import some: `python -m db import FILE`")


def _hardest(rubric_id: str) -> Chosen:
    found = impact.hardest(service.store(), rubric_id, HARD)
    return _listed(found, "No turn was judged or audited by this rubric yet, so none is known to be hard.")


def _listed(found: pd.DataFrame, nothing: str) -> Chosen:
    if found.empty:
        st.caption(nothing)
        return Chosen([])
    shown = found.assign(turn=found["turn_index"] + 1)[["rank", "dialogue_id", "turn", "why"]]
    with st.expander(f"{amount(len(found), 'turn')}, and why these", key="try_turns", icon=":material/list:"):
        st.dataframe(
            shown,
            hide_index=True,
            key="try_turn_list",
            alt="The turns to be tried, in order, and why each is among them",
            column_config={
                "rank": st.column_config.NumberColumn("", width="small"),
                "dialogue_id": "Dialogue",
                "turn": st.column_config.NumberColumn("Turn", width="small"),
                "why": st.column_config.TextColumn("Why", width="large"),
            },
        )
    return Chosen([(one, int(turn)) for one, turn in zip(found["dialogue_id"], found["turn_index"], strict=True)])


def _one_turn() -> Chosen:
    """By the dialogue's id or by words in it, then by the number of the turn."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Id of a dialogue, or words in it", key="try_search")
        found = _found(text)
        if found.empty:
            chosen = None
        else:
            words = {row["dialogue_id"]: _dialogue_words(row) for row in found.to_dict("records")}
            chosen = st.selectbox("Dialogue", list(words), key="try_dialogue", format_func=words.__getitem__)
        turns = int(found.set_index("dialogue_id").loc[chosen, "n_turns"]) if chosen else 0
        number = st.number_input("Turn", 1, turns, 1, key="try_turn", width=110) if turns else 0
    if not chosen or not number:
        st.caption("No dialogue has this id or these words." if found.empty else "This dialogue has no turn.")
        return Chosen([])
    address = (str(chosen), int(number) - 1)
    _read(address)
    return Chosen([address])


def _found(text: str) -> pd.DataFrame:
    """The dialogue of that id first, then those with the words in them."""
    store = service.store()
    by_words = dialogues.search(store, Filter(text=text), limit=FOUND)
    try:
        by_id = dialogues.dialogue(store, text.strip())
    except UserError:
        return by_words
    own = pd.DataFrame([{"dialogue_id": by_id.dialogue_id, "emotion": by_id.emotion, "n_turns": by_id.n_turns}])
    return pd.concat([own, by_words]).drop_duplicates("dialogue_id")


def _dialogue_words(row: Mapping[Hashable, Any]) -> str:
    facts = [str(row["dialogue_id"]), str(row["emotion"] or ""), amount(int(row["n_turns"]), "turn")]
    return ", ".join(fact for fact in facts if fact)


def _read(address: tuple[str, int]) -> None:
    frame = dialogues.inputs_frame(service.store(), [address[0]])
    turn = next(one for one in turns_of(frame) if one.turn_index == address[1])
    with st.expander("Read this turn", key="try_read", icon=":material/forum:"):
        show_turn(turn, key="try_one")
