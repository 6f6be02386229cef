"""Which process of a run has died, and why, as far as Ray knows.

verl gives every actor that it starts a name (workers, servers, loops, the queue), and Ray lists the names of those that
live, with no dashboard. Each is asked for a sign of life that waits in its own queue of work: an actor that is busy for
an hour answers after an hour, and one that dies answers at once, through Ray, with the cause. A vLLM server also says
whether its engine, which is a process of its own, still runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayActorError, RayError, RayTaskError
from ray.util import list_named_actors

QUEUE_NAMESPACE = "transfer_queue"
"""Where TransferQueue's controller has its name; everything else has it in the job's own namespace."""
VLLM_SERVER = "vllm_server_"
"""How verl's names of its vLLM servers begin."""
ON_PURPOSE = ("killed by `ray.kill`", "all references to the actor were removed", "Worker exit type: INTENDED_")
"""What Ray says of actors that were ended, and did not die."""
NAMELESS = {"TaskRunnerV1": "the trainer's own process"}
"""What verl's actors without a name are, by their class."""
CAUSES = (
    ("connection error", "its process was killed, often for want of memory, or crashed"),
    ("node has died", "its node was lost"),
    ("exit code", "its process ended itself"),
)
"""What a part of Ray's message means."""


@dataclass(frozen=True)
class Death:
    """Of one process."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} died: {self.why}"


def cause(error: RayError) -> str:
    """Why an actor died, from what Ray raises for a call to it."""
    if isinstance(error, OutOfMemoryError):
        return "Ray ended it because its node ran out of memory (use smaller micro-batches or fewer processes a node)"
    said = str(error).strip().splitlines()[-1]
    known = [words for sign, words in CAUSES if sign in said]
    return f"{known[0] if known else said} ({_place(error)})"


def _place(error: RayError) -> str:
    """`node 10.0.0.1, process 4711`, as far as Ray's message has them."""
    told = (("ip", "node"), ("pid", "process"))
    return ", ".join(f"{word} {_told(error)[key]}" for key, word in told if key in _told(error)) or "no more is known"


def _told(error: RayError) -> dict[str, str]:
    """The lines `key: value` of Ray's message."""
    lines = (line.strip().partition(": ") for line in str(error).splitlines())
    return {key: value for key, separator, value in lines if separator}


def death_of(error: RayError) -> Death:
    """What Ray raises for a call to an actor that died, as its death."""
    told = _told(error)
    return Death(told.get("name") or NAMELESS.get(told.get("class_name", ""), "a process of the run"), cause(error))


def engine_runs(server: Any) -> bool:
    """Asked inside of a vLLM server: whether the process of its engine is there, or still to come."""
    try:
        return not server.engine.errored
    except AttributeError:  # verl sets it once the engine runs
        return True


@dataclass
class Actors:
    """The actors of this run, and the signs of life that they owe."""

    _known: dict[tuple[str, str], Any] = field(default_factory=dict)
    _owed: dict[Any, tuple[str, str]] = field(default_factory=dict)

    def dead(self, seconds: float = 0.0) -> list[Death]:
        """Those that died since the last look without anybody wanting it; waits at most so long for signs of life."""
        self._meet()
        for key in self._known.keys() - set(self._owed.values()):
            self._owed[self._ask(key)] = key
        owed = list(self._owed)
        answered = ray.wait(owed, num_returns=len(owed), timeout=seconds)[0] if owed else []
        found = (self._read(answer, self._owed.pop(answer)) for answer in answered)
        return [death for death in found if death is not None]

    def _meet(self) -> None:
        """Get to know the actors that are new."""
        spaces = (ray.get_runtime_context().namespace, QUEUE_NAMESPACE)
        named: list[Mapping[str, str]] = list_named_actors(all_namespaces=True)
        for actor in named:
            key = (actor["name"], actor["namespace"])
            if key[1] in spaces and key not in self._known:
                try:
                    self._known[key] = ray.get_actor(*key)
                except ValueError:  # gone since it was listed
                    continue

    def _ask(self, key: tuple[str, str]) -> Any:
        actor = self._known[key]
        if key[0].startswith(VLLM_SERVER):
            return actor.__ray_call__.remote(engine_runs)
        return actor.__ray_ready__.remote()

    def _read(self, answer: Any, key: tuple[str, str]) -> Death | None:
        try:
            well = ray.get(answer)
        except (RayTaskError, ActorUnavailableError):  # has no answer; cannot be reached for a moment
            return None
        except RayError as error:
            del self._known[key]
            return Death(key[0], cause(error)) if unwanted(error) else None
        return None if well else Death(f"the engine of {key[0]}", "its process was killed, or crashed")


def unwanted(error: RayError) -> bool:
    """Whether an actor died by itself: nobody ended it, and it had come to life (else verl itself tells)."""
    if isinstance(error, RayActorError) and error.actor_init_failed:
        return False
    return not any(sign in str(error) for sign in ON_PURPOSE)
