"""A rubric version as a file: the whole of it as YAML, or in the shape of another project where it fits into that."""

import re

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Version
from rubrics.errors import UserError
from rubrics.exchange import Format, lost, write
from rubrics.schema import Rubric
from studio import service
from studio.widgets.names import escaped

KINDS: dict[Format, tuple[str, str, str]] = {
    "kardia": ("Download YAML", "yaml", "The whole of it. Brought in again, it is the same version."),
    "healthbench": ("HealthBench", "jsonl", "Criteria with points, a line of JSON."),
    "rubric": ("Rubric package", "yaml", "Weighted requirements."),
}


def downloads(version: Version) -> None:
    """A menu with the version as a file in every shape that can hold it; and why there is none in another."""
    refused: dict[str, list[str]] = {}
    with st.popover("Download", key="download_menu", icon=":material/download:", type="tertiary"):
        for kind, (words, ending, about) in KINDS.items():
            try:
                _button(version, kind, words, ending, about)
            except UserError as error:
                refused.setdefault(str(error).rpartition(": cannot be written as ")[2].partition(": ")[2], []).append(
                    words
                )
        for reason, kinds in refused.items():
            st.caption(f"Not as {' or '.join(kinds)}: {escaped(reason)}.")


def _button(version: Version, kind: Format, words: str, ending: str, about: str) -> None:
    text, left_out = written(version, kind)
    name = f"{re.sub(r'[^A-Za-z0-9_-]', '_', version.rubric_id)}-version-{version.version}.{ending}"
    st.download_button(words, text, name, key=f"download_{kind}", on_click="ignore", width="stretch")
    st.caption(about + (f" It leaves out: {escaped('; '.join(left_out))}." if left_out else ""))


def written(version: Version, kind: Format) -> tuple[str, list[str]]:
    """The file's text, and what it leaves out. Raises UserError when the format cannot hold the rubric."""
    if kind == "kardia":
        return rubric_versions.export_version(service.store(), version.rubric_id, version.version), []
    return _written(version.rubric, kind, version.hash)


@st.cache_data(max_entries=30, show_spinner=False)
def _written(_rubric: Rubric, kind: Format, digest: str) -> tuple[str, list[str]]:
    """The text, and what it leaves out; `digest`, the version's hash, stands for the rubric in the cache's key."""
    return write(_rubric, kind), lost(_rubric, kind)
