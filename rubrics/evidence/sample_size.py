"""How many choices between two replies it takes to see a preference, told before a campaign begins."""

from math import ceil

from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize


def choices_needed(
    share: float, ties: float = 0.0, a_dialogue: int = 1, alike: float = 0.0, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Choices to ask for, so that a model preferred in `share` of the decided ones is seen to be, with this power.

    Two-sided test of a share against one half, by the arcsine approximation (Cohen, Statistical Power Analysis, 1988,
    chapter 6). `ties`: the part of choices expected to be undecided. `a_dialogue` choices that fall on one dialogue and
    correlate by `alike` (0–1) count for less: the design effect is 1 + (a_dialogue − 1) · alike (Kish 1965).
    Raises ValueError when nothing is to be seen (a share of one half) or a number is out of range.
    """
    if not 0 < share < 1 or share == 0.5:
        raise ValueError("the preferred share must be between 0 and 1, and not one half")
    if not 0 <= ties < 1 or not 0 <= alike <= 1 or a_dialogue < 1:
        raise ValueError("ties must be from 0 to below 1, likeness from 0 to 1, choices a dialogue at least 1")
    size = abs(proportion_effectsize(share, 0.5))
    decided = NormalIndPower().solve_power(effect_size=size, alpha=alpha, power=power, ratio=0)
    return ceil(float(decided) / (1 - ties) * (1 + (a_dialogue - 1) * alike))
