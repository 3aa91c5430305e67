"""A training as a researcher reads it: what needs attention, then the reward, then whether it is healthy."""

from collections.abc import Mapping
from statistics import fmean

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
    if not told.by_name:
        st.caption("No step has been logged yet.")
        return
    attention(told)
    figures(told)
    training_charts(told, criterion_names(run))
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
    values = told.values(name)[-_WINDOW:]
    return fmean(values) if values else None


def last_value(told: Told, name: str) -> float | None:
    """The newest value of a metric; None where there is none."""
    values = told.values(name)
    return values[-1] if values else None


def criterion_names(run: RunDir) -> dict[str, str]:
    """Criterion id → its name, of the run's rubric; nothing for a run without one."""
    try:
        return {criterion.id: criterion.name or criterion.id for criterion in as_asked(run.rubric()).criteria}
    except UserError:
        return {}


def training_charts(told: Told, names: Mapping[str, str] | None = None) -> None:
    """Charts of what was logged: the reward in sight, health and machine folded. `names`: criterion id → its name."""
    shown = logged({**REWARD, **criteria_panel(told.by_name, names or {})}, told)
    if "Reward" in shown:  # where answers are rewarded the loss hovers about 0 and says nothing
        shown.pop("Loss", None)
    if not shown:
        st.caption("No step has been logged yet.")
        return
    _grid(told, shown)
    if told.steps > charts.POINTS:
        st.caption(f"Each point is the mean of about {told.steps / charts.POINTS:.0f} steps.")
    health = f"Health: {words}" if (words := health_words(told)) else "Health"
    _folded(health, "health", told, logged(HEALTH, told))
    _folded("Judge, cost and machine", "machine", told, logged(MACHINE, told))


def health_words(told: Told) -> str:
    """In one line, such as "answers of 112 tokens, 3 % cut off; 12 % of the groups teach nothing; KL 0.01"."""
    length, cut = last_mean(told, "completions/mean_length"), last_mean(told, "completions/clipped_ratio")
    alike, kl = last_mean(told, "frac_reward_zero_std"), last_mean(told, "kl")
    failed = last_mean(told, "judge/failed")
    parts = [] if length is None else [f"answers of {length:.0f} tokens" + (f", {cut:.0%} cut off" if cut else "")]
    parts += [] if alike is None else [f"{alike:.0%} of the groups teach nothing"]
    parts += [] if kl is None else [f"KL {kl:.2g}"]
    parts += [] if failed is None else [f"{failed:.0%} of the verdicts failed"]
    return "; ".join(parts)


def _folded(label: str, key: str, told: Told, panels: dict[str, Panel]) -> None:
    """Charts that are drawn only once somebody unfolds them; nothing where there are none."""
    if not panels:
        return
    with st.expander(label, key=f"training_{key}", icon=_ICONS[key], on_change="rerun") as fold:
        if fold.open:
            _grid(told, panels)


def logged(panels: Mapping[str, Panel], told: Told) -> dict[str, Panel]:
    """The panels of which anything was logged, with those of their metrics that were."""
    found = {
        title: panel._replace(metrics={name: words for name, words in panel.metrics.items() if name in told.by_name})
        for title, panel in panels.items()
    }
    return {title: panel for title, panel in found.items() if panel.metrics}


def _grid(told: Told, panels: dict[str, Panel]) -> None:
    with st.grid(2, min_column_width=360):
        for title, panel in panels.items():
            with st.container():
                st.markdown(f"**{title}**")
                if panel.about:
                    st.caption(panel.about)
                figure = told.drawn[title] = told.drawn.get(title) or figure_of(told, panel)
                charts.draw(figure, f"chart_{title}", alt_words(title, panel, figure))


def figure_of(told: Told, panel: Panel) -> go.Figure:
    """One chart, with a band of one deviation where that was logged."""
    spreads = {name: spread for name, spread in panel.spreads.items() if spread in told.by_name}
    metrics = told.metrics([*panel.metrics, *spreads.values()])
    return charts.lines(metrics, panel.metrics, panel.axis, panel.ends, panel.from_zero, spreads)


def alt_words(title: str, panel: Panel, figure: go.Figure) -> str:
    """The chart in one sentence: where each line begins and ends."""
    lines = [line for line in figure.data if line.name in panel.metrics.values()]
    told = [f"{line.name} from {line.y[0]:.3g} to {line.y[-1]:.3g}" for line in lines]
    return f"{title} over the steps of the training: {', '.join(told)}"
