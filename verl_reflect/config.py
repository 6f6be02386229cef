"""The `reflect:` section of the configuration: what the method needs and verl does not already have.

Everything else (batch size, group size `actor_rollout_ref.rollout.n`, temperature, optimiser, KL) stays where verl
users expect it. Sources in brackets are sections of arXiv 2505.24726; "open" marks what the paper leaves unsaid.
"""

from dataclasses import dataclass, field, fields
from enum import Enum

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from verl_reflect.guards import Guard
from verl_reflect.penalties import Penalties


class FirstAttempt(Enum):
    """Where the failed first attempt comes from."""

    dataset = "dataset"
    """The row carries it (columns `first_attempt`, optionally `first_attempt_ids`), as in the paper's failure set."""
    live = "live"
    """The model being trained makes it, once for each group."""


CREDITS: dict[str, tuple[str, ...]] = {
    "reflection": ("reflection",),
    "reflection+retry": ("reflection", "retry"),
    "retry": ("retry",),
    "all": ("attempt", "reflection", "retry"),
}
"""The turns that each choice of `reflect.credit` trains. Every turn is a row of its own, and all earn the same."""


@dataclass(frozen=True)
class Control:
    """What a choice of `reflect.control` stands for."""

    estimator: str = "grpo"
    """Its advantage estimator."""
    agent_loop: str = "reflect_retry"
    """The agent loop of rows that do not name one."""
    trains: bool = True
    """Whether it can be trained; otherwise it is for `trainer.val_only=True`."""


CONTROLS = {
    "none": Control(),
    "shuffled": Control(estimator="grpo_shuffled"),
    "fixed": Control(agent_loop="fixed_reflection", trains=False),
    "swapped": Control(agent_loop="swapped_reflection", trains=False),
}


@dataclass
class ReflectConfig:
    """Settings of reflect, retry, reward. Lengths are in tokens, times in seconds."""

    tasks: list[str] = field(default_factory=list)
    """Your own tasks as `module:Class` (docs/tasks.md), looked up by `data_source` before the ones that come along."""

    first_attempt: FirstAttempt = FirstAttempt.dataset
    """`dataset` or `live`. In validation a row without a stored attempt is attempted live whatever this says."""

    max_attempt_tokens: int = 512
    """Longest first attempt. A live one is cut off there; a stored one keeps its first tokens. Open in the paper."""

    max_reflection_tokens: int = 256
    """Longest reflection. Also the longest response that verl trains on (`data.max_response_length`). Open."""

    max_retry_tokens: int = 512
    """Longest retry. Open in the paper."""

    retries_per_reflection: int = 1
    """Retries sampled after each reflection. The reward is the share of them that pass; 1 keeps it binary, as in the
    paper. More retries make the reward less noisy and cost only their own tokens: they share the whole prefix."""

    credit: str = "reflection"
    """Which turns are trained: `reflection` as in the paper, `reflection+retry`, `retry` or `all`. With `all` each
    session makes an attempt of its own, and one that passes is rewarded too."""

    control: str = "none"
    """`shuffled` permutes the rewards within each group: as many reflections are paid, but not the ones that earned it.
    Such a training must not help. For validation only: `fixed` puts `fixed_reflection` in place of every reflection,
    `swapped` another task's. Sets `algorithm.adv_estimator` and the default agent loop."""

    fixed_reflection: str = "I should look at the task again and try once more."
    """The neutral sentence of `control=fixed`: fits any failure and says nothing about this one."""

    success_threshold: float = 1.0
    """A response passes if its score is at least this."""

    reflection_prompt: str | None = None
    """What the model is told after a failure. One bit of feedback: that it failed, never why. None: in the words of the
    row's task."""

    retry_prompt: str = "{task}"
    """The user turn before the retry. `{task}` stands for the task's own last user message, repeated as it was."""

    generation_timeout: float = 1800.0
    """Longest wait for one turn. verl waits for ever for a session that never ends, so a session must end."""

    verifier_timeout: float = 30.0
    """Longest time for judging one response. The process that judges is ended then, and the session fails."""

    max_replaced_groups: int = 20
    """A training step may replace at most this many times `data.train_batch_size` groups that have nothing to teach
    (solved at first try, failed, filtered). Beyond it the run ends: the data have run out of failures."""

    expected_reflection_tokens: int | None = None
    """Length of a reflection that is as it should be, for `reflect/length_drift` and `reflect/too_long`. None: half of
    `max_reflection_tokens`."""

    penalties: Penalties = field(default_factory=Penalties)
    """What a reflection's faults cost; nothing, as in the paper. Documented in verl_reflect/penalties.py."""

    guards: list[Guard] = field(default_factory=list)
    """Thresholds on metrics at which the run warns or stops. Documented in verl_reflect/guards.py."""

    @classmethod
    def from_config(cls, config: DictConfig) -> "ReflectConfig":
        """Read the `reflect` section of a composed verl configuration.

        Raises:
            ValueError: in one sentence, for a key or value that cannot be right.
        """
        try:
            section = OmegaConf.merge(OmegaConf.structured(cls), config.reflect)
            parsed = OmegaConf.to_object(section)
        except ConfigKeyError as error:
            kind = error.object_type or cls
            place = {Penalties: "reflect.penalties", Guard: "reflect.guards"}.get(kind, "reflect")
            known = ", ".join(setting.name for setting in fields(kind))
            raise ValueError(f"{place}.{error.key} is not a setting; the settings are {known}.") from error
        except OmegaConfBaseException as error:
            raise ValueError(f"The reflect section cannot be read: {str(error).splitlines()[0]}.") from error
        assert isinstance(parsed, cls)
        parsed.validate()
        return parsed

    @property
    def trained_turns(self) -> tuple[str, ...]:
        """The turns that become training rows, in their order."""
        return CREDITS[self.credit]

    @property
    def expected_reflection_length(self) -> float:
        """In tokens: `expected_reflection_tokens` or what it defaults to."""
        return self.max_reflection_tokens / 2 if (tokens := self.expected_reflection_tokens) is None else tokens

    def validate(self) -> None:
        """Raise ValueError, in one sentence, for a value outside its range or a combination that cannot work."""
        for name, choices in (("credit", CREDITS), ("control", CONTROLS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"reflect.{name} is {getattr(self, name)}; choose one of {', '.join(choices)}.")
        if "retry" in self.trained_turns and self.retries_per_reflection != 1:
            raise ValueError(
                f"reflect.credit={self.credit} trains the retry, and there are reflect.retries_per_reflection="
                f"{self.retries_per_reflection} of it; set that to 1."
            )
        if "attempt" in self.trained_turns and self.first_attempt is not FirstAttempt.live:
            raise ValueError(
                f"reflect.credit={self.credit} trains the first attempt, so the model must make it now; set "
                "reflect.first_attempt=live."
            )
        at_least_one = ("max_attempt_tokens", "max_reflection_tokens", "max_retry_tokens", "retries_per_reflection")
        for name in at_least_one:
            if getattr(self, name) < 1:
                raise ValueError(f"reflect.{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("generation_timeout", "verifier_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"reflect.{name} is {getattr(self, name)}; it must be more than 0 seconds.")
        if self.max_replaced_groups < 0:
            raise ValueError(f"reflect.max_replaced_groups is {self.max_replaced_groups}; it cannot be negative.")
        if self.reflection_prompt is not None and not self.reflection_prompt.strip():
            raise ValueError(
                "reflect.reflection_prompt is empty; ask for a reflection, or set it to null for the task's own words."
            )
        if "{task}" not in self.retry_prompt:
            raise ValueError("reflect.retry_prompt does not contain {task}; the retry must see the task again.")
        self._validate_guards()

    def _validate_guards(self) -> None:
        if not 0 < self.expected_reflection_length < self.max_reflection_tokens:
            raise ValueError(
                f"reflect.expected_reflection_tokens is {self.expected_reflection_tokens}; it must be at least 1 and "
                f"less than reflect.max_reflection_tokens={self.max_reflection_tokens}."
            )
        self.penalties.validate()
        if self.penalties.used and "reflection" not in self.trained_turns:
            raise ValueError(
                f"reflect.penalties are for reflections, and reflect.credit={self.credit} trains none; set them to 0."
            )
        for guard in self.guards:
            guard.validate()
