"""A dialogue file through the browser, and what became of it line by line."""

from typing import Literal, cast

import pandas as pd
import streamlit as st

from db import exchange
from db.exchange import ImportReport
from db.formats import Format
from rubrics.errors import UserError
from studio import service, session
from studio.uploads import called, on_disk
from studio.widgets.names import escaped
from studio.widgets.run.words import amount

_REPORT = "data_report"


def bring_in() -> None:
    """The button that opens the dialog."""
    if st.button("Import a file", key="data_import", icon=":material/upload_file:"):
        st.session_state.pop(_REPORT, None)
        _ask()


@st.dialog("Import dialogues", width="large")
def _ask() -> None:
    st.write("One dialogue a line: KardiaBench, EmpatheticDialogues or ESConv, as .jsonl or .jsonl.gz.")
    st.caption("The file arrives whole or not at all. Lines that cannot be read are left out and named below.")
    file = st.file_uploader("A dialogue file", key="data_file", type=["jsonl", "gz"])
    format = st.selectbox("Format", ["auto", *exchange.FORMATS], key="data_format", format_func=_format_word)
    if st.button("Import", key="data_import_now", type="primary", disabled=file is None) and file:
        st.session_state[_REPORT] = None
        with st.spinner("Importing …"):
            try:
                st.session_state[_REPORT] = imported(file.getvalue(), called(file.name), format)
            except UserError as error:
                st.error(escaped(str(error)), icon=":material/error:")
    if report := st.session_state.get(_REPORT):
        _tell(report)


def imported(data: bytes, name: str, format: str) -> ImportReport:
    """Import an uploaded file of that name. Raises UserError that names it as people do."""
    known = cast("Format | Literal['auto']", format)
    with on_disk(data, name) as path:
        try:
            return exchange.import_file(service.store(), session.here(), path, known, name)
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from None


def _tell(report: ImportReport) -> None:
    st.success(
        f"{amount(report.dialogues_new, 'new dialogue')} with {amount(report.turns, 'turn')}, "
        f"{report.dialogues_known:,} known already ({escaped(report.format)}).",
        icon=":material/check:",
    )
    if report.renamed:
        st.caption(f"{report.renamed:,} had an id that is another dialogue's, and got a longer one.")
    if report.problems:
        st.warning(f"{amount(len(report.problems), 'line')} left out:", icon=":material/rule:")
        told = pd.DataFrame(report.problems, columns=["line", "reason"])
        st.dataframe(told, hide_index=True, key="data_problems", alt="Lines that were left out, and why", height=220)
    if st.button("Show the dialogues", key="data_done"):
        st.session_state.pop(_REPORT)
        st.rerun()


def _format_word(format: str) -> str:
    return "Find out by the lines" if format == "auto" else format
