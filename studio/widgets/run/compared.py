"""What came of trying a draft: how many turns it moves, then each turn under both rubrics, side by side."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.rundir import Request, RunDir
from pipeline.turns import Turn, turns_of
from rubrics.overall import as_asked
from studio.widgets.run.side_by_side import Sides, changes_sides, side_by_side
from studio.widgets.run.tried_turn import is_covered, show_turn
from studio.widgets.run.words import OUTCOMES, amount, no_results, number

AUDIT = "app_pages/audit.py"
Row = Mapping[Hashable, Any]
_PASSES = {True: "passes", False: "fails"}


def compared(run: RunDir) -> None:
    """The comparison as far as it is; while the run goes on, the turns that are through."""
    table, verdicts = run.read_output("comparison"), run.read_output("verdicts")
    if table is None or verdicts is None or table.empty:
        if run.status().state != "running":
            no_results()
        return
    request = run.request()
    _summary(table, request)
    chosen = _choose(table, request)
    turns = {(turn.dialogue_id, turn.turn_index): turn for turn in turns_of(run.inputs())}
    turn = turns[chosen["dialogue_id"], int(chosen["turn_index"])]
    with st.container(border=True, key=f"tried_{run.run_id}"):
        _the_turn(turn, chosen)
        base = run.base()
        sides = Sides(as_asked(run.rubric()), as_asked(base) if base else None, base_words(request))
        own = verdicts[(verdicts["dialogue_id"] == turn.dialogue_id) & (verdicts["turn_index"] == turn.turn_index)]
        side_by_side(sides, own, chosen, with_reasons=not is_covered(turn.dialogue_id, turn.turn_index))


def base_words(request: Request) -> str:
    """What the draft is held against, such as "Version 3 (approved)"; empty without a base."""
    if request.base is None:
        return ""
    if not request.base.version:
        return "The base"
    return f"Version {request.base.version}" + (" (approved)" if request.base.approved_by else "")


def tried(table: pd.DataFrame) -> pd.DataFrame:
    """The turns that were judged: those that the budget left out are told apart."""
    return table[table["draft_outcome"] != "budget_stopped"]


def sentences(table: pd.DataFrame, against: str) -> list[str]:
    """What the comparison says, in sentences; nothing that is not known is counted."""
    done = tried(table)
    told = [f"{amount(len(done), 'turn')} tried."]
    if against:
        before, after = done["base_passes"], done["draft_passes"]
        to_pass = int((before.eq(False) & after.eq(True)).fillna(False).sum())
        to_fail = int((before.eq(True) & after.eq(False)).fillna(False).sum())
        told.append(f"{_flips(to_pass, to_fail)} {_means(done)}".strip())
    unknown = done[done["draft_outcome"] != "scored"]
    if len(unknown):
        whys = [OUTCOMES.get(one, one).lower() for one in dict.fromkeys(unknown["draft_outcome"])]
        told.append(f"{amount(len(unknown), 'turn')} got no reward from the draft: {'; '.join(whys)}.")
    if left := len(table) - len(done):
        told.append(f"{amount(left, 'turn')} left out, because the budget was used up.")
    return told


def _flips(to_pass: int, to_fail: int) -> str:
    if not to_pass and not to_fail:
        return "No turn changes sides."
    parts = [f"{amount(to_pass, 'turn')} would now pass"] if to_pass else []
    parts += [f"{amount(to_fail, 'turn')} would now fail"] if to_fail else []
    return f"{' and '.join(parts)}."


def _means(done: pd.DataFrame) -> str:
    both = done.dropna(subset=["base_reward", "draft_reward"])
    if both.empty:
        return ""
    before, after = both["base_reward"].mean(), both["draft_reward"].mean()
    over = f" over {amount(len(both), 'turn')}" if len(both) < len(done) else ""
    which = "reward" if len(done) == 1 else "mean reward"
    return f"The {which} goes from {number(before)} to {number(after)}{over}."


def _summary(table: pd.DataFrame, request: Request) -> None:
    with st.container(gap="xsmall"):
        first, *rest = sentences(table, base_words(request))
        st.markdown(f"**{first}** {' '.join(rest)}")
        calls, tokens, cost = (table[name].sum() for name in ("calls", "tokens", "cost"))
        price = f"cost {cost:,.4g}" if cost else "no cost"
        st.caption(
            f"{amount(int(calls), 'call')} of the judge “{request.config['judge']}”, {tokens:,} tokens, {price}."
        )


def _choose(table: pd.DataFrame, request: Request) -> Row:
    """The overview, and the turn that is looked at: the one chosen, else the first that changes sides."""
    rows = table.sort_values("rank").to_dict("records")
    if len(rows) > 1:
        _overview(table.sort_values("rank"), bool(request.base))
    by_id = {f"{row['dialogue_id']}:{row['turn_index']}": row for row in rows}
    flipped = [one for one, row in by_id.items() if _changes_sides(row)]
    key = f"tried_turn_{request.run_id}"
    if st.session_state.get(key) not in by_id:
        st.session_state[key] = next(iter(flipped or by_id))
    if len(rows) == 1:
        return rows[0]
    picked = st.selectbox("Look at", list(by_id), key=key, format_func=lambda one: _turn_words(by_id[one]))
    return by_id[str(picked)]


def _changes_sides(row: Row) -> bool:
    return changes_sides(row["base_passes"], row["draft_passes"])


def _turn_words(row: Row) -> str:
    return f"{row['rank']}. {row['dialogue_id']}, turn {row['turn_index'] + 1}"


def _overview(table: pd.DataFrame, has_base: bool) -> None:
    shown = pd.DataFrame(
        {
            "rank": table["rank"],
            "dialogue_id": table["dialogue_id"],
            "turn": table["turn_index"] + 1,
            "base_reward": table["base_reward"],
            "draft_reward": table["draft_reward"],
            "passes": [_passing(row) for row in table.to_dict("records")],
            "outcome": [OUTCOMES.get(one, one) for one in table["draft_outcome"]],
        }
    )
    reward = st.column_config.NumberColumn
    st.dataframe(
        shown if has_base else shown.drop(columns="base_reward"),
        hide_index=True,
        key="tried_turns",
        placeholder="–",
        alt="Every tried turn: its reward and whether it passes, by the approved version and by the draft",
        column_config={
            "rank": st.column_config.NumberColumn("", width=40),
            "dialogue_id": "Dialogue",
            "turn": st.column_config.NumberColumn("Turn", width=60),
            "base_reward": reward("Reward so far", format="%.2f", width=110),
            "draft_reward": reward("By the draft", format="%.2f", width=100),
            "passes": "Passes",
            "outcome": "Draft judged",
        },
    )


def _passing(row: Row) -> str | None:
    """By the draft, and from what it changes; None where that is not known."""
    before: Any = row["base_passes"]
    after: Any = row["draft_passes"]
    if pd.isna(after):
        return None
    return f"{_PASSES[bool(before)]} → {_PASSES[bool(after)]}" if changes_sides(before, after) else _PASSES[bool(after)]


def _the_turn(turn: Turn, row: Row) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**The turn**", width="stretch")
        st.page_link(
            AUDIT,
            label="Open in Audit",
            icon=":material/forum:",
            query_params={"dialogue": turn.dialogue_id, "turn": str(turn.turn_index)},
            width="content",
        )
    show_turn(turn, key=f"tried_{row['rank']}")
