"""When a training goes wrong: what its own figures say, as one sentence each.

Every rule looks at the history of metrics, oldest first, and says whether the newest step shows the trouble. A rule
compares the mean of the last `WINDOW` values with that of the first `WINDOW`, in units of the noise between single
steps, so that a curve that merely wobbles raises nothing. An alert is told again only after it has been quiet.

    reward_hacking   the reward rises while the second judge rejects more, answers without merit earn as much, or
                     answers only get longer
    collapse         answers become all alike (entropy, groups without a spread) or empty
    judge_failing    calls of the judge fail, or completions stay without a reward
    kl_exploding     the policy runs away from where it began

As an event: {"kind": "alert", "step": 40, "name": "collapse", "told": "…"}.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, pstdev
from typing import NamedTuple

WINDOW = 5
CLEAR = 2.0  # a rise counts from so many standard errors on
Metrics = Mapping[str, float]
History = Sequence[tuple[int, Metrics]]


class Alert(NamedTuple):
    """One alert: its rule's name, the step that shows it, and one sentence."""

    name: str
    step: int
    told: str


class Rise(NamedTuple):
    """How a metric went: mean of the first and of the last window, and the change in standard errors."""

    first: float
    last: float
    errors: float

    @property
    def is_clear(self) -> bool:
        """Whether it rose by more than noise."""
        return self.errors >= CLEAR


def rise(history: History, name: str) -> Rise | None:
    """How a metric went; None until there are two windows of it.

    The noise is the standard deviation of the differences between neighbouring steps over √2, which a trend hardly
    touches; the standard error is that of a difference of two means of `WINDOW` values.
    """
    values = [metrics[name] for _, metrics in history if name in metrics]
    if len(values) < 2 * WINDOW:
        return None
    first, last = fmean(values[:WINDOW]), fmean(values[-WINDOW:])
    noise = pstdev([after - before for before, after in pairwise(values)]) / 2**0.5
    error = max(noise, 1e-9) * (2 / WINDOW) ** 0.5
    return Rise(first, last, (last - first) / error)


def raised(history: History) -> list[Alert]:
    """The alerts that the newest step raises and the one before it did not."""
    before = {name for name, _ in _showing(history[:-1])}
    return [Alert(name, history[-1][0], told) for name, told in _showing(history) if name not in before]


def _showing(history: History) -> Iterator[tuple[str, str]]:
    if not history:
        return
    for name, rule in RULES.items():
        if told := rule(history):
            yield name, told


def _reward_hacking(history: History) -> str:
    reward = rise(history, "reward")
    if reward is None or not reward.is_clear:
        return ""
    went = f"the reward rose from {reward.first:.2f} to {reward.last:.2f}"
    rejected, credited = _seen(history, "second/rejected"), _seen(history, "second/newly_credited")
    if rejected and credited and rejected[-1] > 0.5 and credited[-1] >= 0.05:
        return f"{went}, and the second judge rejects {rejected[-1]:.0%} of what is newly credited"
    others = [_seen(history, "second/other"), _seen(history, "second/judge")]
    if all(others) and others[0][-1] < others[0][0] - 0.02 and others[1][-1] > others[1][0] + 0.02:
        return f"{went}, while the second judge's score fell from {others[0][0]:.2f} to {others[0][-1]:.2f}"
    if paid := _paid_for_nothing(history):
        return f"{went}, and {paid}"
    length = rise(history, "completions/mean_length")
    if length and length.is_clear and length.last > 1.5 * length.first:
        return f"{went}, and answers grew from {length.first:.0f} to {length.last:.0f} tokens"
    return ""


# Below so much (0-1) nobody would call an answer without merit well paid, however poor the model's own are.
_WELL_PAID = 0.5
# Answers that have done nothing for the person (pipeline.train.meritless), in words.
_MERITLESS = {
    "probe/echo": "an answer that only repeats the rubric's words",
    "probe/keywords": "an answer that only strings the right words together",
    "probe/flattery": "an answer that only flatters",
    "probe/empty": "an empty answer",
}


def _paid_for_nothing(history: History) -> str:
    """The highest score of an answer without merit, where it is a good one and the model's own are not higher."""
    found = {name: seen[-1] for name in _MERITLESS if (seen := _seen(history, name))}
    answers = _seen(history, "validation/r_rubric")
    if not found or not answers:
        return ""
    highest = max(found, key=found.__getitem__)
    if found[highest] <= _WELL_PAID or found[highest] < answers[-1]:
        return ""
    return f"{_MERITLESS[highest]} scores {found[highest]:.2f} by the rubric, the model's own {answers[-1]:.2f}"


def _collapse(history: History) -> str:
    alike = _mean_of_last(history, "frac_reward_zero_std")
    if alike is not None and alike >= 0.8:
        return f"{alike:.0%} of the groups of the last {WINDOW} steps have no spread of rewards: nothing is learnt from"
    entropy = rise(history, "entropy")
    if entropy and entropy.first > 0 and entropy.last < 0.2 * entropy.first and entropy.errors <= -CLEAR:
        return f"the entropy fell from {entropy.first:.2f} to {entropy.last:.2f}: the answers become all alike"
    length = rise(history, "completions/mean_length")
    if length and length.last < 0.25 * length.first and length.errors <= -CLEAR:
        return f"answers shrank from {length.first:.0f} to {length.last:.0f} tokens"
    return ""


def _judge_failing(history: History) -> str:
    failed = _mean_of_last(history, "judge/failed", least=1)
    if failed is not None and failed > 0.1:
        return f"{failed:.0%} of the judge's verdicts of the last steps failed"
    without = _mean_of_last(history, "judge/not_scored", least=1)
    if without is not None and without > 0.2:
        return f"{without:.0%} of the answers of the last steps have no reward, so they teach nothing"
    return ""


def _kl_exploding(history: History) -> str:
    now = _mean_of_last(history, "kl")
    if now is None or now <= 1.0:
        return ""
    return f"the KL divergence is {now:.2f} a token: the model has run away from where it began"


def _seen(history: History, name: str) -> list[float]:
    return [metrics[name] for _, metrics in history if name in metrics]


def _mean_of_last(history: History, name: str, least: int = WINDOW) -> float | None:
    """The mean over the last window; None while there are fewer than `least` values."""
    values = _seen(history, name)[-WINDOW:]
    return fmean(values) if len(values) >= least else None


RULES: dict[str, Callable[[History], str]] = {
    "reward_hacking": _reward_hacking,
    "collapse": _collapse,
    "judge_failing": _judge_failing,
    "kl_exploding": _kl_exploding,
}
