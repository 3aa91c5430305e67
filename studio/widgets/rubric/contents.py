"""The parts of the rubric being edited: which one is in focus, what was changed, adding one, and the archive."""

import streamlit as st

from rubrics.schema import slug
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies, structure
from studio.widgets.rubric import work as works
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.remarks import Found
from studio.widgets.rubric.work import WHOLE, Work


def contents(work: Work, found: Found, changed: set[str]) -> None:
    """The list of parts; a dot marks what differs from the version that the draft was made from, a number what to mend.

    Buttons, because their labels may change: a radio forgets its choice when the label of it does.
    """
    names = {WHOLE: "Title and instructions"}
    names |= {one["id"]: one.get("name") or one["id"] for one in bodies.criteria(work.body)}
    places = [place or WHOLE for place, _ in found.faults]
    with st.container(key="rubric_contents", gap="xxsmall"):
        st.caption("Parts of the rubric")
        for cid, name in names.items():
            code = f":gray[{escaped(cid)}] " if cid and work.body.get("purpose") == "flags" else ""
            label = code + escaped(name) + (" :blue[•]" if cid in changed else "")
            label += f" :red[({places.count(cid)} to mend)]" if cid in places else ""
            _part(work, cid, label)
        if changed:
            st.caption(f":blue[•] changed since version {work.base_version}" if work.base_version else "")
        _add_menu(work)
        _archive_menu(work)


def _part(work: Work, cid: str, label: str) -> None:
    st.button(
        label,
        key=f"part_{cid or 'whole'}",
        type="secondary" if cid == work.focus else "tertiary",
        width="stretch",
        on_click=works.focus_on,
        args=(work, cid),
    )


def _add_menu(work: Work) -> None:
    with st.popover("Add a criterion", icon=":material/add:", key="add_criterion_menu", type="tertiary"):
        st.text_input("Name", key="new_criterion_name", placeholder="Warmth")
        code_help = "Stays for good: it stands beside every flag and score. Letters, digits, _ and -."
        st.text_input("Code", key="new_criterion_code", placeholder="made from the name", help=code_help)
        st.button("Add", key="add_criterion", type="primary", on_click=_add, args=(work,))


def _add(work: Work) -> None:
    name = st.session_state.new_criterion_name.strip()
    code = st.session_state.new_criterion_code.strip() or slug(name or "criterion")
    cid = structure.free_id(work.body, code, works.used_ids(work))
    bodies.criteria(work.body).append(bodies.new_criterion(cid, name, work.body.get("purpose", "score")))
    works.focus_on(work, cid)
    st.session_state.new_criterion_name = st.session_state.new_criterion_code = ""


def _archive_menu(work: Work) -> None:
    kept = bodies.archived(work.body)
    if not kept:
        return
    with st.popover(f"Archive ({len(kept)})", icon=":material/inventory_2:", key="archive_menu", type="tertiary"):
        st.caption("Asked of nobody, and counting for nothing. Their ids are never used again.")
        for one in kept:
            _archived(work, one)


def _archived(work: Work, piece: Body) -> None:
    cid = piece["id"]
    with st.container(border=True, key=f"archived_{cid}"):
        st.markdown(f"**{escaped(piece.get('name') or cid)}** :gray[:small[{escaped(cid)}]]")
        st.caption(escaped(piece.get("question", "")))
        with st.container(horizontal=True):
            st.button("Bring back", key=f"restore_{cid}", on_click=_restore, args=(work, cid))
            tip = "Its text is gone from this draft; earlier versions keep it, and Undo brings it back."
            st.button(
                "Delete for good", key=f"delete_{cid}", type="tertiary", on_click=_delete, args=(work, cid), help=tip
            )


def _restore(work: Work, cid: str) -> None:
    structure.restore(work.body, cid)
    works.focus_on(work, cid)


def _delete(work: Work, cid: str) -> None:
    structure.delete(work.body, cid)
