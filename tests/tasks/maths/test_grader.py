"""The grading process: its limits hold; it serves threads, daemons, forks and Ray; its faults are nobody's score."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from judging_daemon import is_daemon_that_judges

from verl_reflect.rollout.judge import Judge, required
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.tasks.math import Math
from verl_reflect.tasks.maths import grading_process
from verl_reflect.tasks.maths.grader import GRADER, Grader, PastLimitsError

POWERS = r"(((9^{99})^{99})^{99})^{99}"  # one C call that lasts for hours
HALF = (r"\frac{1}{2}", "0.5")
SUM, OTHER_SUM = r"\frac{1}{4}+\frac{1}{4}=\frac{1}{2}", r"\frac{3}{8}+\frac{1}{8}=0.5"
"""Results of 0.5, which need a comparison: that the sum comes to it."""
NO_SUM = r"\frac{1}{4}+\frac{1}{8}=0.5"
ENDLESS = f"{POWERS}=0.5"


@pytest.fixture
def grader() -> Iterator[Grader]:
    grader = Grader()
    yield grader
    grader.close()


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_time_limit_ends_a_power_that_python_cannot_interrupt_and_the_next_answer_is_judged(grader: Grader) -> None:
    assert grader.same(*HALF)
    assert grader._process is not None
    first, started = grader._process, time.process_time()
    with pytest.raises(PastLimitsError):
        grader.same("42", POWERS)
    assert time.process_time() - started < 1, "this process only waits"
    assert first.returncode == -signal.SIGPROF
    assert grader.same(*HALF) and not grader.same("1", "2")


def test_an_answer_in_form_leaves_nothing_to_do_that_the_gold_one_does_not(grader: Grader) -> None:
    assert grader.same("391", r"17 \cdot 23") and not grader.same("391", r"17 \cdot 23", True)
    assert grader.same("x + 2", "2 + x", True)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"\frac{1}{25!}", r"\frac{1}{24!}", False),
        (r"\frac{\pi}{10^8}", r"\frac{\pi}{10^7}", False),
        (r"\frac{\sqrt{2}}{10^5}", r"\sqrt{2} \cdot 10^{-5}", True),
        (r"\pi", "3.1415927", True),
        ("(3,2]", "(4,1]", False),
        ("2t", "2", False),
    ],
)
def test_numbers_that_are_small_and_sets_that_are_empty_by_mistake(gold: str, answer: str, same: bool) -> None:
    assert GRADER.same(gold, answer) == same


def test_memory_is_bounded() -> None:
    GRADER.same(*HALF)
    assert GRADER._process is not None
    with open(f"/proc/{GRADER._process.pid}/limits") as file:
        limit = next(line for line in file if line.startswith("Max address space"))
    assert int(limit.split()[3]) == grading_process.MEMORY_BYTES


@pytest.mark.parametrize(
    "answer",
    ["9**9**9", "9^{9^{9}}", "10^{10^{10}}", "2^{123456}", "12345!", "9" * 101, "1+" * 1000 + "1", "3!^5^5"],
)
def test_what_is_too_large_is_refused_before_a_process_sees_it(grader: Grader, answer: str) -> None:
    with pytest.raises(PastLimitsError):
        grader.same("42", answer)
    assert grader._process is None


@pytest.mark.parametrize("answer", ["9" * 100, "2^{1234}", "(2^3)^4", "123!"])
def test_what_is_merely_large_is_compared(answer: str) -> None:
    assert GRADER.same(answer, f"{answer}+0") and not GRADER.same("42", answer)


def test_a_process_that_was_killed_is_replaced_within_the_comparison(grader: Grader) -> None:
    assert grader.same(*HALF)
    assert grader._process is not None
    os.kill(grader._process.pid, signal.SIGKILL)
    assert grader.same(*HALF)


def test_a_process_retires_and_another_goes_on(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verl_reflect.tasks.maths.grader._PROGRAM", SHORT_LIVED)
    pids = set()
    for _ in range(3):
        assert grader.same(*HALF)
        assert grader._process is not None
        pids.add(grader._process.pid)
    assert len(pids) == 2


SHORT_LIVED = (
    "import sys; sys.path[:] = sys.argv[1:]; import verl_reflect.tasks.maths.grading_process as process; "
    "process.COMPARISONS = 2; process.serve()"
)
STALLS = (
    "import sys; sys.path[:] = sys.argv[1:]; import verl_reflect.tasks.maths.grading_process as process, time; "
    "process.WALL_SECONDS = 1; process._same = lambda *_: time.sleep(60); process.serve()"
)


def test_a_machine_that_stalls_gives_no_verdict(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    # The imports take longer than the second that this process has for them on a slow machine: also a RuntimeError.
    monkeypatch.setattr("verl_reflect.tasks.maths.grader._PROGRAM", STALLS)
    with pytest.raises(RuntimeError, match=r"stalled|cannot be used"):
        grader.same(*HALF)


def test_without_math_verify_there_is_no_verdict_but_a_sentence(
    grader: Grader, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = "import sys; sys.path[:] = sys.argv[1:]; sys.modules['math_verify'] = None; "
    monkeypatch.setattr(
        "verl_reflect.tasks.maths.grader._PROGRAM",
        hidden + "from verl_reflect.tasks.maths.grading_process import serve; serve()",
    )
    with pytest.raises(RuntimeError, match=r"^math-verify cannot be used: .*math_verify"):
        grader.same(*HALF)
    assert grader._process is None


def test_an_interrupted_comparison_leaves_no_reply_behind(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grader.same(*HALF)

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            grader.same("42", POWERS)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert grader.same(*HALF) and not grader.same("1", "2")


def test_threads_share_one_process_and_never_mix_up_replies() -> None:
    numbers = list(range(24))
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda number: GRADER.same("3", f"{number}+0"), numbers))
    assert verdicts == [number == 3 for number in numbers]


def test_close_ends_the_process(grader: Grader) -> None:
    grader.same(*HALF)
    assert grader._process is not None
    process = grader._process
    grader.close()
    assert process.returncode is not None and ended(process.pid)


def _judged(answer: str) -> tuple[str, int]:
    category = Math().judge(rf"\boxed{{{answer}}}", "0.5").category
    assert GRADER._process is not None
    return category, GRADER._process.pid


def test_in_a_daemonic_process_which_may_have_no_children_of_multiprocessing() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(is_daemon_that_judges, [SUM]) == (True, "none")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_starts_a_process_of_its_own_and_leaves_the_parents_alone() -> None:
    _, ours = _judged(SUM)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        category, theirs = pool.submit(_judged, OTHER_SUM).result(timeout=60)
    assert category == "none" and theirs != ours
    assert _judged(SUM) == ("none", ours)


async def test_in_the_judges_process() -> None:
    judge = Judge(RewardFunction(), 1.0, 60.0)
    for answer, category in ((SUM, "none"), (NO_SUM, "wrong_answer"), (ENDLESS, "timeout"), (OTHER_SUM, "none")):
        said = await judge(rf"\boxed{{{answer}}}", data_source="math", ground_truth="0.5", extra_info=None)
        assert (required(said).category, said.passed) == (category, category == "none")
    judge.close()


def test_off_the_main_thread() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(_judged(SUM)[0]))
    thread.start()
    thread.join()
    assert found == ["none"]


def test_in_ray_in_a_task_and_in_an_async_actor() -> None:
    ray = pytest.importorskip("ray")
    # Ray's workers must find what this process does, wherever it is installed.
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    try:
        scores = _scores_with_ray(ray)
    finally:
        ray.shutdown()
    assert scores == [["none", "timeout", "wrong_answer"], ["none", "wrong_answer"]]


def _scores_with_ray(ray: object) -> list[list[str]]:
    def judge(answer: str) -> str:
        from verl_reflect.reward import compute_score

        return str(compute_score("math", rf"\boxed{{{answer}}}", "0.5")["category"])

    class Judges:
        async def judge(self, answer: str) -> str:
            return judge(answer)

    task = ray.remote(num_cpus=0)(judge)  # type: ignore[attr-defined]
    actor = ray.remote(num_cpus=0)(Judges).remote()  # type: ignore[attr-defined]
    return [
        ray.get([task.remote(answer) for answer in (SUM, ENDLESS, NO_SUM)], timeout=120),  # type: ignore[attr-defined]
        ray.get([actor.judge.remote(answer) for answer in (SUM, NO_SUM)], timeout=120),  # type: ignore[attr-defined]
    ]
