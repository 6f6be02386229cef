"""pass@k: the chance that at least one of k answers passes."""

import math


def pass_at_k(answers: int, passed: int, k: int) -> float:
    """Estimated without bias from `answers` answers to one item, of which `passed` passed (Chen et al. 2021).

    As the product over the failures, which stays exact where the binomials of the definition overflow.

    Raises:
        ValueError: k is more than the answers there are, or less than 1.
    """
    if not 1 <= k <= answers:
        raise ValueError(f"pass@{k} cannot be estimated from {answers} answers.")
    if answers - passed < k:
        return 1.0
    return 1.0 - math.prod(1 - k / number for number in range(answers - passed + 1, answers + 1))


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4, ... up to `most`: the k that are reported."""
    return [1 << i for i in range(most.bit_length())]
