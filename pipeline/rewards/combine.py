"""The three rewards of Rubric-ERL and the one number they make: format, emotion, rubric (Kardia-R1, Rubric-ERL).

`outcome` of a reward is one of
    scored             every part that counts is known
    no_gold_emotion    the dialogue's emotion is empty or none of the 32 labels, and the emotion part counts
    not_judged         a criterion has no verdict at all
    abstained, parse_failed, refused, truncated, timeout, http_error, budget_stopped
                       the outcome of the first criterion that has no score, in the rubric's order
Only `scored` comes with a reward: a failed judge call is never a number.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.emotions import GROUP_OF
from pipeline.spans import fault, read_spans
from rubrics.aggregate import Total, aggregate, cautioning, vetoing
from rubrics.overall import as_asked
from rubrics.schema import Criterion, Rubric
from rubrics.severity import can_hold_back, held

if TYPE_CHECKING:
    from pipeline.judge import Verdict


class Reward(NamedTuple):
    """Parts and whole for one text, each 0–1 and null where unknown; `vetoed_by` is the criterion that set it to 0."""

    r_format: float
    r_emotion: float | None
    r_rubric: float | None
    reward: float | None
    vetoed_by: str | None
    outcome: str


def format_reward(text: str) -> float:
    """1.0 when all four spans are there, in order, paired and non-empty, else 0.0."""
    return 0.0 if fault(text) else 1.0


def emotion_reward(text: str, gold: str | None) -> float | None:
    """1.0 when the emotion span is exactly the gold label (case and outer space aside), else 0.0.

    None when the gold label is empty or not one of the 32: nothing can be right or wrong then.
    """
    expected = (gold or "").strip().lower()
    if expected not in GROUP_OF:
        return None
    return float(read_spans(text).emotion.strip().lower() == expected)


def needs_judge(rubric: Rubric) -> bool:
    """Whether a reward depends on verdicts: the rubric part has a weight, or a criterion can veto or caution."""
    return rubric.reward.rubric > 0 or can_hold_back(rubric)


def combine(rubric: Rubric, text: str, gold: str | None, verdicts: "Sequence[Verdict]") -> Reward:
    """The reward of `text`: (w_f·r_format + w_e·r_emotion + w_r·r_rubric) / (w_f + w_e + w_r), weights from the rubric.

    `verdicts` holds one verdict per criterion. The reward is null unless every part with a weight above 0 is known (and
    every verdict, where a criterion can veto or caution); cautions hold it back, and a veto sets it to 0. With equal
    weights and neither this is Kardia-R1's reward.

    A criterion that abstains because the answer itself lacks a span that it reads is known all the same: it earns its
    lowest score, but neither vetoes nor cautions. Were it unknown, training would never hear of an answer that breaks
    off early.
    """
    total, outcomes = total_of(rubric, text, verdicts)
    parts = (format_reward(text), emotion_reward(text, gold), total.value)
    outcome = _outcome(as_asked(rubric), parts[1], total, outcomes)
    reward = _weighted(rubric, parts) if outcome == "scored" else None
    if reward is not None:
        reward = 0.0 if total.vetoed_by else held(rubric, reward, len(total.cautioned_by))
    return Reward(*parts, reward, total.vetoed_by, outcome)


def total_of(rubric: Rubric, text: str, verdicts: "Sequence[Verdict]") -> tuple[Total, dict[str, str]]:
    """The rubric's own number for `text` with what vetoes and cautions, and the outcome of each criterion.

    A criterion that abstains for want of a span of the answer counts as scored, with its lowest score (see `combine`).
    """
    asked = as_asked(rubric)
    outcomes: dict[str, str] = {v.criterion_id: v.outcome for v in verdicts}
    lacking = [c for c in asked.criteria if outcomes.get(c.id) == "abstained" and _lacks(text, c)]
    total = _total(asked, {v.criterion_id: v.score for v in verdicts if v.outcome == "scored"}, lacking)
    return total, outcomes | {c.id: "scored" for c in lacking}


def _lacks(text: str, criterion: Criterion) -> bool:
    """Whether the answer has nothing in one of its own spans that the criterion reads."""
    spans = read_spans(text)._asdict()
    return any(not spans[part] for part in criterion.reads if part in spans)


def _total(rubric: Rubric, scores: Mapping[str, float | None], lacking: Sequence[Criterion]) -> Total:
    value = aggregate(rubric, {**scores, **{c.id: c.scale[0] for c in lacking}}).value
    return Total(None, None) if value is None else Total(value, vetoing(rubric, scores), cautioning(rubric, scores))


def _outcome(rubric: Rubric, r_emotion: float | None, total: Total, outcomes: Mapping[str, str]) -> str:
    if needs_judge(rubric) and total.value is None:
        return next(o for i in rubric.ids if (o := outcomes.get(i, "not_judged")) != "scored")
    return "no_gold_emotion" if rubric.reward.emotion > 0 and r_emotion is None else "scored"


def _weighted(rubric: Rubric, parts: tuple[float | None, ...]) -> float:
    weights = (rubric.reward.format, rubric.reward.emotion, rubric.reward.rubric)
    return sum(w * part for w, part in zip(weights, parts, strict=True) if part is not None) / rubric.reward.total
