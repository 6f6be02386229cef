"""Which actors died, on a real Ray of this machine: each kind of end, and whether it is told."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import ActorDiedError, OutOfMemoryError

from verl_reflect.training.deaths import Actors, Death, cause, death_of

SECONDS = 20.0


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test
    ray.init("local", num_cpus=16, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


class Worker:
    def __init__(self, engine: Any = None) -> None:
        if engine is not None:
            self.engine = engine

    def pid(self) -> int:
        return os.getpid()

    def work(self, seconds: float) -> None:
        time.sleep(seconds)

    def leave(self) -> None:
        ray.actor.exit_actor()

    def crash(self) -> None:
        os._exit(1)

    def stop(self) -> None:
        raise SystemExit(3)


class Broken(Worker):
    def __init__(self) -> None:
        raise ValueError("no such model")


def worker(name: str, *arguments: Any, kind: type[Worker] = Worker) -> Any:
    actor = ray.remote(kind).options(name=name).remote(*arguments)
    if kind is Worker:
        ray.get(actor.pid.remote())
    return actor


def deaths(actors: Actors, enough: Callable[[list[Death]], bool], seconds: float = SECONDS) -> list[Death]:
    found: list[Death] = []
    end = time.monotonic() + seconds
    while not enough(found) and time.monotonic() < end:
        found += actors.dead()
        time.sleep(0.1)
    return found


def kill(actor: Any) -> None:
    os.kill(ray.get(actor.pid.remote()), signal.SIGKILL)


def test_an_actor_that_is_killed_is_told_once_with_its_place_and_why() -> None:
    victim, actors = worker("WorkerDict_0:0"), Actors()
    actors.dead()
    pid = ray.get(victim.pid.remote())
    kill(victim)
    (death,) = deaths(actors, bool)
    assert str(death).startswith(
        "WorkerDict_0:0 died: its process was killed, often for want of memory, or crashed (node "
    )
    assert f"process {pid}" in death.why and "\n" not in str(death)
    assert not actors.dead()
    with pytest.raises(ActorDiedError) as asked:
        ray.get(victim.pid.remote())
    assert death_of(asked.value) == death, "verl's own call says as much"


def test_an_actor_that_is_busy_is_alive_until_it_dies() -> None:
    victim, actors = worker("busy"), Actors()
    pid = ray.get(victim.pid.remote())
    victim.work.remote(1000)
    assert not deaths(actors, bool, seconds=1)
    os.kill(pid, signal.SIGKILL)
    assert [death.name for death in deaths(actors, bool)] == ["busy"]


@pytest.mark.parametrize("way", ["crash", "stop"])
def test_an_actor_that_ends_itself_unasked_has_died(way: str) -> None:
    victim, actors = worker(way), Actors()
    actors.dead()
    getattr(victim, way).remote()
    assert [death.name for death in deaths(actors, bool)] == [way]


def test_an_actor_that_is_ended_on_purpose_has_not_died() -> None:
    killed, left, dropped, actors = worker("killed"), worker("left"), worker("dropped"), Actors()
    canary = worker("canary")
    actors.dead()
    ray.kill(killed)
    left.leave.remote()
    del dropped
    time.sleep(1)
    kill(canary)
    assert [death.name for death in deaths(actors, bool)] == ["canary"]
    assert not deaths(actors, bool, seconds=1)


def test_an_actor_that_never_came_to_life_is_verls_to_tell() -> None:
    actors = Actors()
    broken = worker("broken", kind=Broken)
    assert not deaths(actors, bool, seconds=3)
    del broken


def test_a_server_whose_engine_is_gone_is_told() -> None:
    actors = Actors()
    running, starting = worker("vllm_server_0_0", SimpleNamespace(errored=False)), worker("vllm_server_1_0")
    assert not deaths(actors, bool, seconds=2)
    gone = worker("vllm_server_2_0", SimpleNamespace(errored=True))
    assert str(deaths(actors, bool)[0]) == "the engine of vllm_server_2_0 died: its process was killed, or crashed"
    del running, starting, gone


def test_verl_names_its_servers_so_and_keeps_the_engine_there() -> None:
    from verl_reflect.checks.verl_names import is_there
    from verl_reflect.training.deaths import VLLM_SERVER

    server = "verl.workers.rollout.vllm_rollout.vllm_async_server.vLLMHttpServer"
    assert is_there(f"{server}.engine") and VLLM_SERVER == "vllm_server_"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OutOfMemoryError("Task was killed due to the node running low on memory.\n..."), "memory"),
        (ActorDiedError(), "The actor died unexpectedly"),
    ],
)
def test_a_cause_is_one_line(error: Any, said: str) -> None:
    assert said in cause(error) and "\n" not in cause(error)
