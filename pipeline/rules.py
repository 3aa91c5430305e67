"""Criteria of kind rule: computed from the turn and never asked of a judge."""

from pipeline.turns import Turn
from rubrics.schema import Criterion


def computed(criterion: Criterion, turn: Turn) -> tuple[float | None, str]:
    """1.0 or 0.0 and why; None when the turn has no response to look at."""
    rule = criterion.rule
    words = len(turn.spans.response.split())
    if not words or rule is None:
        return None, "the dialogue has no response"
    score = 1.0 if words <= rule.max_words else 0.0
    return score, f"the response has {words} words, at most {rule.max_words} are allowed"
