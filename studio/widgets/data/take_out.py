"""What was found as a file to download."""

import tempfile
from functools import partial
from pathlib import Path

import streamlit as st

from db.finding import Filter
from db.finding_export import SUFFIX, ExportFormat, export_file
from db.finding_labelstudio import interface
from db.people import Person
from studio import service, session
from studio.widgets.run.words import amount

_WORDS: dict[ExportFormat, str] = {
    "jsonl": "KardiaBench lines, which can be imported again",
    "csv": "Spreadsheet, one turn a row",
    "marks": "Spreadsheet, one mark a row",
    "parquet": "Hugging Face data set (Parquet)",
    "labelstudio": "Label Studio tasks",
}

_MARKS = "With people's flags, scores and notes, who made them and who finished which dialogue. Gold flags stay here."


def take_out(filter: Filter, total: int) -> None:
    """Choose a format and download; the file is written when it is asked for."""
    with st.popover("Export", key="data_export", icon=":material/download:"):
        format = st.selectbox("As", list(_WORDS), format_func=_WORDS.__getitem__, key="data_export_format")
        st.caption(_MARKS)
        st.download_button(
            f"Download {amount(total, 'dialogue')}",
            partial(_file, session.here(), filter, format),  # made outside the page, where nobody is signed in
            f"dialogues{SUFFIX[format]}",
            key="data_download",
            icon=":material/download:",
            on_click="ignore",
        )
        if format == "labelstudio":
            st.download_button(
                "Its labelling interface",
                partial(interface, service.store()),
                "labelling.xml",
                key="data_download_interface",
                icon=":material/code:",
                on_click="ignore",
                help="Paste it into Label Studio under Settings, Labeling Interface, then import the tasks.",
            )


def _file(who: Person, filter: Filter, format: ExportFormat) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"dialogues{SUFFIX[format]}"
        export_file(service.store(), who, filter, format, path)
        return path.read_bytes()
