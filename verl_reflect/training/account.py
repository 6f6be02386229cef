"""What a training step took: first attempts, groups thrown away, tokens generated for each token trained."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from verl_reflect.records.transcripts import Transcript
from verl_reflect.training.pass_rates import PASS_RATES, PassRates


@dataclass(frozen=True)
class Group:
    """The sessions of one task."""

    sessions: Sequence[Transcript]

    @property
    def uid(self) -> str:
        """What their keys share."""
        return self.sessions[0].group

    def _first_attempts(self) -> Sequence[Transcript]:
        """Of all sessions where each made its own; otherwise the shared one, of the first."""
        return self.sessions if any(session.own_attempt for session in self.sessions) else self.sessions[:1]

    @property
    def attempts(self) -> int:
        """First attempts that the model made."""
        return sum(session.attempts for session in self._first_attempts())

    @property
    def attempts_passed(self) -> int:
        """All but the last of a group's attempts, and that too if it passed."""
        made = [session for session in self._first_attempts() if session.attempts]
        return sum(session.attempts - 1 + session.first_try.passed for session in made)

    @property
    def tokens(self) -> int:
        """All that the model generated for the group, a shared attempt counted once."""
        own = any(session.own_attempt for session in self.sessions)
        shared = 0 if own else self.sessions[0].attempts_tokens
        return shared + sum(turn.tokens for session in self.sessions for turn in session.generated)

    @property
    def outcomes(self) -> list[float]:
        """How each session ended, 0 to 1."""
        return [session.number("acc") for session in self.sessions]

    @property
    def flat(self) -> str | None:
        """`all_pass` or `all_fail` if there is nothing to compare (equal shares in between count as a pass)."""
        if len(set(self.outcomes)) > 1:
            return None
        return "all_pass" if self.outcomes[0] > 0 else "all_fail"

    @property
    def tries(self) -> tuple[float, int]:
        """(passed, made) of first attempts and second tries together."""
        second = [session for session in self.sessions if session.retries]
        return self.attempts_passed + sum(session.second_try for session in second), self.attempts + len(second)


@dataclass
class StepAccount:
    """Filled while a step's batch comes together."""

    attempts_if_solved: int
    """First attempts that a task takes to count as solved; 0 where attempts come from the data."""
    pass_rates: PassRates = field(default_factory=lambda: PASS_RATES)
    replaced: Counter[str] = field(default_factory=Counter)
    groups: list[Group] = field(default_factory=list)
    """Those with a failed first attempt, kept or thrown away as flat."""

    def solved(self, uid: str) -> None:
        """A task passed at its first try, at each of `attempts_if_solved`: it leaves no rows to read more from."""
        self.replaced["solved"] += 1
        self.pass_rates.tried(uid, self.attempts_if_solved, self.attempts_if_solved)

    def failed(self, uid: str) -> None:
        """A session died, so the group is incomplete. Says nothing about the task."""
        self.replaced["failed"] += 1
        self.pass_rates.tried(uid, 0, 0)

    def flat(self, group: Group) -> None:
        """A group without a difference was thrown away."""
        self.replaced[str(group.flat)] += 1
        self._note(group)

    def kept(self, groups: Sequence[Group]) -> None:
        """These make the batch, and the step's generation is over."""
        for group in groups:
            self._note(group)
        self.pass_rates.forget_drawn()

    def _note(self, group: Group) -> None:
        self.groups.append(group)
        self.pass_rates.tried(group.uid, *group.tries)

    def metrics(self, trained_tokens: int) -> dict[str, float]:
        """`reflect/*` on groups and cost (docs/configuration.md).

        Tasks solved at the first try leave no rows: their attempts count as long as the others on average. What died is
        not counted.
        """
        solved = self.replaced["solved"]
        attempts = solved * self.attempts_if_solved + sum(group.attempts for group in self.groups)
        metrics = {f"reflect/replaced_{kind}": float(self.replaced[kind]) for kind in REPLACED}
        metrics["reflect/groups_solved_at_first_try"] = solved / (solved + len(self.groups))
        if attempts:
            passed = solved * self.attempts_if_solved + sum(group.attempts_passed for group in self.groups)
            metrics["reflect/first_try_pass_rate"] = passed / attempts
            metrics["reflect/attempts_per_failure"] = attempts / len(self.groups)
        generated = sum(group.tokens for group in self.groups) + self._tokens_of_solved()
        metrics["reflect/generated_tokens_per_trained_token"] = generated / trained_tokens
        return metrics

    def _tokens_of_solved(self) -> float:
        lengths = [session.attempt.tokens for group in self.groups for session in group.sessions]
        return self.replaced["solved"] * self.attempts_if_solved * sum(lengths) / len(lengths)


REPLACED = ("solved", "failed", "all_pass", "all_fail")
"""Why a group is replaced."""
