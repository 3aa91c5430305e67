"""Files through the browser: dialogues, and what became of them line by line; or ratings that others published."""

from typing import Literal, cast

import streamlit as st

from db import exchange
from db.exchange import ImportReport
from db.formats import Format
from rubrics.errors import UserError
from studio import service, session
from studio.uploads import called, on_disk
from studio.widgets.data.bring_in_ratings import REPORT as RATINGS_REPORT
from studio.widgets.data.bring_in_ratings import ratings_form
from studio.widgets.data.left_out import left_out
from studio.widgets.names import escaped
from studio.widgets.run.words import amount

_REPORT = "data_report"
_DIALOGUES, _RATINGS = "Dialogues", "Published ratings"


def bring_in() -> None:
    """The button that opens the dialog."""
    if st.button("Import a file", key="data_import", icon=":material/upload_file:"):
        for kept in (_REPORT, RATINGS_REPORT):
            st.session_state.pop(kept, None)
        _ask()


@st.dialog("Import a file", width="large")
def _ask() -> None:
    what = st.segmented_control(
        "What it holds", [_DIALOGUES, _RATINGS], default=_DIALOGUES, key="data_import_what", required=True
    )
    if what == _RATINGS:
        ratings_form()
    else:
        _dialogues()


def _dialogues() -> None:
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
    left_out(report.problems, "line")
    if st.button("Show the dialogues", key="data_done"):
        st.session_state.pop(_REPORT)
        st.rerun()


def _format_word(format: str) -> str:
    return "Find out by the lines" if format == "auto" else format
