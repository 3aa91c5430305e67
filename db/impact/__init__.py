"""What a rubric change would do, before it is approved: measured, ranked for judging, and kept with the version."""

from db.impact.preview import measure, preview
from db.impact.ranking import hardest, ranked
from db.impact.record import Flip, GoldTurn, Impact, Marks, keep_preview, kept_preview

__all__ = [
    "Flip",
    "GoldTurn",
    "Impact",
    "Marks",
    "hardest",
    "keep_preview",
    "kept_preview",
    "measure",
    "preview",
    "ranked",
]
