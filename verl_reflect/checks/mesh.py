"""How verl's engines divide the GPUs of a run: which of them share a sequence, and which are data parallel."""

from dataclasses import dataclass

from verl_reflect.checks.run import Run, UnfitError

ACTOR = "actor_rollout_ref.actor"
REFERENCE = "actor_rollout_ref.ref"
CRITIC = "critic"


@dataclass(frozen=True)
class Mesh:
    """The GPUs of one model."""

    sequence_parallel: int = 1
    """GPUs that hold a part of each sequence: a limit of tokens a GPU counts so many times."""
    data_parallel: int | None = None
    """Groups of GPUs that each get a share of the rows; None where only the engine knows."""


def world_size(run: Run) -> int:
    """GPUs of the run."""
    nodes: int = run.get("trainer.nnodes")
    return nodes * int(run.get("trainer.n_gpus_per_node"))


def mesh_of(run: Run, part: str) -> Mesh:
    """The mesh of `ACTOR`, `REFERENCE` or `CRITIC`.

    Raises:
        UnfitError: the GPUs cannot be divided so.
    """
    strategy, world = run.get("actor_rollout_ref.actor.strategy"), world_size(run)
    if strategy not in SIZES:
        return Mesh()
    sizes = {key: run.get(key) or 1 for key in SIZES[strategy](run, part)}
    sharing = 1
    for size in sizes.values():
        sharing *= size
    if world % sharing:
        named = " times ".join(f"{key}={size}" for key, size in sizes.items())
        raise UnfitError(
            f"There are {world} GPUs (trainer.nnodes times trainer.n_gpus_per_node), which cannot be divided by "
            f"{named}; change one of them."
        )
    sequence = next(reversed(sizes.values()))
    if strategy == "megatron" and run.get(f"{part}.megatron.dynamic_context_parallel"):
        return Mesh(sequence, 1)
    return Mesh(sequence, world // sharing)


def _of_fsdp(run: Run, part: str) -> tuple[str, ...]:
    """verl takes the older key if it says anything, and the engine's own otherwise."""
    older, section = f"{part}.ulysses_sequence_parallel_size", "fsdp" if part == CRITIC else "fsdp_config"
    return (older,) if (run.get(older) or 1) > 1 else (f"{part}.{section}.ulysses_sequence_parallel_size",)


def _of_veomni(run: Run, part: str) -> tuple[str, ...]:
    return (f"{part}.veomni.ulysses_parallel_size",)


def _of_megatron(run: Run, part: str) -> tuple[str, ...]:
    return tuple(f"{part}.megatron.{kind}_parallel_size" for kind in ("tensor_model", "pipeline_model", "context"))


SIZES = {"fsdp": _of_fsdp, "fsdp2": _of_fsdp, "veomni": _of_veomni, "megatron": _of_megatron}
"""For each engine whose division is known: the keys of the sizes, that of what shares a sequence last."""


def check_heads(run: Run) -> str:
    """GPUs that share a sequence share its attention heads, which verl asserts once the model is loaded."""
    if not run.get("actor_rollout_ref.actor.strategy").startswith("fsdp"):
        return "as the training engine has it"
    sharing = mesh_of(run, ACTOR).sequence_parallel
    if sharing == 1:
        return "each GPU has whole sequences"
    text = run.model_config.get_text_config()
    heads = text.num_attention_heads
    shared = getattr(text, "num_key_value_heads", None) or heads
    if heads % sharing or (shared % sharing and sharing % shared):
        raise UnfitError(
            f"{ACTOR}.ulysses_sequence_parallel_size is {sharing}, by which the model's {heads} attention heads and "
            f"{shared} key and value heads cannot be divided; set one that divides them."
        )
    return f"{sharing} GPUs share a sequence"
