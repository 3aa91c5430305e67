"""What the fields of a rubric mean, in words that a person who writes or reads one understands."""

from typing import Any

import streamlit as st

from db.rubric_versions import Version, VersionState
from rubrics.diff import Change, ChangeKind
from rubrics.impact import CONSEQUENCES
from rubrics.render import PART_TITLES
from rubrics.schema import PARTS, Criterion, Kind, Part, Purpose, Rubric, Severity

PURPOSES: dict[Purpose, str] = {
    "score": "Scores a reply; the score becomes part of the training reward",
    "flags": "Flags faults in a reply, one by one",
    "gate": "Decides in regeneration whether a dialogue goes on, is solved, or must be written again",
}
PURPOSE_NAMES: dict[Purpose, str] = {"score": "Score", "flags": "Flags", "gate": "Gate"}
KINDS: dict[Kind, str] = {
    "likert": "Scale with anchors",
    "binary": "Yes or no",
    "points": "Points when met",
    "rule": "Rule, computed and not judged",
}
SEVERITIES: dict[Severity, str] = {
    "none": "No severity",
    "yellow": "Yellow: a concern",
    "red": "Red: unsafe",
}
SEVERITY_ICONS: dict[Severity, str] = {"none": "", "yellow": "▲", "red": "◆"}
METHODS = {
    "weighted_mean": "Weighted mean of all criteria",
    "points": "Points earned out of the points to be had",
    "minimum": "The worst criterion decides",
    "saturating": "Diminishing returns: the first steps count most",
    "gate": "Fails when any criterion is at its lowest",
}
SCORINGS = {
    "explicit": "Each criterion by itself",
    "implicit": "One overall score, with the whole rubric in view",
}
STATES: dict[VersionState, tuple[str, str, str]] = {
    "approved": ("Approved", "green", ":material/verified:"),
    "in_review": ("In review", "orange", ":material/hourglass_top:"),
    "changes_requested": ("Changes requested", "red", ":material/undo:"),
    "retired": ("Retired", "gray", ":material/inventory_2:"),
}
_FIELDS = {
    "title": "Title",
    "id": "Short name",
    "purpose": "Purpose",
    "instructions": "Instructions",
    "criteria": "Order of criteria",
    "criterion": "Whole criterion",
    "name": "Name",
    "question": "Question",
    "kind": "Kind",
    "points": "Points",
    "weight": "Weight",
    "reads": "What the judge sees",
    "severity": "Severity",
    "veto": "Veto",
    "limited_by": "Counts only as far as",
    "rule": "Rule",
    "use_when": "Use when",
    "avoid_when": "Do not use when",
    "examples": "Example",
    "scale": "Scale",
    "aggregate.method": "How scores become one number",
    "aggregate.solved_by": "Solved by",
    "aggregate.pass_mark": "Pass mark",
    "aggregate.saturation": "How fast returns diminish",
    "aggregate.scoring": "How the judge scores",
    "aggregate.red_veto": "Red at its worst sets the reward to 0",
    "aggregate.yellow_cap": "Yellow at its worst keeps the reward at or below",
    "aggregate.yellow_penalty": "Each yellow at its worst takes off",
    "approvers": "How many must approve",
    "calibration.min_labels": "Labels that a judge is held against",
    "calibration.min_agreement": "Least agreement of the judge with people",
    "calibration.min_red_faults": "Red faults that a judge is held against",
    "calibration.max_red_miss_rate": "Red faults that the judge may miss",
    "calibration.max_red_false_alarms": "Turns that the judge may wrongly call red",
    "archived": "Archived criterion",
    "tags": "Tags",
    "replaces": "Split or merged from",
    "reward.format": "Reward weight of the format",
    "reward.emotion": "Reward weight of the emotion",
    "reward.rubric": "Reward weight of this rubric",
}


def field_words(change: Change) -> str:
    """What changed, such as "Anchor for score 3" or "Question"."""
    if change.field.startswith("anchors."):
        return f"Anchor for score {change.field.removeprefix('anchors.')}"
    return _FIELDS.get(change.field, change.field)


def effect_words(kind: ChangeKind) -> str:
    """What a kind of change does, as short as it goes; `rubrics.impact` has the whole of it."""
    consequence = CONSEQUENCES[kind]
    if consequence.rejudges:
        return "The judge is asked again"
    if consequence.recomputes:
        return f"Computed anew: {consequence.recomputes}"
    return consequence.people.capitalize() or "Nothing scored changes"


def value_words(change: Change, value: str | None) -> str:
    """One side of a change as a person would say it; "" for nothing."""
    if not value:
        return ""
    if change.field == "reads":
        return reads_words([part for part in PARTS if part in value.split(", ")])
    known: dict[str, dict[Any, str]] = {
        "severity": SEVERITIES,
        "kind": KINDS,
        "aggregate.method": METHODS,
        "aggregate.scoring": SCORINGS,
    }
    return known.get(change.field, {}).get(value, value)


def reads_words(reads: tuple[Part, ...] | list[Part]) -> str:
    """What a judge may see, as one phrase."""
    return "; ".join(PART_TITLES[part].lower() for part in reads)


def share_words(rubric: Rubric, criterion: Criterion) -> str:
    """How much a criterion counts towards the rubric's one number; "" where weights play no part."""
    if rubric.purpose != "score":
        return ""
    if rubric.aggregate.method == "points":
        return f"Worth {criterion.points or 0:g} points"
    if rubric.aggregate.method == "minimum":
        return "Decides the rubric's score when it is the worst"
    whole = sum(c.weight for c in rubric.criteria)
    share = criterion.weight / whole if whole else 0.0
    if rubric.aggregate.scoring == "implicit":
        return f"The judge is told its weight, {criterion.weight:g}, and gives one score for the whole"
    return f"Counts for {share:.0%} of the rubric's score (weight {criterion.weight:g})"


def limit_words(rubric: Rubric, criterion: Criterion) -> str:
    """The other criterion that this one counts no further than; "" where nothing limits it."""
    names = {c.id: c.name or c.id for c in rubric.criteria}
    other = criterion.limited_by
    return f"Counts only as far as “{names.get(other, other)}” is met" if other else ""


def veto_words(at_or_below: float, scale: tuple[int, int]) -> str:
    """The effect of a veto: "A score of 1 sets the whole reward to 0"."""
    worst = f"{at_or_below:g}" if at_or_below <= scale[0] else f"{scale[0]} to {at_or_below:g}"
    return f"A score of {worst} sets the whole reward to 0"


def reward_words(format_weight: float, emotion: float, rubric: float) -> str:
    """The three shares of the reward: "The reward is 33% format, 33% emotion, 33% rubric"."""
    whole = format_weight + emotion + rubric
    if not whole:
        return "Nothing is rewarded: at least one of the three needs a weight above 0"
    parts = {"format": format_weight, "emotion": emotion, "this rubric": rubric}
    return "The reward is " + ", ".join(f"{value / whole:.0%} {name}" for name, value in parts.items())


def state_badge(version: Version) -> None:
    """The state of a version as a badge: icon, word and colour."""
    word, colour, icon = STATES[version.state]
    st.badge(word, icon=icon, color=colour)  # type: ignore[arg-type]
