"""Statistics of models against independent code: scipy, brute force, a likelihood written out, simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from rubrics.evidence import (
    Choice,
    change,
    choices_needed,
    interval,
    share,
    share_interval,
    strengths,
    told,
    worst_at,
    worst_curve,
)
from rubrics.evidence.association import rank_correlation
from rubrics.evidence.bootstrap import ends
from rubrics.evidence.paired import verdict

SCORES = st.integers(1, 5).map(float)


def answers(draw: np.random.Generator, dialogues: int = 40, turns: int = 4, gain: float = 0.0) -> list[float]:
    """What two models differ by on the same turns: both score 1–5, dialogues differ, and one gains so much."""
    size = (dialogues, turns)
    levels = draw.normal(3.2, 0.6, (dialogues, 1))
    first = np.clip(np.rint(levels + draw.normal(0, 0.7, size)), 1, 5)
    second = np.clip(np.rint(levels + gain + draw.normal(0, 0.3, (dialogues, 1)) + draw.normal(0, 0.7, size)), 1, 5)
    return list((second - first).ravel())


def clusters(dialogues: int = 40, turns: int = 4) -> list[str]:
    return [f"d{i}" for i in range(dialogues) for _ in range(turns)]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(12, 30))
def test_the_interval_is_scipys_bootstrap_over_dialogues(seed: int, dialogues: int) -> None:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 6, dialogues)
    values = draw.normal(3, 1, sizes.sum())
    names = np.repeat(np.arange(dialogues), sizes)
    sums, counts = np.bincount(names, weights=values), np.bincount(names)
    low, high = ends(dialogues)
    reference = stats.bootstrap(
        (sums, counts),
        lambda s, c, axis=-1: s.sum(axis=axis) / c.sum(axis=axis),
        paired=True,
        method="percentile",
        confidence_level=high - low,
        n_resamples=4000,
        rng=1,
    )
    found = interval(list(values), [str(name) for name in names], seed=0, resamples=4000)
    assert found is not None
    assert found == pytest.approx(tuple(reference.confidence_interval), abs=0.35 * reference.standard_error)


def test_with_few_dialogues_the_interval_is_as_wide_as_students() -> None:
    ours, students = [], []
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0, 1, 8)
        low, high = interval(list(values), list("abcdefgh"), seed=seed) or (0.0, 0.0)
        ours.append(high - low)
        students.append(2 * stats.t.ppf(0.975, 7) * stats.sem(values))
    assert np.mean(ours) == pytest.approx(np.mean(students), rel=0.05)


def test_shares_that_never_differ_are_no_surer_than_so_many_dialogues_allow() -> None:
    low, high = share_interval([1.0] * 6, list("aabbcc"), seed=0) or (0.0, 0.0)
    exact = stats.binomtest(3, 3).proportion_ci(0.95, method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))
    assert share_interval([0.0] * 40, [str(n) for n in range(40)], seed=0) == pytest.approx((0.0, 0.0881), abs=1e-4)
    mixed = [0.0, 1.0, 1.0, 1.0]
    assert share_interval(mixed, list("abcd"), seed=0) == interval(mixed, list("abcd"), seed=0)
    assert share_interval([1.0], ["a"], seed=0) is None


def test_shares_that_are_all_halves_may_miss_others_on_either_side() -> None:
    """Where six looks found none other, up to 45.9 % may be others: 0 at worst, 1 at best."""
    most = stats.binomtest(0, 6).proportion_ci(0.95, method="exact").high
    found = share_interval([0.5] * 6, list("abcdef"), seed=0)
    assert found == pytest.approx((0.5 * (1 - most), 0.5 * (1 + most)))


@pytest.mark.parametrize("won", [2, 5, 6, 20])
def test_a_model_that_won_every_choice_is_no_surer_than_so_many_dialogues_allow(won: int) -> None:
    every = [Choice("a", "b", "first", str(n)) for n in range(won)]
    exact = stats.binomtest(won, won).proportion_ci(0.95, method="exact")
    found = share(every, "a", "b", seed=0)
    assert (found.value, found.low, found.high) == (1.0, pytest.approx(exact.low), 1.0)
    assert (exact.low > 0.5) == (won >= 6), "as the paired test: six dialogues are the fewest that show anything"
    other = share(every, "b", "a", seed=0)
    assert (other.low, other.high) == (0.0, pytest.approx(1 - exact.low))


def test_choices_that_differ_on_few_dialogues_have_no_interval() -> None:
    few = [Choice("a", "b", won, cluster) for won, cluster in (("first", "x"), ("first", "y"), ("tie", "y"))]  # type: ignore[arg-type]
    assert share(few, "a", "b", seed=0) == (pytest.approx(5 / 6), None, None, 3)
    more = [*few, *(Choice("a", "b", "second", str(n)) for n in range(4))]
    assert share(more, "a", "b", seed=0).low is not None


def test_the_paired_test_is_wilcoxons_where_differences_are_ranks() -> None:
    draw = np.random.default_rng(3)
    ranks = draw.permutation(np.arange(1.0, 13)) * draw.choice([-1, 1], 12)
    exact = stats.wilcoxon(ranks, mode="exact").pvalue
    assert change(list(ranks), [str(i) for i in range(12)], seed=0).p == pytest.approx(exact, abs=0.03)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 10), st.booleans())
def test_the_paired_test_counts_every_toss_of_signs(seed: int, dialogues: int, whole: bool) -> None:
    """Against all 2^k outcomes, written out; with whole numbers many of them tie."""
    draw = np.random.default_rng(seed)
    names = np.repeat(np.arange(dialogues), draw.integers(1, 5, dialogues))
    values = draw.integers(-2, 3, len(names)).astype(float) if whole else draw.normal(0.3, 1, len(names))
    sums = np.array([values[names == name].sum() for name in range(dialogues)])
    tossed = np.array(list(product((-1, 1), repeat=dialogues))) @ sums
    exact = np.mean(np.abs(tossed) >= abs(sums.sum()) - 1e-9)
    assert change(list(values), [str(name) for name in names], seed=0).p == pytest.approx(exact)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.integers(11, 14))
def test_with_more_dialogues_the_paired_test_draws_its_tosses(seed: int, dialogues: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 1, dialogues)
    tossed = np.array(list(product((-1, 1), repeat=dialogues))) @ values
    exact = np.mean(np.abs(tossed) >= abs(values.sum()) - 1e-9)
    found = change(list(values), [str(n) for n in range(dialogues)], seed=0).p
    assert found == pytest.approx(exact, abs=5 * np.sqrt(exact / 1_000) + 0.001), "2,000 tosses: five standard errors"


@pytest.mark.parametrize("dialogues", [2, 3, 4, 5])
def test_below_six_dialogues_nothing_is_shown_however_alike_they_move(dialogues: int) -> None:
    found = change([1.0] * dialogues, [str(n) for n in range(dialogues)], seed=0)
    assert found.p == 2 / 2**dialogues > 0.05
    assert verdict(found.value, found.low, found.high) == "too few"
    assert told("GRPO", found) == "GRPO added 1.0 points: too few dialogues to tell"


def test_from_six_dialogues_on_a_difference_can_be_shown() -> None:
    found = change([1.0] * 6, list("abcdef"), seed=0)
    assert found.p == 2 / 2**6 < 0.05
    assert verdict(found.value, found.low, found.high) == "more"


def test_two_copies_of_one_model_are_not_told_apart() -> None:
    told_apart = 0
    for seed in range(100):
        found = change(answers(np.random.default_rng(seed)), clusters(), seed)
        told_apart += verdict(found.value, found.low, found.high) != "not shown"
    assert told_apart <= 7, "at least 93 of 100 draws say: not shown"


@pytest.mark.parametrize("dialogues", [6, 8, 16, 80])
def test_whatever_the_size_about_one_draw_in_twenty_misleads(dialogues: int) -> None:
    names = clusters(dialogues)
    shown = [
        found.low is not None and found.high is not None and not found.low <= 0 <= found.high
        for seed in range(600)
        for found in [change_of(answers(np.random.default_rng(5000 + seed), dialogues), names, seed)]
    ]
    assert 0.02 <= np.mean(shown) <= 0.08


def change_of(values: list[float], names: list[str], seed: int) -> "WithEnds":
    return WithEnds(*(interval(values, names, seed, resamples=500) or (None, None)))


class WithEnds:
    def __init__(self, low: float | None, high: float | None) -> None:
        self.low, self.high = low, high


def test_a_planted_difference_of_three_tenths_is_found() -> None:
    names = clusters(80)
    found = [change(answers(np.random.default_rng(seed), 80, gain=0.3), names, seed) for seed in range(20)]
    assert sum(verdict(one.value, one.low, one.high) == "more" for one in found) == 20
    assert np.mean([one.value for one in found if one.value is not None]) == pytest.approx(0.3, abs=0.05)


def test_a_change_is_told_in_a_plain_sentence() -> None:
    def sentence(*cells: float | None, **how: object) -> str:
        from rubrics.evidence import Change

        return told("GRPO", Change(*cells, None, 9, 3), **how)  # type: ignore[arg-type]

    assert sentence(0.4, -0.3, 1.1) == "GRPO added 0.4 points, interval −0.3 to 1.1: not shown"
    assert sentence(0.4, 0.1, 0.7) == "GRPO added 0.4 points, interval 0.1 to 0.7: shown"
    assert sentence(-0.0312, -0.05, -0.01, unit="percentage points", times=100) == (
        "GRPO took 3.1 percentage points, interval −5.0 to −1.0: shown"
    )
    assert sentence(None, None, None) == "GRPO: not measured"
    assert sentence(0.4, None, None) == "GRPO added 0.4 points: too few dialogues to tell"
    assert sentence(0.0, -0.01, 0.01) == "GRPO added 0.0 points, interval 0.0 to 0.0: not shown"
    assert change([], [], 0).value is None
    assert change([1.0, 2.0], ["a", "a"], 0)[:4] == (1.5, None, None, None)
    assert change([0.0, 0.0], ["a", "b"], 0).p == 1.0


@given(st.lists(SCORES, min_size=1, max_size=8), st.data())
def test_worst_at_k_is_the_mean_minimum_of_all_subsets(scores: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores)))
    assert worst_at(scores, k) == pytest.approx(np.mean([min(some) for some in combinations(scores, k)]))


def test_worst_at_k_is_unbiased() -> None:
    draw = np.random.default_rng(0)
    estimates = [worst_at(list(draw.uniform(size=6)), 3) for _ in range(4000)]
    assert np.mean(estimates) == pytest.approx(1 / 4, abs=0.005), "the expected minimum of three uniform numbers"


def test_a_curve_is_over_the_same_turns() -> None:
    samples = {("a", 0): [1.0, 5.0], ("a", 1): [3.0, 3.0], ("b", 0): [2.0]}
    curve = worst_curve(samples, seed=0)
    assert [(one.k, one.value, one.n) for one in curve] == [(1, 3.0, 2), (2, 2.0, 2)]
    assert curve[0].low is None, "one dialogue alone"
    assert worst_curve({}, seed=0) == []
    highest = worst_curve(samples, seed=0, highest=True)
    assert [(one.k, one.value, one.n) for one in highest] == [(1, 3.0, 2), (2, 4.0, 2)]
    for k in (0, 3):
        with pytest.raises(ValueError, match="worst at"):
            worst_at([1.0, 2.0], k)


def likeliest(choices: list[Choice], models: list[str]) -> np.ndarray:
    """Log strengths by scipy's minimiser, a tie being half a win for either side; their mean is 0."""
    at = {name: i for i, name in enumerate(models)}
    points = {"first": 1.0, "tie": 0.5, "second": 0.0}

    def loss(x: np.ndarray) -> float:
        total = 0.0
        for one in choices:
            gap = x[at[one.first]] - x[at[one.second]]
            total += points[one.won] * np.logaddexp(0, -gap) + (1 - points[one.won]) * np.logaddexp(0, gap)
        return total + 1e-9 * (x**2).sum()

    found = optimize.minimize(loss, np.zeros(len(models)), method="BFGS").x
    return found - found.mean()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_strengths_are_those_of_the_likelihood(seed: int) -> None:
    draw = np.random.default_rng(seed)
    models = ["a", "b", "c"]
    pairs = [tuple(draw.choice(models, 2, replace=False)) for _ in range(60)]
    won = draw.choice(["first", "second", "tie"], 60)
    choices = [Choice(*pair, one, f"d{i % 12}") for i, (pair, one) in enumerate(zip(pairs, won, strict=True))]
    found = {one.model: one for one in strengths(choices, seed=0, draws=20)}
    reference = likeliest(choices, models)
    assert [found[name].value for name in models] == pytest.approx(list(reference), abs=2e-3)


def test_strengths_have_intervals_that_hold_the_truth() -> None:
    held = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        won = ["first" if draw.random() < 0.7 else "second" for _ in range(80)]
        found = strengths([Choice("a", "b", one, f"d{i}") for i, one in enumerate(won)], seed, draws=200)  # type: ignore[arg-type]
        best = next(one for one in found if one.model == "a")
        assert best.low is not None
        assert best.high is not None
        held += best.low <= np.log(0.7 / 0.3) / 2 <= best.high
    assert held >= 34


def test_a_model_that_never_lost_has_no_strength_and_says_why() -> None:
    choices = [Choice("a", "b", "first", f"d{i}") for i in range(5)]
    (first, second) = strengths(choices, seed=0)
    assert first.value is second.value is None
    assert "won or lost every choice" in first.why
    assert (first.wins, first.ties, first.losses) == (5, 0, 0)
    mostly = [*choices, Choice("b", "a", "first", "d0")]
    assert strengths(mostly, seed=0)[0].why.startswith("no interval: in too many draws")


def test_a_share_counts_a_tie_half_whichever_side_the_model_stood_on() -> None:
    choices = [Choice("a", "b", "first", "x"), Choice("b", "a", "first", "y"), Choice("b", "a", "tie", "z")]
    assert share(choices, "a", "b", seed=0)[::3] == (0.5, 3)
    assert share(choices, "b", "a", seed=0).value == 0.5
    assert share(choices, "a", "c", seed=0) == (None, None, None, 0)


@pytest.mark.parametrize(("wanted", "ties"), [(0.6, 0.0), (0.65, 0.3), (0.75, 0.1)])
def test_so_many_choices_show_a_preference_four_times_in_five(wanted: float, ties: float) -> None:
    n = choices_needed(wanted, ties)
    draw = np.random.default_rng(1)
    shown = 0
    for _ in range(1500):
        decided = int(draw.binomial(n, 1 - ties))
        z = (draw.binomial(decided, wanted) - decided / 2) / np.sqrt(decided / 4)
        shown += abs(z) > stats.norm.ppf(0.975)
    assert 0.75 <= shown / 1500 <= 0.85


def test_alike_choices_count_for_less_and_nonsense_is_refused() -> None:
    assert choices_needed(0.6, a_dialogue=5, alike=0.5) == pytest.approx(3 * choices_needed(0.6), abs=3)
    for wrong in ({"share": 0.5}, {"share": 1.0}, {"share": 0.6, "ties": 1.0}, {"share": 0.6, "alike": 2.0}):
        with pytest.raises(ValueError):
            choices_needed(**wrong)  # type: ignore[arg-type]


def test_rank_correlation_is_scipys() -> None:
    draw = np.random.default_rng(2)
    length = draw.integers(5, 60, 80).astype(float)
    score = np.clip(np.rint(length / 15 + draw.normal(0, 1, 80)), 1, 5)
    names = [f"d{i // 4}" for i in range(80)]
    found = rank_correlation(list(length), list(score), names)
    assert found.value == pytest.approx(stats.spearmanr(length, score).statistic)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert rank_correlation([1, 2, 3], [4, 4, 4], list("abc")).value is None
