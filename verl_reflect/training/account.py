"""What a training step took: first attempts, groups thrown away, tokens generated for each token trained."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from verl_reflect.records.transcripts import Transcript
from verl_reflect.rollout.places import Attempt
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


NOT_REPORTED = Attempt(passed=True, made=0, tokens=0)
"""Of a group without rows whose attempt nobody was asked about, such as one that the data carry."""


@dataclass
class StepAccount:
    """Filled while a step's batch comes together."""

    pass_rates: PassRates = field(default_factory=lambda: PASS_RATES)
    replaced: Counter[str] = field(default_factory=Counter)
    groups: list[Group] = field(default_factory=list)
    """Those with a failed first attempt, kept or thrown away as flat."""
    solved: list[Attempt] = field(default_factory=list)
    """Of tasks that passed."""
    wasted: list[Attempt] = field(default_factory=list)
    """Of tasks that failed when the step had failures enough."""

    def ended(self, uid: str, attempt: Attempt) -> None:
        """A group ended with its first attempt, and left no rows to read more from."""
        if attempt.passed:
            self.replaced["solved"] += 1
            self.solved.append(attempt)
        else:
            self.wasted.append(attempt)
        self.pass_rates.tried(uid, attempt.made if attempt.passed else attempt.made - 1, attempt.made)

    def failed(self, uid: str) -> None:
        """A session died, so the group is incomplete. Says nothing about the task."""
        self.replaced["failed"] += 1
        self.pass_rates.tried(uid, 0, 0)

    def stale(self, uid: str) -> None:
        """verl found a group too old to be trained. What became of it is not looked at."""
        self.replaced["stale"] += 1
        self.pass_rates.tried(uid, 0, 0)

    def flat(self, group: Group) -> None:
        """A group without a difference was thrown away."""
        self.replaced[str(group.flat)] += 1
        self._note(group)

    def kept(self, groups: Sequence[Group]) -> None:
        """These make the batch, and the step's generation is over."""
        for group in groups:
            self._note(group)

    def _note(self, group: Group) -> None:
        self.groups.append(group)
        self.pass_rates.tried(group.uid, *group.tries)

    def metrics(self, trained_tokens: int) -> dict[str, float]:
        """`reflect/*` on groups and cost (docs/metrics.md). What died is not counted."""
        groups = len(self.groups) + len(self.solved) + len(self.wasted)
        without_rows = [*self.solved, *self.wasted]
        metrics = {f"reflect/replaced_{kind}": float(self.replaced[kind]) for kind in REPLACED}
        metrics["reflect/groups_solved_at_first_try"] = len(self.solved) / groups
        attempts = sum(each.attempts for each in self.groups) + sum(each.made for each in without_rows)
        if attempts:
            metrics |= self._of_attempts(attempts)
        tokens = sum(each.tokens for each in self.groups) + sum(each.tokens for each in without_rows)
        metrics["reflect/generated_tokens_per_trained_token"] = tokens / trained_tokens
        return metrics

    def _of_attempts(self, made: int) -> dict[str, float]:
        wasted = sum(each.made for each in self.wasted)
        passed = sum(each.made for each in self.solved) + sum(each.attempts_passed for each in self.groups)
        passed += wasted - sum(each.made > 0 for each in self.wasted)
        return {
            "reflect/first_try_pass_rate": passed / made,
            "reflect/attempts_per_failure": made / len(self.groups),
            "reflect/attempts_made": float(made),
            "reflect/attempts_wasted": float(wasted),
        }


REPLACED = ("solved", "failed", "all_pass", "all_fail")
"""Why a group is replaced."""
