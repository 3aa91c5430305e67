"""Trying a draft on real turns: judged by it and by the version in use, side by side, within a stated budget."""

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Version
from pipeline.endpoints import Endpoint, load_endpoints
from rubrics.errors import UserError
from rubrics.load import rubric_from
from rubrics.schema import Rubric
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies
from studio.widgets.rubric.try_budget import Budget, choose_budget
from studio.widgets.rubric.try_list import SHOWN, shown_try, tries
from studio.widgets.rubric.try_turns import Chosen, choose_turns
from studio.widgets.rubric.work import Work
from studio.widgets.run.config_form import check_judges, warn_of_weak_judge
from studio.widgets.run.submit import try_draft

_FAULTS = 3


def try_section(work: Work) -> None:
    """Choose turns, judge and budget, start, watch, read; earlier tries of this rubric stay listed below."""
    st.subheader("Try it on real turns", anchor=False)
    if faults := bodies.problems(work.body):
        _faults(faults)
        shown_try(work.rubric_id, "")
        tries(work.rubric_id, "")
        return
    draft = rubric_from(work.body, f"{work.rubric_id}, draft")
    if session.allowed("edit_rubric"):
        base = rubric_versions.compared_with(service.store(), work.rubric_id, work.base_version)
        st.caption(_what_happens(work, draft, base))
        start_form(draft, base)
    else:
        st.caption("A draft is tried by those who may edit rubrics. What they tried can be read here.")
    shown_try(work.rubric_id, draft.hash)
    tries(work.rubric_id, draft.hash)


def _faults(faults: list[tuple[str | None, str]]) -> None:
    lines = [f"- {escaped(f'{place}: {text}' if place else text)}" for place, text in faults[:_FAULTS]]
    more = [f"- and {len(faults) - _FAULTS} more"] if len(faults) > _FAULTS else []
    st.info(
        "A judge can only be asked about a whole rubric. To mend first, in Edit:\n" + "\n".join(lines + more),
        icon=":material/edit_note:",
    )


def start_form(draft: Rubric, base: Version | None) -> None:
    """Which turns, which judge, within what budget; and the button. `draft` may also be a version in review."""
    with st.container(border=True, key="try_form"):
        turns = choose_turns(draft.id, draft, base.rubric if base else None)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            judge = _choose_judge()
            check_judges({"judge": judge.name}, {judge.name: judge})
        warn_of_weak_judge([judge] if judge.weak else [])
        budget = choose_budget(draft, base.rubric if base else None, turns, judge)
        pressed = st.button(
            "Try it",
            key="start_try",
            type="primary",
            icon=":material/science:",
            disabled=not turns.addresses or budget is None,
        )
    if pressed and budget:
        _start(draft, base, turns, judge, budget)


def _what_happens(work: Work, draft: Rubric, base: Version | None) -> str:
    typed = " What you have typed and not saved is tried too." if work.dirty else ""
    if base is None:
        return f"A judge reads a few turns by the draft. There is no version to hold it against yet.{typed}"
    standing = "approved version" if base.state == "approved" else "version"
    if base.hash == draft.hash:
        return f"The draft says the same as version {base.version} so far: both sides will show the same.{typed}"
    return f"A judge reads a few turns by the draft and by the {standing} {base.version}, side by side.{typed}"


def _choose_judge() -> Endpoint:
    known = load_endpoints(service.home())
    strong_first = sorted(known, key=lambda name: known[name].weak)
    words = {one.name: f"{'Built-in model' if one.embedded else one.name} ({one.model})" for one in known.values()}
    chosen = st.selectbox("Judge", strong_first, key="try_judge", format_func=words.__getitem__, width=380)
    return known[str(chosen)]


def _start(draft: Rubric, base: Version | None, turns: Chosen, judge: Endpoint, budget: Budget) -> None:
    config = {"judge": judge.name, "turns": turns.addresses, **budget._asdict()}
    dialogue_ids = [dialogue_id for dialogue_id, _ in turns.addresses]
    try:
        run = try_draft(service.store(), session.here(), draft, base, config, dialogue_ids)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.query_params[SHOWN] = run.run_id
    st.rerun()
