"""Which dialogues a run works on: a sample of those that match, always the same for the same seed, or named ones."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

from db import dialogues
from db.store import Store
from pipeline.emotions import EMOTIONS
from pipeline.turns import turns_of
from rubrics.errors import UserError
from studio.widgets.names import escaped
from studio.widgets.run.words import amount, stage_word

_EVERY = 10**9
_USUAL = 20


class Choice(NamedTuple):
    """The chosen dialogues by id, and how many turns they have together."""

    ids: list[str]
    turns: int


def choose_dialogues(store: Store, runs: pd.DataFrame, seed: int, preset: Sequence[str] = ()) -> Choice:
    """The data part of the start form; `preset` are ids to begin with. Raises UserError for an unknown id."""
    ways = ["A sample", "Named dialogues"]
    way = st.segmented_control(
        "Which dialogues",
        ways,
        default=ways[bool(preset)],
        required=True,
        key="data_way",
        label_visibility="collapsed",
    )
    choice = _sample(store, runs, seed) if way == ways[0] else _named(store, preset)
    if choice.ids:
        st.caption(f"**{amount(len(choice.ids), 'dialogue')}, {amount(choice.turns, 'turn')}** will be used.")
    return choice


def sample(ids: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the ids, chosen by the hash of seed and id: the same ids give the same sample in whatever order they
    come, and ids that are added later displace only as many as they must. In the order of `ids`.
    """
    drawn = set(sorted(ids, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest())[:count])
    return [one for one in ids if one in drawn]


def source_words(source: str, runs: pd.DataFrame) -> str:
    """Where dialogues came from; a run that wrote them by what it did and when."""
    own = runs[runs["run_id"] == source]
    return f"{stage_word(own.iloc[0]['stage'])}, run {source}" if len(own) else source


def _sample(store: Store, runs: pd.DataFrame, seed: int) -> Choice:
    known = dialogues.sources(store)
    if known.empty:
        st.info("There are no dialogues yet. Import some: `python -m db import FILE`", icon=":material/info:")
        return Choice([], 0)
    grid = st.grid(4, min_column_width=180)
    sizes = dict(zip(known["source"], known["dialogues"], strict=True))
    sources = grid.multiselect(
        "From",
        list(sizes),
        format_func=lambda one: f"{source_words(one, runs)} ({sizes[one]:,})",
        placeholder="Every source",
        key="data_sources",
    )
    emotion = grid.selectbox("Emotion", [None, *EMOTIONS], format_func=lambda one: one or "Any", key="data_emotion")
    text = grid.text_input("Containing the words", key="data_text") or ""
    found = _matching(store, sources or [None], emotion, text)
    if found.empty:
        st.warning("No dialogue matches; take away a condition.", icon=":material/search_off:")
        return Choice([], 0)
    count = grid.number_input(
        f"How many of {len(found):,}",
        min_value=1,
        max_value=len(found),
        value=min(_USUAL, len(found)),
        step=1,
        key="dialogue_count",
        help="A sample by the seed below: the same conditions and seed give the same dialogues.",
    )
    chosen = sample(list(found["dialogue_id"]), count, seed)
    turns = found.set_index("dialogue_id").loc[chosen, "n_turns"].sum()
    return Choice(chosen, int(turns))


def _matching(store: Store, sources: Sequence[str | None], emotion: str | None, text: str) -> pd.DataFrame:
    """dialogue_id and n_turns of the dialogues that fit every condition, each once."""
    pages = [
        dialogues.search(store, dialogues.Filter(text=text, emotion=emotion, source=source), limit=_EVERY)
        for source in sources
    ]
    return pd.concat(pages)[["dialogue_id", "n_turns"]].drop_duplicates("dialogue_id")


def _named(store: Store, preset: Sequence[str]) -> Choice:
    text = st.text_area(
        "Dialogue ids",
        value="\n".join(preset),
        height=120,
        key="data_ids",
        help="One a line, as the Audit page shows them.",
        placeholder="one id a line",
    )
    ids = [line.strip() for line in (text or "").splitlines() if line.strip()]
    if not ids:
        return Choice([], 0)
    try:
        frame = dialogues.inputs_frame(store, ids)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return Choice([], 0)
    return Choice(list(frame["dialogue_id"]), sum(1 for _ in turns_of(frame)))
