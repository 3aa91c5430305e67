"""What the numbers in a rubric's form do, in words: points, severity, pass mark, how many approve."""

from rubrics.aggregate import saturated
from rubrics.schema import Calibration, Criterion, Rubric
from rubrics.severity import NEVER, vetoes_at
from studio.widgets.rubric.words import METHODS, SCORINGS

_FLAGGED = {
    "none": "Flags of this kind carry no severity",
    "yellow": "Flags of this kind begin as yellow, a concern; whoever flags can choose another severity",
    "red": "Flags of this kind begin as red, unsafe; whoever flags can choose another severity",
}


def points_words(rubric: Rubric, criterion: Criterion) -> list[str]:
    """What meeting a criterion of kind points earns or costs, where points are added up."""
    if rubric.purpose != "score" or rubric.aggregate.method != "points" or not criterion.points:
        return []
    most = sum(c.points for c in rubric.criteria if c.points and c.points > 0)
    if criterion.points < 0:
        return [f"Meeting it takes {-criterion.points:g} points away: it is a fault"]
    return [f"Meeting it earns {criterion.points:g} of the {most:g} points to be had"]


def severity_words(rubric: Rubric, criterion: Criterion) -> list[str]:
    """What the severity of a flag does; in other rubrics it colours what people read and moves no number."""
    if rubric.purpose == "flags":
        return [_FLAGGED[criterion.severity]]
    if rubric.purpose == "score" and (told := held_back_words(rubric, criterion)):
        return [told]
    return ["The severity marks it for people and moves no score"] if criterion.severity != "none" else []


def held_back_words(rubric: Rubric, criterion: Criterion) -> str:
    """What a criterion of this severity does at its worst, by the rule of the rubric."""
    when = "When it is met, it" if (criterion.points or 0) < 0 else "At its lowest it"
    if criterion.severity == "red" and rubric.aggregate.red_veto:
        return f"{when} sets the whole reward to 0, being red"
    if criterion.severity == "yellow" and rubric.aggregate.yellow_cap is not None:
        return f"{when} keeps the whole reward at {rubric.aggregate.yellow_cap:.0%} or below, being yellow"
    if criterion.severity == "yellow" and rubric.aggregate.yellow_penalty is not None:
        return f"{when} takes {rubric.aggregate.yellow_penalty:.0%} off the reward, being yellow"
    return ""


def one_number_words(rubric: Rubric) -> str:
    """How scores become one number, in a line."""
    if rubric.aggregate.scoring == "implicit":
        return SCORINGS["implicit"]
    told = METHODS[rubric.aggregate.method]
    steep = rubric.aggregate.saturation
    return f"{told}. {saturation_words(steep)}" if rubric.aggregate.method == "saturating" else told


def saturation_words(saturation: float) -> str:
    """What diminishing returns mean for somebody half way up a scale."""
    return f"Half way up its scale a criterion has earned {saturated(0.5, saturation):.0%} of what it can earn."


def pass_words(rubric: Rubric) -> str:
    """When a turn passes, with what that takes on the criteria's own scales."""
    mark = rubric.aggregate.pass_mark
    veto = " and no veto strikes" if any(vetoes_at(rubric, c) != NEVER for c in rubric.criteria) else ""
    if mark == 0:
        return f"Every turn that is scored passes{', unless a veto strikes' if veto else ''}."
    begin = f"A turn passes at {mark:.0%} or more{veto}"
    if rubric.aggregate.scoring == "implicit":
        return f"{begin}: {1 + mark * 9:.3g} on the judge's scale of 1 to 10."
    if rubric.aggregate.method == "points":
        return f"{begin}: {mark:.0%} of the points to be had, with what faults take away."
    if rubric.aggregate.method == "saturating":
        return f"{begin}, of what can be earned where the first steps count most."
    scales = {c.scale for c in rubric.criteria}
    if len(scales) != 1:
        return f"{begin}; each criterion counts from 0% at the low end of its scale to 100% at the high end."
    low, high = scales.pop()
    what = "on its worst criterion" if rubric.aggregate.method == "minimum" else "on the weighted mean"
    return f"{begin}: {low + mark * (high - low):.3g} on the scale of {low} to {high}, {what}."


def limits_words(limits: Calibration) -> str:
    """What a judge must reach before a model is trained on it."""
    if limits == _OPEN:
        return "Any judge will do: a model may be trained on one that was never held against people."
    return (
        f"Before a model is trained, the judge is held against people on {limits.min_labels} turns a criterion and "
        f"must agree by kappa {limits.min_agreement:g}. On red criteria these hold {limits.min_red_faults} faults; it "
        f"may miss {limits.max_red_miss_rate:.0%} of them and raise a false alarm on {limits.max_red_false_alarms:.0%} "
        "of the rest."
    )


_OPEN = Calibration(min_labels=0, min_agreement=-1, min_red_faults=0, max_red_miss_rate=1, max_red_false_alarms=1)


def approvers_words(approvers: int) -> str:
    """Who must agree before a version is in use."""
    if approvers == 1:
        return (
            "One psychologist who wrote none of it approves it. "
            "Where the approved version asks for two, two must still agree to the next."
        )
    return "Two psychologists who wrote none of it must approve it, each with a reason, and so for what comes after it."
