"""Beside a flagged turn: have the dialogue written anew from its first flag on, the old one staying as it is."""

import streamlit as st

from db import rewriting, tried
from db.dialogues import Dialogue
from db.rewriting import Flagged
from pipeline.endpoints import EMBEDDED, load_endpoints
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.dialogue_open import Open
from studio.widgets.names import escaped, name_of
from studio.widgets.run.approved import approved_versions
from studio.widgets.run.config_form import warn_of_weak_judge, weak_judges
from studio.widgets.run.start import PAGE
from studio.widgets.run.submit import start
from studio.widgets.run.words import model_name

_ROLES = {"user": "Who is the person", "assistant": "Who answers", "evaluator": "Who judges"}


def rewrite_door(audit: Open) -> None:
    """A quiet button for whoever may start runs; nothing where nobody flagged anything."""
    if not session.allowed("start_run"):
        return
    found = rewriting.flagged_in(service.store(), audit.dialogue.dialogue_id)
    if found is None:
        return
    key = f"rewrite_door_{audit.dialogue.dialogue_id}"
    with st.container(key="rewrite_door", width="content"):
        door = st.popover("Write it anew", icon=":material/edit_note:", type="tertiary", key=key, on_change="rerun")
    if door.open:
        with door:
            _form(found)


def where_from(audit: Open) -> None:
    """One line above the marks: what this dialogue was written anew from, or that it has been written anew."""
    store, here = service.store(), audit.dialogue
    _tried(here)
    links = []
    if came := rewriting.origin(here):
        links.append((came.dialogue_id, f"Written anew from {came.dialogue_id}, turn {came.first_turn + 1} on"))
    links += [(one, "Written anew: open the newest") for one in rewriting.written_anew(store, here.dialogue_id)[:1]]
    with st.container(horizontal=True, gap="small", key="where_from"):
        for dialogue_id, words in links:
            st.page_link(
                "app_pages/audit.py",
                label=escaped(words),
                icon=":material/history:",
                query_params={"dialogue": dialogue_id},
                width="content",
            )


def _tried(here: Dialogue) -> None:
    """Who sent a reply here from Try it, and what had answered."""
    if told := tried.tried_by(here):
        step = f", step {told['settings']['step']}" if "step" in told["settings"] else ""
        model = escaped(f"{model_name(told['model'])}{step}")
        st.caption(f":material/chat: Tried by {escaped(name_of(told['by']))} with {model}")


def _form(found: Flagged) -> None:
    first = found.turns[0] + 1
    told = "what the flag here says" if found.flags == 1 else f"what the {found.flags} flags here say"
    st.markdown(
        f"Turn {first} and everything after it is written anew. The assistant is told {told}, and not by whom. "
        "The old dialogue stays as it is."
    )
    offered = approved_versions(service.store(), ["gate"])
    if not offered:
        st.warning("No gate rubric is approved yet: a psychologist must approve one first.", icon=":material/gavel:")
        return
    endpoints = load_endpoints(service.store().home)
    strong = next((one.name for one in endpoints.values() if not one.weak), EMBEDDED.name)
    names = list(endpoints)
    st.text_input("Why", key="rewrite_reason", placeholder="Others read this beside the new dialogue.")
    columns = st.columns(len(_ROLES))
    config = {
        role: column.selectbox(words, names, index=names.index(strong), key=f"rewrite_{role}")
        for column, (role, words) in zip(columns, _ROLES.items(), strict=True)
    }
    warn_of_weak_judge(weak_judges(config, endpoints))
    st.caption(f"By {escaped(offered[0].rubric.title)}, version {offered[0].version}.")
    if st.button("Write it anew", key="rewrite", type="primary", icon=":material/play_arrow:"):
        try:
            reason = st.session_state.get("rewrite_reason") or ""
            asked = {**config, "mode": "flagged"}
            run = start(
                service.store(), session.here(), "regenerate", asked, [found.dialogue_id], offered[0], reason, 0
            )
        except UserError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
        st.switch_page(PAGE, query_params={"run": run.run_id})
