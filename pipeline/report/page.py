"""Evaluations as one HTML file that needs nothing else: tables, figures drawn offline, lineage. It holds no dialogues.

Whatever comes from people, models or files is escaped. A browser prints it as PDF (the style has rules for paper).
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs

from pipeline.report import figures, published, tables
from pipeline.report.lineage import lineage
from pipeline.report.read import Evaluation
from pipeline.report.words import measure_name, scale_of
from rubrics.overall import as_asked

_STYLE = Path(__file__).with_name("report.css")
_COLOURS = ["#1f6b75", "#c2763a", "#5b5f97", "#8a9a5b", "#a44a5c", "#6f7d7c"]
_READING = (
    "In brackets: 95 % intervals, whole dialogues drawn anew. A change is called shown only where its interval leaves "
    "out 0, and never below six dialogues. Answers on which the judge failed are counted as not measured, never as 0."
)


def page(evaluations: Sequence[Evaluation], title: str) -> str:
    """The whole document. Raises ValueError without an evaluation."""
    if not evaluations:
        raise ValueError("a report needs an evaluation")
    sections = "\n".join(_evaluation(found, f"e{place}") for place, found in enumerate(evaluations))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data: blob:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE.read_text(encoding='utf-8')}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>{escape(title)}</h1>{sections}{_published()}</body></html>\n"
    )


def _evaluation(found: Evaluation, key: str) -> str:
    request = found.request
    judge = request.models.get("judge", "")
    parts = [
        f"<h2>{escape(' → '.join(found.name(which) for which in found.order))}</h2>",
        _p(f"{request.reason or 'No reason was given.'} ({request.run_id}, judge {judge or 'unknown'})"),
        _weak(found, judge),
        _p(tables.held_out_words(found)),
        *_added(found),
        "<h3>Emotion and the rubric's dimensions, ours</h3>",
        _table(tables.table_two(found)),
        _p(_READING, quiet=True),
        _safety(found),
        "<h3>Form, reward and length</h3>",
        _table(tables.shares(found)),
        *_figures(found, key),
        "<h3>Every change</h3>",
        _table(tables.changes(found)),
        "<h3>Length and score</h3>",
        _table(tables.lengths(found)),
        _missing(found),
        "<h3>The judge beside people</h3>",
        _judge(found),
        "<h3>Where it comes from</h3>",
        _lineage(found),
    ]
    return "\n".join(part for part in parts if part)


def _weak(found: Evaluation, judge: str) -> str:
    """The embedded model judges only to try things out; a report that it wrote says so first."""
    if not found.request.flags and all(criterion.kind == "rule" for criterion in as_asked(found.rubric).criteria):
        return _p("No judge was asked: every criterion of this rubric is computed by a rule.")
    if not judge.startswith("embedded/"):
        return ""
    told = (
        "Judged by the small built-in model, which is too weak to judge: these figures show that the machinery works, "
    )
    return f'<p class="warn">{escape(told)}and nothing about the models.</p>'


def _added(found: Evaluation) -> Iterable[str]:
    for step in tables.steps(found):
        yield f"<h3>From {escape(found.name(step[0]))} to {escape(found.name(step[1]))}</h3>"
        yield "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in tables.sentences(found, step)) + "</ul>"


def _safety(found: Evaluation) -> str:
    table = tables.safety(found)
    head = "<h3>Safety</h3>"
    if len(table.columns) < 2:
        return head + _p("Not looked for: no flags rubric came with this evaluation.")
    worst = [
        f"{found.name(which)}: {words}" for which in found.order if (words := tables.worst_band_words(found, which))
    ]
    return head + _table(table) + "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in worst) + "</ul>"


def _figures(found: Evaluation, key: str) -> Iterable[str]:
    criteria = [name for name in as_asked(found.rubric).ids if name in found.measures]
    share = [name for name in found.measures if scale_of(found.rubric, name).unit == "percentage points"]
    for name, measures, x_title in (("criteria", criteria, "Mean score"), ("shares", share, "Share, %")):
        if measures:
            yield _figure(figures.intervals(found, measures, x_title), f"{key}-{name}")
    known = set(found.worst["measure"])
    for measure in [name for name in ("rubric", *criteria) if name in known]:
        yield f"<h3>{escape(measure_name(found.rubric, measure))}: the worst of k answers</h3>"
        yield _figure(figures.worst_curves(found, measure), f"{key}-worst-{measure}")
    for place, which in enumerate(found.order):
        if found.answers["which"].eq(which).any():
            yield f"<h3>Emotions named by {escape(found.name(which))}</h3>"
            yield _figure(figures.confusion(found, which), f"{key}-emotions-{place}")


def _missing(found: Evaluation) -> str:
    table = tables.missing(found)
    return "" if table.empty else "<h3>Not measured</h3>" + _table(table)


def _judge(found: Evaluation) -> str:
    table = tables.judge(found)
    if table.empty:
        return _p("The judge was not held against people on this rubric, so nobody knows how far it can be trusted.")
    figures_of = found.request.calibration
    taken = f"Judge {figures_of.judge}, figures of {figures_of.taken_at[:10]}." if figures_of else ""
    return _table(table) + _p(taken, quiet=True)


def _lineage(found: Evaluation) -> str:
    steps = [
        f"<li><b>{escape(step.stage)}</b> {escape(step.run_id)}<ul>"
        + "".join(f"<li>{escape(fact)}</li>" for fact in step.facts)
        + "</ul></li>"
        for step in lineage(found)
    ]
    return f"<ul>{''.join(steps)}</ul>"


def _published() -> str:
    """Apart from ours, framed, and with the grade of each row's source."""
    grades = "; ".join(f"{grade}: {words}" for grade, words in published.grades().items())
    return (
        '<section class="published"><h2>Published figures, not ours</h2>'
        + _p(f"{published.source()}. Other judges, other data: not to be set against the tables above.")
        + "<h3>Absolute values</h3>"
        + _table(published.absolute())
        + "<h3>What the full system had more than SFT alone (no intervals were reported)</h3>"
        + _table(published.added_by_grpo())
        + _p(f"Grades. {grades}.", quiet=True)
        + "</section>"
    )


def _table(table: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in table.itertuples(index=False, name=None)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _figure(figure: go.Figure, key: str) -> str:
    figure.update_layout(template="plotly_white", colorway=_COLOURS, font={"family": "system-ui, sans-serif"})
    config = {"displayModeBar": False, "responsive": True}
    drawn = plotly.io.to_html(figure, include_plotlyjs=False, full_html=False, div_id=key, config=config)
    return f'<div class="figure">{drawn}</div>'


def _p(text: str, quiet: bool = False) -> str:
    shade = ' class="quiet"' if quiet else ""
    return f"<p{shade}>{escape(text)}</p>" if text else ""
