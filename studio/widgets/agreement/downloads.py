"""The diagnosis as a file: each turn, each rater, what they gave, whether it was used and why not."""

import io
import re

import pandas as pd
import streamlit as st

from db.agreement import ANY
from db.agreement_diagnosis import diagnosis
from pipeline.spreadsheet import csv_bytes
from studio import service, session
from studio.widgets.agreement.choice import Choice, note
from studio.widgets.agreement.ratings import as_of

_READY = "agreement_diagnosis"


def downloads(choice: Choice) -> None:
    """Made on demand: on a large studio it is millions of rows."""
    st.subheader("Every rating behind these figures", anchor=False)
    note(
        "A table with a row for each turn and rater: what they gave, whether it was used, and why not. It names people."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        codes = [ANY, *choice.criteria] if choice.is_flags else list(choice.criteria)
        code = st.selectbox(
            "Of",
            codes,
            format_func=choice.label,
            key=f"agreement_diagnosis_{choice.rubric_id}",
            width=360,
        )
        asked = (choice, code, as_of())
        if st.button("Prepare the table", key="agreement_prepare", icon=":material/table:"):
            with st.spinner("Preparing…"):
                st.session_state[_READY] = (asked, *_files(_diagnosis(choice, code)))
    ready = st.session_state.get(_READY)
    if ready and ready[0] == asked:
        _buttons(choice, code, *ready[1:])


def _diagnosis(choice: Choice, code: str) -> pd.DataFrame:
    level = choice.level if choice.is_flags else None
    return diagnosis(service.store(), session.here(), choice.rubric_id, choice.versions, code, level, choice.people)


def _files(frame: pd.DataFrame) -> tuple[int, bytes, bytes]:
    parquet = io.BytesIO()
    frame.to_parquet(parquet, index=False)
    return len(frame), csv_bytes(frame), parquet.getvalue()


def _buttons(choice: Choice, code: str, rows: int, csv: bytes, parquet: bytes) -> None:
    versions = "-".join(map(str, choice.versions))
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{choice.rubric_id}-v{versions}-{code or 'any'}-diagnosis")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.download_button("CSV", csv, f"{name}.csv", "text/csv", key="agreement_csv", on_click="ignore")
        st.download_button(
            "Parquet",
            parquet,
            f"{name}.parquet",
            "application/octet-stream",
            key="agreement_parquet",
            on_click="ignore",
        )
        st.caption(f"{rows:,} rows.", width="content")
