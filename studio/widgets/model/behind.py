"""From a figure to the answers behind it, to the verdict on one, to its criterion, and on to who approved that."""

from collections.abc import Callable

import streamlit as st

from pipeline.report.read import Evaluation
from pipeline.report.words import measure_name, scale_of, written
from studio.widgets.model.answer import answer
from studio.widgets.model.behind_rows import BANDS, measures_behind, rows_behind, words_of
from studio.widgets.model.cells import MEASURE, WHICH, unmark

_SHOWN = 100


def behind(found: Evaluation) -> None:
    """What was chosen in a table, or here: the worst answers come first. The address keeps the choice."""
    measures = measures_behind(found)
    if not measures:
        return
    st.markdown("**Behind a figure**")
    with st.container(horizontal=True, key="behind", gap="medium"):
        which = _choice("Model", found.order[::-1], WHICH, found.name)
        measure = _choice("Measure", measures, MEASURE, lambda name: measure_name(found.rubric, name))
    own = rows_behind(found, which, measure)
    st.caption(_told(found, which, measure, len(own)))
    listed = own.head(_SHOWN).to_dict("records")
    labels = [words_of(found, measure, row) for row in listed]
    label, key = "Dialogue" if measure in BANDS else "Answer", f"behind_answer_{which}_{measure}"
    place = st.selectbox(label, range(len(labels)), format_func=labels.__getitem__, key=key)
    if place is not None:
        answer(found, measure, listed[place])


def _told(found: Evaluation, which: str, measure: str, rows: int) -> str:
    """The figure again, and what it rests on."""
    line, scale = found.score(which, measure), scale_of(found.rubric, measure)
    unit = "dialogues" if measure in BANDS else "turns"
    value = written(scale, line["value"], line["low"], line["high"])
    more = f"; {_SHOWN} of {rows:,} are listed" if rows > _SHOWN else ""
    return f"{value}, from {line['n'] or 0} {unit}; {line['missing'] or 0} not measured. The worst come first{more}."


def _choice(label: str, options: list[str], name: str, words: Callable[[str], str]) -> str:
    asked = st.query_params.get(name, "")
    if st.session_state.get(name) not in options:
        st.session_state[name] = asked if asked in options else options[0]
    chosen = str(st.selectbox(label, options, format_func=words, key=name, on_change=unmark))
    if chosen != options[0] or asked:
        st.query_params[name] = chosen
    return chosen
