"""Whole steps in virtual time, with the benchmark's stand-ins: who is trained, and how long it takes."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest

from benchmarks.simulated_step import ATTEMPT, Model, Simulation, composed

GROUPS = ("data.train_batch_size=24", "actor_rollout_ref.rollout.n=2")


@pytest.fixture
def simulated() -> Iterator[Any]:
    made: list[Simulation] = []

    def simulation(model: Model, *overrides: str, first_attempt: str = "live") -> Simulation:
        made.append(Simulation(composed(*GROUPS, f"reflect.first_attempt={first_attempt}", *overrides), model))
        return made[-1]

    yield simulation
    for each in reversed(made):  # the first put back what was there before
        each.close()


def failures(simulation: Simulation) -> Iterator[int]:
    """The tasks that the simulated model fails, in the order of the data."""
    return (task for task in count() if not simulation.servers.passes(str(task), ATTEMPT))


@pytest.mark.parametrize("wrong_factor", [0.2, 1.0, 5.0])
def test_the_first_failures_are_trained_whether_wrong_answers_are_quick_or_slow(
    simulated: Any, wrong_factor: float
) -> None:
    simulation = simulated(Model(0.6, wrong_factor=wrong_factor))
    handed_out = 0
    for _ in range(2):
        _, groups, metrics = simulation.step()
        wanted = (task for task in failures(simulation) if task >= handed_out)
        assert groups == list(islice(wanted, 24))
        handed_out += int(metrics["reflect/attempts_made"])


def test_a_known_pass_rate_makes_one_wave_and_all_workers_busy(simulated: Any) -> None:
    simulation = simulated(Model(0.6))
    (_, _, first), *later = [simulation.step() for _ in range(3)]
    assert first["reflect/longest_attempt_chain"] > 1
    for _, _, metrics in later:
        assert metrics["reflect/longest_attempt_chain"] <= 2
        assert metrics["reflect/attempts_made"] <= 1.8 * 24 / 0.4
        assert metrics["reflect/largest_worker_share"] <= 1.2


def test_a_live_step_is_not_much_longer_than_one_with_failures_of_the_data(simulated: Any) -> None:
    stored = simulated(Model(0.0), first_attempt="dataset").step()[0]
    live = simulated(Model(0.6))
    assert [live.step()[0] for _ in range(2)][1] < 2.0 * stored


def test_flat_groups_are_replaced_by_the_next_failures(simulated: Any) -> None:
    filtering = ("algorithm.filter_groups.enable=true", "algorithm.filter_groups.metric=acc")
    simulation = simulated(Model(0.3), *filtering)
    for _ in range(2):
        _, groups, metrics = simulation.step()
        assert len(groups) == 24 and metrics["reflect/groups_all_fail"] == metrics["reflect/groups_all_pass"] == 0
        assert metrics["reflect/replaced_all_fail"] > 0


def test_where_nothing_fails_the_run_ends(simulated: Any) -> None:
    with pytest.raises(RuntimeError, match="add harder tasks"):
        simulated(Model(1.0), "reflect.max_replaced_groups=2").step()
