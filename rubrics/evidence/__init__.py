"""What figures of models can show: intervals, paired differences, worst cases, preferences, and how many are needed.

Answers come from dialogues, and answers of one dialogue are alike: every interval here draws whole dialogues.
"""

from rubrics.evidence.bootstrap import interval, share_interval
from rubrics.evidence.paired import Change, change, told, verdict
from rubrics.evidence.preference import Choice, Strength, share, strengths
from rubrics.evidence.sample_size import choices_needed
from rubrics.evidence.worst import WorstAt, worst_at, worst_curve

__all__ = [
    "Change",
    "Choice",
    "Strength",
    "WorstAt",
    "change",
    "choices_needed",
    "interval",
    "share",
    "share_interval",
    "strengths",
    "told",
    "verdict",
    "worst_at",
    "worst_curve",
]
