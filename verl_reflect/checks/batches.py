"""The rows of a step can be shared out: over the GPUs, into mini-batches and into micro-batches.

verl's V1 trainer fills the rows of a step up, with empty ones, until mini-batches and GPUs divide them. What cannot be
divided then it notices with an assertion, after all sessions of the first step.
"""

from collections.abc import Iterator
from math import lcm

from verl_reflect.checks.asynchrony import SEPARATE, updates_a_step
from verl_reflect.checks.mesh import ACTOR, CRITIC, REFERENCE, mesh_of, world_size
from verl_reflect.checks.run import VERLS_OWN_MODEL, Run, UnfitError
from verl_reflect.finding import Doubt

ROLLOUT = "actor_rollout_ref.rollout"


def check_batches(run: Run) -> str:
    """Rows, mini-batches and micro-batches divide as verl's trainer needs it."""
    _check_servers(run)
    _check_same_micro_batches(run)
    if run.get("trainer.val_only"):
        return f"{world_size(run)} GPUs, and nothing is trained"
    if run.with_critic and run.get("critic.model.path") == VERLS_OWN_MODEL:
        raise UnfitError(
            "A critic is trained (algorithm.adv_estimator=gae or critic.enable=true), and critic.model.path names no "
            "model of yours; set it to the one that the critic starts from."
        )
    for part in (ACTOR, *([CRITIC] if run.with_critic else [])):
        _check_mini_batch(run, part)
    for micro, dynamic, rows in _micro_batches(run):
        if (size := run.get(micro)) is None:
            raise UnfitError(f"{micro} is null and {dynamic} is {run.get(dynamic)}; set one of them.")
        if rows is not None and rows % size:
            raise UnfitError(
                f"{micro} is {size} and does not divide the {rows} rows that each GPU gets at a time; set one that "
                f"does, or {dynamic}=true."
            )
    return _of_padding(run)


def _check_servers(run: Run) -> None:
    """Each rollout server takes the same number of GPUs."""
    keys = [f"{ROLLOUT}.{kind}_parallel_size" for kind in ("tensor_model", "data", "pipeline_model")]
    named = {key: size for key in keys if (size := run.get(key) or 1) > 1}
    (section, world), server = _gpus_of_servers(run), 1
    for size in named.values():
        server *= size
    if world % server:
        taken = " times ".join(f"{key}={size}" for key, size in named.items())
        raise UnfitError(
            f"A rollout server takes {server} GPUs ({taken}), which does not divide the {world} of the run "
            f"({section}.nnodes times {section}.n_gpus_per_node); change one of them."
        )


def _gpus_of_servers(run: Run) -> tuple[str, int]:
    """The section that counts them, and how many: those of the trainer, or with separate_async others."""
    section = ROLLOUT if run.get("trainer.v1.trainer_mode") == SEPARATE else "trainer"
    return section, run.get(f"{section}.nnodes") * run.get(f"{section}.n_gpus_per_node")


def _check_same_micro_batches(run: Run) -> None:
    update, log_prob = f"{ACTOR}.use_dynamic_bsz", f"{ROLLOUT}.log_prob_use_dynamic_bsz"
    if bool(run.get(update)) != bool(run.get(log_prob)):
        raise UnfitError(
            f"{update} is {run.get(update)} and {log_prob} is {run.get(log_prob)}, and verl wants them equal; remove "
            "the override of the second."
        )


def _mini_batch_rows(run: Run, part: str) -> int:
    """Rows of an update: verl counts `rollout.n` to each of `ppo_mini_batch_size`."""
    key = f"{part}.ppo_mini_batch_size"
    if (size := run.get(key)) is None:
        raise UnfitError(f"{key} is null; set it to the prompts of an update.")
    return int(size) * int(run.get(f"{ROLLOUT}.n"))


def _check_mini_batch(run: Run, part: str) -> None:
    rows, replicas = _mini_batch_rows(run, part), mesh_of(run, part).data_parallel
    if replicas is not None and rows % replicas:
        raise UnfitError(
            f"{part}.ppo_mini_batch_size={run.get(f'{part}.ppo_mini_batch_size')} times {ROLLOUT}.n="
            f"{run.get(f'{ROLLOUT}.n')} makes updates of {rows} rows, which {replicas} data-parallel GPUs, or groups "
            "of GPUs, cannot share equally; verl would notice after all sessions of the first step: change "
            "data.train_batch_size, the group or the number of GPUs."
        )


def _micro_batches(run: Run) -> Iterator[tuple[str, str, int | None]]:
    """Each key of a micro-batch that counts rows, the key that would make it count tokens, and what it has to divide.

    The last is None where only the engine knows how many rows a GPU gets.
    """
    step = _common_rows(run)
    if not run.get(dynamic := f"{ACTOR}.use_dynamic_bsz"):
        yield f"{ACTOR}.ppo_micro_batch_size_per_gpu", dynamic, _each(run, ACTOR, _mini_batch_rows(run, ACTOR))
        yield f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu", dynamic, _each(run, ACTOR, step)
    referring = run.with_reference and not run.with_lora
    if referring and not run.get(dynamic := f"{REFERENCE}.log_prob_use_dynamic_bsz"):
        yield f"{REFERENCE}.log_prob_micro_batch_size_per_gpu", dynamic, _each(run, REFERENCE, step)


def _each(run: Run, part: str, rows: int) -> int | None:
    """Of some rows, those of each GPU."""
    replicas = mesh_of(run, part).data_parallel
    return None if replicas is None else rows // replicas


def _common_rows(run: Run) -> int:
    """What divides the rows of every step, once they are filled up: all of them, where each step has as many."""
    unit = _padded_to(run)
    fewest, most = (_padded(rows, unit) for rows in _rows_of_a_step(run))
    return most if fewest == most else unit


def _padded_to(run: Run) -> int:
    """verl fills the rows of a step up to a multiple of this."""
    unit = lcm(_mini_batch_rows(run, ACTOR), mesh_of(run, ACTOR).data_parallel or 1)
    return lcm(unit, _mini_batch_rows(run, CRITIC)) if run.with_critic else unit


def _of_padding(run: Run) -> str:
    """Whether empty rows change the loss or cost time."""
    least, most = _rows_of_a_step(run)
    unit = _padded_to(run)
    share = min(rows / _padded(rows, unit) for rows in {least, most, min(_padded(least, unit) + 1, most)})
    mode = run.get(f"{ACTOR}.loss_agg_mode")
    if share < 1 and mode.startswith("seq-mean"):
        largest = most / _padded(most, unit)
        factor = f"{share:.2f}" if share == largest else f"{share:.2f} to {largest:.2f}"
        return Doubt(
            f"{ACTOR}.loss_agg_mode={mode} divides by all rows of an update, and verl fills the {_span(least, most)} "
            f"rows of a step up to a multiple of {unit} with empty ones: the loss comes out times {factor}; "
            "with token-mean they count for nothing."
        )
    if _fullest_step(run) % unit:
        return Doubt(
            f"{ACTOR}.ppo_mini_batch_size={run.get(f'{ACTOR}.ppo_mini_batch_size')} does not divide the "
            f"{_span(least, most)} rows of a step: verl fills them up to {_padded(most, unit)} with empty ones, which "
            "cost time; leave it to the recipe."
        )
    return f"{_span(least, most)} rows a step, {_mini_batch_rows(run, ACTOR)} an update, {world_size(run)} GPUs"


def _fullest_step(run: Run) -> int:
    """Rows of a step whose every session has as many as it can."""
    return _groups(run) * int(run.get(f"{ROLLOUT}.n")) * run.settings.rows_per_session


def _groups(run: Run) -> int:
    """Those whose rows verl takes at a time: of a step, or with separate_async of an update."""
    return int(run.get("data.train_batch_size")) // updates_a_step(run)


def _rows_of_a_step(run: Run) -> tuple[int, int]:
    """Fewest and most: a first attempt that passes has one row, and a useless reflection may have no retry."""
    settings, groups, sessions = run.settings, _groups(run), run.get(f"{ROLLOUT}.n")
    shared = 1 if "attempt" in settings.keep else 0
    most = sessions * (settings.rows_per_session - shared) + shared
    least = sessions * (1 if "attempt" in settings.trained_turns else len(settings.trained_turns)) + shared
    return groups * least, groups * most


def _padded(rows: int, unit: int) -> int:
    """The next multiple of a unit."""
    return -(-rows // unit) * unit


def _span(least: int, most: int) -> str:
    return f"{most}" if least == most else f"{least} to {most}"
