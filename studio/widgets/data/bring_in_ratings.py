"""Ratings that others published, through the browser, with the file of the texts that they rate."""

from typing import NamedTuple

import streamlit as st

from db.others import RatingsReport, import_ratings
from studio import service, session
from studio.widgets.data.left_out import left_out
from studio.widgets.data.uploaded import uploaded
from studio.widgets.run.words import amount

REPORT = "ratings_report"


class _Kind(NamedTuple):
    """A source by its name; its files of ratings, and the one that holds the texts ("" where they are in the same)."""

    name: str
    ratings: str
    texts: str


_KINDS = {
    "dices": _Kind("DICES", "ratings_long.csv.gz", "items.jsonl.gz"),
    "empathy-experts": _Kind(
        "Empathy experts (Kumar et al.)",
        "RATER_ratings.csv or conversations_epitome.csv",
        "conversations_….csv of the same set; the set of perceived empathy has none",
    ),
    "mentalalign": _Kind("MentalAlign", "human_ratings.csv.gz or judge_raw_MODEL.csv.gz", "contexts.jsonl.gz"),
    "duo": _Kind("DUO", "duo_ed_en.jsonl.gz", ""),
}


def ratings_form() -> None:
    """Kind, files, and what came in. Names of files stay as published: they say who rated."""
    kind = st.selectbox("Published as", list(_KINDS), format_func=lambda one: _KINDS[one].name, key="ratings_kind")
    told = _KINDS[kind]
    ratings = st.file_uploader(f"The ratings: {told.ratings}", key="ratings_file", type=["csv", "jsonl", "gz"])
    texts = None
    if told.texts:
        texts = st.file_uploader(f"The texts: {told.texts}", key="ratings_texts", type=["csv", "jsonl", "gz"])
    st.caption("Raters keep the names of their source, and can do nothing here. What is off its scale is left out.")
    if st.button("Import", key="ratings_now", type="primary", disabled=ratings is None) and ratings:
        st.session_state[REPORT] = None
        with uploaded([file for file in (ratings, texts) if file]) as (path, *_):
            st.session_state[REPORT] = import_ratings(service.store(), session.here(), path, kind)
    if report := st.session_state.get(REPORT):
        _tell(report)


def _tell(report: RatingsReport) -> None:
    st.success(
        f"{amount(report.ratings_new, 'new rating')} by {amount(report.raters, 'rater')}, {report.known:,} known "
        f"already; {amount(report.dialogues_new, 'new dialogue')}.",
        icon=":material/check:",
    )
    left_out(report.problems, "rating")
    if session.allowed("see_agreement"):
        st.page_link("app_pages/agreement.py", label="See how far they agree", icon=":material/balance:")
