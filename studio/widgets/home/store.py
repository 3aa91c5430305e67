"""Home, for everybody: what the store holds, in one modest line, or how to bring something into it."""

import streamlit as st

from db import dialogues, rubric_versions
from db.keeping import backup_age_h
from studio import service, session


def holdings() -> None:
    """Dialogues, turns and approved rubrics in one line; without dialogues, how to import some."""
    store = service.store()
    sources = dialogues.sources(store)
    if sources.empty:
        how_to_import()
        return
    many, turns = int(sources["dialogues"].sum()), int(sources["turns"].sum())
    rubrics = len(rubric_versions.approved(store))
    held = f"{_count(many, 'dialogue')} with {_count(turns, 'turn')}, and {_count(rubrics, 'approved rubric')}"
    st.caption(f"This studio holds {held}.{_backup_words() if session.allowed('manage_people') else ''}")


def _backup_words() -> str:
    """For who looks after data: how old the newest backup of the schedule is, or that there is none."""
    age = backup_age_h(service.home())
    if age is None:
        return " No backup has been made yet."
    return f" The newest backup was proved {'less than an hour' if age < 1 else f'{age:.0f} h'} ago."


def how_to_import() -> None:
    """The first thing to do in an empty studio."""
    with st.container(border=True, key="empty_store"):
        st.subheader("No dialogues yet", anchor=False)
        st.markdown("Bring in a file of dialogues: close the studio, run this beside it, and open the studio again.")
        st.code("python -m db import dialogues.jsonl --format auto", language="bash")
        st.markdown("To look around first, open the studio with invented people, rubrics and dialogues:")
        st.code("python -m studio --demo", language="bash")
        if not session.allowed("import_data"):
            st.caption("Importing takes the role researcher or admin.")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
