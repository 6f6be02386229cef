"""Do the reflections of a training step collapse into one template, and do they drift in length?

Three views of collapse, because each is blind to something. The share of unique reflections sees copies, and nothing
between a copy and another text. Their entropy sees whether few texts make up most of them. Neither sees a template in
which only the numbers change; that is what self-similarity across tasks is for.

Texts are compared, not token ids: the ids of a number differ from task to task, and here every number is the same.
"""

import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from verl_reflect.records.transcripts import Episode, Judgement, Utterance
from verl_reflect.rollout.episode import Outcome
from verl_reflect.training.account import REPLACED

PAIRS = 128
"""Pairs of reflections that are compared, at the least. It bounds the time. Where half of the reflections follow one
template, the mean of so many is 0.25 with a standard deviation of 0.05; where all or none do, it is nearly exact."""
GRAM = 3
"""Words in a row that must be the same to count."""

STEP_METRICS = ("unique_reflections", "reflection_entropy", "self_similarity", "length_drift")
"""Names of what `reflection_metrics` gives."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# Chinese and Japanese do without blanks: each of their characters is taken for a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


class Reflection(NamedTuple):
    """One of a step's reflections."""

    group: str
    """Of the sessions that reflect on the same task."""
    text: str
    tokens: int


def reflection_metrics(reflections: Sequence[Reflection], expected_tokens: float) -> dict[str, float]:
    """The metrics of STEP_METRICS by name; nothing if there are no reflections.

    Args:
        reflections: All of one training step.
        expected_tokens: Length of a reflection that is as it should be (`reflect.expected_reflection_tokens`). A
            reference that the configuration states is the same after a resume; the mean of the run's first steps would
            have to be kept with the checkpoints, and the length of the attempts drifts itself when they are live.
    """
    if not reflections:
        return {}
    texts = [reflection.text.strip() for reflection in reflections]
    mean_tokens = sum(reflection.tokens for reflection in reflections) / len(reflections)
    return {
        "unique_reflections": len(set(texts)) / len(texts),
        "reflection_entropy": entropy(texts),
        "self_similarity": self_similarity(reflections),
        "length_drift": mean_tokens / expected_tokens,
    }


def entropy(texts: Sequence[str]) -> float:
    """Shannon entropy of the distribution over distinct texts, divided by its maximum: 1 if all differ, 0 if none does.

    A single text is 1: it repeats nothing.
    """
    if len(texts) < 2:
        return 1.0
    repeated = sum(count * math.log(count) for count in Counter(texts).values())
    return 1.0 - repeated / (len(texts) * math.log(len(texts)))


def self_similarity(reflections: Sequence[Reflection]) -> float:
    """Mean overlap (0 to 1) of two reflections on different tasks, over some PAIRS drawn with a fixed seed.

    0 where there are not two tasks to compare.
    """
    by_group: dict[str, list[str]] = {}
    for reflection in reflections:
        by_group.setdefault(reflection.group, []).append(reflection.text)
    if len(by_group) < 2:
        return 0.0
    draw, groups = random.Random(0), list(by_group.values())
    overlaps: list[float] = []
    while len(overlaps) < PAIRS:
        overlaps += _overlaps_in_a_ring([draw.choice(group) for group in draw.sample(groups, min(PAIRS, len(groups)))])
    return fmean(overlaps)


def _overlaps_in_a_ring(texts: Sequence[str]) -> list[float]:
    """Of each text with the next, and of the last with the first: as many as texts, each of which is read once."""
    grams = [_grams(text) for text in texts]
    return [jaccard(one, other) for one, other in pairwise([*grams, grams[0]])]


def overlap(one: str, other: str) -> float:
    """Share of the three words in a row of either text that occur in both; numbers and capitals make no difference."""
    return jaccard(_grams(one), _grams(other))


def jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    """Size of the intersection divided by that of the union."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _grams(text: str) -> set[tuple[str, ...]]:
    """A text of fewer words is one gram of its own."""
    words = _WORD.findall(_NUMBER.sub("0", text.lower()))
    return set(zip(*(words[start:] for start in range(GRAM)), strict=False)) or {tuple(words)}


def weights_metrics(sessions: Sequence[Episode], step: int) -> dict[str, float]:
    """How many weights the turns of a session were written under, and how old the oldest are: means over sessions.

    verl's `training/off_policy/*` say the same of the turn that is trained alone. Nothing if the server does not say.
    """
    spans = [span for session in sessions if (span := _span(session))]
    if not spans:
        return {}
    return {
        "reflect/session_spans": fmean(last - first + 1 for first, last in spans),
        "reflect/session_staleness": fmean(step - 1 - first for first, _ in spans),
    }


def _span(session: Episode) -> tuple[int, int] | None:
    """The oldest and the newest weights of its turns."""
    turns = (session.attempt, session.reflection, *session.retries)
    known = [turn.weights for turn in turns if turn and turn.weights]
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None


# Names of what every training step logs as `reflect/…`, for those who must know them before it does.

SESSION_METRICS = tuple(Outcome(Episode(0, "", "", Utterance("", 0), Judgement(0.0, False))).metrics())
"""Means over the sessions of a step."""

GROUP_METRICS = (
    *("groups_all_pass", "groups_all_fail", "groups_solved_at_first_try", "generated_tokens_per_trained_token"),
    "unusable_turns",
    "largest_worker_share",
    *(f"replaced_{kind}" for kind in REPLACED),
)

WITHOUT_REFLECTIONS = tuple(f"reflect/{name}" for name in (*SESSION_METRICS, *GROUP_METRICS))
"""What a step without reflections has, such as one of blind retries."""

OF_REFLECTIONS = tuple(f"reflect/{name}" for name in STEP_METRICS)
"""What a step with reflections has besides."""

OF_LIVE_ATTEMPTS = (
    *("reflect/first_try_pass_rate", "reflect/attempts_per_failure"),
    *("reflect/attempts_made", "reflect/attempts_wasted", "reflect/longest_attempt_chain"),
    "reflect/reflection_cached",
)
"""What a step with live first attempts has besides; the last where the server says what it had in its cache."""

OF_ASYNCHRONY = tuple(
    f"reflect/{name}" for name in ("replaced_stale", "groups_ready_behind", "session_spans", "session_staleness")
)
"""What a step of verl's asynchronous trainers has besides."""

OF_RETRIES = ("reflect/retry_cached",)
"""What a step with retries has besides, where the server says what it had in its cache."""

ALL = (*WITHOUT_REFLECTIONS, *OF_REFLECTIONS, *OF_LIVE_ATTEMPTS, *OF_RETRIES, *OF_ASYNCHRONY)
