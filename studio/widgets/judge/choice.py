"""Which judge, by which rubric version: always one of each, never pooled. The address keeps the rubric and version."""

from dataclasses import dataclass

import streamlit as st

from db import calibration, rubric_versions
from db.rubric_versions import Version
from pipeline.endpoints import Endpoint, load_endpoints
from rubrics.calibration.figures import Calibrated, calibrate
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped

RUNS = "app_pages/runs.py"


@dataclass(frozen=True)
class JudgeChoice:
    """A version and a judge, as verdicts name it; `was_asked`: whether a scoring run asked it by this version."""

    version: Version
    judge: str
    was_asked: bool

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint behind the judge; None when it is no longer in endpoints.toml."""
        try:
            known = load_endpoints(service.home())
        except UserError:
            return None
        return next((one for one in known.values() if one.judge_id == self.judge), None)


def choose_judge() -> JudgeChoice | None:
    """The pickers; None (and what to do about it) while there is nothing to compare."""
    known = calibration.known_versions(service.store())
    if not known:
        _nothing_at_all()
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="judge_choice"):
        version = _version(known)
        used = [one.judge for one in calibration.judges(service.store(), version)]
        judge = _judge(version, used)
    if judge not in used:
        _not_judged(version)
    return JudgeChoice(version, judge, judge in used)


def calibrated(version: Version, judge: str) -> list[Calibrated]:
    """The figures of every criterion, worked out once for what stands."""
    newest = calibration.newest(service.store(), version)
    return _calibrated(version.rubric_id, version.version, judge, newest, str(service.home()))


def _judge(version: Version, used: list[str]) -> str:
    """Those that were asked first, then the other endpoints."""
    others = [one.judge_id for one in load_endpoints(service.home()).values() if one.judge_id not in used]
    known = [*used, *others]
    asked = st.query_params.get("judge", "")
    place = known.index(asked) if asked in known else 0
    return str(st.selectbox("Judge", known, place, key=f"judge_{version.rubric_id}_{version.version}"))


@st.cache_data(max_entries=20, show_spinner="Holding the judge against people…")
def _calibrated(rubric_id: str, number: int, judge: str, newest: tuple[int, int, str], home: str) -> list[Calibrated]:
    version = rubric_versions.version(service.store(), rubric_id, number)
    return [calibrate(one) for one in calibration.pairs(service.store(), version, judge)]


def _version(known: list[tuple[str, int]]) -> Version:
    titles = {one.rubric_id: one.title for one in rubric_versions.rubrics(service.store())}
    ids = sorted({rubric_id for rubric_id, _ in known}, key=lambda one: titles[one])
    asked = st.query_params.get("rubric", "")
    rubric_id = st.selectbox(
        "Rubric",
        ids,
        index=ids.index(asked) if asked in ids else 0,
        format_func=titles.__getitem__,
        key="judge_rubric",
        width=320,
    )
    numbers = sorted((number for one, number in known if one == rubric_id), reverse=True)
    told = st.query_params.get("version", "") if rubric_id == asked else ""
    number = st.pills(
        "Version",
        numbers,
        default=int(told) if told.isdecimal() and int(told) in numbers else numbers[0],
        required=True,
        key=f"judge_version_{rubric_id}",
        help="Each version asks its own questions, so versions are never taken together.",
    )
    st.query_params["rubric"], st.query_params["version"] = rubric_id, str(number)
    return rubric_versions.version(service.store(), rubric_id, int(number))


def _nothing_at_all() -> None:
    st.info(
        "Nothing to compare yet. It takes turns that people have marked by a version of a rubric, and the verdicts of "
        "a judge on the same turns: first audit some dialogues, then score them.",
        icon=":material/balance:",
    )
    st.page_link("app_pages/audit.py", label="Go to Audit", icon=":material/forum:")


def _not_judged(version: Version) -> None:
    """What people have marked, and the way to have a judge say something of it."""
    count = len(calibration.labelled(service.store(), version))
    if not count:
        st.info(
            "Nobody has marked a dialogue by this version yet, so no judge can be held against people. Mark some in "
            "Audit, then score them.",
            icon=":material/balance:",
        )
        st.page_link("app_pages/audit.py", label="Go to Audit", icon=":material/forum:")
        return
    told = f"People have marked {count:,} dialogue{'s' if count != 1 else ''} by this version"
    st.info(
        f"This judge has not been asked by this version. {told}; a run that scores them puts it beside people.",
        icon=":material/balance:",
    )
    if not session.allowed("start_run"):
        st.caption("Runs are started by researchers.")
    elif version.state != "approved":
        st.caption("Only an approved version can be scored by.")
    else:
        score_link(version, "Score what people marked")


def score_link(version: Version, label: str) -> None:
    """The form of a scoring run, with the version and the labelled dialogues chosen already."""
    asked = {"start": "score", "by": f"{version.rubric_id}@{version.version}", "labelled": "1"}
    st.page_link(RUNS, label=escaped(label), icon=":material/play_arrow:", query_params=asked)
