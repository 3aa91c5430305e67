"""A training's metrics as small charts: only what the trainer logged is drawn."""

import pandas as pd
import streamlit as st

from studio import charts

# Title of a chart → its y axis, and the metrics on it by name → words.
_PANELS: dict[str, tuple[str, dict[str, str]]] = {
    "Reward": ("Mean reward (0–1)", {"reward": "Reward"}),
    "Parts of the reward": (
        "Mean (0–1)",
        {"part/r_format": "Format", "part/r_emotion": "Emotion", "part/r_rubric": "Rubric"},
    ),
    "Loss": ("Loss", {"loss": "Loss"}),
    "Tokens guessed right": ("Share of tokens", {"mean_token_accuracy": "Accuracy"}),
    "Distance from the start (KL)": ("KL (nats)", {"kl": "KL"}),
    "Length of answers": ("Tokens", {"completions/mean_length": "Mean length"}),
    "Spread within a group": ("Standard deviation of rewards", {"reward_std": "Spread"}),
    "Answers without a reward": ("Share of answers", {"judge/not_scored": "Not scored", "part/vetoed": "Vetoed"}),
    "Learning rate": ("Learning rate", {"learning_rate": "Learning rate"}),
    "Gradient": ("Norm of the gradient", {"grad_norm": "Norm"}),
}
_FIRST = 4


def training_charts(metrics: pd.DataFrame) -> None:
    """Charts of what was logged, the first few in sight and the others in a fold-out. Columns: step, name, value."""
    logged = set(metrics["name"])
    panels = {title: (axis, own) for title, (axis, every) in _PANELS.items() if (own := _those(every, logged))}
    criteria = {name: name.removeprefix("criterion/") for name in sorted(logged) if name.startswith("criterion/")}
    if criteria:
        panels["Criteria"] = ("Mean score, each on its scale", criteria)
    if not panels:
        st.caption("No step has been logged yet.")
        return
    _grid(metrics, dict(list(panels.items())[:_FIRST]))
    if rest := dict(list(panels.items())[_FIRST:]):
        with st.expander("More charts", key="more_charts", icon=":material/monitoring:"):
            _grid(metrics, rest)


def _those(every: dict[str, str], logged: set[str]) -> dict[str, str]:
    return {name: words for name, words in every.items() if name in logged}


def _grid(metrics: pd.DataFrame, panels: dict[str, tuple[str, dict[str, str]]]) -> None:
    with st.grid(2, min_column_width=360):
        for title, (axis, labels) in panels.items():
            with st.container():
                st.markdown(f"**{title}**")
                figure = charts.lines(metrics, labels, axis)
                charts.draw(figure, f"chart_{title}", f"{title} over the steps of the training")
