"""GRPO's advantages, as the trainer itself computes them."""

import inspect
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rubrics.recompute import advantages, order_changes, sign_changes

# Rewards as pipelines give them: few steps, so that ties are common.
STEPS = 24
REWARDS = st.integers(0, STEPS)


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]]]:
    """The same groups before and after a change, in whole steps."""
    size = draw(st.integers(2, 8))
    groups = st.lists(st.lists(REWARDS, min_size=size, max_size=size), min_size=1, max_size=12)
    before = draw(groups)
    after = draw(st.lists(st.lists(REWARDS, min_size=size, max_size=size), min_size=len(before), max_size=len(before)))
    return before, [old if draw(st.booleans()) else new for old, new in zip(before, after, strict=True)]


def by_trl(rewards: np.ndarray, size: int) -> np.ndarray:
    """TRL 1.16, GRPOTrainer._generate_and_score_completions, sum_then_normalize with scale_rewards="group"."""
    torch = pytest.importorskip("torch")
    nanstd = pytest.importorskip("trl.trainer.utils").nanstd
    given_rewards = torch.tensor(rewards.ravel(), dtype=torch.float64)
    mean = torch.nanmean(given_rewards.view(-1, size), dim=1).repeat_interleave(size, dim=0)
    deviation = nanstd(given_rewards.view(-1, size), dim=1).repeat_interleave(size, dim=0)
    found = (given_rewards - mean) / (deviation + 1e-4)
    return np.asarray(torch.nan_to_num(found, nan=0.0)).reshape(-1, size)


def test_the_trainer_still_computes_what_is_foreseen_here() -> None:
    """If a new TRL says otherwise, `advantages` must follow it."""
    trainer = pytest.importorskip("trl.trainer.grpo_trainer").GRPOTrainer
    source = inspect.getsource(trainer._generate_and_score_completions)
    for line in (
        "mean_grouped_rewards = torch.nanmean(rewards.view(-1, num_generations), dim=1)",
        "std_rewards = nanstd(rewards.view(-1, num_generations), dim=1)",
        "advantages = rewards - mean_grouped_rewards",
        "advantages = advantages / (std_rewards + 1e-4)",
        "advantages = torch.nan_to_num(advantages, nan=0.0)",
    ):
        assert line in source


@settings(deadline=None)
@given(st.data())
def test_advantages_are_the_trainers(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 8))
    known_or_not = st.one_of(st.none(), REWARDS)
    rows = data.draw(st.lists(st.lists(known_or_not, min_size=size, max_size=size), min_size=1, max_size=8))
    rewards = np.array([[np.nan if r is None else r / STEPS for r in row] for row in rows])
    found = advantages(rewards.ravel(), np.repeat(np.arange(len(rows)), size))
    assert found == pytest.approx(
        by_trl(rewards, size).ravel(), abs=1e-6
    )  # its correction of the deviation is single precision


@settings(deadline=None)
@given(two_sides())
def test_counted_groups_are_those_of_a_brute_force_recomputation(
    sides: tuple[list[list[int]], list[list[int]]],
) -> None:
    before, after = (np.array(side, dtype=float) / STEPS for side in sides)
    size = before.shape[1]
    trl = [np.where(np.abs(by_trl(side, size)) < 1e-9, 0.0, by_trl(side, size)) for side in (before, after)]
    assert sign_changes(before, after).tolist() == (np.sign(trl[0]) != np.sign(trl[1])).any(axis=1).tolist()
    assert sign_changes(before, after).tolist() == [
        exact_signs(a) != exact_signs(b) for a, b in zip(*sides, strict=True)
    ]
    assert order_changes(before, after).tolist() == [
        exact_order(a) != exact_order(b) for a, b in zip(*sides, strict=True)
    ]


def exact_signs(group: list[int]) -> list[int]:
    mean = Fraction(sum(group), len(group))
    return [(reward > mean) - (reward < mean) for reward in group]


def exact_order(group: list[int]) -> list[int]:
    return [(one > other) - (one < other) for one in group for other in group]


def test_an_unknown_reward_leaves_its_group_and_has_no_advantage() -> None:
    """The rest has mean 0.5 and deviation √0.125 (Bessel's correction): ±0.25 / (√0.125 + 0.0001)."""
    found = advantages(np.array([0.25, 0.75, np.nan, 1.0]), np.array([0, 0, 0, 1]))
    edge = 0.25 / (0.125**0.5 + 1e-4)
    assert found.tolist() == pytest.approx([-edge, edge, 0.0, 0.0])


def test_equal_rewards_have_no_advantage_at_all() -> None:
    assert advantages(np.array([0.7] * 7), np.zeros(7, dtype=int)).tolist() == [0.0] * 7


def test_a_tie_that_breaks_is_a_change_of_order() -> None:
    before, after = np.array([[0.5, 0.5, 0.2]]), np.array([[0.5, 0.6, 0.2]])
    assert order_changes(before, after).tolist() == [True]
    assert order_changes(after, before).tolist() == [True]
    assert order_changes(before, before * 0.5).tolist() == [False]
