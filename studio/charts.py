"""Frames in, plotly figures out. Colours and fonts come from Streamlit's theme, so no figure sets its own.

Draw them with `draw`, which leaves out the toolbar and gives every chart its accessible name.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

_HEIGHT, _BAR, _FRAME = 250, 34, 70
_STEPS = 20
POINTS = 400
_BAND_OPACITY = 0.18
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARGIN, _LEGEND_ROOM = {"l": 8, "r": 16, "t": 8, "b": 8}, 34


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Put a figure on the page; `alt` says in one sentence what it shows."""
    st.plotly_chart(figure, key=key, alt=alt, theme="streamlit", config={"displayModeBar": False})


def share_histogram(values: pd.Series, x_title: str, y_title: str) -> go.Figure:
    """How values of 0–1 are spread, in steps of 0.05, 1 being in the last; unknown ones are left out."""
    places = (values.dropna().astype(float) * _STEPS).astype(int).clip(0, _STEPS - 1)
    found = places.value_counts().reindex(range(_STEPS), fill_value=0)
    spans = [f"{place / _STEPS:.2f} to {(place + 1) / _STEPS:.2f}" for place in found.index]
    middles = [(place + 0.5) / _STEPS for place in found.index]
    trace = go.Bar(x=middles, y=found.to_numpy(), text=spans, textposition="none")
    figure = _figure([trace.update(hovertemplate="%{text}: %{y}<extra></extra>")], x_title, y_title)
    figure.update_xaxes(range=[-0.02, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(tickformat="d", dtick=1 if found.max() <= 5 else None)
    return figure.update_layout(bargap=0.06)


def moves(edges: Sequence[float], counts: Sequence[int], x_title: str, y_title: str) -> go.Figure:
    """How far values move, in steps between `edges` (one more than `counts`); a line stands at no change."""
    spans = list(pairwise(edges))
    reach = max((max(abs(low), abs(high)) for (low, high), n in zip(spans, counts, strict=True) if n), default=1.0)
    trace = go.Bar(
        x=[(low + high) / 2 for low, high in spans],
        y=list(counts),
        width=[(high - low) * 0.94 for low, high in spans],
        text=[f"{low:+.2f} to {high:+.2f}" for low, high in spans],
        textposition="none",
        hovertemplate="%{text}: %{y}<extra></extra>",
    )
    figure = _figure([trace], x_title, y_title)
    figure.update_xaxes(tickformat=".2~f", range=[-reach * 1.04, reach * 1.04])
    figure.add_vline(x=0, line_width=1, line_dash="dot", opacity=0.6)
    figure.update_yaxes(tickformat="d", dtick=1 if max(counts) <= 5 else None)
    return figure.update_layout(height=_HEIGHT - 60)


def counted(labels: pd.Series) -> pd.DataFrame:
    """label, count: how often each label occurs, the commonest first."""
    return labels.value_counts().rename_axis("label").reset_index(name="count")


def counts(table: pd.DataFrame, x_title: str) -> go.Figure:
    """Horizontal bars, in the table's order from the top. Columns: label, count."""
    trace = go.Bar(
        x=table["count"].astype(int),
        y=table["label"],
        orientation="h",
        text=table["count"].astype(int),
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x}<extra></extra>",
    )
    figure = _bars([trace], len(table), x_title)
    return figure.update_xaxes(tickformat="d", dtick=1 if table["count"].max() <= 5 else None)


def criterion_means(means: pd.DataFrame) -> go.Figure:
    """Each criterion's mean as a share of its own scale, the mean itself written beside the bar.

    Columns: name, mean, low, high (the ends of the scale), n (how many verdicts).
    """
    shares = (means["mean"] - means["low"]) / (means["high"] - means["low"])
    written = [f"{row['mean']:.2f} on {row['low']}–{row['high']}" for _, row in means.iterrows()]
    trace = go.Bar(
        x=shares,
        y=means["name"],
        orientation="h",
        text=written,
        textposition="outside",
        cliponaxis=False,
        customdata=means["n"],
        hovertemplate="%{y}: %{text}, %{customdata} verdicts<extra></extra>",
    )
    figure = _bars([trace], len(means), "Mean score, as a share of the criterion's scale")
    return figure.update_xaxes(range=[0, 1.3], tickvals=[0, 0.25, 0.5, 0.75, 1], tickformat=".0%")


def lines(
    metrics: pd.DataFrame,
    labels: Mapping[str, str],
    y_title: str,
    y_ends: tuple[float, float] | None = None,
    from_zero: bool = False,
    spreads: Mapping[str, str] | None = None,
) -> go.Figure:
    """Metrics over optimiser steps, one line a name. Columns: step, name, value; `labels`: name → words, in order.

    Without ends the axis goes as far as the values do, and to 0 where `from_zero` says so. `spreads`: name → the metric
    that is its standard deviation, drawn as a band of one deviation to both sides. Lines are told apart by their dashes
    too, and long ones are thinned (`thinned`).
    """
    traces = []
    # Many noisy lines on one chart hide each other.
    most = POINTS if len(labels) < 3 else POINTS // len(labels)
    for place, (name, label) in enumerate(labels.items()):
        own = thinned(_of(metrics, name), most)
        mode = "lines+markers" if len(own) <= 60 else "lines"
        line = {"dash": _DASHES[place % len(_DASHES)], "color": _colour(place)}
        if spread := (spreads or {}).get(name):
            traces += _band(own, thinned(_of(metrics, spread), most), place)
        template = f"{label}, step %{{x:.0f}}: %{{y:.4g}}<extra></extra>"
        traces.append(
            go.Scatter(x=own["step"], y=own["value"], name=label, mode=mode, line=line, hovertemplate=template)
        )
    figure = _figure(traces, "Optimiser step", y_title)
    figure.update_xaxes(tickformat="d", dtick=1 if metrics["step"].max() <= 10 else None)
    figure.update_yaxes(exponentformat="e", range=y_ends, rangemode="tozero" if from_zero else "normal")
    return _with_legend(figure) if len(labels) > 1 else figure


def thinned(own: pd.DataFrame, most: int = POINTS) -> pd.DataFrame:
    """At most so many points: each the mean of as many neighbouring steps. Columns: step, value."""
    if len(own) <= most:
        return own
    groups = np.arange(len(own)) * most // len(own)
    return own.groupby(groups)[["step", "value"]].mean()


def _of(metrics: pd.DataFrame, name: str) -> pd.DataFrame:
    return metrics.loc[metrics["name"] == name, ["step", "value"]].sort_values("step")


def _band(own: pd.DataFrame, spread: pd.DataFrame, place: int) -> list[go.Scatter]:
    """One deviation to both sides of a line, where it is known."""
    both = own.merge(spread, on="step", suffixes=("", "_spread"))
    around = pd.concat([both["value"] + both["value_spread"], (both["value"] - both["value_spread"])[::-1]])
    steps = pd.concat([both["step"], both["step"][::-1]])
    quiet = {"showlegend": False, "hoverinfo": "skip", "mode": "lines", "line": {"width": 0}}
    return [go.Scatter(x=steps, y=around, fill="toself", fillcolor=_colour(place), opacity=_BAND_OPACITY, **quiet)]


def _colour(place: int) -> str:
    """The theme's colour of a line, by the stand-in that Streamlit changes for it: a band is a trace, too, and would
    take the next colour.
    """
    return f"#{place % 10 + 1:06d}"


def intervals(
    scores: pd.DataFrame,
    order: list[str],
    x_title: str,
    x_range: tuple[float, float],
    two: tuple[str, str] = ("Base", "Trained"),
) -> go.Figure:
    """Values with their 95 % intervals, one colour and shape for each of `two` kinds, the first hollow.

    Columns: label, which (of the two), value, low, high; a value without an interval is a point alone.
    """
    shapes = {two[0]: "circle-open", two[1]: "circle"}
    traces = []
    for offset, (which, shape) in zip((-1, 1), shapes.items(), strict=True):
        own = scores[(scores["which"] == which) & scores["value"].notna() & scores["label"].isin(order)]
        rows = [len(order) - 1 - order.index(label) - 0.14 * offset for label in own["label"]]
        bars = {"array": own["high"] - own["value"], "arrayminus": own["value"] - own["low"], "type": "data"}
        template = f"{which}, %{{text}}: %{{x:.3f}}<extra></extra>"
        marker = {"symbol": shape, "size": 11, "line": {"width": 2 if which == two[0] else 0}}
        trace = go.Scatter(x=own["value"], y=rows, name=which, mode="markers", marker=marker, error_x=bars)
        traces.append(trace.update(text=list(own["label"]), hovertemplate=template))
    figure = _bars(traces, len(order), x_title)
    figure.update_xaxes(range=x_range)
    places = {"tickvals": list(range(len(order))), "ticktext": order[::-1], "range": [-0.6, len(order) - 0.4]}
    figure.update_yaxes(autorange=None, **places)
    return _with_legend(figure)


def _with_legend(figure: go.Figure) -> go.Figure:
    """A legend in one line above the plot."""
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"}
    margin = {**_MARGIN, "t": _LEGEND_ROOM}
    return figure.update_layout(
        showlegend=True, legend=legend, margin=margin, height=figure.layout.height + _LEGEND_ROOM - _MARGIN["t"]
    )


def _figure(traces: Sequence[object], x_title: str, y_title: str) -> go.Figure:
    figure = go.Figure(traces)
    figure.update_layout(height=_HEIGHT, margin=_MARGIN, showlegend=False, hovermode="closest")
    figure.update_xaxes(title=x_title, automargin=True, fixedrange=True)
    figure.update_yaxes(title=y_title, automargin=True, fixedrange=True)
    return figure


def _bars(traces: Sequence[object], rows: int, x_title: str) -> go.Figure:
    """A figure with a row a label, as high as its rows need, the first label on top."""
    figure = _figure(traces, x_title, "")
    figure.update_yaxes(autorange="reversed", title=None)
    return figure.update_layout(height=_FRAME + _BAR * max(rows, 2), bargap=0.35)
