"""What came of a regeneration: what the judge said, how many revisions it took, how the dialogues ended."""

import pandas as pd
import streamlit as st

from db import dialogues
from db.store import Store
from pipeline.rundir import RunDir
from studio import charts
from studio.widgets.run.old_and_new import old_and_new
from studio.widgets.run.words import amount, no_results, number

_ENDS = {
    "solved": "Solved",
    "max_exchanges": "Exchanges used up",
    "judge_failed": "Judge gave nothing",
    "call_failed": "Endpoint failed",
}
FILTER_WORDS = {
    "identity": "Contradicts themselves",
    "emotion": "Emotion jumps",
    "decay": "Form falls apart",
    "copy": "Nearly a copy",
    "length": "Length",
    "unsafe": "Unsafe turn",
    "gate": "Never passed",
}
_VERDICTS = {"PASS": "Passed", "SOLVED": "Solved", "FAIL": "Sent back", None: "No verdict"}


def regenerated(store: Store, run: RunDir) -> None:
    """Figures, the way to the new dialogues, and charts. An attempt is one answer; FAIL sends it back."""
    attempts = run.read_output("attempts")
    if attempts is None or attempts.empty:
        no_results()
        return
    st.subheader("What came of it")
    stands = attempts["kept"].astype(bool)
    exchanges = attempts.groupby(["dialogue_id", "exchange"])["revision"].max()
    with st.grid(4):
        st.metric("Dialogues", str(attempts["dialogue_id"].nunique()))
        st.metric("Exchanges", f"{int(stands.sum()):,}", help=_none_passed(attempts[stands]))
        st.metric("Answers written", str(len(attempts)))
        st.metric("Revisions per exchange", number(exchanges.mean(), 1))
    _read_them(store, run)
    old_and_new(store, run)
    _found_by_filters(run)
    _regeneration_charts(run, attempts, exchanges)


def _none_passed(standing: pd.DataFrame) -> str:
    failing = int((standing["verdict"] == "FAIL").sum())
    return f"In {failing:,} of them no revision passed: the best one stands, and is marked."


def _found_by_filters(run: RunDir) -> None:
    """How many dialogues each filter marks, and why, turn by turn in a fold-out."""
    marks = run.read_output("marks")
    if marks is None:
        return
    if marks.empty:
        st.caption(":material/check: No filter found anything to mark.")
        return
    marked = marks.groupby("filter")["dialogue_id"].nunique().sort_values(ascending=False)
    told = ", ".join(f"{FILTER_WORDS.get(str(name), str(name))} {count:,}" for name, count in marked.items())
    with st.expander(f"Marked by filters: {amount(marks['dialogue_id'].nunique(), 'dialogue')}", key="filter_marks"):
        st.caption(f"{told}. A dialogue may be marked by several; nothing was deleted.")
        shown = marks.assign(turn=marks["turn_index"] + 1, filter=marks["filter"].map(FILTER_WORDS))
        st.dataframe(
            shown[["dialogue_id", "turn", "filter", "reason"]],
            hide_index=True,
            column_config={"dialogue_id": "Dialogue", "turn": "Turn", "filter": "What", "reason": "Why"},
            key="filter_table",
        )


def _read_them(store: Store, run: RunDir) -> None:
    """To the Audit page, with this run's dialogues in its queue."""
    if run.run_id not in set(dialogues.sources(store)["source"]):
        return
    if st.button("Read the new dialogues", key="read_dialogues", icon=":material/forum:"):
        st.session_state["queue_source"] = run.run_id
        st.session_state["queue_page"] = 1
        st.switch_page("app_pages/audit.py")


def _regeneration_charts(run: RunDir, attempts: pd.DataFrame, exchanges: pd.Series) -> None:
    grid = st.grid(3, min_column_width=280)
    with grid.container():
        st.markdown("**What the judge said**")
        words = attempts["verdict"].map(lambda verdict: _VERDICTS.get(None if pd.isna(verdict) else verdict, verdict))
        charts.draw(charts.counts(charts.counted(words), "Answers"), "chart_verdicts", "Answers by the judge's verdict")
    with grid.container():
        st.markdown("**Revisions it took**")
        table = exchanges.value_counts().sort_index().rename_axis("label").reset_index(name="count")
        table["label"] = table["label"].map(lambda times: amount(int(times), "revision") if times else "None")
        charts.draw(charts.counts(table, "Exchanges"), "chart_revisions", "Exchanges by the revisions that they took")
    with grid.container():
        st.markdown("**How dialogues ended**")
        ends = _ended_by(run)
        charts.draw(charts.counts(ends, "Dialogues"), "chart_ends", "Dialogues by how they ended")


def _ended_by(run: RunDir) -> pd.DataFrame:
    """label, count from the run's own summary; empty when it was stopped before it could sum up."""
    summaries = [event["ended_by"] for event in run.events() if event["kind"] == "summary"]
    found = summaries[-1] if summaries else {}
    rows = [(_ENDS.get(end, end), count) for end, count in sorted(found.items(), key=lambda item: -item[1])]
    return pd.DataFrame(rows, columns=["label", "count"])
