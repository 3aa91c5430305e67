"""How far labels can be trusted: agreement between people, or of a judge with people, each figure with its interval.

    ratings = table(frame)                      # units × raters, blanks where nobody rated
    krippendorff_alpha(ratings, "ordinal")      # a Measure: value, interval, what it rests on, or why there is none

Units are clustered (turns in dialogues), so intervals draw dialogues and not turns. What is undefined says why, and is
never 0, 1 or NaN.
"""

from rubrics.reliability.alpha import krippendorff_alpha
from rubrics.reliability.chance import fleiss_kappa, gwet_ac, specific_agreement
from rubrics.reliability.icc import intraclass
from rubrics.reliability.measure import Measure, Undefined
from rubrics.reliability.pairs import Pair, cohen_kappa, pairwise
from rubrics.reliability.ratings import Ratings, table
from rubrics.reliability.truth import Estimate, dawid_skene

__all__ = [
    "Estimate",
    "Measure",
    "Pair",
    "Ratings",
    "Undefined",
    "cohen_kappa",
    "dawid_skene",
    "fleiss_kappa",
    "gwet_ac",
    "intraclass",
    "krippendorff_alpha",
    "pairwise",
    "specific_agreement",
    "table",
]
