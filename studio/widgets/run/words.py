"""What stages, states, outcomes and measures are called on the pages about runs and models."""

from html import escape
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from db.people import SYSTEM, people
from db.store import Store
from pipeline.report.words import BUILT_IN as BUILT_IN  # part of this module's own interface
from pipeline.report.words import model_name as model_name
from pipeline.rundir import STAGES, Stage, State
from studio.widgets.times import Moment, ago, exact

STAGE_WORDS: dict[Stage, str] = {
    "regenerate": "Regenerate dialogues",
    "score": "Score turns",
    "sft": "Fine-tune (SFT)",
    "grpo": "Train with GRPO",
    "evaluate": "Evaluate",
    "preview": "Try a draft",
    "probe": "Probe a rubric",
    "walk": "Walk conversations",
    "simulate": "Simulate people",
}
# A rubric is tried and probed from its own page, where its text is.
_BEGUN_ELSEWHERE: tuple[Stage, ...] = ("preview", "probe")
STARTED_HERE: tuple[Stage, ...] = tuple(stage for stage in STAGES if stage not in _BEGUN_ELSEWHERE)
ABOUT: dict[Stage, str] = {
    "regenerate": "A model plays the person, another answers, and a judge sends answers back until they pass the gate "
    "rubric. Gives new dialogues.",
    "score": "A judge reads every answer by the rubric. Gives verdicts with reasons, and a reward for each turn.",
    "sft": "A model learns to answer as these dialogues do, in four spans. Gives a model.",
    "grpo": "A model answers, the judge rewards by the rubric, and the model learns from that. Gives a model.",
    "evaluate": "A base and trained models answer the same turns and are judged alike. Gives a scorecard.",
    "probe": "Answers are rewritten so that they deserve no more (flattery, padding, instructions to the judge), and "
    "judged beside what they were. Gives what can be earned without merit.",
    "walk": "Whole conversations are led through branching questions, each answer to the next. Gives a band each.",
    "simulate": "A model talks with simulated people, whose feeling is followed turn by turn. Gives conversations.",
    "preview": "A few turns are judged by a draft and by its approved version, side by side. Gives no rewards.",
}


class Look(NamedTuple):
    """How a state is shown: never by colour alone."""

    word: str
    icon: str
    color: Any  # one of the badge colours


STATES: dict[State, Look] = {
    "queued": Look("Queued", ":material/schedule:", "gray"),
    "running": Look("Running", ":material/play_circle:", "blue"),
    "done": Look("Done", ":material/check_circle:", "green"),
    "failed": Look("Failed", ":material/error:", "red"),
    "cancelled": Look("Cancelled", ":material/cancel:", "orange"),
}
OUTCOMES = {
    "scored": "Scored",
    "abstained": "A part to read was missing",
    "parse_failed": "The judge's answer could not be read",
    "refused": "The judge refused",
    "truncated": "The judge's answer was cut off",
    "timeout": "No answer in time",
    "http_error": "The endpoint failed",
    "budget_stopped": "The budget was used up",
    "no_gold_emotion": "The dialogue's emotion is not known",
    "not_judged": "Not judged",
    "no_reward": "Flags earn no reward",
    "prompt_too_long": "The dialogue was too long for the model",
}


def stage_word(stage: str) -> str:
    """The stage in words; one of a run that could not be read says so."""
    return next((words for known, words in STAGE_WORDS.items() if known == stage), "Unreadable run")


def state_badge(state: State) -> None:
    """The state as icon and word."""
    look = STATES[state]
    st.badge(look.word, icon=look.icon, color=look.color)


def amount(count: int, one: str) -> str:
    """A number with its noun: "1 dialogue", "2,000 dialogues"."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def progress_words(done: int, total: int, unit: str) -> str:
    """How far a run is, such as "12 of 36 turns"; empty before anything is known."""
    return f"{done:,} of {total:,} {unit}".strip() if total else ""


def names(store: Store) -> dict[str, str]:
    """Person id → name, of everybody who was ever here."""
    return {person.person_id: person.name for person in (SYSTEM, *people(store))}


def version_words(rubric_id: Any, version: Any) -> str:
    """A rubric version as it is called in lists; 0 is a draft or a file, and "" is said where a run has none."""
    if not rubric_id or pd.isna(rubric_id) or pd.isna(version):
        return ""
    return f"{rubric_id}, version {int(version)}" if version else f"{rubric_id}, a draft"


def who_and_when(who: str, moment: Moment) -> None:
    """A name and how long ago, the exact time shown on hover; a help mark on every row of a list would be noise."""
    words = f"{escape(who)}<br>{escape(ago(moment))}"
    st.html(f'<div class="kardia-text kardia-small" title="{escape(exact(moment))}">{words}</div>')


def no_results() -> None:
    """Said where a run ended before it wrote anything."""
    st.caption("This run left no results.")


def on_hover(words: str, told: str) -> None:
    """A small text that says more on hover; without the help mark, which in a row of facts would be noise."""
    st.html(f'<div class="kardia-text kardia-small" title="{escape(told)}">{escape(words)}</div>', width="content")


def number(value: Any, digits: int = 2) -> str:
    """A number for people, or a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{value:.{digits}f}"
