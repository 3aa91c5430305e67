"""Rubrics from a file, in the browser: what will come in, what was not kept, and where it goes.

One rubric opens as a draft, to be read and mended first; many come in as versions for review, since nobody edits
seventy drafts. Nothing is stored before a button says so.
"""

import pandas as pd
import streamlit as st

from db import rubric_versions
from rubrics.errors import UserError
from rubrics.exchange import Imported, read
from rubrics.schema import Rubric
from studio import service
from studio.uploads import called, on_disk
from studio.widgets.names import escaped
from studio.widgets.plain_text import text_style
from studio.widgets.rubric.bring_in import bring_in_many, bring_in_one, is_here
from studio.widgets.rubric.changes import rubric_style
from studio.widgets.rubric.reader import show_rubric
from studio.widgets.rubric.words import PURPOSE_NAMES

VIEW = "import"  # what the address calls this page
FORMATS = "Rubrics of this studio (YAML), HealthBench (JSON lines), the rubric package (JSON), VERA-MH, ESC-Judge."
ENDINGS = ["yaml", "yml", "json", "jsonl", "gz", "tsv", "csv", "txt"]
FEW_NOTES = 5
HERE = "here already"


def import_menu() -> None:
    """The way to this page, for the library."""
    st.button("Bring in a file", key="import_menu", icon=":material/upload:", on_click=_open)


def import_page() -> None:
    """Choose a file, read what is in it, bring it in."""
    text_style()
    rubric_style()
    st.button("All rubrics", key="all_rubrics", icon=":material/arrow_back:", type="tertiary", on_click=_close)
    st.title("Bring in rubrics from a file", anchor=False)
    st.caption(f"{FORMATS} Nothing is stored before you say so below.")
    file = st.file_uploader("A rubric file", key="import_file", type=ENDINGS)
    if file is None:
        return
    name = called(file.name)
    try:
        found = _read(name, file.getvalue())
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    _notes(found.notes)
    if len(found.rubrics) == 1:
        _one(found.rubrics[0], name)
    else:
        _many(found.rubrics, name)


@st.cache_data(max_entries=3, show_spinner="Reading the file …")
def _read(name: str, data: bytes) -> Imported:
    """The file as it was uploaded. Raises UserError naming it as the person does, without a place on the server."""
    with on_disk(data, name) as path:
        return read(path, name=name)


def _notes(notes: list[str]) -> None:
    """What the file says and a rubric has no place for; said before anything is brought in."""
    if not notes:
        st.success("Everything in the file is kept.", icon=":material/check:")
        return
    with st.container(border=True, key="import_notes"):
        st.markdown(":material/info: **Not everything in the file has a place here**")
        st.markdown("\n".join(f"- {_note(note)}" for note in notes[:FEW_NOTES]))
        if rest := notes[FEW_NOTES:]:
            with st.expander(f"{len(rest)} more", key="more_notes"):
                st.markdown("\n".join(f"- {_note(note)}" for note in rest))


def _note(note: str) -> str:
    return escaped(note[:1].upper() + note[1:])


def _one(rubric: Rubric, file: str) -> None:
    st.subheader(escaped(rubric.title), anchor=False)
    bring_in_one(rubric, file)
    show_rubric(rubric)


def _many(rubrics: list[Rubric], file: str) -> None:
    """A search, the list, and one button for all that it finds."""
    st.subheader(f"{len(rubrics):,} rubrics in the file", anchor=False)
    words = st.text_input("Bring in only those with these words", key="import_find").casefold().split()
    wanted = [one for one in rubrics if all(word in _text(one) for word in words)]
    if not wanted:
        st.info("No rubric in the file has these words.")
        return
    ids = {one.rubric_id for one in rubric_versions.rubrics(service.store())}
    places = [_place(one, ids) for one in wanted]
    rows = [_row(one, place) for one, place in zip(wanted, places, strict=True)]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="import_table", height=min(420, 38 + 35 * len(wanted)))
    bring_in_many([one for one, place in zip(wanted, places, strict=True) if place != HERE], file)


def _place(rubric: Rubric, ids: set[str]) -> str:
    """As what it would come in: a new rubric, the next version of one, or nothing because it is here word for word."""
    if rubric.id not in ids:
        return "a new rubric"
    return HERE if is_here(rubric) else "the next version"


def _text(rubric: Rubric) -> str:
    criteria = " ".join(f"{c.name} {c.question}" for c in rubric.criteria)
    return f"{rubric.id} {rubric.title} {criteria}".casefold()


def _row(rubric: Rubric, place: str) -> dict[str, str | int]:
    return {
        "Title": rubric.title,
        "Criteria": len(rubric.criteria),
        "For": PURPOSE_NAMES[rubric.purpose],
        "Comes in as": place,
    }


def _open() -> None:
    st.query_params["view"] = VIEW


def _close() -> None:
    st.query_params.clear()
