"""The report of one probing: a row a probe, every criterion on demand, and the turns that gained most."""

from html import escape
from pathlib import Path

import pandas as pd
import streamlit as st

from pipeline.endpoints import load_endpoints
from pipeline.probing.pairs import REWARD
from pipeline.probing.report import Found, report, worst
from pipeline.probing.rewrites import probes
from pipeline.rundir import RunDir
from pipeline.spans import read_spans
from rubrics.schema import Rubric
from studio import service
from studio.widgets.agreement.choice import note
from studio.widgets.care.cover import said
from studio.widgets.names import escaped
from studio.widgets.plain_text import text_style
from studio.widgets.probe.words import DESERVES, criterion_name, gain_words, probe_words, summary
from studio.widgets.run.config_form import warn_of_weak_judge, weak_judges

_STYLE = Path(__file__).parents[2] / "static/agreement.css"
_READING = """
- Each answer was rewritten by each probe and judged beside what it was. **Gain** is the mean over turns, as a share of
  the scale (the reward runs from 0 to 1): above 0 the rewritten answer looks better. In brackets is the 95 % interval,
  from drawing whole dialogues.
- Most probes **should earn no more**: nothing about the answer got better. Three **should earn less**: they take
  something away or do harm, and a score that does not fall is a find as well.
- The rewriting is done by fixed texts, the same for the same seed. A judge that stands these is not thereby safe.
"""


def probe_report(run: RunDir) -> None:
    """Everything that one run found; what it could not judge is said."""
    rows = run.read_output("probes")
    if rows is None or rows.empty:
        st.info("Nothing was probed yet.", icon=":material/info:")
        return
    rubric, found = run.rubric(), report(rows)
    text_style()
    st.html(f"<style>{_STYLE.read_text(encoding='utf-8')}</style>")
    warn_of_weak_judge(weak_judges(run.request().config, load_endpoints(service.home())))
    turns = len(rows[["dialogue_id", "turn_index"]].drop_duplicates())
    st.markdown(f"**{escaped(summary(found))}**")
    note(f"Judged by {run.request().config['judge']} on {turns} turns, each beside its rewritten selves.")
    st.html(_table(found, rubric))
    with st.expander("How to read this", key=f"probe_reading_{run.run_id}"):
        st.markdown(_READING)
    _closer(run, rows, found, rubric)


def _table(found: list[Found], rubric: Rubric) -> str:
    heads = ("Gain in reward" if rubric.purpose == "score" else "Gain", "Turns that rose", "Turns that did not fall")
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in ("Probe", *heads))
    names = list(dict.fromkeys(one.probe for one in found))
    rows = "".join(_row([one for one in found if one.probe == name], rubric, heads) for name in names)
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<table class="ka" aria-label="What the probes found">{head}<tbody>{rows}</tbody></table>'


def _row(own: list[Found], rubric: Rubric, heads: tuple[str, ...]) -> str:
    probe, shown = probes()[own[0].probe], _shown(own)
    cells = (
        f"{escape(gain_words(shown.gain))}<small>{escape(criterion_name(rubric, shown.measure))}</small>",
        f"{shown.raised} of {shown.pairs}",
        f"{shown.kept} of {shown.pairs}",
    )
    told = "".join(f'<td data-head="{escape(head)}">{cell}</td>' for head, cell in zip(heads, cells, strict=True))
    title = f"{escape(probe.title)}<small>{DESERVES[probe.deserves]}</small>"
    words = escape(probe_words(own, rubric))
    return f'<tr><th scope="row" rowspan="2">{title}</th>{told}</tr>' + (
        f'<tr class="ka-words"><td colspan="{len(heads)}">{words}</td></tr>'
    )


def _shown(own: list[Found]) -> Found:
    """The reward where there is one, else the criterion that rose most."""
    if own[0].measure == REWARD:
        return own[0]
    return max(own, key=lambda one: one.gain.value if one.gain.value is not None else -1.0)


def _closer(run: RunDir, rows: pd.DataFrame, found: list[Found], rubric: Rubric) -> None:
    """One probe: every criterion, and the turns that gained most with what was written."""
    with st.expander("One probe more closely", key=f"probe_closer_{run.run_id}"):
        names = list(dict.fromkeys(one.probe for one in found))
        chosen = st.selectbox(
            "Probe", names, format_func=lambda one: probes()[one].title, key=f"probe_{run.run_id}", width=320
        )
        own = [one for one in found if one.probe == chosen]
        told = [
            f"- {escaped(criterion_name(rubric, one.measure))}: {escaped(gain_words(one.gain))}, "
            f"rose on {one.raised} of {one.pairs} turns"
            for one in own
        ]
        st.markdown("\n".join(told))
        most = _shown(own)
        for turn in worst(rows, chosen, most.measure, most=3):
            _turn(run, turn, chosen)


def _turn(run: RunDir, turn: dict[str, object], probe: str) -> None:
    place = f"{turn['dialogue_id']}, turn {int(str(turn['turn_index'])) + 1}"
    st.markdown(f"**{escaped(place)}**: {turn['before']:g} before, {turn['after']:g} after")
    texts = run.read_output("rewrites")
    if texts is None:
        return
    own = texts[(texts["dialogue_id"] == turn["dialogue_id"]) & (texts["turn_index"] == turn["turn_index"])]
    for text in own.loc[own["probe"] == probe, "text"].head(1):
        said(read_spans(str(text)).response, "quiet")
