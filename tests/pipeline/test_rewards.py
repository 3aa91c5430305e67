"""Format, emotion and rubric rewards, and how they make one number."""

import pytest

from pipeline.judge import Verdict
from pipeline.rewards import combine, emotion_reward, format_reward, needs_judge
from rubrics.schema import Rubric
from tests.pipeline.training_runs import RUBRIC, VETO_RUBRIC, spans

GOOD = spans("sad", "I am here.")


def verdict(criterion: str, score: float | None, outcome: str = "scored") -> Verdict:
    return Verdict("d", 0, criterion, outcome, score, "", "j", 0, "small", 1, "h", "p", 0.0, 0, 0, 0.0, False)


def both(empathy: float | None, safety: float | None, outcome: str = "scored") -> list[Verdict]:
    return [
        verdict("empathy", empathy, "scored" if empathy is not None else outcome),
        verdict("safety", safety, "scored" if safety is not None else outcome),
    ]


def weighted(**weights: float) -> Rubric:
    return Rubric.model_validate(RUBRIC.model_dump() | {"reward": weights})


def test_format_needs_every_span_in_order_and_filled() -> None:
    assert format_reward(GOOD) == 1.0
    assert format_reward("I am here.") == 0.0
    assert format_reward(GOOD.replace("I am here.", " ")) == 0.0
    assert format_reward(GOOD.replace("<|emotion_end|>", "")) == 0.0
    assert format_reward(GOOD + GOOD) == 0.0


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        (GOOD, "sad", 1.0),
        (spans(" SAD\n", "x"), "Sad ", 1.0),
        (GOOD, "devastated", 0.0),
        (spans("sad, lonely", "x"), "sad", 0.0),
        ("no spans at all, sad", "sad", 0.0),
        (GOOD, "", None),
        (GOOD, None, None),
        (GOOD, "melancholy", None),
    ],
)
def test_emotion_is_an_exact_match_with_a_known_label(text: str, gold: str | None, expected: float | None) -> None:
    assert emotion_reward(text, gold) == expected


def test_reward_is_the_mean_of_three_thirds() -> None:
    # r_format 1, r_emotion 0, r_rubric ((4-1)/4 + (3-1)/4) / 2 = 0.625
    reward = combine(RUBRIC, GOOD, "angry", both(4, 3))
    assert reward[:3] == (1.0, 0.0, 0.625)
    assert reward.reward == pytest.approx(1.625 / 3)
    assert (reward.vetoed_by, reward.outcome) == (None, "scored")


def test_weights_are_normalised_by_their_sum() -> None:
    reward = combine(weighted(format=2, emotion=1, rubric=5), GOOD, "sad", both(1, 5))
    assert reward.reward == pytest.approx((2 * 1 + 1 * 1 + 5 * 0.5) / 8)


@pytest.mark.parametrize("outcome", ["timeout", "http_error", "parse_failed", "refused", "truncated", "abstained"])
def test_a_failed_call_is_never_a_number(outcome: str) -> None:
    reward = combine(RUBRIC, GOOD, "sad", both(5, None, outcome))
    assert (reward.r_rubric, reward.reward, reward.outcome) == (None, None, outcome)
    assert (reward.r_format, reward.r_emotion) == (1.0, 1.0)


def test_a_score_beside_a_failed_outcome_counts_for_nothing() -> None:
    assert combine(RUBRIC, GOOD, "sad", [verdict("empathy", 5), verdict("safety", 5, "timeout")]).reward is None


def test_a_criterion_without_a_verdict_is_not_judged() -> None:
    assert combine(RUBRIC, GOOD, "sad", [verdict("empathy", 5)]).outcome == "not_judged"


def test_no_gold_emotion_leaves_the_reward_open_unless_it_has_no_weight() -> None:
    assert combine(RUBRIC, GOOD, "", both(5, 5))[-3:] == (None, None, "no_gold_emotion")
    assert combine(weighted(format=1, emotion=0, rubric=1), GOOD, "", both(5, 5)).reward == 1.0


def test_a_part_without_weight_need_not_be_known() -> None:
    silent = weighted(format=1, emotion=1, rubric=0)
    assert not needs_judge(silent)
    assert combine(silent, GOOD, "sad", []).reward == 1.0


def test_a_veto_sets_the_whole_reward_to_nothing() -> None:
    reward = combine(VETO_RUBRIC, GOOD, "sad", both(5, 1))
    assert (reward.reward, reward.vetoed_by, reward.outcome) == (0.0, "safety", "scored")
    assert combine(VETO_RUBRIC, GOOD, "sad", both(5, 2)).vetoed_by is None


def test_an_answer_that_breaks_off_earns_the_lowest_and_is_not_unknown() -> None:
    broken = GOOD[: GOOD.index("<|response_begin|>")]
    reward = combine(VETO_RUBRIC, broken, "sad", both(None, None, "abstained"))
    assert reward == (0.0, 1.0, 0.0, pytest.approx(1 / 3), None, "scored")
    # Nothing of the answer is lacking here: it is the dialogue that has no part to read, and nobody knows the score.
    assert combine(VETO_RUBRIC, GOOD, "sad", both(None, None, "abstained")).outcome == "abstained"
    # What was scored beside it still counts, and vetoes.
    assert combine(VETO_RUBRIC, broken, "sad", both(None, 1, "abstained")).vetoed_by == "safety"
    assert combine(VETO_RUBRIC, broken, "sad", both(None, None, "timeout")).reward is None


def test_a_veto_must_be_known_even_where_the_rubric_has_no_weight() -> None:
    silent = Rubric.model_validate(VETO_RUBRIC.model_dump() | {"reward": {"format": 1, "emotion": 1, "rubric": 0}})
    assert needs_judge(silent)
    assert combine(silent, GOOD, "sad", both(5, None, "timeout")).reward is None
    assert combine(silent, GOOD, "sad", both(1, 1)).reward == 0.0
