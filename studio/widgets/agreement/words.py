"""Figures of agreement in words. Every word comes with its number; none of them is a verdict on anybody."""

from html import escape

from db.agreement_figures import FlagFigures, ScoreFigures
from rubrics.reliability import Measure

# What the words mean is said on the page. They grade the number and not the people.
BANDS = ((0.8, "well"), (0.6, "fairly well"), (0.4, "only in part"))
BANDS_TOLD = "“Well” is 0.80 and more, “fairly well” 0.60, “only in part” 0.40, and “poorly” less."
_FEW_DIALOGUES = 20
_LOW = 0.6
_FEW_FLAGS = 10
_RARE = 0.25


def strength(value: float) -> str:
    """The word for a share or a coefficient."""
    return next((word for least, word in BANDS if value >= least), "poorly")


def number(value: float) -> str:
    """Two digits, as everywhere on the page; what only rounds to 1 is not shown as full agreement."""
    return "over 0.99" if 0.995 <= value < 1 else f"{value:.2f}".replace("-0.00", "0.00")


def cell(measure: Measure, percent: bool = False) -> str:
    """Markup of one figure: its value, the interval under it; where there is none, that there is none (and why)."""
    if measure.value is None:
        return f'<span class="ka-none" title="{escape(measure.why)}">no value</span>'
    write = (lambda value: f"{value:.1%}") if percent else number
    told = write(measure.value)
    if measure.low is not None and measure.high is not None:
        return f"{told}<small>{write(measure.low)} to {write(measure.high)}</small>"
    return f'{told}<small title="{escape(measure.why)}">no interval</small>'


def flag_words(what: str, figures: FlagFigures) -> str:
    """How far people agree on a flag, such as "People agree well that CR1 is absent (0.98) and poorly …"."""
    if figures.absent.value is None and figures.present.value is None:
        return f"Nothing can be said of {what}: {figures.alpha.why}."
    if figures.present.value is None:
        said = f"Nobody set {what} where two people looked, so how far they would agree on it cannot be known."
    elif figures.absent.value is None:
        said = f"Everybody set {what} wherever two people looked, so there is no turn to agree to leave."
    else:
        absent, present = figures.absent.value, figures.present.value
        link = "but" if present < _LOW <= absent else "and"
        said = f"People agree {strength(absent)} that {what} is absent ({number(absent)}) {link} {strength(present)}"
        said += f" when it is present ({number(present)})."
    return " ".join([said, *_also("Fleiss' kappa", figures.kappa), *_flag_cautions(figures)])


def score_words(what: str, figures: ScoreFigures) -> str:
    """How far people agree on the scores of one criterion."""
    if figures.alpha.value is None:
        return f"Nothing can be said of {what}: {figures.alpha.why}."
    said = f"People agree {strength(figures.alpha.value)} on {what} (alpha {number(figures.alpha.value)})."
    if figures.single.value is None:
        said += f" No ICC: {figures.single.why}."
    elif figures.mean.value is not None:
        single, mean = number(figures.single.value), number(figures.mean.value)
        said += f" ICC is {single} for one person's score and {mean} for the mean of all {figures.raters} people."
    return " ".join([said, *_also("Alpha by equal steps", figures.by_steps), *_cautions(figures.alpha)])


def rests_on(measure: Measure, raters: int) -> str:
    """Markup of what a figure rests on."""
    return f"{measure.units:,} turns<small>{measure.clusters:,} dialogues, {raters} people</small>"


def is_rare(figures: FlagFigures) -> bool:
    """Whether alpha is so far below AC1 that the two must be read together: the flag is rare."""
    alpha, ac = figures.alpha.value, figures.ac.value
    return alpha is not None and ac is not None and ac - alpha >= _RARE


def _also(name: str, measure: Measure) -> list[str]:
    """A figure that some papers report in place of those in the table."""
    if measure.value is None:
        return []
    ends = ""
    if measure.low is not None and measure.high is not None:
        ends = f" ({number(measure.low)} to {number(measure.high)})"
    return [f"{name}: {number(measure.value)}{ends}."]


def _flag_cautions(figures: FlagFigures) -> list[str]:
    said = []
    if 0 < figures.flagged < _FEW_FLAGS:
        times = {1: "once", 2: "twice"}.get(figures.flagged, f"{figures.flagged} times")
        said.append(f"It was set only {times}, which says little of how it is used.")
    if figures.alpha.value is None and figures.present.value is not None:
        said.append(f"No alpha: {figures.alpha.why}.")
    return [*said, *_cautions(figures.absent if figures.absent.value is not None else figures.present)]


def _cautions(measure: Measure) -> list[str]:
    if measure.why:
        return [f"{measure.why[0].upper()}{measure.why[1:]}."]
    if measure.clusters < _FEW_DIALOGUES:
        return [f"This rests on {measure.clusters} dialogues: a first impression."]
    return []
