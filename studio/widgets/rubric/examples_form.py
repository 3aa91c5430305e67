"""The examples in a criterion's form: what was said, the score it deserves, and why."""

import streamlit as st

from studio.widgets.rubric import bodies, fields
from studio.widgets.rubric.bodies import Body


def examples_form(piece: Body) -> None:
    """The examples of one criterion, each with its score and why; adding and removing them."""
    examples: list[Body] = piece.get("examples", [])
    st.markdown("**Examples**")
    with st.container(key=f"no_examples_{piece['id']}"):
        if not examples:
            st.caption("Anchors are read through examples: add one high and one low, each with why.")
    for number, example in enumerate(examples):
        _example(piece, example, number)
    st.button(
        "Add an example", key=f"add_example_{piece['id']}", icon=":material/add:", on_click=_add_example, args=(piece,)
    )


def _example(piece: Body, example: Body, number: int) -> None:
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


def _add_example(piece: Body) -> None:
    piece.setdefault("examples", []).append({"text": "", "score": bodies.levels(piece)[-1]})


def _remove_example(piece: Body, number: int) -> None:
    del piece["examples"][number]
    if not piece["examples"]:
        del piece["examples"]
