"""The charts of a training: which metrics belong on one, in which words, and between which ends."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Panel(NamedTuple):
    """One chart: its y axis, its metrics by name → words, the ends of the axis where the values have ends, the metrics
    that are the standard deviation of others, and a sentence where the title does not say it all.
    """

    axis: str
    metrics: dict[str, str]
    ends: tuple[float, float] | None = None
    from_zero: bool = False
    spreads: Mapping[str, str] = {}
    about: str = ""


_SHARE = (-0.03, 1.03)
_PARTS = {"part/r_format": "Format", "part/r_emotion": "Emotion", "part/r_rubric": "Rubric"}
REWARD: dict[str, Panel] = {
    "Reward": Panel(
        "Mean reward (0–1)",
        {"reward": "While training", "validation/reward": "Held-out people"},
        _SHARE,
        spreads={"reward": "reward_std"},
    ),
    "Parts of the reward": Panel("Mean (0–1)", _PARTS, _SHARE, spreads={name: f"{name}_std" for name in _PARTS}),
    "Loss": Panel("Loss", {"loss": "While training", "validation/loss": "Held-out people"}),
    "Tokens guessed right": Panel("Share of tokens", {"mean_token_accuracy": "Accuracy"}, _SHARE),
    "Newly paid for, and rejected by the second judge": Panel(
        "Share (0–1)",
        {"second/newly_credited": "Newly credited", "second/rejected": "Of these, rejected by the other"},
        _SHARE,
    ),
}
HEALTH: dict[str, Panel] = {
    "Spread within a group": Panel(
        "Standard deviation",
        {"reward_std": "Of the rewards", "advantage/std": "Of the advantages"},
        from_zero=True,
        about="Advantages are differences within a group: without a spread there is nothing to learn from.",
    ),
    "Groups that teach nothing": Panel("Share of groups", {"frac_reward_zero_std": "Without a spread"}, _SHARE),
    "Distance from the start (KL)": Panel("KL (nats)", {"kl": "KL"}),
    "Entropy of the answers": Panel("Nats a token", {"entropy": "Entropy"}, from_zero=True),
    "Length of answers": Panel(
        "Tokens",
        {"completions/mean_length": "Mean length", "completions/mean_terminated_length": "Of those that ended"},
        from_zero=True,
    ),
    "Answers cut off": Panel("Share of answers", {"completions/clipped_ratio": "Cut off"}, _SHARE),
    "Answers not scored, or vetoed": Panel(
        "Share of answers", {"judge/not_scored": "Not scored", "part/vetoed": "Vetoed"}, _SHARE
    ),
    "Both judges on the same answers": Panel(
        "Mean score (0–1)", {"second/judge": "The judge", "second/other": "The second judge"}, _SHARE
    ),
    "Held-out people: parts of the reward": Panel(
        "Mean (0–1)",
        {
            "validation/r_format": "Format",
            "validation/r_emotion": "Emotion",
            "validation/r_rubric": "Rubric",
        },
        _SHARE,
    ),
    "Answers without merit, by the rubric": Panel(
        "Mean score (0–1)",
        {
            "probe/echo": "Repeats the rubric",
            "probe/keywords": "The right words alone",
            "probe/flattery": "Flattery alone",
            "probe/empty": "Empty",
            "validation/r_rubric": "The model’s own",
        },
        _SHARE,
        about="Where one of these earns as much as the model’s own answers to held-out people, the reward says little.",
    ),
}
MACHINE: dict[str, Panel] = {
    "Judge: failed, or from the cache": Panel(
        "Share of verdicts", {"judge/failed": "Failed", "judge/cached": "From the cache"}, _SHARE
    ),
    "Judge: time of a call": Panel(
        "Seconds", {"judge/latency_s": "Mean", "judge/p95_s": "95 % took no longer"}, from_zero=True
    ),
    "Judge: cost": Panel(
        "At the endpoint’s prices", {"judge/cost": "This step", "total/cost": "So far"}, from_zero=True
    ),
    "Judge: verdicts so far": Panel(
        "Verdicts",
        {"total/verdicts": "All", "total/failed": "Failed", "total/cached": "From the cache"},
        from_zero=True,
    ),
    "Time of a step": Panel("Seconds", {"time/step_s": "Mean of the last steps"}, from_zero=True),
    "GPU memory": Panel("Share of the card", {"gpu/memory_share": "Most held so far"}, _SHARE),
    "GPU at work": Panel("Percent of the time", {"gpu/busy_percent": "Busy"}, (-3.0, 103.0)),
    "Learning rate": Panel("Learning rate", {"learning_rate": "Learning rate"}),
    "Gradient": Panel("Norm of the gradient", {"grad_norm": "Norm"}),
}


def criteria_panel(metrics: Iterable[str], names: Mapping[str, str]) -> dict[str, Panel]:
    """The panel of the rubric's criteria among these metrics, in the rubric's order; nothing where none was logged."""
    logged = {name.removeprefix("criterion/") for name in metrics if name.startswith("criterion/")}
    order = [*(one for one in names if one in logged), *sorted(logged - set(names))]
    if not order:
        return {}
    return {
        "Criteria": Panel("Mean score, each on its scale", {f"criterion/{one}": names.get(one, one) for one in order})
    }


def metric_word(name: str, names: Mapping[str, str] | None = None) -> str:
    """A metric as it is called outside its chart; one that no chart has is called as it is."""
    if name.startswith("criterion/"):
        criterion = name.removeprefix("criterion/")
        return f"Criterion: {(names or {}).get(criterion, criterion)}"
    if name.startswith("validation/"):
        own = name.removeprefix("validation/")
        return f"{metric_word(f'part/{own}' if own.startswith('r_') else own)} on held-out people"
    for title, panel in {**REWARD, **HEALTH, **MACHINE}.items():
        if name in panel.metrics:
            return title if title in _ALONE or len(panel.metrics) == 1 else f"{title}: {panel.metrics[name]}"
    return name


# Charts whose first line is what their title says.
_ALONE = ("Reward", "Loss")
