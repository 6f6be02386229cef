"""What happens on one task: attempt, verdict, reflection, retries. The record that the reward manager judges, the
metrics count and the transcript shows.

It travels from the agent loop through verl in a row's `extra_fields["episode"]`: as an `Episode` to the reward manager,
and as plain dictionaries, which is what verl makes of a dataclass, to the replay buffer.
"""

from dataclasses import dataclass, field

from verl_reflect.config import Penalties
from verl_reflect.rollout.judge import Judgement


@dataclass(frozen=True)
class Utterance:
    """One turn of the model, as the transcript shows it."""

    text: str
    """The model's own words, without special tokens."""
    tokens: int
    """Number of token ids that the server returned, the end-of-turn token included."""
    truncated: bool = False
    """Cut off at its token limit."""
    forged: bool = False
    """Went on past a chat marker, as if writing somebody else's turn."""
    token_ids: tuple[int, ...] = ()
    """The ids themselves: text does not always lead back to them, and a transcript should be enough to compute with."""

    @property
    def empty(self) -> bool:
        """Nothing but white space."""
        return not self.text.strip()


@dataclass(frozen=True)
class Episode:
    """One session: a failed (or solved) first attempt and what was made of it."""

    index: int
    """`extra_info.index` of the data row; 0 if it has none."""
    data_source: str
    task: str
    """The task's last user message."""
    attempt: Utterance
    first_try: Judgement
    reflection: Utterance | None = None
    """None if the attempt passed, or in a blind retry."""
    retries: tuple[Utterance, ...] = ()
    """Empty if the attempt passed, or if the reflection was empty or forged a turn."""
    validate: bool = False
    own_attempt: bool = False
    """The model made the attempt for this session alone."""
    attempts: int = 0
    """First attempts that the model made for the group until one failed; 0 if the data carry it."""
    attempts_tokens: int = 0
    """Tokens of all of these."""


NOT_GIVEN_AWAY = Judgement(0.0, False)


@dataclass(frozen=True)
class Outcome:
    """An episode with its retries judged: the reward and the numbers that verl logs."""

    episode: Episode
    retry_verdicts: list[Judgement] = field(default_factory=list)
    given_away: Judgement = NOT_GIVEN_AWAY
    """Passed if the reflection states the answer itself (`Task.gives_away`)."""
    foreign_script: float = 0.0
    """Share of the reflection's letters, as `writing_systems.foreign_share` counts them."""
    too_long: float = 0.0
    """0 to 1, as `penalties.too_long` has it."""
    penalties: Penalties = field(default_factory=Penalties)

    @property
    def second_try(self) -> float:
        """Share of the retries that passed, and with it the reflection's reward (paper, section 3)."""
        verdicts = self.retry_verdicts
        return sum(verdict.passed for verdict in verdicts) / len(verdicts) if verdicts else 0.0

    @property
    def accuracy(self) -> float:
        """Success in the end: at the first try or, failing that, at the second."""
        return 1.0 if self.episode.first_try.passed else self.second_try

    @property
    def penalty(self) -> float:
        """What the reflection's faults cost, if `reflect.penalties` says so. Validation has no penalties."""
        return 0.0 if self.episode.validate else self.penalties.cost(self._penalised())

    @property
    def reward(self) -> float:
        """What verl is told: `accuracy` less the `penalty`. `acc` and `second_try` stay plain."""
        return self.accuracy - self.penalty

    @property
    def category(self) -> str:
        """Kind of error of the last try, as the task's reward function names it."""
        return (self.retry_verdicts or [self.episode.first_try])[-1].category

    def _generated(self) -> list[Utterance]:
        """The turns that this session made the model take. A shared or stored attempt is not counted."""
        episode = self.episode
        attempt = [episode.attempt] if episode.own_attempt else []
        return [*attempt, *([episode.reflection] if episode.reflection else []), *episode.retries]

    def metrics(self) -> dict[str, float]:
        """The same numeric keys for every sample, as verl requires. `acc` = `first_try` + `second_try`."""
        episode, reflection, retries = self.episode, self.episode.reflection, self.episode.retries
        verdicts = (episode.first_try, *self.retry_verdicts, self.given_away)
        return {
            "acc": self.accuracy,
            "first_try": float(episode.first_try.passed),
            "second_try": self.second_try,
            "reflected": float(reflection is not None),
            "attempt_tokens": float(episode.attempt.tokens),
            "reflection_tokens": float(reflection.tokens if reflection else 0),
            "retry_tokens": float(sum(retry.tokens for retry in retries)),
            "generated_tokens": float(sum(turn.tokens for turn in self._generated())),
            "attempt_truncated": float(episode.attempt.truncated),
            "reflection_truncated": float(reflection is not None and reflection.truncated),
            "retry_truncated": float(any(retry.truncated for retry in retries)),
            "reflection_empty": float(reflection is not None and reflection.empty),
            "forged": float(any(turn.forged for turn in (episode.attempt, reflection, *retries) if turn)),
            "verifier_error": float(any(verdict.error for verdict in verdicts)),
            **self._penalised(),
            "penalty": self.penalty,
        }

    def _penalised(self) -> dict[str, float]:
        """The quantities that a penalty can be put on, 0 without a reflection."""
        reflection = self.episode.reflection
        return {
            "answer_in_reflection": float(self.given_away.passed),
            "reflection_forged": float(reflection is not None and reflection.forged),
            "foreign_script": self.foreign_script,
            "too_long": self.too_long,
        }
