"""Which approved rubrics people flag and score with, and what the codes of a flag mean."""

import re

import streamlit as st

from db import rubric_versions
from db.audits import Flag
from db.rubric_versions import Version
from rubrics.errors import UserError
from rubrics.schema import Criterion, Purpose
from studio import service
from studio.run_cache import once_a_run
from studio.widgets.campaign.working import campaign_version
from studio.widgets.names import escaped

FAMILIES = {
    "CR": "Crisis",
    "VA": "Validation",
    "AD": "Advice",
    "BO": "Boundaries",
    "PE": "Person",
    "ST": "Style",
}
USUAL = ("unsafe-turns", "kardia-empathy")
_CODE = re.compile(r"([A-Z]{2})\d+")


def family_of(criterion: Criterion) -> str:
    """The family that a code such as CR1 belongs to; empty for ids of another make."""
    found = _CODE.fullmatch(criterion.id)
    return FAMILIES.get(found[1], found[1]) if found else ""


def families(criteria: tuple[Criterion, ...]) -> dict[str, list[Criterion]]:
    """The criteria by family, both in the rubric's order."""
    found: dict[str, list[Criterion]] = {}
    for criterion in criteria:
        found.setdefault(family_of(criterion), []).append(criterion)
    return found


def working_rubric(purpose: Purpose) -> Version | None:
    """The rubric that the person here works by: that of the campaign they work on, else an approved one, else None."""
    if of_campaign := campaign_version(purpose):
        return of_campaign
    found = _approved(purpose)
    return found.get(st.session_state.get(_key(purpose), "")) or next(iter(found.values()), None)


def rubric_choice(purpose: Purpose, label: str) -> None:
    """Lets them work by another approved rubric of that purpose, where there are several and no campaign says which."""
    if campaign_version(purpose):
        return
    found = _approved(purpose)
    if len(found) > 1:
        st.selectbox(
            label,
            list(found),
            format_func=lambda rubric_id: f"{found[rubric_id].rubric.title}, version {found[rubric_id].version}",
            key=_key(purpose),
            label_visibility="collapsed",
            icon=":material/rule:",
            persist_state="session",
        )


def _approved(purpose: Purpose) -> dict[str, Version]:
    """The newest approved version of every rubric of that purpose, the usual one first."""
    versions = once_a_run(("approved", purpose), lambda: rubric_versions.approved(service.store(), purpose))
    found = {version.rubric_id: version for version in versions}
    ids = sorted(found, key=lambda rubric_id: (rubric_id not in USUAL, rubric_id))
    return {rubric_id: found[rubric_id] for rubric_id in ids}


def _key(purpose: Purpose) -> str:
    return f"rubric_for_{purpose}"


def name_of_code(flag: Flag) -> str:
    """The criterion's name in the version that the flag was set with; empty when that version is gone."""
    try:
        asked = flag.rubric_id, flag.rubric_version
        rubric = once_a_run(("version", *asked), lambda: rubric_versions.version(service.store(), *asked)).rubric
    except UserError:
        return ""
    return rubric.criterion(flag.code).name if flag.code in rubric.ids else ""


def help_of(criterion: Criterion) -> str:
    """The question and when to use the code or not, for a tooltip."""
    lines = [escaped(criterion.question)]
    lines += [f"**Use when** {escaped(criterion.use_when)}"] if criterion.use_when else []
    lines += [f"**Not when** {escaped(criterion.avoid_when)}"] if criterion.avoid_when else []
    return "\n\n".join(lines)
