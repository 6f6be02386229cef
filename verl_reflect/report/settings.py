"""How a run was configured, as far as a reader of its transcripts needs to know: from Hydra's copy beside the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from verl_reflect.config import CREDITS
from verl_reflect.tasks.registry import task_for

PLACES = (".hydra/config.yaml", "hydra/.hydra/config.yaml")


@dataclass(frozen=True)
class Settings:
    """The method's own defaults where the run's configuration is not at hand."""

    reflection_prompt: str | None = None
    retry_prompt: str = "{task}"
    credit: str = "reflection"
    estimator: str = "grpo"
    divides_by_std: bool = True
    total_steps: int | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The whole of it, with interpolations as they were written; empty where it is not at hand."""

    @classmethod
    def of(cls, folder: Path) -> "Settings":
        """Of a run folder. Raises ValueError for a configuration that cannot be read."""
        for path in (folder / place for place in PLACES):
            if path.exists():
                return cls._read(path)
        return cls()

    @classmethod
    def _read(cls, path: Path) -> "Settings":
        try:
            config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            reflect, algorithm, trainer = config["reflect"], config["algorithm"], config["trainer"]
            return cls(
                reflection_prompt=reflect["reflection_prompt"],
                retry_prompt=reflect["retry_prompt"],
                credit=reflect.get("credit", cls.credit),  # runs of before it was a setting
                estimator=cls._estimator(str(algorithm["adv_estimator"]), reflect.get("control", "none")),
                divides_by_std=bool(algorithm["norm_adv_by_std_in_grpo"]),
                total_steps=trainer["total_training_steps"],
                configuration=config,
            )
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the configuration of a run with a section reflect.") from error

    @staticmethod
    def _estimator(written: str, control: str) -> str:
        """Hydra writes interpolations as they are, so the control has to be asked too."""
        if control == "shuffled":
            return "grpo_shuffled"
        return "grpo" if written.startswith("${") else written

    @property
    def trained_turns(self) -> tuple[str, ...]:
        """The turns whose tokens are trained."""
        return CREDITS[self.credit]

    def request(self, data_source: str) -> str:
        """What the model is told after a failure; empty if nobody here knows.

        The words of a user's own task are not looked up: a report imports no code that a run's folder names.
        """
        if self.reflection_prompt:
            return self.reflection_prompt
        try:
            return task_for(data_source).reflection_prompt
        except ValueError:
            return ""
