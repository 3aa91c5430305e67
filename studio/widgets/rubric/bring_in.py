"""From a read file into the store: one rubric as a draft or a version, many as versions in review."""

from collections.abc import Callable

import streamlit as st

from db import rubric_versions
from db.rubric_drafts import body_of
from db.rubric_versions import Version
from rubrics.errors import UserError
from rubrics.schema import Rubric
from studio import service, session
from studio.widgets.names import escaped

Act = Callable[[Rubric, str], None]


def is_here(rubric: Rubric) -> Version | None:
    """The version that says the same, word for word, if there is one."""
    known = rubric_versions.versions(service.store(), rubric.id)
    return next((one for one in known if one.hash == rubric.hash), None)


def bring_in_one(rubric: Rubric, file: str) -> None:
    """Where this rubric can go, depending on what is here already; and the buttons."""
    known = rubric_versions.versions(service.store(), rubric.id)
    draft = rubric_versions.draft(service.store(), rubric.id)
    if same := is_here(rubric):
        _same(same)
        return
    with st.container(horizontal=True, key="bring_in"):
        if not known and not draft:
            _button("Open as a draft", "import_draft", _as_new_draft, rubric, file, first=True)
        elif not draft:
            _button(f"Open as a draft of “{rubric.id}”", "import_draft", _as_draft, rubric, file, first=True)
        _button("Submit for review as it is", "import_version", _as_version, rubric, file, first=draft is not None)
    if draft:
        st.caption(
            "This rubric has an open draft, which stays as it is. Submit or discard that first to write on this."
        )
    elif known:
        st.caption(
            f"A rubric “{escaped(rubric.id)}” is here already: this becomes version {known[0].version + 1} of it."
        )
    _fault()


def bring_in_many(rubrics: list[Rubric], file: str) -> None:
    """One button that puts all of them into review; none of them may be here already."""
    if not rubrics:
        st.info("All of them are here already, word for word. There is nothing to do.")
        return
    st.caption("Each becomes a version in review. A psychologist other than you approves it before anything is scored.")
    if st.button(f"Submit {len(rubrics):,} for review", key="import_versions", type="primary", icon=":material/send:"):
        _submit_all(rubrics, file)
    _fault()


def _button(words: str, key: str, act: Act, rubric: Rubric, file: str, first: bool) -> None:
    st.button(words, key=key, type="primary" if first else "secondary", on_click=act, args=(rubric, file))


def _fault() -> None:
    if fault := st.session_state.pop("import_fault", ""):
        st.error(escaped(fault), icon=":material/error:")


def _same(version: Version) -> None:
    st.info(
        f"This is version {version.version} of “{escaped(version.rubric_id)}”, word for word. There is nothing to do."
    )
    address = {"rubric": version.rubric_id, "version": str(version.version)}
    st.page_link("app_pages/rubrics.py", label=f"Open version {version.version}", query_params=address)


def _as_new_draft(rubric: Rubric, file: str) -> None:
    _try(lambda: _open_draft(rubric, file))


def _as_draft(rubric: Rubric, file: str) -> None:
    """The file's text on top of the newest version, so that the tab Compare shows what it would change."""

    def work() -> None:
        store, here = service.store(), session.here()
        opened = rubric_versions.open_draft(store, here, rubric.id)
        rubric_versions.save_draft(store, here, rubric.id, body_of(rubric), opened.revision)
        _go(rubric.id, "edit", f"{file} opened as a draft")

    _try(work)


def _as_version(rubric: Rubric, file: str) -> None:
    def work() -> None:
        frozen = rubric_versions.import_version(service.store(), session.here(), rubric, _note(file))
        _go(rubric.id, "review", f"Version {frozen.version} is in review")
        st.query_params["version"] = str(frozen.version)

    _try(work)


def _open_draft(rubric: Rubric, file: str) -> None:
    rubric_versions.new_draft(service.store(), session.here(), body_of(rubric))
    _go(rubric.id, "edit", f"{file} opened as a draft")


def _submit_all(rubrics: list[Rubric], file: str) -> None:
    """One after the other, with what was refused told at the end; what came in stays in."""
    bar, faults = st.progress(0.0, "Bringing them in …"), []
    for number, rubric in enumerate(rubrics, start=1):
        try:
            rubric_versions.import_version(service.store(), session.here(), rubric, _note(file))
        except UserError as error:
            faults.append(str(error))
        bar.progress(number / len(rubrics), f"{number:,} of {len(rubrics):,}")
    came = len(rubrics) - len(faults)
    st.session_state.rubric_receipt = f"{came:,} rubrics from {file} are here"
    st.session_state.import_faults = faults
    st.query_params.clear()
    st.rerun()


def _note(file: str) -> str:
    return f"Brought in from the file {file}"


def _try(work: Callable[[], None]) -> None:
    try:
        work()
    except UserError as error:
        st.session_state.import_fault = str(error)


def _go(rubric_id: str, view: str, receipt: str) -> None:
    st.session_state.rubric_receipt = receipt
    st.query_params.from_dict({"rubric": rubric_id, "view": view})
