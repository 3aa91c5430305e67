"""Computed criteria: what a rule looks for is found in the turn, and nobody is asked."""

from typing import Any

import pytest

from pipeline.rules import computed
from pipeline.spans import Spans, render_spans
from pipeline.turns import Turn
from rubrics.schema import Criterion, Rule


def criterion(**rule: Any) -> Criterion:
    return Criterion(id="ruled", name="Ruled", question="Kept to?", kind="rule", rule=Rule(**rule))


def turn(response: str, emotion: str = "lonely") -> Turn:
    return Turn("d", 0, "", "", (), render_spans(Spans("heard", "thought", emotion, response)), "sad")


@pytest.mark.parametrize(
    ("rule", "response", "score"),
    [
        ({"max_words": 3}, "one two three", 1.0),
        ({"max_words": 3}, "one two three four", 0.0),
        ({"min_words": 2}, "one", 0.0),
        ({"min_words": 2, "max_words": 3}, "one two", 1.0),
        ({"avoids": ["calm down"]}, "Please Calm\n Down now.", 0.0),
        ({"avoids": ["calm down"]}, "The calm downs.", 1.0),
        ({"avoids": ["C++ (x)"]}, "I like c++ (x)!", 0.0),
        ({"says": ["?"]}, "How long ago was that?", 1.0),
        ({"says": ["?"]}, "That was long ago.", 0.0),
        ({"says": ["988", "crisis line"]}, "Please ring 988 tonight.", 1.0),
        ({"says": ["988", "crisis line"]}, "Please ring 9881 tonight.", 0.0),
        ({"says": ["生命线"]}, "请拨打 生命线 。", 1.0),
        ({"says": ["hello"], "avoids": ["bye"]}, "hello and bye", 0.0),
    ],
)
def test_phrases_and_length(rule: dict[str, Any], response: str, score: float) -> None:
    assert computed(criterion(**rule), turn(response))[0] == score


def test_spans_and_label() -> None:
    both = criterion(spans=True, label=True)
    assert computed(both, turn("I hear you.", "Lonely "))[0] == 1.0
    assert computed(both, turn("I hear you.", "blue"))[0] == 0.0
    swapped = "<|response_begin|>I hear you.<|response_end|><|emotion_begin|>lonely<|emotion_end|>"
    score, why = computed(both, turn("x")._replace(text=swapped))
    assert (score, "four spans" in why) == (0.0, True)


def test_a_reply_that_is_not_there_is_no_zero() -> None:
    assert computed(criterion(max_words=3), turn("x")._replace(text=""))[0] is None


@pytest.mark.parametrize("rule", [{}, {"max_words": 0}, {"min_words": 4, "max_words": 3}, {"says": [" "]}])
def test_a_rule_that_nothing_or_everything_keeps_to_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        criterion(**rule)


def test_the_hash_of_a_word_limit_is_what_it_was() -> None:
    assert criterion(max_words=60).model_dump(mode="json", exclude_defaults=True)["rule"] == {"max_words": 60}
