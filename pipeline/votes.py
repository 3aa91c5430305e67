"""Several votes on one criterion as one verdict: what most say, or nothing.

Votes without a score stay in the denominator: two "yes" among five of which three could not answer are no majority. A
tie is no majority either; nothing is decided by the order of a list.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from pipeline.judge import Outcome, Verdict
from rubrics.schema import Criterion


def combined(criterion: Criterion, votes: Sequence[Verdict]) -> Verdict:
    """The verdict of all `votes`, at least one: the strict majority's on two-point scales, else the median of scores.

    The median needs scores from more than half of the votes. Tokens and cost add up, the latency is the slowest vote's.
    Without a decision the outcome is that of most votes that have no score, or abstained where they all have one.
    """
    if len(votes) == 1 or criterion.kind == "rule":
        return votes[0]
    score = decided(criterion, [vote.score for vote in votes])
    return votes[0]._replace(
        outcome="scored" if score is not None else _undecided(votes),
        score=score,
        reason=_reason(votes, score),
        judge=" + ".join(dict.fromkeys(vote.judge for vote in votes)),
        replicate=0,
        latency_s=max(vote.latency_s for vote in votes),
        tokens_in=sum(vote.tokens_in for vote in votes),
        tokens_out=sum(vote.tokens_out for vote in votes),
        cost=sum(vote.cost for vote in votes),
        cached=all(vote.cached for vote in votes),
    )


def decided(criterion: Criterion, scores: Sequence[float | None]) -> float | None:
    """The score of all, None where there is no majority or too few scores."""
    known = [score for score in scores if score is not None]
    if 2 * len(known) <= len(scores):
        return None
    low, high = criterion.scale
    if high - low > 1:
        return float(median(known))
    score, count = Counter(known).most_common(1)[0]
    return score if 2 * count > len(scores) else None


def _undecided(votes: Sequence[Verdict]) -> Outcome:
    without = Counter(vote.outcome for vote in votes if vote.score is None)
    return without.most_common(1)[0][0] if without else "abstained"


def _reason(votes: Sequence[Verdict], score: float | None) -> str:
    """All votes in their order, then the words of the first that comes nearest to what was decided."""
    said = ", ".join(vote.outcome if vote.score is None else f"{vote.score:g}" for vote in votes)
    if score is None:
        return f"{len(votes)} votes: {said}; no majority"
    reasons = [(abs(vote.score - score), vote.reason) for vote in votes if vote.score is not None]
    return f"{len(votes)} votes: {said}. {min(reasons, key=lambda one: one[0])[1]}"
