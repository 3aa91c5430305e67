"""What each criterion gave to a reward and what it took: terms that add up to the reward exactly.

Every method but minimum is a sum already, so that a term is simply its summand. Under minimum the worst criterion
decides and the others give nothing by themselves; there each takes its Shapley share of what is missing from full
marks, which for a maximum of losses has a closed form (the airport game: Littlechild and Owen, Management Science 20,
1973): the loss that all share is split among all, what goes beyond it among those that go beyond it, and so on.
"""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from rubrics.aggregate import cautioning, counted, saturated, unit, vetoing
from rubrics.overall import as_asked
from rubrics.schema import Criterion, Rubric
from rubrics.severity import can_hold_back, held

Kind = Literal["format", "emotion", "criterion", "full_marks", "cut", "caution", "veto"]


class Term(NamedTuple):
    """One summand of a reward.

    `ids`: the criteria it is about, none for format, emotion and full marks. `amount`: what it adds, below 0 where it
    takes. `most`: what it would add at its best, or for a fault take at its worst. `cut` is what lies beyond 0–1 in a
    rubric of points; `caution` and `veto` are what severities and vetoes take of all that stands above them.
    `limited_by`: the criterion that kept this one from giving more.
    """

    kind: Kind
    ids: tuple[str, ...]
    amount: float
    most: float = 0.0
    limited_by: str | None = None


def contributions(
    rubric: Rubric,
    scores: Mapping[str, float],
    r_format: float | None,
    r_emotion: float | None,
    lacking: Collection[str] = (),
) -> list[Term] | None:
    """The terms of one turn's reward, in the order in which they are added up; None while the reward is not known.

    `scores` holds criterion id → score. `lacking` names criteria that abstained because the answer has nothing of what
    they read: they earn their lowest score, and neither veto nor caution.
    """
    asked = as_asked(rubric)
    known = {c.id: scores.get(c.id, c.scale[0]) for c in asked.criteria if c.id in scores or c.id in lacking}
    weights, parts = rubric.reward, (r_format, r_emotion)
    needed = zip((weights.format, weights.emotion), parts, strict=True)
    is_judged = weights.rubric > 0 or can_hold_back(asked)
    lacks_a_score = is_judged and len(known) < len(asked.criteria)
    if lacks_a_score or any(weight > 0 and part is None for weight, part in needed):
        return None
    terms = [
        Term("format", (), weights.format * (r_format or 0.0) / weights.total, weights.format / weights.total),
        Term("emotion", (), weights.emotion * (r_emotion or 0.0) / weights.total, weights.emotion / weights.total),
    ]
    terms = [term for term in terms if term.most]
    if not is_judged:
        return terms
    terms += [_scaled(term, weights.rubric / weights.total) for term in _of_rubric(asked, known)]
    return terms + _held_back(asked, scores, sum(term.amount for term in terms))


def rubric_terms(rubric: Rubric, scores: Mapping[str, float]) -> list[Term]:
    """The terms of the rubric's own number alone, 0–1, before any caution or veto; `scores` holds every criterion."""
    return _of_rubric(as_asked(rubric), scores)


def _scaled(term: Term, share: float) -> Term:
    return term._replace(amount=term.amount * share, most=term.most * share)


def _of_rubric(rubric: Rubric, scores: Mapping[str, float]) -> list[Term]:
    """The terms of the rubric's own number, 0–1."""
    shares = counted(rubric, scores)
    if rubric.aggregate.method == "minimum":
        taken = _shares_of_the_worst({i: 1 - share for i, share in shares.items()})
        return [Term("full_marks", (), 1.0, 1.0), *(Term("criterion", (i,), -loss) for i, loss in taken.items())]
    terms = [_summand(rubric, c, shares[c.id], unit(c, scores[c.id])) for c in rubric.criteria]
    whole = sum(term.amount for term in terms)
    beyond = min(max(whole, 0.0), 1.0) - whole
    is_cut = rubric.aggregate.method == "points" and beyond
    return terms + ([Term("cut", (), beyond)] if is_cut else [])


def _summand(rubric: Rubric, criterion: Criterion, share: float, own: float) -> Term:
    """A criterion's summand; it counts for `share` of what it could, by its `own` score alone for as much or more."""
    limited_by = criterion.limited_by if share < own else None
    if rubric.aggregate.method == "points":
        factor = (criterion.points or 0.0) / sum(c.points for c in rubric.criteria if c.points and c.points > 0)
    else:
        factor = criterion.weight / sum(c.weight for c in rubric.criteria)
    if rubric.aggregate.method == "saturating":
        share = saturated(share, rubric.aggregate.saturation)
    return Term("criterion", (criterion.id,), factor * share, factor, limited_by)


def _shares_of_the_worst(losses: Mapping[str, float]) -> dict[str, float]:
    """Criterion id → its Shapley share of the largest loss."""
    rising = sorted(losses, key=losses.__getitem__)
    shares, share, before = {}, 0.0, 0.0
    for place, criterion_id in enumerate(rising):
        share += (losses[criterion_id] - before) / (len(rising) - place)
        before = losses[criterion_id]
        shares[criterion_id] = share
    return {criterion_id: shares[criterion_id] for criterion_id in losses}


def _held_back(rubric: Rubric, scores: Mapping[str, float], reward: float) -> list[Term]:
    """What cautions and a veto take of a reward."""
    terms = []
    if yellow := cautioning(rubric, scores):
        terms.append(Term("caution", yellow, held(rubric, reward, len(yellow)) - reward))
    if vetoed_by := vetoing(rubric, scores):
        terms.append(Term("veto", (vetoed_by,), -(reward + sum(term.amount for term in terms))))
    return terms
