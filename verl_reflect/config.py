"""The `reflect:` section of the configuration: what the method needs and verl does not already have.

Everything else (batch size, group size `actor_rollout_ref.rollout.n`, temperature, optimiser, KL) stays where verl
users expect it. Sources in brackets are sections of arXiv 2505.24726; "open" marks what the paper leaves unsaid.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum

from omegaconf import DictConfig, OmegaConf, SCMode
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException


class FirstAttempt(Enum):
    """Where the failed first attempt comes from."""

    dataset = "dataset"
    """The row carries it (columns `first_attempt`, optionally `first_attempt_ids`), as in the paper's failure set."""
    live = "live"
    """The model being trained makes it, once for each group."""
    mixed = "mixed"
    """The row's as long as it is fresh (`stale_after`), then live; live at once where a row has none."""


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


SAMPLERS: dict[str, str | None] = {"uniform": None, "edge": "pkg://verl_reflect.training.dataset"}
"""The module of the data set that each choice of `reflect.sampler` stands for; None: verl's own."""

CONTROLS = {
    "none": Control(),
    "shuffled": Control(estimator="grpo_shuffled"),
    "fixed": Control(agent_loop="fixed_reflection", trains=False),
}


@dataclass
class Penalties:
    """What each quantity costs at 1, in units of the reward: a retry that passes earns 1."""

    answer_in_reflection: float = 0.0
    """The reflection states the answer (1 or 0), as `Task.gives_away` finds it."""

    reflection_forged: float = 0.0
    """The reflection went on past a chat marker (1 or 0). It gets no retry, and so no reward, in any case."""

    foreign_script: float = 0.0
    """Share of the reflection's letters in a script that neither the task nor the request is written in."""

    too_long: float = 0.0
    """0 up to `reflect.expected_reflection_tokens`, 1 at `reflect.max_reflection_tokens`, a line between them."""

    @property
    def used(self) -> bool:
        """Any of them is on."""
        return any(asdict(self).values())

    def validate(self) -> None:
        """Raise ValueError, in one sentence, for a weight that is no penalty."""
        for name, weight in asdict(self).items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"reflect.penalties.{name} is {weight:g}; a penalty is 0 (off) or more.")

    def cost(self, quantities: Mapping[str, float]) -> float:
        """What the session loses. `quantities` has at least the names in PENALISED."""
        return sum(weight * quantities[name] for name, weight in asdict(self).items())


PENALISED = tuple(weight.name for weight in fields(Penalties))
"""What a session's quantities must have."""

ACTIONS = ("warn", "stop")
"""What a guard can do."""


@dataclass
class Guard:
    """One threshold: a metric that must not stay `below` or `above` a number."""

    metric: str = ""
    """A metric of each training step, `reflect/…` (docs/guards.md)."""

    below: float | None = None
    """Crossed while the metric is less than this. Either this or `above`."""

    above: float | None = None
    """Crossed while the metric is more than this."""

    action: str = "warn"
    """`warn` logs a line each time the guard has been crossed long enough; `stop` ends the run."""

    steps: int = 1
    """Training steps in a row after which it acts."""

    def __str__(self) -> str:
        return f"{self.metric} {self._limit}"

    @property
    def _limit(self) -> str:
        return f"below {self.below:g}" if self.below is not None else f"above {self.above:g}"

    def validate(self) -> None:
        """Raise ValueError, in one sentence, for a guard that could not work."""
        if (self.below is None) == (self.above is None):
            raise ValueError(
                f"The guard of {self.metric or 'no metric'} in reflect.guards needs either below or above."
            )
        if self.action not in ACTIONS:
            raise ValueError(f"The action of the guard {self} is {self.action}; choose one of {', '.join(ACTIONS)}.")
        if self.steps < 1:
            raise ValueError(f"The steps of the guard {self} are {self.steps}; it must be at least 1.")

    def crossed(self, value: float) -> bool:
        """Whether a value of its metric is on the wrong side."""
        return value < self.below if self.below is not None else self.above is not None and value > self.above

    def said(self, value: float, steps: int) -> str:
        """What happened, in a sentence."""
        times = f"{steps} training steps in a row" if steps > 1 else "a training step"
        return f"{self.metric} was {self._limit} for {times}; now it is {value:.4g}."


@dataclass
class ReflectConfig:
    """Settings of reflect, retry, reward. Lengths are in tokens, times in seconds."""

    tasks: list[str] = field(default_factory=list)
    """Your own tasks as `module:Class` (docs/tasks.md), looked up by `data_source` before the ones that come along."""

    first_attempt: FirstAttempt = FirstAttempt.dataset
    """`dataset`, `live` or `mixed`. In validation a row without a stored attempt is attempted live whatever this
    says."""

    stale_after: int = 100
    """With `mixed`: the training step after which the data's failures no longer count as the model's own. Open in the
    paper, which trains 1,750 steps on the failures of the untrained model."""

    max_attempts: int = 1
    """Most live first attempts at a task until one fails. 1 leaves a task that passes for another one, which is
    likelier to fail; more is for data too small to leave a task. Open in the paper."""

    attempt_loop: str | None = None
    """Agent loop that makes the attempt and the retry, such as verl's `tool_agent` or one of your own: many turns,
    tools, an environment (docs/agents.md). The limits of an attempt and of a retry then hold for all that is said in
    it. None: an attempt is one answer, as in the paper."""

    sampler: str = "uniform"
    """`uniform` as verl draws rows, or `edge`: rather those that the model neither always fails nor always passes."""

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

    keep: list[str] = field(default_factory=list)
    """Turns that verl's KL loss holds to the reference model while another is trained: of `attempt` and `retry`
    (training/advantage.py). Needs `actor_rollout_ref.actor.use_kl_loss=true`, whose `kl_loss_coef` says how firmly."""

    control: str = "none"
    """`shuffled` permutes the rewards within each group: as many reflections are paid, but not the ones that earned it.
    Such a training must not help. For validation only: `fixed` puts `fixed_reflection` in place of every reflection.
    Sets `algorithm.adv_estimator` and the default agent loop. More controls: `verl-reflect eval`."""

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

    weight_sync_timeout: float = 1800.0
    """Longest transfer of new weights to the servers. verl waits for ever for a server that hangs."""

    verifier_timeout: float = 30.0
    """Longest time for judging one response, from when it begins to be judged. The process that judges is ended then,
    and the session fails."""

    verifier_processes: int | None = None
    """Most judging processes on a node, shared by its agent-loop workers, each of which has at least one. They are
    started only as verdicts take so long that others wait; an `async` reward function judges 64 responses at once in
    each. None: as many as the node has cores."""

    verifier_memory: float | None = None
    """Most memory of one judging process and all that it starts, in GB (2**30 bytes). One that takes more is ended, and
    there is no verdict. It is measured ten times a second, not set as a limit on addresses, of which torch reserves
    many more than it uses. None: its part of half of the node's memory, and at least 4."""

    max_replaced_groups: int = 20
    """A training step may replace at most this many times `data.train_batch_size` groups that have nothing to teach
    (solved at first try, failed, filtered). Beyond it the run ends: the data have run out of failures."""

    expected_reflection_tokens: int | None = None
    """Length of a reflection that is as it should be, for `reflect/length_drift` and `reflect/too_long`. None: half of
    `max_reflection_tokens`."""

    penalties: Penalties = field(default_factory=Penalties)
    """What a reflection's faults cost; nothing, as in the paper. Documented in verl_reflect/rollout/penalties.py."""

    guards: list[Guard] = field(default_factory=list)
    """Thresholds on metrics at which the run warns or stops. Documented in verl_reflect/training/guards.py."""

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
            place = error.full_key or cls._unmergeable(config.reflect)
            raise ValueError(f"reflect.{place} cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from error
        assert isinstance(parsed, cls)
        parsed.validate()
        return parsed

    @classmethod
    def _unmergeable(cls, section: DictConfig) -> str:
        """The first key whose value has another shape than its setting, which OmegaConf does not name."""
        for key in section:
            try:
                OmegaConf.merge(OmegaConf.structured(cls), OmegaConf.masked_copy(section, str(key)))
            except OmegaConfBaseException:
                return str(key)
        return "*"

    @property
    def watched(self) -> set[str]:
        """Names of a session's metrics that a penalty or a guard stands on."""
        penalised = {name for name, weight in asdict(self.penalties).items() if weight}
        return penalised | {guard.metric.removeprefix("reflect/") for guard in self.guards}

    @property
    def rows_per_session(self) -> int:
        """Most rows that a session can have."""
        return len(self.trained_turns) + len(self.keep)

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
        choices = (
            ("credit", self.credit, CREDITS),
            ("control", self.control, CONTROLS),
            ("sampler", self.sampler, SAMPLERS),
        )
        for name, chosen, known in choices:
            if chosen not in known:
                raise ValueError(f"reflect.{name} is {chosen}; choose one of {', '.join(known)}.")
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
        if "attempt" in self.trained_turns and self.max_attempts != 1:
            raise ValueError(
                f"reflect.credit={self.credit} trains the first attempt, whether it passes or not, and "
                f"reflect.max_attempts={self.max_attempts} would drop those that pass; set that to 1."
            )
        if self.attempt_loop is not None:
            self._validate_attempt_loop()
        self._validate_keep()
        at_least_one = (
            *("max_attempt_tokens", "max_reflection_tokens", "max_retry_tokens"),
            *("retries_per_reflection", "max_attempts"),
        )
        for name in at_least_one:
            if getattr(self, name) < 1:
                raise ValueError(f"reflect.{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("generation_timeout", "weight_sync_timeout", "verifier_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"reflect.{name} is {getattr(self, name)}; it must be more than 0 seconds.")
        if self.verifier_processes is not None and self.verifier_processes < 1:
            raise ValueError(
                f"reflect.verifier_processes is {self.verifier_processes}; it must be at least 1, or null for as many "
                "as the node has cores."
            )
        if self.verifier_memory is not None and not 0 < self.verifier_memory < float("inf"):
            raise ValueError(
                f"reflect.verifier_memory is {self.verifier_memory}; it must be more than 0 GB, or null for a part of "
                "the node's memory."
            )
        for name in ("max_replaced_groups", "stale_after"):
            if getattr(self, name) < 0:
                raise ValueError(f"reflect.{name} is {getattr(self, name)}; it cannot be negative.")
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

    def _validate_attempt_loop(self) -> None:
        """A row trains one answer, and a stored attempt is one."""
        for name, value, wanted in (
            ("first_attempt", self.first_attempt.value, FirstAttempt.live.value),
            ("credit", self.credit, "reflection"),
            ("keep", self.keep, []),
        ):
            if value != wanted:
                raise ValueError(
                    f"reflect.attempt_loop={self.attempt_loop} makes attempts of many turns, which goes with reflect."
                    f"{name}={wanted} alone, and it is {value}; set that."
                )

    def _validate_keep(self) -> None:
        for turn in self.keep:
            if turn not in ("attempt", "retry") or turn in self.trained_turns:
                raise ValueError(
                    f"reflect.keep has {turn}; it can have attempt and retry, unless reflect.credit trains them."
                )
        if self.keep and (len(self.trained_turns) > 1 or self.control != "none"):
            raise ValueError(
                "reflect.keep goes with one trained turn and reflect.control=none; change those, or keep []."
            )
        if "attempt" in self.keep and self.first_attempt is not FirstAttempt.live:
            raise ValueError(
                "reflect.keep has attempt, and only attempts of the model's own can be kept; set "
                "reflect.first_attempt=live."
            )
        if self.keep and self.retries_per_reflection != 1:
            raise ValueError(
                f"reflect.keep goes with one retry, and reflect.retries_per_reflection={self.retries_per_reflection} "
                "makes several; set that to 1."
            )


def default_section() -> DictConfig:
    """The `reflect` section with every default, as plain values: verl hands its configuration to loggers."""
    defaults = OmegaConf.structured(ReflectConfig)
    plain = OmegaConf.to_container(defaults, structured_config_mode=SCMode.DICT, enum_to_str=True)
    assert isinstance(plain, dict)
    return OmegaConf.create(plain)
