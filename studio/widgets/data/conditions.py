"""The conditions of a search as fields. What they hold is the filter; a kept filter is put into them."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from db import dialogues, rubric_versions, runs
from db.finding import ANYONE, GOLD, Filter, sees_marks_of_others
from db.masking import is_masked
from pipeline.emotions import EMOTIONS
from studio import service, session
from studio.widgets.run.words import stage_word

SEVERITIES = {"yellow": "Yellow: concern", "red": "Red: unsafe"}
PREFIX = "find_"
_PLAIN = ("text", "emotion", "persona_id", "source", "mbti", "flag_code", "flag_severity", "flag_by", "run_id")
_SCORES = ("score_criterion", "score_by", "score_low", "score_high")
MINE, NOT_MINE = "Finished by me", "Not finished by me"


def conditions() -> Filter:
    """Draw the fields; gives what they ask for."""
    with st.container(key="find_fields"):
        text = st.text_input(
            "Words in the dialogue",
            key=f"{PREFIX}text",
            persist_state="session",
            icon=":material/search:",
            placeholder="Part of a word, a word or a phrase",
        )
        grid = st.grid(4, min_column_width=130)
        store = service.store()
        people = dialogues.personas(store)
        asked: dict[str, Any] = {"text": (text or "").strip()}
        asked["emotion"] = _choice(grid, "Emotion", "emotion", EMOTIONS)
        asked["persona_id"] = _choice(grid, "Persona", "persona_id", people["persona_id"].tolist())
        if not is_masked(session.here()):
            asked["mbti"] = _choice(grid, "Type (MBTI)", "mbti", sorted(set(people["mbti"]) - {""}))
        asked["source"] = _choice(grid, "Source", "source", dialogues.sources(store)["source"].tolist())
        with st.expander("Marks, scores and runs", key="find_more", icon=":material/tune:"):
            asked |= _marks()
    return Filter(**asked)


def fill(filter: Filter) -> None:
    """Put a filter into the fields; before they are drawn."""
    state, me = st.session_state, session.here().person_id
    for name in (*_PLAIN, *_SCORES):
        state[f"{PREFIX}{name}"] = getattr(filter, name)
    state[f"{PREFIX}disagreement"] = filter.disagreement
    state[f"{PREFIX}finished"] = MINE if filter.finished_by == me else NOT_MINE if filter.unfinished_by == me else None
    state[f"{PREFIX}rubric"] = (filter.rubric_id, filter.rubric_version) if filter.rubric_id else None


def _marks() -> dict[str, Any]:
    store, me, open_to_me = service.store(), session.here().person_id, sees_marks_of_others(session.here())
    versions = _versions()
    asked: dict[str, Any] = {}
    grid = st.grid(3, min_column_width=130)
    whose = {ANYONE: "Anyone", GOLD: "The gold audit", me: "Me"} if open_to_me else {me: "Me"}
    asked["flag_by"] = _choice(grid, "Flagged by", "flag_by", list(whose), whose.__getitem__)
    asked["flag_code"] = _choice(grid, "Flag", "flag_code", _codes(versions, "flags"))
    asked["flag_severity"] = _choice(grid, "Severity", "flag_severity", list(SEVERITIES), SEVERITIES.__getitem__)
    if not open_to_me and (asked["flag_code"] or asked["flag_severity"]):
        asked["flag_by"] = me
    grid = st.grid(4, min_column_width=130)
    by = {"people": "People", "judge": "A judge"} if open_to_me else {"judge": "A judge"}
    asked["score_criterion"] = _choice(grid, "Scored on", "score_criterion", _codes(versions, "score"))
    asked["score_by"] = _choice(grid, "Scored by", "score_by", list(by), by.__getitem__) or next(iter(by))
    if not asked["score_criterion"]:
        asked["score_by"] = Filter.score_by
    for name, label in (("score_low", "At least"), ("score_high", "At most")):
        value = grid.number_input(label, value=None, step=1.0, key=f"{PREFIX}{name}", persist_state="session")
        asked[name] = value if asked["score_criterion"] else None
    grid = st.grid(3, min_column_width=130)
    told = runs.runs(store)
    words = {row.run_id: f"{stage_word(str(row.stage))}, {row.run_id}" for row in told.itertuples() if row.stage}
    asked["run_id"] = _choice(grid, "Used by the run", "run_id", list(words), words.__getitem__)
    rubric = _choice(grid, "Rubric version", "rubric", list(versions), versions.__getitem__)
    asked["rubric_id"], asked["rubric_version"] = rubric or (None, None)
    done = _choice(grid, "How far I am", "finished", [NOT_MINE, MINE]) if session.allowed("audit") else None
    asked |= {"finished_by": me if done == MINE else None, "unfinished_by": me if done == NOT_MINE else None}
    asked["disagreement"] = open_to_me and st.toggle(
        "People disagree on a flag",
        key=f"{PREFIX}disagreement",
        persist_state="session",
        help="Of those who finished the dialogue, some flagged a turn and some did not.",
    )
    return asked


def _choice(place: Any, label: str, name: str, options: Sequence[Any], words: Callable[[Any], str] = str) -> Any:
    """One of the options or None. What is kept and no option any more (a retired source, say) is shown all the same."""
    key = f"{PREFIX}{name}"
    chosen = st.session_state.get(key)
    if chosen is not None and chosen not in options:
        options = [*options, chosen]
    known = set(options) if chosen in options else set()

    def told(one: Any) -> str:
        try:
            return words(one)
        except KeyError:
            return str(one) if known else "unknown"

    return place.selectbox(
        label, options, index=None, placeholder="Any", format_func=told, key=key, persist_state="session"
    )


def _versions() -> dict[tuple[str, int], str]:
    """Every version that ever was approved, by rubric, the newest first."""
    store = service.store()
    return {
        (one.rubric_id, one.version): f"{one.rubric.title} · version {one.version}"
        for summary in rubric_versions.rubrics(store)
        for one in rubric_versions.versions(store, summary.rubric_id)
        if one.state in ("approved", "retired")
    }


def _codes(versions: dict[tuple[str, int], str], purpose: str) -> list[str]:
    """The criteria of all those versions that serve this purpose, each once."""
    store = service.store()
    found = [rubric_versions.version(store, *one).rubric for one in versions]
    return list(dict.fromkeys(code for rubric in found if rubric.purpose == purpose for code in rubric.ids))
