"""The longest possible conversation fits the server and the model, and the longest training row each GPU."""

from collections.abc import Iterator

from verl_reflect.checks.mesh import ACTOR, CRITIC, REFERENCE, mesh_of
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.plugin import longest_trained_turn
from verl_reflect.rollout.ways import REFLECTING

CRITICS_LIMIT = 32_768
"""verl's default, which stands in none of its files."""


def check_budget(run: Run) -> str:
    """The longest possible conversation fits the server, the model and the trainer."""
    settings = run.settings
    prompt: int = run.get("data.max_prompt_length")
    request = max(_turn_tokens(run, wording) for wording in run.reflection_prompts)
    again = _turn_tokens(run, settings.retry_prompt)
    row = prompt + settings.max_attempt_tokens + request + settings.max_reflection_tokens
    whole = row + prompt + again + settings.max_retry_tokens
    row = whole if "retry" in (*settings.trained_turns, *settings.keep) else row
    needs = [*((name, limit, whole) for name, limit in _of_a_conversation(run))]
    needs += [(name, limit, row) for name, limit in _of_a_row(run)]
    for name, limit, needed in needs:
        if limit is not None and limit < needed:
            raise UnfitError(
                f"{name} is {limit} and a conversation can take {needed} tokens (twice data.max_prompt_length="
                f"{prompt}, reflect.max_attempt_tokens={settings.max_attempt_tokens}, "
                f"reflect.max_reflection_tokens={settings.max_reflection_tokens}, reflect.max_retry_tokens="
                f"{settings.max_retry_tokens} and {request + again} for the requests); raise it or lower those."
            )
    _check_response_length(run)
    return f"at most {row} tokens a training row, {whole} a conversation"


def _of_a_conversation(run: Run) -> Iterator[tuple[str, int | None]]:
    yield "actor_rollout_ref.rollout.max_model_len", run.get("actor_rollout_ref.rollout.max_model_len")
    yield "the model's max_position_embeddings", getattr(run.model_config, "max_position_embeddings", None)


def _of_a_row(run: Run) -> Iterator[tuple[str, int]]:
    """Limits on the tokens of a micro-batch, which holds a row at least: times the GPUs that share a sequence.

    verl's engines look at them only where micro-batches are made by tokens (`use_dynamic_bsz`).
    """
    actor, rollout, reference = ACTOR, "actor_rollout_ref.rollout", REFERENCE
    bypassed = run.get("algorithm.rollout_correction.bypass_mode")
    if run.get(f"{actor}.use_dynamic_bsz"):
        yield _shared(run, f"{actor}.ppo_max_token_len_per_gpu", actor)
        if not bypassed or (run.with_reference and run.with_lora):
            yield _shared(run, f"{rollout}.log_prob_max_token_len_per_gpu", actor)
    if run.with_reference and not run.with_lora and run.get(f"{reference}.log_prob_use_dynamic_bsz"):
        yield _shared(run, f"{reference}.log_prob_max_token_len_per_gpu", reference)
    if run.with_critic and run.get(f"{CRITIC}.use_dynamic_bsz"):
        yield _shared(run, f"{CRITIC}.ppo_infer_max_token_len_per_gpu", CRITIC, CRITICS_LIMIT)


def _shared(run: Run, key: str, part: str, default: int | None = None) -> tuple[str, int]:
    limit, sharing = run.get(key) or default, mesh_of(run, part).sequence_parallel
    if limit is None:
        raise UnfitError(f"{key} is null and use_dynamic_bsz makes micro-batches by it; set it to a number of tokens.")
    name = key if sharing == 1 else f"{key} times the {sharing} GPUs that share a sequence"
    return name, limit * sharing


def _check_response_length(run: Run) -> None:
    settings = run.settings
    longest = longest_trained_turn(
        settings.credit,
        settings.max_attempt_tokens,
        settings.max_reflection_tokens,
        settings.max_retry_tokens,
        settings.keep,
    )
    reflecting = run.get("actor_rollout_ref.rollout.agent.default_agent_loop") in REFLECTING
    if reflecting and (limit := run.get("data.max_response_length")) < longest:
        raise UnfitError(
            f"data.max_response_length={limit} is shorter than a trained turn, which may take "
            f"{longest} tokens; remove the override, the recipe makes them equal."
        )


def _turn_tokens(run: Run, content: str) -> int:
    """Tokens of one user turn and of the opening of the model's."""
    turn = [{"role": "user", "content": content}]
    rendered = run.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return len(run.tokenizer.encode(rendered, add_special_tokens=False))
