"""Every built-in task against every hostile response: a verdict, in time, in little memory."""

import time
import tracemalloc

import pytest
from hostile import GROUND_TRUTHS, HOSTILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.base import Task
from verl_reflect.tasks.maths import grader
from verl_reflect.tasks.registry import BUILT_IN, load_task

TASKS = {task.data_sources[0]: task for task in map(load_task, BUILT_IN)}
SECONDS = 0.005
GRADED_SECONDS = 60.0
"""For answers that reach math-verify: its 3 seconds of processor time, on a machine with other things to do."""
PEAK_BYTES = 50_000_000


def judged_without_math_verify(task: Task, response: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    asked = []
    with monkeypatch.context() as patch:
        patch.setattr(grader.GRADER, "same", lambda *texts: bool(asked.append(texts)))
        task.judge(response, GROUND_TRUTHS[task.data_sources[0]])
    return not asked


def fastest(task: Task, response: str) -> float:
    """Seconds of the fastest verdict; other work on the machine only ever adds, so tries go on while it is too slow."""
    fastest = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        task.judge(response, GROUND_TRUTHS[task.data_sources[0]])
        fastest = min(fastest, time.perf_counter() - start)
        if fastest <= SECONDS:
            break
    return fastest


def test_every_built_in_task_has_a_ground_truth_here() -> None:
    assert GROUND_TRUTHS.keys() == TASKS.keys()


@pytest.mark.parametrize("source", GROUND_TRUTHS)
def test_hostile_text_gets_a_verdict_in_time(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS[source]
    slow = {}
    for name, response in HOSTILE.items():
        light = judged_without_math_verify(task, response, monkeypatch)
        start = time.perf_counter()
        verdict = task.judge(response, GROUND_TRUTHS[source])
        assert verdict.category in task.categories and verdict.score == float(verdict.category == "none"), name
        seconds = fastest(task, response) if light else time.perf_counter() - start
        if seconds > (SECONDS if light else GRADED_SECONDS):
            slow[name] = seconds
    assert not slow


@pytest.mark.parametrize("source", GROUND_TRUTHS)
def test_hostile_text_passes_nowhere_but_where_it_holds_the_answer(source: str) -> None:
    # Judged without math-verify, which is not asked about what is right by its spelling.
    task, truth = TASKS[source], GROUND_TRUTHS[source]
    bare = [response for response in HOSTILE.values() if len(response) > 10_000]
    assert len(bare) > 20
    assert all(task.judge(response, truth).score == 0.0 for response in bare)


@pytest.mark.parametrize("source", GROUND_TRUTHS)
def test_hostile_text_takes_little_memory(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task, truth = TASKS[source], GROUND_TRUTHS[source]
    monkeypatch.setattr(grader.GRADER, "same", lambda *texts: False)  # the other process has a limit of its own
    large = {}
    for name, response in HOSTILE.items():
        tracemalloc.start()
        task.judge(response, truth)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        if peak > PEAK_BYTES:
            large[name] = peak
    assert not large


ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.binary().map(
    lambda content: content.decode("utf-8", errors="surrogateescape")
)
FRAGMENTS = st.sampled_from(
    [
        "<answer>",
        "</answer>",
        r"\boxed{",
        "#### ",
        r"\frac",
        r"\text{",
        r"\sqrt{",
        *"}{42.,-/=%x^_()[]: \n",
        "<tool_call>",
    ]
)
NEAR_ANSWERS = st.lists(FRAGMENTS, max_size=12).map("".join)


@pytest.mark.parametrize("source", GROUND_TRUTHS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=ANY_TEXT | NEAR_ANSWERS)
def test_any_text_is_judged(source: str, text: str) -> None:
    task = TASKS[source]
    for response in (text, rf"\boxed{{{text}}}", f"<answer>{text}</answer>", f"#### {text}"):
        verdict = task.judge(response, GROUND_TRUTHS[source])
        assert verdict.category in task.categories
        assert verdict.score == float(verdict.category == "none")


@pytest.mark.parametrize("source", GROUND_TRUTHS)
@settings(max_examples=100, deadline=None)
@given(truth=st.none() | st.integers() | st.floats() | ANY_TEXT | st.lists(st.integers()) | st.just({}))
def test_any_ground_truth_is_read_or_refused_with_a_reason(source: str, truth: object) -> None:
    task = TASKS[source]
    try:
        verdict = task.judge("no answer", truth)
    except ValueError as error:
        assert len(str(error)) > 20, "says what is wrong"
    else:
        # A truth that can be read: nothing that was drawn asks for an empty answer.
        assert verdict.score == 0.0 and verdict.category in task.categories
