"""Rewards: what one text deserves by format, emotion and rubric, and the same as TRL reward functions."""

from pipeline.rewards.combine import Reward, combine, emotion_reward, format_reward, needs_judge
from pipeline.rewards.parts import EmotionReward, FormatReward, RubricReward, SpanConsistencyReward
from pipeline.rewards.together import all_or_null
from pipeline.rewards.whole import WholeReward

__all__ = [
    "EmotionReward",
    "FormatReward",
    "Reward",
    "RubricReward",
    "SpanConsistencyReward",
    "WholeReward",
    "all_or_null",
    "combine",
    "emotion_reward",
    "format_reward",
    "needs_judge",
]
