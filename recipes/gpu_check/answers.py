"""What is asked of the launches, and the answers: each a sentence, a figure, and whether it is as it should be."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from verl_reflect.records.metrics_log import StepMetrics
from verl_reflect.records.transcripts import Transcript
from verl_reflect.training.prefix_cache import Recall, share_cached

PROBABILITY = "training/rollout_probs_diff_mean"
MOST_DIFFERENT = 0.02
"""Mean difference of a token's probability between server and trainer. In bf16, 0.0004 to 0.007 was seen; a server that
has other weights than the trainer shows 0.1 and more."""
MOST_UNUSABLE = 0.05
LEAST_CACHED = 0.95
LONGEST = 1.1
"""Seconds for each generated token, over those of verl's own GRPO."""
DEVICE, HOST = "actor/perf/max_memory_allocated_gb", "actor/perf/cpu_memory_used_gb"

Sessions = Mapping[int, Sequence[Transcript]]
"""The sessions of each step."""


@dataclass(frozen=True)
class Answer:
    """To one question."""

    question: str
    figure: str
    holds: bool | None
    """None where there is nothing to hold it against."""

    def __str__(self) -> str:
        """A line of the terminal."""
        mark = {True: "well ", False: "NO   ", None: "noted"}[self.holds]
        return f"{mark}  {self.question}: {self.figure}"


def steps_are_whole(name: str, steps: Sequence[StepMetrics], last: int) -> Answer:
    """Every step was logged once or, around a kill, again; none is missing."""
    seen = sorted(set(_trained(steps)))
    return Answer(f"{name}: every step was trained", _listed(seen), seen == list(range(1, last + 1)))


def probabilities_agree(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """Server and trainer have the same weights, after each sync: step n is generated after the n-th."""
    found = _values(steps, PROBABILITY)
    holds = 0 < len(found) == len(_trained(steps)) and max(found) <= MOST_DIFFERENT
    return Answer(f"{name}: server and trainer differ in a token's probability by", _figures(found), holds)


def weights_move(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """The gradient is a number, and not always zero."""
    norms = _values(steps, "actor/grad_norm")
    holds = 0 < len(norms) == len(_trained(steps)) and max(norms) > 0
    return Answer(f"{name}: the gradient's norm", _figures(norms), holds)


def adapter_moves(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """The policy leaves the model that it started from, which is the one without the adapter."""
    distances = _values(steps, "actor/kl_loss")
    holds = len(distances) > 1 and distances[-1] > distances[0]
    return Answer(f"{name}: the adapter moves the model, by a KL of", _figures(distances), holds)


def went_on(name: str, before: Sequence[StepMetrics], after: Sequence[StepMetrics]) -> Answer:
    """What was killed goes on after its last checkpoint: the step that was being saved may be done again."""
    killed, first = _trained(before)[-1:], _trained(after)[:1]
    holds = bool(killed and first) and killed[0] <= first[0] <= killed[0] + 1
    return Answer(f"{name}: killed in step, went on with step", f"{_listed(killed)}; {_listed(first)}", holds)


def groups_are_full(name: str, sessions: Sessions, batch: int, size: int) -> Answer:
    """Each step has all its groups, and each of those its sessions."""
    full = [sum(len(group) == size for group in _groups(of_step)) for of_step in sessions.values()]
    whole = [len(_groups(of_step)) for of_step in sessions.values()] == full == [batch] * len(sessions)
    question = f"{name}: full groups of {size} sessions, of {batch} in each step"
    return Answer(question, _listed(full), whole and bool(full))


def attempts_are_shared(name: str, sessions: Sessions) -> Answer:
    """All sessions of a group reflect on one attempt, which failed."""
    groups = [group for of_step in sessions.values() for group in _groups(of_step)]
    shared = sum(_shares_a_failure(group) for group in groups)
    question = f"{name}: groups that share one failed attempt"
    return Answer(question, f"{shared} of {len(groups)}", shared == len(groups) > 0)


def nothing_died(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """No group was lost to a session that died."""
    lost = _values(steps, "reflect/replaced_failed")
    return Answer(f"{name}: groups lost to failed sessions", _figures(lost), bool(lost) and not any(lost))


def text_stays_text(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """Hardly a turn is empty, or goes on past a chat marker."""
    shares = _values(steps, "reflect/unusable_turns")
    holds = bool(shares) and max(shares) <= MOST_UNUSABLE
    return Answer(f"{name}: share of turns that are empty or forged", _figures(shares), holds)


def prefixes_are_cached(name: str, turns: Iterable[Recall], usual_block: int) -> Answer:
    """The server still has what it read and wrote of a conversation.

    A server keeps whole blocks of tokens, so only those count that fill one. Their size is the largest number that
    divides all counts of cached tokens.

    Args:
        usual_block: Taken where nothing was cached, so that a cache that is off is found.
    """
    told = list(turns)
    block = math.gcd(*(turn.cached for turn in told)) or usual_block
    share, question = share_cached(told, block), f"{name}: share of known tokens found in the prefix cache"
    if share is None:
        return Answer(question, f"not one whole block of {block}" if told else "the server did not say", None)
    return Answer(question, f"{share:.3f}, in blocks of {block}", share >= LEAST_CACHED)


def validated(name: str, sessions: Sequence[Transcript], rows: int) -> Answer:
    """The validation has every row."""
    return Answer(f"{name}: sessions of the validation", f"{len(sessions)} of {rows}", len(sessions) == rows > 0)


def time_against(stock: float | None, ours: float | None, *, judged: bool) -> Answer:
    """Time of a step for each generated token, ours over verl's own.

    Args:
        judged: False on a CPU, whose cores others use as well.
    """
    question = "step time for each generated token, as a multiple of verl's own GRPO"
    if not stock or not ours:
        return Answer(question, "not measured", False)
    return Answer(question, f"{ours / stock:.2f}", ours / stock <= LONGEST if judged else None)


def seconds_a_token(steps: Sequence[StepMetrics], tokens: Callable[[Mapping[str, float]], float]) -> float | None:
    """Median over the steps after the first, which also compiles and warms up; None if none was timed.

    Args:
        tokens: Of a step, by its metrics.
    """
    timed = [step.values for step in steps if "timing_s/step" in step.values and step.step > 1]
    return median(values["timing_s/step"] / tokens(values) for values in timed) if timed else None


def peak_memory(name: str, steps: Sequence[StepMetrics]) -> Answer:
    """What a device and the host had in use at most. A CPU that plays the device has nothing of its own."""
    device, host = (max(_values(steps, metric), default=0.0) for metric in (DEVICE, HOST))
    figure = f"{device:.1f} GB of a device, {host:.1f} GB of the host"
    return Answer(f"{name}: the trainer's memory, at most", figure, None)


def _trained(steps: Sequence[StepMetrics]) -> list[int]:
    """The steps that were trained: a validation after a resume logs a step without."""
    return [step.step for step in steps if "training/global_step" in step.values]


def _values(steps: Sequence[StepMetrics], metric: str) -> list[float]:
    """Where it was logged."""
    return [step.values[metric] for step in steps if metric in step.values]


def _groups(sessions: Iterable[Transcript]) -> list[list[Transcript]]:
    groups: dict[str, list[Transcript]] = {}
    for session in sessions:
        groups.setdefault(session.group, []).append(session)
    return list(groups.values())


def _shares_a_failure(group: Sequence[Transcript]) -> bool:
    attempts = {session.attempt.token_ids for session in group}
    return len(attempts) == 1 and not any(session.first_try.passed for session in group)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"


def _figures(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.2g}" for number in numbers) or "not logged"
