"""How many tasks are attempted at once."""

import random

import pytest

from verl_reflect.training.waves import MARGIN, MEMORY, Share, attempts_for


def test_no_places_take_no_attempts_and_sure_failures_one_each() -> None:
    assert attempts_for(0, 0.4) == 0
    assert attempts_for(256, 1.0) == 256


@pytest.mark.parametrize("share", [0.05, 0.1, 0.4, 0.7, 0.95])
@pytest.mark.parametrize("places", [1, 7, 256])
def test_it_is_the_smallest_number_that_leaves_the_margin(places: int, share: float) -> None:
    def left(attempts: int) -> float:
        return attempts * share - MARGIN * (attempts * share * (1 - share)) ** 0.5 - places

    attempts = attempts_for(places, share)
    assert left(attempts) >= -1e-6 > left(attempts - 1)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_it_is_mostly_enough_and_seldom_much_more(share: float) -> None:
    chance, attempts = random.Random(0), attempts_for(256, share)
    failures = [sum(chance.random() < share for _ in range(attempts)) for _ in range(300)]
    assert 0.87 < sum(each >= 256 for each in failures) / 300 < 0.99
    assert attempts < 1.3 * 256 / share


def test_the_share_is_that_of_the_steps_before_and_the_last_counts_most() -> None:
    share = Share()
    share.step(10, 100)
    share.step(90, 100)
    assert share.during(0, 50, 100) == pytest.approx((10 * MEMORY + 90) / (100 * MEMORY + 100))


def test_in_the_middle_of_a_step_what_has_happened_is_the_least_it_can_be() -> None:
    share = Share()
    share.step(30, 100)
    assert share.during(40, 40, 100) == 0.4, "all that are over passed, because those that pass are short"
    assert share.during(10, 10, 100) == 0.3


def test_the_first_step_goes_by_those_that_are_over() -> None:
    assert Share().during(0, 0, 256) == 0.0
    assert Share().during(5, 10, 256) == 0.5
