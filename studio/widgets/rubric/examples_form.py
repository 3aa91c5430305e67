"""The examples in a criterion's form: what was said, the score it deserves, why, and the real turn it comes from."""

import streamlit as st

from db.example_turns import Place, stored_texts
from studio import service
from studio.widgets.rubric import bodies, fields
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.pick_turn import pick_turn
from studio.widgets.rubric.turn_card import turn_link
from studio.widgets.rubric.work import Work


def examples_form(work: Work, piece: Body) -> None:
    """The examples of one criterion, each with its score and why; adding, picking and removing them."""
    examples: list[Body] = piece.get("examples", [])
    st.markdown("**Examples**")
    with st.container(key=f"no_examples_{piece['id']}"):
        if not examples:
            st.caption("Anchors are read through examples: add one high and one low, each with why.")
    stored = stored_texts(service.store(), [place for one in examples if (place := _place(one))])
    for number, example in enumerate(examples):
        _example(piece, example, number, stored)
    with st.container(horizontal=True):
        pick_turn(work, piece)
        st.button(
            "Add an example",
            key=f"add_example_{piece['id']}",
            icon=":material/add:",
            on_click=_add_example,
            args=(piece,),
        )


def _example(piece: Body, example: Body, number: int, stored: dict[Place, str]) -> None:
    cid, shown = piece["id"], list(bodies.levels(piece))
    with st.container(border=True, key=f"example_{cid}_{number}"):
        left, right = st.columns([1, 3])
        with left:
            fields.choice(
                "Score",
                f"example_score_{cid}_{number}",
                example.get("score"),
                shown,
                lambda n: f"{n:g}",
                fields.into(example, "score", None),
            )
            st.button(
                "Remove",
                key=f"remove_example_{cid}_{number}",
                icon=":material/close:",
                type="tertiary",
                on_click=_remove_example,
                args=(piece, number),
            )
        with right:
            fields.long_text(
                "What was said",
                f"example_text_{cid}_{number}",
                example.get("text", ""),
                fields.into(example, "text", None),
            )
            why, write = example.get("why", ""), fields.into(example, "why", "")
            fields.long_text("Why this score", f"example_why_{cid}_{number}", why, write)
            # Always there, so that the fields above are not made anew when the note below comes or goes.
            with st.container(key=f"example_source_{cid}_{number}", gap="xxsmall"):
                if place := _place(example):
                    _source(place, example, number, cid, stored.get(place))


def _source(place: Place, example: Body, number: int, cid: str, stored: str | None) -> None:
    """Where the example comes from, and whether it still says what that turn says."""
    turn_link(place, "Taken from ")
    if stored is None:
        st.caption(":material/link_off: That turn is not in this store, so the words cannot be compared with it.")
    elif " ".join(stored.split()) != " ".join(str(example.get("text", "")).split()):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(":material/difference: The words above are no longer those of that turn.", width="content")
            st.button(
                "Take the turn’s words",
                key=f"as_stored_{cid}_{number}",
                type="tertiary",
                on_click=example.__setitem__,
                args=("text", stored),
            )


def _place(example: Body) -> Place | None:
    source = example.get("source")
    return Place(str(source["dialogue_id"]), int(source["turn_index"])) if source else None


def _add_example(piece: Body) -> None:
    piece.setdefault("examples", []).append({"text": "", "score": bodies.levels(piece)[-1]})


def _remove_example(piece: Body, number: int) -> None:
    del piece["examples"][number]
    if not piece["examples"]:
        del piece["examples"]
