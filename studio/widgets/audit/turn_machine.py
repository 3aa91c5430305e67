"""What scoring runs said of the turn in focus: the reward and its parts, and the judge's verdicts with reasons."""

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from db import rubric_versions, runs
from db.dialogues import Dialogue
from pipeline.endpoints import load_endpoints
from rubrics.errors import UserError
from rubrics.overall import as_asked
from rubrics.schema import Rubric
from studio import service
from studio.widgets.audit.turn_reward import amounts_html, how_words, ledger_html, terms_of
from studio.widgets.campaign.working import is_in_campaign
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_html
from studio.widgets.run.words import OUTCOMES, number

_PARTS = {"r_format": "Format", "r_emotion": "Emotion", "r_rubric": "Rubric"}


def machine_scores(dialogue: Dialogue, turn: int) -> None:
    """One fold-out a run that scored this turn, the newest open; nothing yet for whom a campaign keeps blind."""
    if is_in_campaign(dialogue.dialogue_id):
        st.caption(
            "Shown an hour after you have finished this dialogue in your campaign, when you can no longer take that "
            "back, so that it does not sway you."
        )
        return
    rewards = runs.rewards_of(service.store(), dialogue.dialogue_id)
    verdicts = runs.verdicts_of(service.store(), dialogue.dialogue_id, turn)
    with st.container(key="machine_scores"):
        rows: list[Any] = list(rewards[rewards["turn_index"] == turn].itertuples())
        if not rows:
            st.caption("No run has scored this turn. Whoever may start runs can start one: Runs, “Score turns”.")
            st.page_link("app_pages/runs.py", label="Open Runs", icon=":material/play_circle:")
        for place, row in enumerate(rows):
            _run(row, verdicts[verdicts["run_id"] == row.run_id], expanded=place == 0)


def _run(row: Any, verdicts: pd.DataFrame, expanded: bool) -> None:
    rubric = _rubric(row)
    whole = f"Reward {number(row.reward)}" if row.outcome == "scored" else "No reward"
    with st.expander(f"{whole} · {escaped(row.run_id)}", expanded=expanded, key=f"machine_{row.run_id}"):
        whole, ledger = expanded_html(row, verdicts.itertuples(), rubric)
        st.html(whole)
        _judge(row.judge)
        st.html(ledger)
        _links(row)


def expanded_html(row: Any, verdicts: Iterable[Any], rubric: Rubric | None) -> tuple[str, str]:
    """A reward and how it came about, then line by line what every criterion gave, with the judge's reasons.

    `row` has the fields of `pipeline.rewards.Reward`, each verdict those of `pipeline.judge.Verdict`; `rubric` is the
    one that was asked (`rubrics.overall.as_asked`), None where it is not known.
    """
    given = _in_order(verdicts, rubric)
    terms = terms_of(row, given, rubric)
    gave = amounts_html(terms or [], rubric)
    said = {one.criterion_id: _verdict_html(one, rubric, gave.get(one.criterion_id, "")) for one in given}
    ledger = ledger_html(terms, row.reward, rubric, said) if terms and rubric else "".join(said.values())
    return _reward_html(row, rubric, how_words(terms, rubric)), ledger


def _reward_html(row: Any, rubric: Rubric | None, happened: str) -> str:
    """The reward, its three parts, and how they make it or what `happened` to it; or in words why there is none."""
    parts = "".join(
        f'<span class="kardia-term">{label} <b>{number(getattr(row, name))}</b>{_weight(rubric, label)}</span>'
        for name, label in _PARTS.items()
    )
    if row.outcome != "scored":
        words = OUTCOMES.get(row.outcome, "Not judged")
        return f'<div><b>No reward.</b> {escape(words)}.</div><div class="kardia-sum">{parts}</div>'
    how = "The mean of the three." if _weigh_the_same(rubric) else "The mean of the three, weighted as shown."
    if happened:
        how = happened
    elif isinstance(row.vetoed_by, str) and row.vetoed_by:
        how = f"Set to 0: the rubric gives {_criterion_name(rubric, row.vetoed_by)} a veto."
    return (
        f'<div class="kardia-sum"><span class="kardia-whole">{number(row.reward)}</span> reward</div>'
        f'<div class="kardia-sum">{parts}</div><div class="kardia-fault">{escape(how)}</div>'
    )


def _weigh_the_same(rubric: Rubric | None) -> bool:
    return rubric is None or rubric.reward.format == rubric.reward.emotion == rubric.reward.rubric


def _weight(rubric: Rubric | None, label: str) -> str:
    """The part's weight, where the parts do not weigh the same."""
    return "" if rubric is None or _weigh_the_same(rubric) else f" × {getattr(rubric.reward, label.lower()):g}"


def _criterion_name(rubric: Rubric | None, criterion_id: str) -> str:
    return rubric.criterion(criterion_id).name if rubric and criterion_id in rubric.ids else criterion_id


def _in_order(verdicts: Iterable[Any], rubric: Rubric | None) -> list[Any]:
    """The verdicts in the rubric's order of criteria."""
    ids = rubric.ids if rubric else ()
    return sorted(verdicts, key=lambda v: ids.index(v.criterion_id) if v.criterion_id in ids else len(ids))


def _verdict_html(verdict: Any, rubric: Rubric | None, gave: str) -> str:
    """One criterion: its score, or why there is none; what it gave; then the judge's reason as it was written."""
    mark = OUTCOMES.get(verdict.outcome, "Not judged")
    if verdict.outcome == "scored":
        known = rubric if rubric and verdict.criterion_id in rubric.ids else None
        top = f" of {known.criterion(verdict.criterion_id).scale[1]}" if known else ""
        mark = f"{verdict.score:g}{top}"
    reason = plain_html(verdict.reason, "small") if isinstance(verdict.reason, str) and verdict.reason.strip() else ""
    name = escape(_criterion_name(rubric, verdict.criterion_id))
    head = f'<b>{name}</b> <span class="kardia-mark">{escape(mark)}</span>{gave}'
    return f'<div class="kardia-verdict">{head}{reason}</div>'


def _links(row: Any) -> None:
    with st.container(horizontal=True, gap="small"):
        if row.rubric_id and not pd.isna(row.rubric_version):
            version = int(row.rubric_version)
            st.page_link(
                "app_pages/rubrics.py",
                label=f"{escaped(row.rubric_id)}, version {version}",
                icon=":material/rule:",
                query_params={"rubric": row.rubric_id, "version": str(version)},
            )
        st.page_link(
            "app_pages/runs.py", label="The run", icon=":material/play_circle:", query_params={"run": row.run_id}
        )


def _rubric(row: Any) -> Rubric | None:
    """The rubric the run judged by, as it was asked; None when it is not one of the store's versions."""
    if not row.rubric_id or pd.isna(row.rubric_version):
        return None
    try:
        return as_asked(rubric_versions.version(service.store(), row.rubric_id, int(row.rubric_version)).rubric)
    except UserError:
        return None


def _judge(judge: Any) -> None:
    """Who judged, and whether the endpoint of that name is known to be weak; one no longer configured says nothing."""
    known = load_endpoints(service.home()).get(str(judge))
    weak = ", a weak model: it shows how the studio works. Do not take its scores for a judgement."
    st.caption(f"Judge: {escaped(str(judge))}{weak if known and known.weak else '.'}")
