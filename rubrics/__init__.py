"""The instrument itself: what a rubric is, how it is read, rendered for a judge and turned into one number."""

from rubrics.errors import UserError
from rubrics.load import load_rubric, parse_rubric
from rubrics.schema import Criterion, Rubric

__all__ = ["Criterion", "Rubric", "UserError", "load_rubric", "parse_rubric"]
