"""Taking an approved version out of use: first what stands on it, then a reason, then the button."""

import streamlit as st

from db import rubric_versions
from db.lineage import Link, Standing, standing_on
from db.rubric_versions import Version
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.rubric.review import decide, reason_field

FEW = 5  # so many are named; the rest is folded away
PLACES = {"runs": ("app_pages/runs.py", "run"), "models": ("app_pages/models.py", "model")}


def retire_panel(version: Version) -> None:
    """For psychologists; nothing for others."""
    if not session.allowed("decide_rubric"):
        return
    with st.expander(f"Retire version {version.version}", key="retire_menu", icon=":material/inventory_2:"):
        st.caption("New runs and audits can no longer use it. What was made with it stays, and still names it.")
        with st.container(key="stands_on"):
            _stands_on(standing_on(service.store(), version.rubric_id, version.version))
        reason_field("Why?", "retire_reason", version)
        args = (rubric_versions.retire, version, "retire_reason")
        st.button(f"Retire version {version.version}", key="retire", on_click=decide, args=args)


def _stands_on(standing: Standing) -> None:
    if not standing.runs and not standing.models:
        st.markdown("No run and no model stands on this version.")
        return
    told = " and ".join(_many(links, kind) for kind, links in _kinds(standing) if links)
    st.markdown(f"**{told} stand{'s' if told.startswith('1 ') and ' and ' not in told else ''} on this version.**")
    for kind, links in _kinds(standing):
        _named(kind, links)


def _kinds(standing: Standing) -> list[tuple[str, list[Link]]]:
    return [("models", standing.models), ("runs", standing.runs)]


def _many(links: list[Link], kind: str) -> str:
    return f"{len(links)} {kind if len(links) > 1 else kind.removesuffix('s')}"


def _named(kind: str, links: list[Link]) -> None:
    for link in links[:FEW]:
        _link(kind, link)
    if rest := links[FEW:]:
        with st.expander(f"{len(rest)} more", key=f"more_{kind}"):
            for link in rest:
                _link(kind, link)


def _link(kind: str, link: Link) -> None:
    page, name = PLACES[kind]
    st.page_link(page, label=escaped(f"{link.title}, {link.detail}"), query_params={name: link.id})
