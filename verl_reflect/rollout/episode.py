"""What an episode is worth: the reward that verl is told, and the numbers that it logs."""

from dataclasses import dataclass, field

from verl_reflect.config import Penalties, ReflectConfig
from verl_reflect.records.transcripts import Episode
from verl_reflect.rollout.penalties import foreign_share, too_long
from verl_reflect.tasks.registry import task_for


@dataclass(frozen=True)
class Outcome:
    """An episode with what its reflection's faults come to."""

    episode: Episode
    foreign_script: float = 0.0
    """Share of the reflection's letters, as `penalties.foreign_share` counts them."""
    too_long: float = 0.0
    """0 to 1, as `penalties.too_long` has it."""
    penalties: Penalties = field(default_factory=Penalties)

    @classmethod
    def under(cls, settings: ReflectConfig, episode: Episode) -> "Outcome":
        """The outcome of an episode under these settings."""
        if episode.reflection is None:
            return cls(episode, penalties=settings.penalties)
        foreign = foreign_share(
            episode.reflection.text, episode.task, reflection_request(settings, episode.data_source)
        )
        length, limit = settings.expected_reflection_length, settings.max_reflection_tokens
        return cls(episode, foreign, too_long(episode.reflection.tokens, length, limit), settings.penalties)

    @property
    def accuracy(self) -> float:
        """Success in the end: at the first try or, failing that, at the second."""
        return 1.0 if self.episode.first_try.passed else self.episode.second_try

    @property
    def penalty(self) -> float:
        """What the reflection's faults cost, if `reflect.penalties` says so. Validation has no penalties."""
        return 0.0 if self.episode.validate else self.penalties.cost(self._penalised())

    @property
    def reward(self) -> float:
        """What verl is told: `accuracy` less the `penalty`. `acc` and `second_try` stay plain."""
        return self.accuracy - self.penalty

    def report(self) -> dict[str, float | str]:
        """`metrics`, and the error `category` of the last try, which verl's averages pass over as it is a string."""
        return {**self.metrics(), "category": self.episode.last_verdict.category}

    def metrics(self) -> dict[str, float]:
        """The same numeric keys for every sample of a run, as verl requires. `acc` = `first_try` + `second_try`.

        Without `answer_in_reflection` in a run that does not look for it: a 0 would say that no reflection has it.
        """
        episode, reflection, retries = self.episode, self.episode.reflection, self.episode.retries
        looked = (episode.given_away,) if episode.given_away else ()
        verdicts = (episode.first_try, *episode.retry_verdicts, *looked)
        return {
            "acc": self.accuracy,
            "first_try": float(episode.first_try.passed),
            "second_try": episode.second_try,
            "reflected": float(reflection is not None),
            "attempt_tokens": float(episode.attempt.tokens),
            "reflection_tokens": float(reflection.tokens if reflection else 0),
            "retry_tokens": float(sum(retry.tokens for retry in retries)),
            "generated_tokens": float(sum(turn.tokens for turn in episode.generated)),
            "attempt_truncated": float(episode.attempt.truncated),
            "reflection_truncated": float(reflection is not None and reflection.truncated),
            "retry_truncated": float(any(retry.truncated for retry in retries)),
            "reflection_empty": float(reflection is not None and reflection.empty),
            "forged": float(any(turn.forged for turn in (episode.attempt, reflection, *retries) if turn)),
            "verifier_error": float(any(verdict.error for verdict in verdicts)),
            **self._looked_for(),
            "penalty": self.penalty,
        }

    def _looked_for(self) -> dict[str, float]:
        unseen = () if self.episode.given_away else ("answer_in_reflection",)
        return {name: quantity for name, quantity in self._penalised().items() if name not in unseen}

    def _penalised(self) -> dict[str, float]:
        """The quantities that a penalty can be put on, 0 without a reflection."""
        reflection = self.episode.reflection
        return {
            "answer_in_reflection": float(self.episode.given_away is not None and self.episode.given_away.passed),
            "reflection_forged": float(reflection is not None and reflection.forged),
            "foreign_script": self.foreign_script,
            "too_long": self.too_long,
        }


def reflection_request(settings: ReflectConfig, data_source: str) -> str:
    """What the model is told after a failure: `reflect.reflection_prompt`, or the words of the row's task."""
    return settings.reflection_prompt or task_for(data_source, settings.tasks).reflection_prompt
