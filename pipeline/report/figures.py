"""The figures of an evaluation, for pages and reports. They set no colours: whoever draws them has a theme.

Names go into them escaped: plotly reads a few tags of HTML in its texts.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.emotions import GROUPS
from pipeline.report.read import Evaluation
from pipeline.report.words import measure_name, scale_of

_SHAPES = ("circle-open", "circle", "diamond", "square", "triangle-up", "cross")
_MARGIN = {"l": 8, "r": 16, "t": 40, "b": 8}


def intervals(found: Evaluation, measures: Sequence[str], x_title: str) -> go.Figure:
    """Each model's means of these measures, with their 95 % intervals; a model keeps its colour and shape."""
    labels = [escape(measure_name(found.rubric, name)) for name in measures]
    traces = []
    for place, which in enumerate(found.order):
        lines = [(name, found.score(which, name)) for name in measures]
        known = [(labels[measures.index(name)], scale_of(found.rubric, name).times, line) for name, line in lines]
        known = [one for one in known if one[2]["value"] is not None]
        shift = 0.22 * (place - (len(found.order) - 1) / 2)
        values = [float(line["value"]) * times for _, times, line in known]
        trace = go.Scatter(
            x=values,
            y=[len(labels) - 1 - labels.index(label) - shift for label, _, _ in known],
            name=escape(found.name(which)),
            mode="markers",
            marker={"symbol": _SHAPES[place % len(_SHAPES)], "size": 10},
            text=[label for label, _, _ in known],
            error_x=_bars(values, [(times, line) for _, times, line in known]),
            hovertemplate="%{text}: %{x:.3g}<extra>%{fullData.name}</extra>",
        )
        traces.append(trace)
    figure = _figure(traces, x_title, 120 + 46 * max(len(labels), 2))
    ends = [end for name in measures if (end := scale_of(found.rubric, name).ends)]
    if ends:
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        figure.update_xaxes(range=[low - 0.04 * (high - low), high + 0.04 * (high - low)])
    figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=labels[::-1], range=[-0.6, len(labels) - 0.4])
    return figure


def worst_curves(found: Evaluation, measure: str) -> go.Figure:
    """The worst of k answers, one line a model, over k."""
    own = found.worst[found.worst["measure"] == measure]
    scale = scale_of(found.rubric, measure)
    traces = []
    for which in found.order:
        line = own[own["which"] == which].sort_values("k")
        if len(line):
            values = (line["value"].astype(float) * scale.times).tolist()
            bars = _bars(values, [(scale.times, row) for row in line.to_dict("records")])
            traces.append(
                go.Scatter(
                    x=line["k"].tolist(), y=values, error_y=bars, mode="lines+markers", name=escape(found.name(which))
                )
            )
    figure = _figure(traces, "Answers to the same message (k)", 300)
    figure.update_xaxes(tickformat="d", dtick=1 if len(own) and own["k"].max() <= 12 else None)
    return figure.update_yaxes(title=f"{escape(measure_name(found.rubric, measure))}, worst of k")


def confusion(found: Evaluation, which: str) -> go.Figure:
    """Which emotion was named for which, as shares of the answers to each gold label; labels in their groups."""
    counts = found.confusion(which)
    rows = [label for group in GROUPS.values() for label in group]
    columns = [*rows, "none of the 32"]
    counts = counts.loc[[label for label in rows if counts.loc[label].sum()], columns]
    shares = counts.div(counts.sum(axis=1), axis=0)
    heat = go.Heatmap(
        z=shares.to_numpy().tolist(),
        x=columns,
        y=list(shares.index),
        customdata=counts.to_numpy().tolist(),
        zmin=0,
        zmax=1,
        colorscale=[[0, "rgba(31,107,117,0)"], [1, "rgba(31,107,117,1)"]],
        hovertemplate="%{y} named as %{x}: %{customdata} answers<extra></extra>",
        xgap=1,
        ygap=1,
    )
    figure = _figure([heat], "Named", 130 + 19 * max(len(shares), 4))
    figure.update_xaxes(tickangle=-90, side="bottom", dtick=1)
    return figure.update_yaxes(title="Gold label", autorange="reversed", dtick=1)


def _bars(values: Sequence[float], lines: Sequence[tuple[float, dict[Any, Any]]]) -> dict[str, object]:
    """Plotly's error bars; none where an interval is not known."""
    up, down = [], []
    for value, (times, line) in zip(values, lines, strict=True):
        low, high = line["low"], line["high"]
        known = not (low is None or high is None or pd.isna(low) or pd.isna(high))
        up.append(float(high) * times - value if known else None)
        down.append(value - float(low) * times if known else None)
    return {"type": "data", "array": up, "arrayminus": down, "thickness": 1.5}


def _figure(traces: Sequence[object], x_title: str, height: int) -> go.Figure:
    figure = go.Figure(traces)
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"}
    figure.update_layout(height=height, margin=_MARGIN, hovermode="closest", legend=legend, showlegend=len(traces) > 1)
    figure.update_xaxes(title=x_title, automargin=True, fixedrange=True)
    return figure.update_yaxes(automargin=True, fixedrange=True)
