"""The checks before a training starts, as a list in the start form: what is well, what to know, what bars it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from db import dialogues, gate
from db.rubric_versions import Version
from db.store import Store
from pipeline.checks import Check, Plan, light_checks
from pipeline.checks.judge import judge_check
from pipeline.checks.prompts import prompts_estimate
from pipeline.configs import CONFIGS, TrainingConfig, resolve
from pipeline.endpoints import endpoint
from pipeline.rundir import Stage
from rubrics.errors import UserError
from studio.widgets.names import escaped, name_of
from studio.widgets.run.words import amount

_LOOKS = {
    "ok": (":green[:material/check_circle:]", "well"),
    "warn": (":orange[:material/warning:]", "to know"),
    "fail": (":red[:material/block:]", "bars the start"),
}
_KEPT, _ASKED = "checks_made", "judge_asked"


def checks(
    store: Store, stage: Stage, config: Mapping[str, Any], ids: Sequence[str], version: Version | None, seed: int
) -> bool:
    """The list, for trainings only. Gives whether the start is free: nothing on it fails."""
    if stage not in ("sft", "grpo") or not ids or (stage == "grpo" and version is None):
        return True
    try:
        plan = _plan(store, stage, config, ids, version, seed)
        made = _made(plan, ids)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return False
    asked = _of_judge(plan, ids) if stage == "grpo" else None
    _list([*made, *([asked] if asked else [])])
    if stage == "grpo" and st.button(
        "Ask the judge about one answer", key="ask_judge", icon=":material/network_check:"
    ):
        with st.spinner("Asking the judge about one of these answers"):
            _remember(_ASKED, _key(plan, ids), judge_check(plan))
        st.rerun()
    return all(check.level != "fail" for check in [*made, *([asked] if asked else [])])


def _list(made: Sequence[Check]) -> None:
    counts = {level: sum(check.level == level for check in made) for level in _LOOKS}
    told = [f"{counts['fail']} to mend first"] if counts["fail"] else []
    told += [f"{amount(counts['warn'], 'thing')} to know"] if counts["warn"] else []
    st.subheader("Before it starts")
    st.caption(f"{amount(len(made), 'check')}: {' and '.join(told) or 'all is well'}.")
    with st.container(key="checks", gap="xsmall"):
        for check in made:
            icon, meaning = _LOOKS[check.level]
            st.markdown(f"{icon} **{escaped(check.name)}** ({meaning}): {escaped(_told(check))}")


def _told(check: Check) -> str:
    """The check's own words; what the gate lacks stands above the list already, with the way to mend it."""
    if check.name == "Calibration" and check.level == "fail":
        return "the judge does not reach the rubric's limits, as said above"
    return check.told


def _plan(
    store: Store, stage: Stage, config: Mapping[str, Any], ids: Sequence[str], version: Version | None, seed: int
) -> Plan:
    """The training as it would be started now. Raises UserError for settings that do not hold."""
    resolved = CONFIGS[stage].model_validate(resolve(stage, dict(config)))
    if not isinstance(resolved, TrainingConfig):
        raise ValueError(f"{stage} is no training")
    plan = Plan(store.home, resolved, dialogues.inputs_frame(store, ids), seed)
    if version is None:
        return plan
    judge = endpoint(store.home, str(config["judge"])).judge_id
    # The list is read by people: they know each other by name.
    reference = gate.as_it_stands(version).model_copy(update={"approved_by": name_of(version.decided_by)})
    figures, override = gate.figures_now(store, version, judge), gate.standing_override(store, version, judge)
    return plan._replace(rubric=version.rubric, reference=reference, calibration=figures, override=override)


def _made(plan: Plan, ids: Sequence[str]) -> list[Check]:
    """The checks that need nobody's answer, made once for the same plan: a form is drawn anew with every key."""
    key = _key(plan, ids)
    if (made := st.session_state.get(_KEPT)) and made[0] == key:
        return list(made[1])
    found = [*light_checks(plan), prompts_estimate(plan)]
    _remember(_KEPT, key, found)
    return found


def _of_judge(plan: Plan, ids: Sequence[str]) -> Check | None:
    """What the judge answered when it was asked for this plan; None while it has not been."""
    asked = st.session_state.get(_ASKED)
    return asked[1] if asked and asked[0] == _key(plan, ids) else None


def _remember(name: str, key: str, what: Any) -> None:
    st.session_state[name] = (key, what)


def _key(plan: Plan, ids: Sequence[str]) -> str:
    """Everything that decides the checks, in short; when figures were taken decides nothing."""
    parts: list[Any] = [plan.config.model_dump_json(), plan.seed, *ids]
    parts += [plan.rubric.hash if plan.rubric else "", bool(plan.override)]
    parts += [plan.calibration.criteria if plan.calibration else ()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
