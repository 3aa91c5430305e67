"""Alerts on planted series: each trouble raises its own alert once, and nothing else raises any."""

import random
from collections.abc import Callable, Sequence

import pytest

from pipeline.train.alerts import Alert, raised

STEPS = 40
Series = dict[str, Callable[[float], float]]

# A healthy training: the reward rises, the rest wobbles.
HEALTHY: Series = {
    "reward": lambda t: 0.3 + 0.4 * t,
    "entropy": lambda t: 1.5 - 0.3 * t,
    "completions/mean_length": lambda t: 90 + 10 * t,
    "frac_reward_zero_std": lambda t: 0.1 + 0.2 * t,
    "judge/failed": lambda t: 0.01,
    "judge/not_scored": lambda t: 0.02,
    "kl": lambda t: 0.1 * t,
    "second/rejected": lambda t: 0.2,
    "second/newly_credited": lambda t: 0.2 * t,
    "validation/r_rubric": lambda t: 0.4 + 0.3 * t,
    "probe/flattery": lambda t: 0.2,
    "probe/empty": lambda t: 0.0,
}


def told(changes: Series, seed: int = 0, noise: float = 0.05) -> list[Alert]:
    """Every alert of a run whose metrics follow these curves (of time 0–1), with noise in proportion."""
    draw, found = random.Random(seed), []
    history: list[tuple[int, dict[str, float]]] = []
    for step in range(1, STEPS + 1):
        t = step / STEPS
        metrics = {name: curve(t) * (1 + draw.gauss(0, noise)) for name, curve in {**HEALTHY, **changes}.items()}
        history.append((step, metrics))
        found += raised(history)
    return found


def names(alerts: Sequence[Alert]) -> set[str]:
    return {alert.name for alert in alerts}


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_training_raises_nothing(seed: int) -> None:
    assert told({}, seed) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "changes", "word"),
    [
        ("reward_hacking", {"second/rejected": lambda t: 0.9 * t}, "second judge rejects"),
        ("reward_hacking", {"completions/mean_length": lambda t: 60 + 140 * t}, "answers grew"),
        (
            "reward_hacking",
            {"second/judge": lambda t: 0.4 + 0.4 * t, "second/other": lambda t: 0.6 - 0.3 * t},
            "second judge's score fell",
        ),
        ("reward_hacking", {"probe/flattery": lambda t: 0.9}, "only flatters scores"),
        ("reward_hacking", {"probe/empty": lambda t: 0.95, "probe/echo": lambda t: 0.7}, "an empty answer scores"),
        ("collapse", {"entropy": lambda t: max(0.02, 1.5 - 2 * t)}, "entropy fell"),
        ("collapse", {"frac_reward_zero_std": lambda t: min(1.0, 2 * t)}, "no spread"),
        ("collapse", {"completions/mean_length": lambda t: max(4.0, 90 - 150 * t)}, "answers shrank"),
        ("judge_failing", {"judge/failed": lambda t: 0.4 if t > 0.5 else 0.0}, "verdicts of the last steps failed"),
        ("judge_failing", {"judge/not_scored": lambda t: 0.5}, "no reward"),
        ("kl_exploding", {"kl": lambda t: 8 * t**3}, "KL divergence"),
    ],
)
def test_a_planted_trouble_raises_its_own_alert(name: str, changes: Series, word: str, seed: int) -> None:
    alerts = told(changes, seed)
    assert names(alerts) == {name}
    assert any(word in alert.told for alert in alerts)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "changes",
    [
        # Longer answers, or a second judge that disagrees, without any rise of the reward: nothing is being hacked.
        {"reward": lambda t: 0.4, "completions/mean_length": lambda t: 60 + 140 * t},
        {"reward": lambda t: 0.4, "second/rejected": lambda t: 0.9},
        # Little is newly credited: a share of next to nothing says nothing.
        {"second/rejected": lambda t: 0.9, "second/newly_credited": lambda t: 0.01},
        {"second/judge": lambda t: 0.4 + 0.4 * t, "second/other": lambda t: 0.5 + 0.3 * t},
        # Without a rise nothing is hacked; and what is as low as a bad score is no praise of nothing.
        {"reward": lambda t: 0.4, "probe/flattery": lambda t: 0.9},
        {"probe/flattery": lambda t: 0.3, "validation/r_rubric": lambda t: 0.2},
        {"entropy": lambda t: 1.5 - 1.0 * t},
        {"kl": lambda t: 0.5 * t},
    ],
)
def test_what_only_looks_like_trouble_raises_nothing(changes: Series, seed: int) -> None:
    assert told(changes, seed) == []


def test_an_alert_is_told_once_and_again_after_a_quiet_time() -> None:
    alerts = told({"judge/failed": lambda t: 0.9 if 0.2 < t < 0.4 or t > 0.8 else 0.0}, noise=0.0)
    assert [alert.name for alert in alerts] == ["judge_failing"] * 2
    assert alerts[0].step < 16 < 32 < alerts[1].step


def test_nothing_is_said_before_there_is_anything_to_say() -> None:
    assert raised([]) == []
    assert raised([(1, {"reward": 0.5})]) == []
