"""A training as a researcher reads it: what needs attention, then the reward, then whether it is healthy."""

from collections.abc import Mapping
from statistics import fmean

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pipeline.live import span
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from rubrics.overall import as_asked
from studio import charts
from studio.widgets.names import escaped
from studio.widgets.run.panels import HEALTH, MACHINE, REWARD, Panel, criteria_panel, metric_word
from studio.widgets.run.samples import samples
from studio.widgets.run.told import Alert, Best, Told, told_of
from studio.widgets.run.words import number

_WINDOW = 5
_ICONS = {"health": ":material/monitor_heart:", "machine": ":material/memory:"}
# What an alert is called, and what one can do about it.
_ALERTS = {
    "reward_hacking": (
        "The reward may rise for the wrong reason",
        "Read the newest answers below before you trust the reward.",
    ),
    "collapse": (
        "The model may be collapsing",
        "Nothing is learnt in this state: stop, and begin again with a lower learning rate or a KL term.",
    ),
    "judge_failing": (
        "The judge is failing",
        "Look at its endpoint. Cancel and resume once it answers: what it judged comes from the cache.",
    ),
    "kl_exploding": (
        "The model has run away from where it began",
        "A lower learning rate or more weight on the KL term keeps it nearer.",
    ),
}


def training(run: RunDir) -> None:
    """The whole of it, live or ended: from the run directory alone."""
    told = told_of(run)
    if not told.by_step:
        st.caption("No step has been logged yet.")
        return
    attention(told)
    figures(told)
    training_charts(told.metrics, criterion_names(run), told.drawn)
    samples(run)


def attention(told: Told) -> None:
    """The newest alert of each kind in plain sentences, then earlier ones folded; nothing where nothing is wrong."""
    newest = {alert.name: alert for alert in told.alerts}
    with st.container(key="training_alerts", gap="xsmall"):
        for alert in sorted(newest.values(), key=lambda one: -one.step):
            title, advice = _ALERTS.get(alert.name, (alert.name.replace("_", " ").capitalize(), ""))
            st.warning(f"**{title}.** {escaped(_sentence(alert))} {advice}", icon=":material/warning:")
        if earlier := [alert for alert in told.alerts if alert not in newest.values()]:
            with st.expander(f"Earlier alerts ({len(earlier)})", key="earlier_alerts"):
                for alert in reversed(earlier):
                    st.caption(f"{_ALERTS.get(alert.name, (alert.name,))[0]}. {escaped(_sentence(alert))}")


def _sentence(alert: Alert) -> str:
    """Such as "Step 40: the reward rose from 0.41 to 0.72, and answers grew from 80 to 190 tokens."."""
    return f"Step {alert.step}: {alert.told.rstrip('.')}."


def figures(told: Told) -> None:
    """The few numbers that one looks for first."""
    reward, loss = last_mean(told, "reward"), last_mean(told, "loss")
    with st.grid(4, min_column_width=150):
        if reward is not None:
            st.metric("Reward", number(reward), help=f"Mean of the last {_WINDOW} steps, 0 to 1.")
        elif loss is not None:
            st.metric("Loss", number(loss), help=f"Mean of the last {_WINDOW} steps, nats a token.")
        if told.best:
            st.metric(f"Best, at step {told.best.step}", number(told.best.value), help=best_words(told.best))
        if (without := last_mean(told, "judge/not_scored")) is not None:
            st.metric("Answers without a reward", f"{without:.0%}", help=f"Of the last {_WINDOW} steps.")
        if left := last_value(told, "time/left_s"):
            st.metric("Time left", span(left), help="At the pace of the last steps.")
        if cost := last_value(told, "total/cost"):
            st.metric("Cost", f"{cost:,.4g}", help="Of the judge, at the endpoint’s prices.")


def best_words(best: Best) -> str:
    """Which weights are the best, by what, and on whom it was measured."""
    return (
        f"Step {best.step} has the best {metric_word(best.metric)} ({best.value:.3f}), measured on people who are not "
        "trained on."
    )


def last_mean(told: Told, name: str) -> float | None:
    """The mean of a metric over the last steps that have it; None where none has."""
    values = [own[name] for _, own in sorted(told.by_step.items()) if name in own]
    return fmean(values[-_WINDOW:]) if values else None


def last_value(told: Told, name: str) -> float | None:
    """The newest value of a metric; None where there is none."""
    return next((own[name] for _, own in sorted(told.by_step.items(), reverse=True) if name in own), None)


def criterion_names(run: RunDir) -> dict[str, str]:
    """Criterion id → its name, of the run's rubric; nothing for a run without one."""
    try:
        return {criterion.id: criterion.name or criterion.id for criterion in as_asked(run.rubric()).criteria}
    except UserError:
        return {}


def training_charts(
    metrics: pd.DataFrame, names: Mapping[str, str] | None = None, drawn: dict[str, go.Figure] | None = None
) -> None:
    """Charts of what was logged: the reward in sight, health and machine folded. Columns: step, name, value.

    `drawn` are the charts that were drawn of the same metrics before, by title; new ones are put there.
    """
    drawn = {} if drawn is None else drawn
    shown = _logged({**REWARD, **criteria_panel(metrics, names or {})}, metrics)
    if "Reward" in shown:  # where answers are rewarded the loss hovers about 0 and says nothing
        shown.pop("Loss", None)
    if not shown:
        st.caption("No step has been logged yet.")
        return
    _grid(metrics, shown, drawn)
    steps = metrics["step"].nunique()
    if steps > charts.POINTS:
        st.caption(f"Each point is the mean of about {steps / charts.POINTS:.0f} steps.")
    health = _logged(HEALTH, metrics)
    told = f"Health: {words}" if (words := health_words(metrics)) else "Health"
    machine = _logged(MACHINE, metrics)
    for label, key, panels in ((told, "health", health), ("Judge, cost and machine", "machine", machine)):
        if panels:
            _folded(label, key, metrics, panels, drawn)


def health_words(metrics: pd.DataFrame) -> str:
    """In one line, such as "answers of 112 tokens, 3 % cut off; 12 % of the groups teach nothing; KL 0.01"."""
    last = metrics.sort_values("step").groupby("name", observed=True).tail(_WINDOW)
    newest = last.groupby("name", observed=True)["value"].mean()
    told = []
    if "completions/mean_length" in newest:
        cut = newest.get("completions/clipped_ratio")
        told.append(
            f"answers of {newest['completions/mean_length']:.0f} tokens" + (f", {cut:.0%} cut off" if cut else "")
        )
    if "frac_reward_zero_std" in newest:
        told.append(f"{newest['frac_reward_zero_std']:.0%} of the groups teach nothing")
    if "kl" in newest:
        told.append(f"KL {newest['kl']:.2g}")
    if "judge/failed" in newest:
        told.append(f"{newest['judge/failed']:.0%} of the verdicts failed")
    return "; ".join(told)


def _folded(label: str, key: str, metrics: pd.DataFrame, panels: dict[str, Panel], drawn: dict[str, go.Figure]) -> None:
    """Charts that are drawn only once somebody unfolds them."""
    with st.expander(label, key=f"training_{key}", icon=_ICONS[key], on_change="rerun") as fold:
        if fold.open:
            _grid(metrics, panels, drawn)


def _logged(panels: Mapping[str, Panel], metrics: pd.DataFrame) -> dict[str, Panel]:
    """The panels of which anything was logged, with those of their metrics that were."""
    logged = set(metrics["name"].unique())
    found = {
        title: panel._replace(metrics={name: words for name, words in panel.metrics.items() if name in logged})
        for title, panel in panels.items()
    }
    return {title: panel for title, panel in found.items() if panel.metrics}


def _grid(metrics: pd.DataFrame, panels: dict[str, Panel], drawn: dict[str, go.Figure]) -> None:
    with st.grid(2, min_column_width=360):
        for title, panel in panels.items():
            with st.container():
                st.markdown(f"**{title}**")
                if panel.about:
                    st.caption(panel.about)
                figure = drawn[title] = drawn.get(title) or _figure(metrics, panel)
                charts.draw(figure, f"chart_{title}", alt_words(title, panel, figure))


def _figure(metrics: pd.DataFrame, panel: Panel) -> go.Figure:
    logged = set(metrics["name"].unique())
    spreads = {name: spread for name, spread in panel.spreads.items() if spread in logged}
    return charts.lines(metrics, panel.metrics, panel.axis, panel.ends, panel.from_zero, spreads)


def alt_words(title: str, panel: Panel, figure: go.Figure) -> str:
    """The chart in one sentence: where each line begins and ends."""
    lines = [line for line in figure.data if line.name in panel.metrics.values()]
    told = [f"{line.name} from {line.y[0]:.3g} to {line.y[-1]:.3g}" for line in lines]
    return f"{title} over the steps of the training: {', '.join(told)}"
