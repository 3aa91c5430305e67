"""What the page speaks of: a rubric, one version or several, and whose marks. The address keeps rubric and versions."""

from dataclasses import dataclass
from html import escape

import pandas as pd
import streamlit as st

from db import agreement, rubric_versions
from db.agreement import Level
from db.rubric_versions import RubricSummary, Version
from studio import service, session
from studio.widgets.names import escaped, name_of

ANY_WORDS = "Any flag at all"
_BY_SEVERITY = "agreement_by_severity"


@dataclass(frozen=True)
class Choice:
    """`people` is None for everybody. `criteria` are those of the newest version chosen: id → name, in its order."""

    rubric_id: str
    is_flags: bool
    versions: tuple[int, ...]
    people: tuple[str, ...] | None
    by_severity: bool
    criteria: dict[str, str]

    @property
    def level(self) -> Level:
        """How a flag counts."""
        return "severity" if self.by_severity else "flag"

    def label(self, code: str) -> str:
        """A code or criterion in a menu; the codes of flags are known by heart, the ids of scores are not."""
        if not code:
            return ANY_WORDS
        return f"{code} {self.criteria[code]}" if self.is_flags else self.criteria[code]


def choose(of_whom: bool) -> Choice | None:
    """The pickers, and what they say; None (and what to do about it) while nobody has finished anything.

    `of_whom`: also whose marks, and whether by severity; else everybody's, flag or no flag.
    """
    worked = _worked(agreement.newest_mark(service.store()), str(service.home()))
    titles = {one.rubric_id: one for one in rubric_versions.rubrics(service.store())}
    known = [rubric_id for rubric_id in titles if rubric_id in set(worked["rubric_id"])]
    if not known:
        _nothing_yet()
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="agreement_choice"):
        summary = titles[_rubric(known, titles)]
        own = worked[worked["rubric_id"] == summary.rubric_id]
        versions = _versions(own, summary.rubric_id)
        people = _people(own, summary.rubric_id) if of_whom and session.allowed("see_agreement") else None
        is_flags = summary.purpose == "flags"
        by_severity = (
            is_flags
            and of_whom
            and st.toggle(
                "By severity",
                key=_BY_SEVERITY,
                persist_state="session",
                help="Counts red, yellow and no flag as three steps, instead of flag or no flag.",
            )
        )
    if not versions:
        st.info("Choose a version of the rubric to see how far people agree by it.", icon=":material/info:")
        return None
    newest = rubric_versions.version(service.store(), summary.rubric_id, max(versions))
    return Choice(summary.rubric_id, is_flags, versions, people, bool(by_severity), _criteria(newest))


def _criteria(version: Version) -> dict[str, str]:
    return {criterion.id: criterion.name for criterion in version.rubric.criteria if criterion.kind != "rule"}


@st.cache_data(max_entries=8, show_spinner=False)
def _worked(mark: int, home: str) -> pd.DataFrame:
    """Who worked by what, read anew once somebody marked something; `home` tells stores apart."""
    return agreement.worked(service.store())


def _rubric(known: list[str], titles: dict[str, RubricSummary]) -> str:
    known = sorted(known, key=lambda rubric_id: (titles[rubric_id].purpose != "flags", titles[rubric_id].title))
    asked = st.query_params.get("rubric", "")
    chosen = st.selectbox(
        "Rubric",
        known,
        index=known.index(asked) if asked in known else 0,
        format_func=lambda rubric_id: titles[rubric_id].title,
        key="agreement_rubric",
        width=320,
    )
    if chosen != asked:
        st.query_params["rubric"] = chosen
        st.query_params.pop("version", None)
    return chosen


def _versions(own: pd.DataFrame, rubric_id: str) -> tuple[int, ...]:
    """One version to begin with, the newest: several must be asked for."""
    known = sorted(map(int, own["rubric_version"].unique()), reverse=True)
    asked = [int(one) for one in st.query_params.get("version", "").split(",") if one.isdecimal() and int(one) in known]
    chosen = st.pills(
        "Version",
        known,
        selection_mode="multi",
        default=asked or known[:1],
        key=f"agreement_versions_{rubric_id}",
        help="Ratings of one version answer the same questions. Several together carry a warning.",
    )
    st.query_params["version"] = ",".join(map(str, sorted(chosen)))
    return tuple(sorted(chosen))


def _people(own: pd.DataFrame, rubric_id: str) -> tuple[str, ...] | None:
    known = sorted(own["person_id"].unique())
    chosen = st.multiselect(
        "Who",
        known,
        format_func=lambda person_id: name_of(person_id),
        placeholder="Everybody who worked by it",
        key=f"agreement_people_{rubric_id}",
        width=320,
    )
    return tuple(chosen) or None


def _nothing_yet() -> None:
    st.info(
        "Nothing to compare yet. Agreement can be seen once two people have finished the same dialogues by the same "
        "version of a rubric: flag turns in Audit, and say “nothing more to flag here”.",
        icon=":material/balance:",
    )
    st.page_link("app_pages/audit.py", label="Go to Audit", icon=":material/forum:")


def warning(text: str) -> None:
    """The warning that several versions are pooled; nothing for an empty one."""
    if text:
        st.warning(escaped(text) + ".", icon=":material/warning:")


def note(text: str) -> None:
    """A quiet explanation under a heading."""
    st.html(f'<p class="ka-note">{escape(text)}</p>')
