"""What a user reads last of a run that failed."""

import pytest
from hydra.core.utils import JobReturn, JobStatus
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError

from verl_reflect.training.ending import Ending
from verl_reflect.training.lookout import RunDiedError


def raised_by_an_actor(cause: Exception, times: int = 1) -> Exception:
    """What `ray.get` raises in the driver for it."""
    for _ in range(times):
        cause = RayTaskError("run", "Traceback ...", cause).as_instanceof_cause()
    return cause


def end(error: Exception) -> None:
    Ending().on_job_end(config=None, job_return=JobReturn(_return_value=error, status=JobStatus.FAILED))


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_death_is_told_in_its_own_words(times: int) -> None:
    with pytest.raises(SystemExit) as ended:
        end(raised_by_an_actor(RunDiedError("vllm_server_0_0 died: why. What now."), times))
    assert ended.value.code == "verl-reflect: vllm_server_0_0 died: why. What now."


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_death_that_verl_saw_first_is_a_sentence_too(times: int) -> None:
    with pytest.raises(SystemExit, match=r"^verl-reflect: a process of the run died: .*resume_mode=auto") as ended:
        end(raised_by_an_actor(ActorDiedError(), times))
    assert "\n" not in str(ended.value.code)


def test_the_trainers_own_process_is_called_that() -> None:
    told = "The actor died.\n\tclass_name: TaskRunnerV1\n\tpid: 4711\nIts worker died. connection error code 2."
    with pytest.raises(SystemExit, match=r"^verl-reflect: the trainer's own process died: its process was killed"):
        end(RayActorError(None, told))


def test_any_other_error_keeps_its_traceback() -> None:
    end(raised_by_an_actor(KeyError("a mistake")))
    Ending().on_job_end(config=None, job_return=JobReturn(_return_value=None, status=JobStatus.COMPLETED))
