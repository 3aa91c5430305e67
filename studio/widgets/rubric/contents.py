"""The parts of the rubric being edited: which one is in focus, and adding, copying, moving and removing criteria."""

import streamlit as st

from rubrics.schema import slug
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies
from studio.widgets.rubric import work as works
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.work import WHOLE, Work

Faults = list[tuple[str | None, str]]


def contents(work: Work, faults: Faults) -> None:
    """The list of parts; a dot marks unsaved text, a number what is still missing before it can be submitted.

    Buttons, because their labels may change: a radio forgets its choice when the label of it does.
    """
    names = {WHOLE: "Title and instructions"}
    names |= {one["id"]: one.get("name") or one["id"] for one in bodies.criteria(work.body)}
    if work.focus not in names:
        work.focus = WHOLE
    changed, places = set(works.touched(work)), [place or WHOLE for place, _ in faults]
    with st.container(key="rubric_contents", gap="xxsmall"):
        st.caption("Parts of the rubric")
        for cid, name in names.items():
            code = f":gray[{escaped(cid)}] " if cid and work.body.get("purpose") == "flags" else ""
            label = code + escaped(name) + (" :orange[•]" if cid in changed else "")
            label += f" :red[({places.count(cid)} to mend)]" if cid in places else ""
            _part(work, cid, label)
        st.space("small")
        _add_menu(work)


def _part(work: Work, cid: str, label: str) -> None:
    st.button(
        label,
        key=f"part_{cid or 'whole'}",
        type="secondary" if cid == work.focus else "tertiary",
        width="stretch",
        on_click=_focus,
        args=(work, cid),
    )


def criterion_bar(work: Work, piece: Body) -> None:
    """The name of the criterion in focus, and what can be done with the whole of it."""
    cid = piece["id"]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        name = piece.get("name") or cid
        code = "" if slug(name) == cid else f" :gray[:small[{escaped(cid)}]]"
        st.subheader(escaped(name) + code, anchor=False, width="stretch")
        for key, icon, words, by in (("up", "upward", "Move up", -1), ("down", "downward", "Move down", 1)):
            icon = f":material/arrow_{icon}:"
            st.button("", key=f"{key}_{cid}", icon=icon, help=words, type="tertiary", on_click=_move, args=(work, by))
        st.button("Duplicate", key=f"duplicate_{cid}", type="tertiary", on_click=_duplicate, args=(work,))
        with st.popover("Remove", key=f"remove_menu_{cid}", type="tertiary"):
            st.markdown("Its anchors and examples go with it. Until you save, “Take back” restores everything.")
            st.button("Remove this criterion", key=f"remove_{cid}", on_click=_remove, args=(work,))


def _focus(work: Work, cid: str) -> None:
    work.focus = cid


def _move(work: Work, by: int) -> None:
    bodies.move(work.body, work.focus, by)


def _duplicate(work: Work) -> None:
    work.focus = bodies.duplicate(work.body, work.focus)


def _remove(work: Work) -> None:
    rows = bodies.criteria(work.body)
    rows[:] = [one for one in rows if one["id"] != work.focus]
    work.focus = WHOLE


def _add_menu(work: Work) -> None:
    with st.popover("Add a criterion", icon=":material/add:", key="add_criterion_menu"):
        st.text_input("Name", key="new_criterion_name", placeholder="Warmth")
        code_help = "Stays for good: it stands beside every flag and score. Letters, digits, _ and -."
        st.text_input("Code", key="new_criterion_code", placeholder="made from the name", help=code_help)
        st.button("Add", key="add_criterion", type="primary", on_click=_add, args=(work,))


def _add(work: Work) -> None:
    name = st.session_state.new_criterion_name.strip()
    code = st.session_state.new_criterion_code.strip() or slug(name or "criterion")
    cid = bodies.free_id(work.body, code)
    bodies.criteria(work.body).append(bodies.new_criterion(cid, name, work.body.get("purpose", "score")))
    work.focus = cid
    st.session_state.new_criterion_name = st.session_state.new_criterion_code = ""
