"""Prompts reach workers evenly, and whoever must know of them hears it."""

from types import SimpleNamespace
from typing import Any

import pytest
import verl.trainer.ppo.v1.agent_loop_tq as verl_agent_loops
from usher_here import UsherHere
from verl.utils import tensordict_utils

from verl_reflect.training import agent_loop_manager
from verl_reflect.training.agent_loop_manager import ReflectAgentLoopManager
from verl_reflect.training.dispatch import Dispatch


class Worker:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.columns: list[dict[str, Any]] = []
        self.generate_sequences = SimpleNamespace(remote=self._take)

    def _take(self, prompts: Any) -> None:
        self.groups += list(prompts["uid"])
        self.columns.append({name: prompts[name] for name in list(prompts.keys())})


@pytest.fixture
def made(recipe_config: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def manager_of(workers: int, *overrides: str) -> ReflectAgentLoopManager:
        monkeypatch.setattr(verl_agent_loops, "ray", SimpleNamespace(get=lambda answers: answers))
        monkeypatch.setattr(agent_loop_manager, "RunningUsher", UsherHere)
        monkeypatch.setattr(agent_loop_manager, "DISPATCH", Dispatch())
        manager = ReflectAgentLoopManager(config=recipe_config(*overrides), llm_client=None)
        manager.agent_loop_workers = [Worker() for _ in range(workers)]
        return manager

    return manager_of


def hand_out(manager: ReflectAgentLoopManager, *groups: str, step: int = 1, **more: Any) -> None:
    prompts = tensordict_utils.get_tensordict({"uid": list(groups)})
    for name, value in {"global_steps": step, **more}.items():
        tensordict_utils.assign_non_tensor_data(prompts, name, value)
    manager.generate_sequences(prompts)


def test_one_task_at_a_time_goes_round_the_workers(made: Any) -> None:
    manager = made(4)
    for number in range(10):
        hand_out(manager, str(number))
    assert sorted(len(worker.groups) for worker in manager.agent_loop_workers) == [2, 2, 3, 3]


def test_waves_of_any_size_are_even_within_a_step(made: Any) -> None:
    manager = made(8)
    for wave, size in enumerate([256, 448, 9, 5, 1, 20]):
        hand_out(manager, *(f"{wave}-{number}" for number in range(size)))
    counts = [len(worker.groups) for worker in manager.agent_loop_workers]
    assert sum(counts) == 739 and max(counts) <= 1.05 * 739 / 8
    assert agent_loop_manager.DISPATCH.largest_share == pytest.approx(max(counts) * 8 / 739)


def test_each_step_counts_anew_and_validations_do_not_count(made: Any) -> None:
    manager = made(2)
    hand_out(manager, "a")
    hand_out(manager, *"bcdef", validate=True)
    assert agent_loop_manager.DISPATCH.largest_share == 2.0
    hand_out(manager, "g", "h", step=2)
    assert agent_loop_manager.DISPATCH.largest_share == 1.0


def test_live_groups_are_told_whom_to_ask_and_the_usher_of_them_in_their_order(made: Any) -> None:
    manager = made(2, "reflect.first_attempt=live", "data.train_batch_size=2")
    hand_out(manager, "b", "a", "c")
    hand_out(manager, "v", validate=True)
    usher = agent_loop_manager.DISPATCH.usher
    assert usher.standing([], []).holders == ("b", "a") and usher.standing([], []).tally.dispatched == 3
    columns = [each for worker in manager.agent_loop_workers for each in worker.columns]
    assert {(each["is_validation"], each.get("usher")) for each in columns} == {(False, "here"), (True, None)}


def test_with_failures_of_the_data_there_is_no_usher(made: Any) -> None:
    manager = made(1)
    hand_out(manager, "a")
    assert agent_loop_manager.DISPATCH.usher is None
    assert "usher" not in manager.agent_loop_workers[0].columns[0]
