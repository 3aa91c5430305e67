"""A judge's figures as sentences. Every word comes with its number and with what the number rests on."""

from collections.abc import Collection, Sequence

from rubrics.calibration.figures import Calibrated
from rubrics.calibration.rates import Rate
from rubrics.reliability import Measure
from studio.widgets.agreement.words import number, strength

_FEW_LABELS = 30


def summary(one: Calibrated, name: str) -> str:
    """What a reader should take away of one criterion, such as "The judge misses 3 of 10 red flags; people 1 of 10"."""
    if not one.labels:
        return _no_labels(one)
    said = [*_faults(one), *_agreement(one), *_lenience(one)]
    return " ".join([*said, *_cautions(one)])


def _no_labels(one: Calibrated) -> str:
    told = f"The judge scored {one.unlabelled:,} turns" if one.unlabelled else "The judge has scored no turn"
    split = f" People are split over {one.split:,} of them." if one.split else ""
    return f"Nothing can be said yet: {told}, and none of them has a label.{split}{_failed(one)}"


def _faults(one: Calibrated) -> list[str]:
    if one.fault is None:
        return []
    if one.missed.value is None:
        said = f"How much it misses cannot be known: {one.missed.why}."
    else:
        counted = f"{one.missed.hits:,} of {one.missed.of:,} {'fault' if one.missed.of == 1 else 'faults'}"
        said = f"It misses {counted} that people see{_beside(one.ceiling.missed)}."
    if one.false_alarms.value is None:
        return [said]
    alarms = one.false_alarms
    count = f"{alarms.hits:,} false alarm{'' if alarms.hits == 1 else 's'}"
    return [said, f"It raises {count} on {alarms.of:,} turns without{_beside(one.ceiling.false_alarms)}."]


def _beside(people: Rate) -> str:
    return f" (a person: {people.hits:,} of {people.of:,})" if people.value is not None else ""


def _agreement(one: Calibrated) -> list[str]:
    if one.agreement.value is None:
        return [f"No kappa: {one.agreement.why}."]
    said = f"It agrees with people {strength(one.agreement.value)} ({number(one.agreement.value)})"
    people = one.ceiling.agreement.value
    if people is None:
        return [f"{said}; how far people agree among themselves is not known."]
    return [f"{said}; people among themselves {strength(people)} ({number(people)})."]


def _lenience(one: Calibrated) -> list[str]:
    found = one.difference
    if found.value is None or one.is_yes_or_no:
        return []
    if found.low is None or found.high is None:
        return []
    size = f"{abs(found.value):.2f} steps ({found.low:+.2f} to {found.high:+.2f})"
    if found.low <= 0 <= found.high:
        return ["Neither more lenient nor stricter than people, as far as these turns show."]
    return [f"It is {size} {'more lenient' if found.value > 0 else 'stricter'} than people on average."]


def _cautions(one: Calibrated) -> list[str]:
    said = []
    if one.labels < _FEW_LABELS:
        said.append(f"This rests on {one.labels:,} labels: a first impression.")
    if one.by_one:
        said.append(f"{one.by_one:,} of its {one.labels:,} labels are one person's word.")
    return [*said, _failed(one).strip()] if one.failed else said


def _failed(one: Calibrated) -> str:
    count = sum(one.failed.values())
    if not count:
        return ""
    return f" {count:,} of {one.judged:,} verdicts failed and count for nothing."


def red_words(found: Sequence[Calibrated], red: Collection[str]) -> str:
    """The faults that matter most, over all criteria of severity red together; "" where people saw none of them."""
    own = [one for one in found if one.criterion_id in red and one.missed.of]
    if not own:
        return ""
    missed, seen = sum(one.missed.hits for one in own), sum(one.missed.of for one in own)
    beside = [one.ceiling.missed for one in own if one.ceiling.missed.of]
    told = f"Of {seen:,} red faults that people see, the judge misses {missed:,}"
    if not beside:
        return f"{told}. How many a person misses is not known."
    return f"{told}; a person misses {sum(p.hits for p in beside):,} of {sum(p.of for p in beside):,}."


def length_words(one: Calibrated) -> str:
    """How the score goes with the length of the response."""
    if one.length.value is None:
        return f"Whether length pays cannot be said: {one.length.why}."
    own, people = signed(one.length), signed(one.length_people)
    return f"The judge's score goes with the length of the response by {own}, people's by {people} (rank correlation)."


def signed(measure: Measure) -> str:
    """A value that may be below zero, with its interval."""
    if measure.value is None:
        return "an unknown amount"
    between = f" ({measure.low:+.2f} to {measure.high:+.2f})" if measure.low is not None else ""
    return f"{measure.value:+.2f}{between}"


def corrected_words(one: Calibrated) -> list[str]:
    """What few labels make of the judge's figures, and how many labels that is."""
    found = one.corrected
    unit = "share of turns with the fault" if found.is_share else "mean score"
    if found.judge.value is None:
        return []
    told = [f"By the judge alone the {unit} over {found.judged:,} turns is {_plain(found.judge, found.is_share)}."]
    if found.mean.value is not None:
        told.append(f"Corrected by {found.labels:,} labels it is {_plain(found.mean, found.is_share)}.")
    elif found.people.value is not None:
        told.append(
            f"By people it is {_plain(found.people, found.is_share)} ({found.mean.why}, so nothing is left to guess)."
        )
    if found.is_share and found.rogan_gladen.value is not None:
        told.append(f"By how often it misses and invents: {_plain(found.rogan_gladen, True)}.")
    if found.mapped.value is not None and found.distance.value is not None:
        told.append(
            f"A single score is {found.distance.value:.2f} steps from people's; {found.mapped.value:.2f} after a map "
            f"learnt from other dialogues (kappa then {_kappa(found.agreement)})."
        )
    return told


def _kappa(measure: Measure) -> str:
    return number(measure.value) if measure.value is not None else f"has no value: {measure.why}"


def _plain(measure: Measure, is_share: bool) -> str:
    def write(value: float) -> str:
        return f"{value:.1%}" if is_share else f"{value:.2f}"

    if measure.value is None:
        return f"not known ({measure.why})"
    if measure.low is None or measure.high is None:
        return write(measure.value)
    return f"{write(measure.value)} ({write(measure.low)} to {write(measure.high)})"
