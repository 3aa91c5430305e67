"""What judges made of a version's text on real turns: the tries of its draft, and those that its reviewers start."""

import streamlit as st

from db.rubric_versions import Version
from rubrics.impact import to_judge_again
from studio import session
from studio.widgets.rubric.fold import fold
from studio.widgets.rubric.try_it import start_form
from studio.widgets.rubric.try_list import shown_try, tries_of


def tried_section(version: Version, base: Version | None) -> None:
    """The tries of exactly this text; while it is in review, whoever may edit rubrics can start another.

    A try is known by the text's hash, so the draft's tries stay with the version that it became.
    """
    st.markdown("**What a judge made of it on real turns**")
    found = tries_of(version.rubric_id, version.hash)
    shown_try(version.rubric_id, version.hash, only_this_text=True)
    if not found:
        asks = bool(base and to_judge_again(base.rubric, version.rubric))
        more = " Only that would say what its new words do." if asks else ""
        st.caption(f"Nobody has tried this text yet.{more}")
    if (
        version.state == "in_review"
        and session.allowed("edit_rubric")
        and fold("Try it on real turns", f"try_version_{version.rubric_id}_{version.version}")
    ):
        start_form(version.rubric, base)
