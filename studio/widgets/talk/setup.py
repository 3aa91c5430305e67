"""What a talk is set up with: one or two models, whom one speaks as, and what judges the replies."""

from typing import Any, NamedTuple

import streamlit as st

from db import dialogues, tried
from db.masking import is_masked
from db.store import Store
from pipeline.emotions import EMOTIONS
from pipeline.endpoints import load_endpoints
from studio import session
from studio.widgets.run.approved import approved_versions
from studio.widgets.run.config_form import warn_of_weak_judge
from studio.widgets.talk.conversation import Bench, Person
from studio.widgets.talk.models import choices, name_of

NOBODY = "Nobody in particular"
_NO_RUBRIC = "Do not judge"


class Setup(NamedTuple):
    """Everything that is chosen before the first word; `opening` is how a dialogue of this person began."""

    models: tuple[str, ...]
    person: Person
    temperature: float
    max_tokens: int
    opening: str = ""


def choose_models(store: Store) -> tuple[str, ...]:
    """One model, and another beside it if one likes. The address keeps both: ?try=RUN_ID&beside=smollm2."""
    words = choices(store)
    asked, beside = st.query_params.get("try", ""), st.query_params.get("beside", "")
    words |= {one: name_of(one) for one in (asked, beside) if one and one not in words}
    grid = st.grid(2, min_column_width=320)
    st.session_state.setdefault("try_model", asked if asked in words else next(iter(words)))
    st.session_state.setdefault("try_beside", beside)
    model = grid.selectbox("Model", list(words), format_func=words.__getitem__, key="try_model")
    others = {"": "None", **{name: told for name, told in words.items() if name != model}}
    if st.session_state["try_beside"] not in others:
        st.session_state["try_beside"] = ""
    other = grid.selectbox("Beside it", list(others), format_func=others.__getitem__, key="try_beside")
    st.query_params["try"] = str(model)
    if other:
        st.query_params["beside"] = str(other)
    else:
        st.query_params.pop("beside", None)
    return (str(model), str(other)) if other else (str(model),)


def choose_person(store: Store) -> tuple[Person, str]:
    """Whom one speaks as, and how a dialogue of theirs began: a persona with one of their situations, or nobody."""
    grid = st.grid(2, min_column_width=320)
    people = dialogues.personas(store)
    ids = people["persona_id"]
    shown = ids if is_masked(session.here()) else ids + " · " + people["mbti"] + " · " + people["about"]
    told = dict(zip(ids, shown, strict=True))
    persona = grid.selectbox(
        "You speak as",
        [NOBODY, *told],
        format_func=lambda one: told.get(one, one),
        key="try_persona",
    )
    starts = {one.dialogue_id: one for one in tried.starts(store, str(persona))} if persona != NOBODY else {}
    if not starts:
        return _nobody(grid), ""
    words = {one: f"{start.emotion or 'feeling not told'} · {start.situation}" for one, start in starts.items()}
    chosen = starts[
        str(grid.selectbox("In the situation of", list(words), format_func=words.__getitem__, key="try_at"))
    ]
    return Person(str(persona), chosen.person, chosen.mbti, chosen.situation, chosen.emotion), chosen.opening


def _nobody(grid: Any) -> Person:
    emotion = grid.selectbox(
        "What you feel", ["", *EMOTIONS], format_func=lambda one: one or "not told", key="try_feels"
    )
    situation = st.text_input("Situation", key="try_situation", placeholder="What the person is going through")
    return Person(situation=(situation or "").strip(), emotion=str(emotion))


def choose_bench(store: Store) -> Bench | None:
    """The rubric version and the judge of the replies; None for no judging."""
    grid = st.grid(2, min_column_width=320)
    offered = approved_versions(store, ["score"])
    words = [f"{one.rubric.title}, version {one.version}" for one in offered]
    rubric = grid.selectbox("Judged by", [*words, _NO_RUBRIC], key="try_rubric")
    if rubric == _NO_RUBRIC:
        return None
    known = load_endpoints(store.home)
    strong_first = sorted(known, key=lambda name: known[name].weak)
    called = {one.name: f"{'Built-in model' if one.embedded else one.name} ({one.model})" for one in known.values()}
    judge = known[str(grid.selectbox("Judge", strong_first, format_func=called.__getitem__, key="try_judge_by"))]
    warn_of_weak_judge([judge] if judge.weak else [])
    version = offered[words.index(str(rubric))]
    return Bench(judge.name, version.rubric, version.version)


def choose_writing() -> tuple[float, int]:
    """Temperature, and the most tokens of an answer."""
    grid = st.grid(2, min_column_width=320)
    temperature = grid.number_input(
        "Temperature",
        0.0,
        2.0,
        0.0,
        0.1,
        key="try_temperature",
        help="0 gives the same answer each time, as evaluations do.",
    )
    tokens = grid.number_input("Tokens per answer, at most", 16, 2048, 256, 16, key="try_tokens")
    return float(temperature), int(tokens)
