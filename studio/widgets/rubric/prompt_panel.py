"""What a judge gets: the exact prompt and the form of its answer, for the criteria of one call."""

import json

import streamlit as st

from db import dialogues
from pipeline.parts import missing, parts_of
from pipeline.turns import Turn, turns_of
from rubrics.load import dump_rubric
from rubrics.overall import as_asked
from rubrics.render import PART_TITLES, answer_schema, parts_text, rubric_text
from rubrics.schema import OVERALL, Criterion, Part, Rubric
from studio import service
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies
from studio.widgets.rubric.work import WHOLE, Work

CHARS_PER_TOKEN = 4  # of English text with the usual vocabularies; an estimate and nothing more
OFFERED = 50  # dialogues to choose a turn from
NO_TURN = ""
_OPEN, _DIALOGUE, _TURN = "prompt_open", "prompt_dialogue", "prompt_turn"


def panel_is_open() -> bool:
    """Whether somebody wants to see it; folded at first."""
    return bool(st.session_state.get(_OPEN, False))


def panel_switch() -> None:
    """The button that unfolds the panel and folds it again."""
    shown = panel_is_open()
    st.button(
        "Prompt",
        key="prompt_switch",
        icon=":material/right_panel_close:" if shown else ":material/right_panel_open:",
        help="Hide what the judge gets" if shown else "Show what exactly the judge gets, as you write",
        type="tertiary",
        on_click=_switch,
    )


def prompt_panel(work: Work) -> None:
    """Prompt, answer and YAML of the draft as it is typed."""
    rubric = bodies.lenient(work.body)
    with st.container(key="prompt_panel"):
        prompt, answer, yaml = st.tabs(["Prompt", "Answer", "YAML"], key="prompt_tabs", on_change="rerun")
        if yaml.open:
            with yaml:
                st.caption("The whole draft as a file, defaults left out. The tab Edit is where it is written.")
                st.code(dump_rubric(rubric), language="yaml", wrap_lines=True)
            return
        asked = asked_together(rubric, work.focus)
        if prompt.open:
            with prompt:
                _prompt(rubric, asked)
        if answer.open:
            with answer:
                _answer(asked)


def asked_together(rubric: Rubric, focus: str) -> list[Criterion]:
    """The criteria of one call: those that read what the one in focus reads; without a focus, the first call's. Where a
    judge gives one score for the whole, the one in focus is a part of that question.

    Empty when a rule is in focus: it is counted, and no judge is asked.
    """
    asked = as_asked(rubric)
    focus = focus if focus in (WHOLE, *asked.ids) or asked is rubric else OVERALL
    judged = [c for c in asked.criteria if c.kind != "rule"]
    first = next((c for c in judged if focus in (c.id, WHOLE)), None)
    return [c for c in judged if first and set(c.reads) == set(first.reads)]


def _prompt(rubric: Rubric, asked: list[Criterion]) -> None:
    if not asked:
        st.caption("This one is counted: no judge is asked.")
        return
    calls = len({c.reads for c in as_asked(rubric).criteria if c.kind != "rule"})
    names = ", ".join(escaped(c.name or c.id) for c in asked)
    st.caption(
        f"Of {calls} calls a turn, the one that asks: {names}." if calls > 1 else f"One call a turn asks: {names}."
    )
    if len(asked) > 1:
        st.caption("A judge that is set to fewer criteria a call gets the same prompt with only these of them in it.")
    turn = _chosen_turn()
    shown = _parts(asked[0], turn)
    first, second = rubric_text(rubric, asked), parts_text(asked, shown)
    size = len(first) + len(second)
    st.caption(f"{size:,} characters, about {round(size / CHARS_PER_TOKEN, -1):,.0f} tokens (an estimate).")
    st.code(f"{first}\n\n{'─' * 12}\n\n{second}", language=None, wrap_lines=True)


def _answer(asked: list[Criterion]) -> None:
    if not asked:
        st.caption("This one is counted: no judge is asked.")
        return
    st.caption("The judge must answer in this form: for each criterion first the reason, then the score.")
    st.code(json.dumps(answer_schema(asked), indent=2, ensure_ascii=False), language="json", wrap_lines=True)


def _parts(criterion: Criterion, turn: Turn | None) -> dict[Part, str]:
    """What the call shows of the turn; without a turn, where each part will stand."""
    if turn is None:
        return {part: f"({PART_TITLES[part].lower()})" for part in criterion.reads}
    parts = parts_of(turn)
    if lacking := missing(parts, criterion.reads):
        st.caption(f":material/info: This dialogue has no {lacking}: the judge is not asked, the criterion abstains.")
    return {part: parts[part] for part in criterion.reads}


def _chosen_turn() -> Turn | None:
    """The turn that the prompt is filled with."""
    found = dialogues.search(service.store(), dialogues.Filter(), limit=OFFERED)
    turns = dict(zip(found["dialogue_id"], found["n_turns"], strict=True))
    left, right = st.columns([2, 1])
    with left:
        offered = [*turns, NO_TURN]
        chosen = st.selectbox("Filled with dialogue", offered, key=_DIALOGUE, format_func=lambda one: one or "None")
    if chosen == NO_TURN:
        return None
    with right:
        number = st.number_input("Turn", 1, int(turns[chosen]), key=f"{_TURN}_{chosen}")
    return list(turns_of(dialogues.inputs_frame(service.store(), [chosen])))[number - 1]


def _switch() -> None:
    st.session_state[_OPEN] = not panel_is_open()
