"""The gate before training, for a version and a judge: what it lacks, and a psychologist's word that lets it pass."""

from datetime import datetime

import streamlit as st

from db import gate
from db.rubric_versions import Version
from pipeline.rundir import Override, utc_now
from rubrics.calibration.limits import Shortfall, shortfalls
from rubrics.calibration.snapshot import JudgeFigures, judge_figures
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.agreement.choice import note
from studio.widgets.judge.choice import calibrated
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import plain_text
from studio.widgets.rubric.effects import limits_words
from studio.widgets.times import ago

_SAID = "gate_said"
AGREEMENT = "app_pages/agreement.py"


def figures(version: Version, judge: str) -> JudgeFigures:
    """The judge's figures as they stand."""
    return judge_figures(judge, version.hash, utc_now(), calibrated(version, judge))


def gate_section(version: Version, judge: str) -> None:
    """Whether a model may be trained on this judge; only rubrics that score are trained on."""
    if version.rubric.purpose != "score" or version.state != "approved":
        return
    st.subheader("May a model be trained on this judge?", anchor=False)
    failed = shortfalls(version.rubric, figures(version, judge))
    given = gate.standing_override(service.store(), version, judge)
    with st.container(key="gate"):
        if not failed:
            st.success("Yes: it reaches every limit that the rubric sets.", icon=":material/verified:")
        elif given:
            st.warning("Only because somebody let it through.", icon=":material/gavel:")
            override_words(given)
        else:
            st.warning("No: it does not reach the limits of the rubric.", icon=":material/block:")
        _lacking(failed)
        note(limits_words(version.rubric.calibration))
        if given:
            _withdraw(version, judge)
        elif failed:
            _override(version, judge)


def override_words(given: Override) -> None:
    """Who let it through, when and why."""
    st.markdown(
        f"**{escaped(name_of(given.by))}** let it through {ago(datetime.fromisoformat(given.at))}, saying:",
        width="content",
    )
    plain_text(given.reason, "quiet")


def _lacking(failed: list[Shortfall]) -> None:
    if failed:
        st.markdown("\n".join(f"- {escaped(short.words)}" for short in failed))


def _override(version: Version, judge: str) -> None:
    if not session.allowed("override_gate"):
        note("A psychologist can let it through with a reason, which then stays with every model trained by it.")
        return
    with st.form("gate_form", border=True):
        st.markdown("**Let it through all the same**")
        st.text_area(
            "Why?",
            key="gate_reason",
            height=90,
            placeholder="What makes it acceptable here. Everybody reads this beside every model that comes of it.",
        )
        args = [version, judge, "gate_reason", True]
        st.form_submit_button(
            "Let it through", icon=":material/gavel:", key="gate_override", on_click=_decide, args=args
        )
    _refused()


def _withdraw(version: Version, judge: str) -> None:
    if not session.allowed("override_gate"):
        return
    with st.expander("Take the override back", key="gate_withdraw"), st.form("gate_withdraw_form", border=False):
        st.text_area("Why?", key="gate_withdraw_reason", height=80, placeholder="Models trained so far keep it.")
        args = [version, judge, "gate_withdraw_reason", False]
        st.form_submit_button("Take it back", key="gate_withdraw_button", on_click=_decide, args=args)
    _refused()


def _refused() -> None:
    if said := st.session_state.pop(_SAID, None):
        st.error(escaped(said), icon=":material/error:")


def _decide(version: Version, judge: str, key: str, grants: bool) -> None:
    """Callback of both forms. What was typed stays when it is refused."""
    store, me, reason = service.store(), session.here(), str(st.session_state.get(key) or "")
    of = (store, me, version.rubric_id, version.version, judge, reason)
    try:
        if grants:
            gate.grant(*of, figures(version, judge))
        else:
            gate.withdraw(*of)
    except UserError as error:
        st.session_state[_SAID] = str(error)


def gate_line(version: Version, judge: str) -> bool:
    """In the form that starts a training: whether the gate is open; if it is shut or was overridden, why."""
    failed = shortfalls(version.rubric, figures(version, judge))
    if not failed:
        st.caption(":material/verified: The judge reaches the limits that the rubric sets.")
        return True
    given = gate.standing_override(service.store(), version, judge)
    with st.container(key="gate_line"):
        if given:
            st.warning(
                "The judge does not reach the rubric's limits. A psychologist let it through; this stays with the "
                "model.",
                icon=":material/gavel:",
            )
            override_words(given)
        else:
            more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
            st.error(
                f"Not yet: {escaped(failed[0].words)}{more}. Label turns and score them, or ask a psychologist to let "
                "the judge through with a reason.",
                icon=":material/block:",
            )
        asked = {"view": "judge", "rubric": version.rubric_id, "version": str(version.version), "judge": judge}
        st.page_link(AGREEMENT, label="The judge beside people", icon=":material/balance:", query_params=asked)
    return given is not None
