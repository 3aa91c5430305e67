"""An evaluation as files to download: the report that needs nothing else, and every score and change as a table."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from db.people import Person, person, require
from pipeline.report.export import csv_of
from pipeline.report.page import page
from pipeline.report.read import Evaluation
from studio import service, session


def take_report(found: Evaluation) -> None:
    """Two buttons for who may export; a file is made when it is asked for."""
    if not session.allowed("export_data"):
        return
    run_id, who = found.request.run_id, session.here()  # the file is made outside the page, where nobody is signed in
    with st.container(horizontal=True, width="content", gap="small"):
        _button("Report (HTML)", f"{run_id}.html", "text/html", "report_html", partial(report_of, found, who))
        _button("Figures (CSV)", f"{run_id}.csv", "text/csv", "report_csv", partial(figures_of, found, who))


def report_of(found: Evaluation, who: Person) -> str:
    """The page that `pipeline report --out` writes. Raises UserError for who may not export."""
    _require(who)
    return page([found], f"Evaluation {found.request.run_id}")


def figures_of(found: Evaluation, who: Person) -> str:
    """The table that `pipeline report --csv` writes. Raises UserError for who may not export."""
    _require(who)
    return csv_of([found])


def _require(who: Person) -> None:
    require(person(service.store(), who.person_id), "export_data")


def _button(label: str, name: str, mime: str, key: str, made: Callable[[], str]) -> None:
    st.download_button(label, made, name, mime, key=key, icon=":material/download:", on_click="ignore")
