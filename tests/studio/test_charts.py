import pandas as pd
import pytest

from studio import charts


def test_a_histogram_puts_1_in_the_last_step_and_leaves_unknown_out() -> None:
    figure = charts.share_histogram(pd.Series([0.0, 0.49, 0.95, 1.0, None]), "Reward", "Turns")
    heights = dict(zip(figure.data[0].text, figure.data[0].y, strict=True))
    assert {span: n for span, n in heights.items() if n} == {"0.00 to 0.05": 1, "0.45 to 0.50": 1, "0.95 to 1.00": 2}
    assert len(heights) == 20


def test_moves_stand_between_their_edges_around_no_change() -> None:
    edges = [-1.0, -0.5, 0.0, 0.5, 1.0]
    figure = charts.moves(edges, [0, 3, 1, 0], "Change", "Answers")
    (bar,) = figure.data
    assert [(x, y) for x, y in zip(bar.x, bar.y, strict=True) if y] == [(-0.25, 3), (0.25, 1)]
    assert bar.text[1] == "-0.50 to +0.00"
    low, high = figure.layout.xaxis.range
    assert (low, high) == (pytest.approx(-0.52), pytest.approx(0.52)), "as far as anything moves, alike on both sides"


def test_a_criterion_is_drawn_as_a_share_of_its_own_scale() -> None:
    means = pd.DataFrame({"name": ["Warm", "Short"], "mean": [4.0, 0.25], "low": [1, 0], "high": [5, 1], "n": [8, 8]})
    bar = charts.criterion_means(means).data[0]
    assert list(bar.x) == [pytest.approx(0.75), pytest.approx(0.25)]
    assert list(bar.text) == ["4.00 on 1–5", "0.25 on 0–1"]


def test_lines_follow_the_steps_and_name_both_axes() -> None:
    metrics = pd.DataFrame({"step": [2, 1, 1], "name": ["loss", "loss", "kl"], "value": [0.5, 1.0, 9.0]})
    figure = charts.lines(metrics, {"loss": "Loss"}, "Loss")
    assert len(figure.data) == 1
    assert (list(figure.data[0].x), list(figure.data[0].y)) == ([1, 2], [1.0, 0.5])
    assert figure.layout.xaxis.title.text == "Optimiser step"
    assert figure.layout.yaxis.title.text == "Loss"


def test_a_mean_without_an_interval_is_still_drawn_and_an_unmeasured_one_is_not() -> None:
    rows = [("A", "Base", 0.5, None, None), ("B", "Base", None, None, None), ("A", "Trained", 0.7, 0.6, 0.8)]
    scores = pd.DataFrame(rows, columns=["label", "which", "value", "low", "high"])
    base, trained = charts.intervals(scores, ["A", "B"], "Mean", (0, 1)).data
    assert list(base.x) == [0.5]
    assert list(trained.error_x.array) == [pytest.approx(0.1)]
    assert base.y[0] > trained.y[0] > 0.5, "A stands above B, the base above the trained"
    assert base.marker.symbol != trained.marker.symbol, "told apart without colour too"


def test_counts_keep_the_order_of_the_table_from_the_top() -> None:
    figure = charts.counts(pd.DataFrame({"label": ["Scored", "Refused"], "count": [9, 2]}), "Turns")
    assert list(figure.data[0].y) == ["Scored", "Refused"]
    assert figure.layout.yaxis.autorange == "reversed"
