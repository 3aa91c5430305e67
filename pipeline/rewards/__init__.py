"""Rewards: what one text deserves by format, emotion and rubric."""

from pipeline.rewards.combine import Reward, combine, emotion_reward, format_reward, needs_judge

__all__ = ["Reward", "combine", "emotion_reward", "format_reward", "needs_judge"]
