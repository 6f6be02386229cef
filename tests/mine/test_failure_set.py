"""The chance to pass at k tries. The rows and the card are tested where they are mined (test_sampling_all.py)."""

from verl_reflect.mine.failure_set import pass_at
from verl_reflect.mine.sampling import Sampled


def test_pass_at_k_by_hand() -> None:
    sampled = [Sampled(0, passed=1, failed=3), Sampled(1, failed=4), Sampled(2, passed=3)]
    assert pass_at(sampled, 4) == {"1": 0.125, "2": 0.25, "4": 0.5}, "the third has too few verdicts to count"
