"""What is asked of the launches, and the answers: each a sentence, a figure, and whether it is as it should be."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from verl_reflect.records.metrics_log import StepMetrics
from verl_reflect.records.transcripts import Transcript

PROBABILITY = "training/rollout_probs_diff_mean"
MOST_DIFFERENT = 0.02
"""Mean difference of a token's probability between server and trainer. In bf16, 0.0004 to 0.007 was seen; a server that
has other weights than the trainer shows 0.1 and more."""
MOST_FORGED = 0.05
LEAST_CACHED = 0.95
LONGEST = 1.1
"""Seconds for each generated token, over those of verl's own GRPO."""


@dataclass(frozen=True)
class Answer:
    """To one question."""

    question: str
    figure: str
    holds: bool | None
    """None where there is nothing to hold it against."""

    def __str__(self) -> str:
        return (
            f"{'NO   ' if self.holds is False else 'well ' if self.holds else 'noted'}  {self.question}: {self.figure}"
        )


def probabilities_agree(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """Server and trainer have the same weights, after each sync."""
    found = [step.values[PROBABILITY] for step in steps if PROBABILITY in step.values]
    figure = ", ".join(f"{value:.4f}" for value in found) or "not logged"
    holds = bool(found) and max(found) <= MOST_DIFFERENT
    return Answer(f"{name}: server and trainer agree on a token's probability, step by step", figure, holds)


def steps_are_whole(name: str, steps: Sequence[StepMetrics], last: int) -> Answer:
    """Every step was logged once or, around a kill, again; none is missing."""
    seen = sorted(set(_steps(steps)))
    return Answer(f"{name}: every step was trained", _listed(seen), seen == list(range(1, last + 1)))


def went_on(name: str, before: Sequence[StepMetrics], after: Sequence[StepMetrics]) -> Answer:
    """What was killed goes on after its last checkpoint."""
    killed, first = _steps(before)[-1:], _steps(after)[:1]
    holds = bool(killed and first) and killed[0] <= first[0] <= killed[0] + 1
    return Answer(f"{name}: killed in step, went on with step", f"{_listed(killed)}; {_listed(first)}", holds)


def weights_move(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """The gradient is a number, and not always zero."""
    norms = [step.values["actor/grad_norm"] for step in steps if "actor/grad_norm" in step.values]
    figure = ", ".join(f"{norm:.3g}" for norm in norms) or "not logged"
    return Answer(f"{name}: the gradient's norm", figure, any(norm > 0 for norm in norms))


def groups_are_full(name: str, sessions: Iterable[Transcript], batch: int, size: int) -> Answer:
    """A step has all its groups, and each its sessions."""
    groups = _by_group(sessions)
    full = sum(len(group) == size for group in groups)
    return Answer(f"{name}: full groups in the last step", f"{full} of {batch}", full == batch == len(groups))


def attempts_are_shared(name: str, sessions: Iterable[Transcript]) -> Answer:
    """All sessions of a group reflect on one attempt, which failed."""
    groups = _by_group(sessions)
    shared = sum(
        len({each.attempt.token_ids for each in group}) == 1 and not any(each.first_try.passed for each in group)
        for group in groups
    )
    return Answer(
        f"{name}: groups that share one failed attempt", f"{shared} of {len(groups)}", shared == len(groups) > 0
    )


def nothing_died(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """No group was lost to a session that died."""
    lost = sum(step.values.get("reflect/replaced_failed", 0) for step in steps)
    return Answer(f"{name}: groups lost to failed sessions", f"{lost:.0f}", lost == 0)


def text_stays_text(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """Hardly a turn is forged."""
    forged = [step.values["reflect/forged"] for step in steps if "reflect/forged" in step.values]
    figure = f"{100 * max(forged):.1f} %" if forged else "not logged"
    return Answer(f"{name}: sessions with a forged turn, at most", figure, bool(forged) and max(forged) <= MOST_FORGED)


def validated(name: str, sessions: Sequence[Transcript], rows: int) -> Answer:
    """The validation has every row."""
    return Answer(f"{name}: sessions of the validation", f"{len(sessions)} of {rows}", len(sessions) == rows)


def time_against(stock: float | None, ours: float | None) -> Answer:
    """Milliseconds for each generated token, ours over verl's own."""
    if not stock or not ours:
        return Answer("time for a generated token, of verl's own", "not measured", False)
    ratio = ours / stock
    return Answer("time for a generated token, of verl's own", f"{ratio:.2f}", ratio <= LONGEST)


def seconds_a_token(steps: Sequence[StepMetrics], tokens: Callable[[Mapping[str, float]], float]) -> float | None:
    """Median over the steps after the first, which also compiles and warms up.

    Args:
        tokens: Of a step, by its metrics.
    """
    timed = [step.values for step in steps if "timing_s/step" in step.values and step.step > 1]
    return median(values["timing_s/step"] / tokens(values) for values in timed) if timed else None


def peak_memory(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """What the trainer's processes had at most."""
    for metric in ("perf/max_memory_allocated_gb", "perf/cpu_memory_used_gb"):
        found = [step.values[metric] for step in steps if step.values.get(metric)]
        if found:
            return Answer(f"{name}: {metric}", f"{max(found):.1f} GB", None)
    return Answer(f"{name}: memory", "not logged", None)


def _steps(steps: Sequence[StepMetrics]) -> list[int]:
    return [step.step for step in steps if "training/global_step" in step.values]


def _by_group(sessions: Iterable[Transcript]) -> list[list[Transcript]]:
    groups: dict[str, list[Transcript]] = {}
    for session in sessions:
        groups.setdefault(session.group, []).append(session)
    return list(groups.values())


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
