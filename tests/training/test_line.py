"""Whole asynchronous steps in virtual time: who is trained, and when, does not depend on who is quick."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest

from benchmarks.simulated_step import ATTEMPT, Model, Simulation, composed
from verl_reflect.training.line import StoredLine, head
from verl_reflect.training.queue import Seen

GROUPS, PLACES = ("data.train_batch_size=16", "actor_rollout_ref.rollout.n=2"), 16


def seen(without_rows: str = "", stale: str = "", ready: str = "") -> Seen:
    """Groups of one letter each."""
    return Seen(set(without_rows), set(), {}, set(stale), set(ready), on_their_way=0)


def test_a_batch_is_the_head_of_the_line_and_complete() -> None:
    assert head("abc", 2, {"a", "c"}) is None and head("a", 2, {"a"}) is None
    assert head("abc", 2, {"a", "b", "c"}) == {"a", "b"}


def test_a_stored_line_moves_up_for_whoever_leaves_it() -> None:
    line = StoredLine()
    line.dispatched("abcd")
    assert line.look(seen(without_rows="a", stale="b", ready="d"), 1).batch is None
    assert line.look(seen(ready="cd"), 1).batch == {"c"}
    line.leave("c")
    assert line.look(seen(ready="d"), 1).batch == {"d"}


@pytest.fixture
def simulated() -> Iterator[Any]:
    made: list[Simulation] = []

    def simulation(model: Model, first_attempt: str = "live", mode: str = "colocate_async") -> Simulation:
        chosen = (f"reflect.first_attempt={first_attempt}", f"trainer.v1.trainer_mode={mode}")
        updates = "trainer.v1.separate_async.parameter_sync_step=2"
        made.append(Simulation(composed(*GROUPS, *chosen, updates), model))
        return made[-1]

    yield simulation
    for each in reversed(made):  # the first put back what was there before
        each.close()


@pytest.mark.parametrize("mode", ["colocate_async", "separate_async"])
@pytest.mark.parametrize("wrong_factor", [0.2, 5.0])
def test_failures_are_trained_in_the_order_of_the_data_whether_wrong_answers_are_quick_or_slow(
    simulated: Any, wrong_factor: float, mode: str
) -> None:
    simulation = simulated(Model(0.6, wrong_factor=wrong_factor), mode=mode)
    trained = [group for _ in range(4) for group in simulation.step()[1]]
    failures = (task for task in count() if not simulation.servers.passes(str(task), ATTEMPT))
    assert trained == list(islice(failures, 4 * PLACES))


@pytest.mark.parametrize("mode", ["colocate_async", "separate_async"])
def test_failures_of_the_data_are_trained_in_their_order_a_batch_after_they_were_handed_out(
    simulated: Any, mode: str
) -> None:
    simulation = simulated(Model(0.0), "dataset", mode)
    steps = [simulation.step() for _ in range(4)]
    assert [groups for _, groups, _ in steps] == [list(range(PLACES * n, PLACES * (n + 1))) for n in range(4)]
    assert all(metrics["reflect/replaced_stale"] == 0 for _, _, metrics in steps)


def test_a_batch_more_on_its_way_hides_the_long_tail(simulated: Any) -> None:
    synchronous = [simulated(Model(0.0), "dataset", "sync").step()[0] for _ in range(1)]
    simulation = simulated(Model(0.0), "dataset", "separate_async")
    warm = [simulation.step()[0] for _ in range(4)][1:]
    assert sum(warm) / 3 < 0.8 * synchronous[0]
