"""How far each reflection of a group is pushed up or down: GRPO's advantage, as verl computes it."""

from collections.abc import Sequence
from statistics import fmean, stdev

EPSILON = 1e-6


def advantages(rewards: Sequence[float], divides_by_std: bool = True) -> list[float]:
    """(reward - mean) / (standard deviation + 1e-6), or reward - mean. A group of one keeps its reward, as in verl."""
    if len(rewards) == 1:
        return list(rewards)
    mean, scale = fmean(rewards), stdev(rewards) + EPSILON if divides_by_std else 1.0
    return [(reward - mean) / scale for reward in rewards]
