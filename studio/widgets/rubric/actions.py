"""What can be done with the criterion in focus as a whole: move, copy, split, merge, archive."""

from typing import Any

import streamlit as st

from rubrics.schema import slug
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies, structure
from studio.widgets.rubric import work as works
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.prompt_panel import panel_switch
from studio.widgets.rubric.work import WHOLE, Work

SPLIT, MERGE = "split", "merge"
_ASKED = "criterion_asked"  # (SPLIT or MERGE, criterion id) while its question is open, through every run of the page


def part_head(work: Work, piece: Body | None) -> None:
    """The name of the part in focus, what can be done with it, and the switch of the panel that shows the prompt."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="part_head"):
        st.subheader(_title(piece), anchor=False, width="stretch")
        if piece is not None:
            _tools(work, piece["id"])
        panel_switch()
    with st.container(key="part_origin"):
        if piece is not None and piece.get("replaces"):
            st.caption(f"Made from {escaped(', '.join(piece['replaces']))}, kept in the archive.")
        if piece is not None:
            _question(work, piece["id"])


def _title(piece: Body | None) -> str:
    if piece is None:
        return "Title and instructions"
    cid = piece["id"]
    name = piece.get("name") or cid
    return escaped(name) + ("" if slug(name) == cid else f" :gray[:small[{escaped(cid)}]]")


def _tools(work: Work, cid: str) -> None:
    for key, icon, words, by in (("up", "upward", "Move up", -1), ("down", "downward", "Move down", 1)):
        icon = f":material/arrow_{icon}:"
        st.button("", key=f"{key}_{cid}", icon=icon, help=words, type="tertiary", on_click=_move, args=(work, by))
    with (
        st.popover("More", key=f"more_{cid}", type="tertiary"),
        st.container(key=f"criterion_menu_{cid}", gap="xxsmall"),
    ):
        _menu(work, cid)


def _question(work: Work, cid: str) -> None:
    """The dialog that is open for this criterion, through every run of the page until it is answered or closed."""
    if st.session_state.get(_ASKED) == (SPLIT, cid):
        _split_dialog(work, cid)
    elif st.session_state.get(_ASKED) == (MERGE, cid) and len(bodies.criteria(work.body)) > 1:
        _merge_dialog(work, cid)


def _menu(work: Work, cid: str) -> None:
    rows = bodies.criteria(work.body)
    key, place = f"place_{cid}", next(i for i, one in enumerate(rows) if one["id"] == cid)
    if st.session_state.get(key, place + 1) != place + 1:
        st.session_state[key] = place + 1
    st.selectbox("Place in the list", range(1, len(rows) + 1), place, key=key, on_change=_move_to, args=(work, key))
    wide: Any = {"width": "stretch", "type": "tertiary"}
    st.button(
        "Duplicate", key=f"duplicate_{cid}", icon=":material/content_copy:", on_click=_duplicate, args=(work,), **wide
    )
    for what, words, icon, able in (
        (SPLIT, "Split into two…", ":material/call_split:", True),
        (MERGE, "Merge with another…", ":material/call_merge:", len(rows) > 1),
    ):
        key = f"{what}_{cid}"
        st.button(words, key=key, icon=icon, on_click=_ask, args=(what, cid), disabled=not able, **wide)
    st.button(
        "Archive",
        key=f"archive_{cid}",
        icon=":material/inventory_2:",
        on_click=_archive,
        args=(work,),
        disabled=len(rows) < 2,
        help="It is asked no more and counts for nothing; it can be brought back." if len(rows) > 1 else "The last one",
        **wide,
    )


def _ask(what: str, cid: str) -> None:
    st.session_state[_ASKED] = (what, cid)


def _asked_enough() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Split into two criteria", on_dismiss=_asked_enough)
def _split_dialog(work: Work, cid: str) -> None:
    name = str((bodies.criterion(work.body, cid) or {}).get("name") or cid)
    st.markdown(
        f"Both begin with all the words of “{escaped(name)}” and count for half of it each; then take from each what "
        "belongs to the other. The old criterion goes to the archive, with its id and its scores."
    )
    first = st.text_input("Name of the first", key=f"split_first_{cid}", placeholder="Names the feeling")
    second = st.text_input("Name of the second", key=f"split_second_{cid}", placeholder="Takes up the main point")
    if st.button("Split", key=f"do_split_{cid}", type="primary"):
        if not (first.strip() and second.strip()):
            st.error("Give both a name first.")
            return
        names = (first.strip(), second.strip())
        _asked_enough()
        works.focus_on(work, structure.split(work.body, cid, names, works.used_ids(work))[0])
        st.rerun()


@st.dialog("Merge two criteria", on_dismiss=_asked_enough)
def _merge_dialog(work: Work, cid: str) -> None:
    names = {str(one["id"]): str(one.get("name") or one["id"]) for one in bodies.criteria(work.body)}
    st.markdown(
        f"The words of “{escaped(names[cid])}” and of the other stand one below the other, for you to make one of. "
        "Their weights add up, the stricter veto holds. Both old criteria go to the archive."
    )
    others = [one for one in names if one != cid]
    other = st.selectbox("The other criterion", others, key=f"merge_other_{cid}", format_func=names.__getitem__)
    name = st.text_input("Name of the new one", key=f"merge_name_{cid}", placeholder=f"{names[cid]} and {names[other]}")
    if st.button("Merge", key=f"do_merge_{cid}", type="primary"):
        chosen = name.strip() or f"{names[cid]} and {names[other]}"
        _asked_enough()
        works.focus_on(work, structure.merge(work.body, cid, other, chosen, works.used_ids(work)))
        st.rerun()


def _move(work: Work, by: int) -> None:
    structure.move(work.body, work.focus, by)


def _move_to(work: Work, key: str) -> None:
    structure.move_to(work.body, work.focus, st.session_state[key] - 1)


def _duplicate(work: Work) -> None:
    works.focus_on(work, structure.duplicate(work.body, work.focus, works.used_ids(work)))


def _archive(work: Work) -> None:
    structure.archive(work.body, work.focus)
    works.focus_on(work, WHOLE)
