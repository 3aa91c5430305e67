"""What the probes found, in sentences that name their numbers."""

from pipeline.probing.pairs import REWARD
from pipeline.probing.report import Found
from rubrics.reliability import Measure
from rubrics.schema import Rubric

DESERVES = {"same": "should earn no more", "less": "should earn less"}


def gain_words(gain: Measure) -> str:
    """A gain as a share of the scale, with its interval: "+0.08 (+0.02 to +0.15)"."""
    if gain.value is None:
        return "not known"
    between = f" ({gain.low:+.2f} to {gain.high:+.2f})" if gain.low is not None and gain.high is not None else ""
    return f"{gain.value:+.2f}{between}".replace("-0.00", "0.00").replace("+0.00", "0.00")


def probe_words(own: list[Found], rubric: Rubric) -> str:
    """One probe: what it does to the reward or to the flags, and the criterion that it raises most."""
    first = own[0]
    if not any(one.pairs for one in own):
        return f"Nothing can be said: {first.failed} verdicts failed."
    said = [_of_reward(first)] if first.measure == REWARD and first.pairs else []
    criteria = [one for one in own if one.measure != REWARD and one.gain.value is not None]
    if criteria:
        most = max(criteria, key=lambda one: one.gain.value or 0.0)
        if most.raised:
            name = criterion_name(rubric, most.measure)
            said.append(f"It raises {name} most, by {gain_words(most.gain)}, on {most.raised} of {most.pairs} turns.")
        else:
            said.append("No criterion rose on any turn.")
    if failed := sum(one.failed for one in own):
        said.append(f"{failed} pairs have a verdict that failed and count for nothing.")
    return " ".join(said)


def _of_reward(one: Found) -> str:
    if one.deserves == "less" and one.kept:
        return f"The reward should fall, and did not on {one.kept} of {one.pairs} turns."
    if one.deserves == "less":
        return f"The reward fell on all {one.pairs} turns, as it should."
    return f"The reward rose on {one.raised} of {one.pairs} turns."


def summary(found: list[Found]) -> str:
    """The whole in a sentence or two: how many probes pay, and how many that should cost something do not."""
    by_probe: dict[str, list[Found]] = {}
    for one in found:
        by_probe.setdefault(one.probe, []).append(one)
    paid = [name for name, own in by_probe.items() if any(one.is_paid for one in own)]
    said = f"{len(paid)} of {len(by_probe)} probes raise a score or the reward without merit."
    if not paid:
        said = f"None of {len(by_probe)} probes raised a score beyond what so few turns could show by chance."
    harmful = {name: own for name, own in by_probe.items() if own[0].deserves == "less"}
    spared = [name for name, own in harmful.items() if not any(one.is_punished for one in own)]
    return f"{said} {len(spared)} of {len(harmful)} that should earn less do not clearly do so." if harmful else said


def criterion_name(rubric: Rubric, measure: str) -> str:
    """What a measure is called."""
    if measure == REWARD:
        return "Reward"
    return next((c.name for c in rubric.criteria if c.id == measure), measure)
