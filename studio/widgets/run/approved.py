"""By which approved rubric version a run goes."""

from collections.abc import Sequence

import streamlit as st

from db import calibration, rubric_versions
from db.rubric_versions import Version
from db.store import Store
from pipeline.configs import RUBRIC_PURPOSES
from pipeline.rundir import Stage
from rubrics.schema import Purpose
from studio.widgets.plain_text import plain_text
from studio.widgets.run.words import names
from studio.widgets.times import exact

_NO_RUBRIC: dict[Stage, str] = {
    "sft": "None: fine-tuning learns from the dialogues alone.",
    "simulate": "None: what is followed is how the simulated person feels.",
}


def choose_version(store: Store, stage: Stage) -> Version | None:
    """The part of the start form on the rubric; None where there is none to choose, which is said."""
    purposes = RUBRIC_PURPOSES[stage]
    st.subheader("By which rubric")
    if not purposes:
        st.caption(_NO_RUBRIC[stage])
        return None
    offered = approved_versions(store, purposes)
    if not offered:
        st.warning(
            f"No rubric for this is approved yet ({' or '.join(purposes)}). A psychologist who did not write it must "
            "approve one.",
            icon=":material/gavel:",
        )
        st.page_link("app_pages/rubrics.py", label="Open rubrics", icon=":material/rule:")
        return None
    known = names(store)
    by_id = {f"{version.rubric_id}@{version.version}": version for version in offered}
    words = {id_: _version_words(version, known) for id_, version in by_id.items()}
    asked = st.query_params.get("by", "")
    place = list(by_id).index(asked) if asked in by_id else 0
    chosen = by_id[
        st.selectbox("Approved version", list(by_id), place, format_func=words.__getitem__, key="rubric_version")
    ]
    plain_text(chosen.reason, "small")
    return chosen


def approved_versions(store: Store, purposes: Sequence[Purpose]) -> list[Version]:
    """Every approved version of these purposes, purpose by purpose, the newest approval first; older versions stay
    usable until retired.
    """
    found = [
        version
        for rubric in rubric_versions.rubrics(store)
        for version in rubric_versions.versions(store, rubric.rubric_id)
        if version.state == "approved" and version.rubric.purpose in purposes
    ]
    newest = sorted(found, key=lambda version: str(version.decided_at), reverse=True)
    return sorted(newest, key=lambda version: purposes.index(version.rubric.purpose))


def labelled_dialogues(store: Store, version: Version | None) -> list[str]:
    """Those that people labelled by the version, where the address asks for them: what a judge is held against."""
    return calibration.labelled(store, version) if version and "labelled" in st.query_params else []


def _version_words(version: Version, known: dict[str, str]) -> str:
    by = known.get(version.decided_by or "", version.decided_by)
    return f"{version.rubric.title}, version {version.version}: approved by {by}, {exact(version.decided_at)}"
