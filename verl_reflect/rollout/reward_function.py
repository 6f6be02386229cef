"""Where a run's reward function is found, and how it is loaded.

Judging processes import this, so it imports neither verl nor what else takes long.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from omegaconf import DictConfig


def _module_of_file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class RewardFunction:
    """Where a reward function with verl's `compute_score` signature is found."""

    path: str = "pkg://verl_reflect.reward"
    """As in verl's `reward.custom_reward_function.path`: `pkg://module` or a file."""
    name: str = "compute_score"
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path}:{self.name}"

    @classmethod
    def from_config(cls, config: "DictConfig") -> "RewardFunction":
        """The user's `reward.custom_reward_function` if there is one, else this package's own and `reflect.tasks`."""
        from omegaconf import OmegaConf

        custom = config.reward.custom_reward_function
        if not custom.path:
            return cls(kwargs={"tasks": tuple(config.reflect.tasks)})
        kwargs = OmegaConf.to_container(custom.get("reward_kwargs") or OmegaConf.create({}), resolve=True)
        assert isinstance(kwargs, dict)
        return cls(custom.path, custom.name, {str(key): value for key, value in kwargs.items()})

    @property
    def judges_by_task(self) -> bool:
        """It is this package's own, which leaves the verdict to the row's task."""
        return (self.path, self.name) == (RewardFunction.path, RewardFunction.name)

    def load(self) -> Callable[..., Any]:
        """Import it, with no help from verl: that saves each judging process several seconds and 500 MB.

        Raises:
            ImportError, OSError, AttributeError: there is no such module, file or function. And whatever a user's file
                raises: import it in a process of its own first (`verifier_pool.why_not_loaded`).
        """
        if self.path.startswith("pkg://"):
            module = importlib.import_module(self.path.removeprefix("pkg://").replace("/", "."))
        else:
            module = _module_of_file(self.path.removeprefix("file://"))
        return cast("Callable[..., Any]", getattr(module, self.name))

    def load_for_reflections(self) -> Callable[..., Any]:
        """What tells whether a reflection gives the answer away: the row's task, or else this function itself."""
        if not self.judges_by_task:
            return self.load()
        from verl_reflect.reward import gives_away

        return gives_away

    def load_tasks(self) -> None:
        """Import the user's own tasks. Raises ValueError, in one sentence, for one that cannot be had."""
        from verl_reflect.tasks.registry import load_task

        for task in self.kwargs.get("tasks", ()) if self.judges_by_task else ():
            load_task(task)
