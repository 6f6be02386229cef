"""Where verl's trainer stands, from the stack of its thread."""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from verl_reflect.checks.verl_names import is_there
from verl_reflect.training.phase import PHASES, TRAINERS, WEIGHT_SYNC, phase

SYNC_TRAINER = "/site-packages/verl/trainer/ppo/v1/trainer_sync.py"


def in_method(name: str, source: str, inside: Callable[[], None]) -> None:
    """Call something from inside of a function of this name in a source of that path."""
    scope = {"inside": inside}
    exec(compile(f"def {name}():\n    inside()", source, "exec"), scope)
    scope[name]()  # type: ignore[operator]


def phase_in(name: str, source: str = SYNC_TRAINER) -> str | None:
    seen: list[str | None] = []
    in_method(name, source, lambda: seen.append(phase(threading.get_ident())))
    return seen[0]


@pytest.mark.parametrize(("method", "expected"), PHASES.items())
def test_each_method_of_verls_trainer_is_a_phase(method: str, expected: str) -> None:
    assert phase_in(method) == expected


def test_the_innermost_method_tells() -> None:
    seen: list[str | None] = []
    in_method("fit", SYNC_TRAINER, lambda: seen.append(phase_in("_step_once")))
    in_method("fit", SYNC_TRAINER, lambda: seen.append(phase_in("_log_rollout_data")))
    assert seen == ["generation", "the training"]


def test_a_method_of_that_name_elsewhere_is_none() -> None:
    assert phase_in("fit", "/site-packages/sklearn/base.py") is None


def test_another_threads_phase_can_be_seen() -> None:
    there, go = threading.Event(), threading.Event()

    def wait() -> None:
        there.set()
        go.wait(10)

    thread = threading.Thread(target=in_method, args=("on_step_end", SYNC_TRAINER, wait))
    thread.start()
    there.wait(10)
    assert thread.ident is not None and phase(thread.ident) == WEIGHT_SYNC
    go.set()
    thread.join()
    assert phase(thread.ident) is None, "it has ended"


def test_verl_has_all_of_these_methods_in_sources_of_these_names() -> None:
    trainer, runner = "verl.trainer.ppo.v1.trainer_base.PPOTrainer", "verl.trainer.main_ppo.TaskRunnerV1"
    assert not [name for name in PHASES if not is_there(f"{trainer}.{name}") and not is_there(f"{runner}.{name}")]
    spec = find_spec("verl")
    assert spec is not None and spec.origin is not None
    files = [str(path) for path in Path(spec.origin).parent.rglob("trainer/**/*.py")]
    assert all(any(part in file for file in files) for part in TRAINERS)
