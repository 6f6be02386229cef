"""verl's asynchronous trainers can run, and train no old row as if the present weights had written it.

What verl would say itself, with an assertion when its workers have started, is said here at once. What does not work
with reflect, retry, reward is refused: hybrid rollout switching, because verl counts what is ready there by asking the
replay buffer which groups it would throw away, and ours tells the model's pass rates of them as it answers.
"""

import math

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import FirstAttempt
from verl_reflect.finding import Doubt

COLOCATED, SEPARATE = "colocate_async", "separate_async"
SAMPLER = "trainer.v1.sampler"
ON_CPU = "file"
"""The checkpoint engine of hardware=cpu (cpu/weight_file.py)."""
CORRECTION = "algorithm.rollout_correction"


def check_asynchrony(run: Run) -> str:
    """verl's asynchronous trainers can run, and say how old the rows are that they train."""
    mode = run.get("trainer.v1.trainer_mode")
    if mode not in (COLOCATED, SEPARATE):
        return "every row is written by the weights that it trains"
    _check_staleness(run, mode)
    if mode == SEPARATE:
        _check_separate(run)
    if not run.get("actor_rollout_ref.rollout.calculate_log_probs"):
        raise UnfitError(
            f"trainer.v1.trainer_mode={mode} trains rows of older weights, whose log-probabilities only the server "
            "knows; set actor_rollout_ref.rollout.calculate_log_probs=True."
        )
    if not run.get(f"{CORRECTION}.bypass_mode") and run.get(f"{CORRECTION}.rollout_is") is None:
        return Doubt(
            f"trainer.v1.trainer_mode={mode} trains rows of older weights, and as configured verl takes the present "
            f"ones for those that wrote them; leave {CORRECTION}.bypass_mode=True to the recipe, or set "
            f"{CORRECTION}.rollout_is=token."
        )
    if mode == SEPARATE:
        return Doubt(
            f"trainer.v1.trainer_mode={SEPARATE} was simulated with this plugin and never run from end to end; look at "
            "the first steps' metrics, or take colocate_async."
        )
    return f"rows are up to {_steps_in_line(run, mode)} steps old"


def updates_a_step(run: Run) -> int:
    """Updates that verl makes of one step, each with rows of its own."""
    separate = run.get("trainer.v1.trainer_mode") == SEPARATE
    return int(run.get(f"trainer.v1.{SEPARATE}.parameter_sync_step")) if separate else 1


def _steps_in_line(run: Run, mode: str) -> int:
    """Steps between a task's dispatch and its training, at most, where its attempt is of the data."""
    return math.ceil(run.get(f"trainer.v1.{mode}.num_warmup_batches"))


def _check_staleness(run: Run, mode: str) -> None:
    limit, live = run.get(f"{SAMPLER}.max_off_policy_threshold"), run.settings.first_attempt is not FirstAttempt.dataset
    # A live task may stand in line for a step more: others that failed were handed out before it.
    needed = _steps_in_line(run, mode) + 1 + live
    if limit is not None and limit < needed:
        raise UnfitError(
            f"{SAMPLER}.max_off_policy_threshold is {limit}, and with trainer.v1.{mode}.num_warmup_batches="
            f"{run.get(f'trainer.v1.{mode}.num_warmup_batches')} groups are trained in the order of dispatch when they "
            f"are up to {needed} steps old; set it to {needed} or more, or to null."
        )
    if limit is not None and live and run.get(f"{SAMPLER}.max_off_policy_strategy") == "wait":
        raise UnfitError(
            f"{SAMPLER}.max_off_policy_strategy is wait, and a live attempt that failed may itself wait for a place in "
            f"a later step, so that both would wait for ever; set it to drop, or {SAMPLER}.max_off_policy_threshold to "
            "null."
        )


def _check_separate(run: Run) -> None:
    section, rollout = f"trainer.v1.{SEPARATE}", "actor_rollout_ref.rollout"
    if run.get(f"{section}.hybrid_rollout.enable_switch"):
        raise UnfitError(
            f"{section}.hybrid_rollout.enable_switch is True, and verl would count groups with it by asking for those "
            "to throw away; set it to False."
        )
    for key in (f"{rollout}.nnodes", f"{rollout}.n_gpus_per_node"):
        if run.get(key) < 1:
            raise UnfitError(
                f"{key} is {run.get(key)}, and with trainer.v1.trainer_mode={SEPARATE} the rollout servers have GPUs "
                "of their own; set it to 1 or more."
            )
    _check_backend(run, f"{rollout}.checkpoint_engine.backend")
    _check_updates(run, section)


def _check_backend(run: Run, key: str) -> None:
    backend = run.get(key)
    if run.on_cpu and backend != ON_CPU:
        raise UnfitError(f"{key} is {backend}, which carries weights to no server on CPUs; set it to {ON_CPU}.")
    if backend == "naive":
        raise UnfitError(
            f"{key} is naive, which carries weights within one GPU; set it to nccl, or another that verl has for your "
            "machines."
        )


def _check_updates(run: Run, section: str) -> None:
    batch, updates = run.get("data.train_batch_size"), run.get(f"{section}.parameter_sync_step")
    mini = run.get("actor_rollout_ref.actor.ppo_mini_batch_size")
    if batch != updates * mini:
        raise UnfitError(
            f"data.train_batch_size={batch} must be {section}.parameter_sync_step={updates} times "
            f"actor_rollout_ref.actor.ppo_mini_batch_size={mini}; leave the last to the recipe, and make the first a "
            "multiple of the second."
        )
