"""A training's metrics as small charts: only what the trainer logged is drawn."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from studio import charts

_FIRST = 4  # in sight; the others are in a fold-out


class Panel(NamedTuple):
    """One chart: its y axis, its metrics by name → words, and the ends of the axis where the values have ends."""

    axis: str
    metrics: dict[str, str]
    ends: tuple[float, float] | None = None
    from_zero: bool = False


_SHARE = (-0.03, 1.03)
_PANELS: dict[str, Panel] = {
    "Reward": Panel("Mean reward (0–1)", {"reward": "Reward"}, _SHARE),
    "Parts of the reward": Panel(
        "Mean (0–1)", {"part/r_format": "Format", "part/r_emotion": "Emotion", "part/r_rubric": "Rubric"}, _SHARE
    ),
    "Second judge: newly paid for, and rejected by it": Panel(
        "Share (0–1)",
        {"second/newly_credited": "Newly credited", "second/rejected": "Of these, rejected by the second judge"},
        _SHARE,
    ),
    "Both judges on the same answers": Panel(
        "Mean score (0–1)", {"second/judge": "The judge", "second/other": "The second judge"}, _SHARE
    ),
    "Loss": Panel("Loss", {"loss": "Loss"}),
    "Tokens guessed right": Panel("Share of tokens", {"mean_token_accuracy": "Accuracy"}, _SHARE),
    "Distance from the start (KL)": Panel("KL (nats)", {"kl": "KL"}),
    "Length of answers": Panel("Tokens", {"completions/mean_length": "Mean length"}),
    "Spread within a group": Panel("Standard deviation of rewards", {"reward_std": "Spread"}, (0.0, 0.73)),
    "Answers not scored, or vetoed": Panel(
        "Share of answers", {"judge/not_scored": "Not scored", "part/vetoed": "Vetoed"}, _SHARE
    ),
    "Judge: failed, or from the cache": Panel(
        "Share of verdicts", {"judge/failed": "Failed", "judge/cached": "From the cache"}, _SHARE
    ),
    "Judge: time of a call": Panel(
        "Seconds", {"judge/latency_s": "Mean", "judge/p95_s": "95 % took no longer"}, from_zero=True
    ),
    "Judge: cost": Panel(
        "At the endpoint’s prices", {"judge/cost": "This step", "total/cost": "So far"}, from_zero=True
    ),
    "Judge: verdicts so far": Panel(
        "Verdicts",
        {"total/verdicts": "All", "total/failed": "Failed", "total/cached": "From the cache"},
        from_zero=True,
    ),
    "Learning rate": Panel("Learning rate", {"learning_rate": "Learning rate"}),
    "Gradient": Panel("Norm of the gradient", {"grad_norm": "Norm"}),
}


def training_charts(metrics: pd.DataFrame) -> None:
    """Charts of what was logged, the first few in sight and the others in a fold-out. Columns: step, name, value."""
    logged = set(metrics["name"])
    panels = {
        title: panel._replace(metrics=own) for title, panel in _PANELS.items() if (own := _those(panel.metrics, logged))
    }
    criteria = {name: name.removeprefix("criterion/") for name in sorted(logged) if name.startswith("criterion/")}
    if criteria:
        panels["Criteria"] = Panel("Mean score, each on its scale", criteria)
    if not panels:
        st.caption("No step has been logged yet.")
        return
    _grid(metrics, dict(list(panels.items())[:_FIRST]))
    if rest := dict(list(panels.items())[_FIRST:]):
        with st.expander("More charts", key="more_charts", icon=":material/monitoring:"):
            _grid(metrics, rest)


def _those(every: dict[str, str], logged: set[str]) -> dict[str, str]:
    return {name: words for name, words in every.items() if name in logged}


def _grid(metrics: pd.DataFrame, panels: dict[str, Panel]) -> None:
    with st.grid(2, min_column_width=360):
        for title, panel in panels.items():
            with st.container():
                st.markdown(f"**{title}**")
                figure = charts.lines(metrics, panel.metrics, panel.axis, panel.ends, panel.from_zero)
                charts.draw(figure, f"chart_{title}", f"{title} over the steps of the training")
