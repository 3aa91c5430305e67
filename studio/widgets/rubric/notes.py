"""What people noted about a criterion while they used it: where its words are unclear."""

import streamlit as st

from db import audits
from studio import service
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import plain_text, text_style
from studio.widgets.times import ago


def notes_on(rubric_id: str, criterion_id: str) -> None:
    """The notes on one criterion, folded; nothing when there are none."""
    found = [note for note in audits.rubric_notes(service.store(), rubric_id) if note.code == criterion_id]
    if not found:
        return
    text_style()
    many = "1 note" if len(found) == 1 else f"{len(found)} notes"
    with st.expander(f"{many} by people who used it", icon=":material/sticky_note_2:", key=f"notes_{criterion_id}"):
        for note in found:
            version = f" on version {note.rubric_version}" if note.rubric_version else ""
            st.caption(f"{escaped(name_of(note.person_id))}{version}, {ago(note.noted_at)}")
            plain_text(note.text)
