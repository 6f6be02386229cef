"""How many tokens a micro-batch has on a CPU: by vocabulary, memory and the longest row."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import compose_config
from omegaconf import OmegaConf

from verl_reflect.cpu import micro_batches
from verl_reflect.cpu.micro_batches import MOST, PADDING, SHARE, VERLS_DEFAULT, bytes_of_token, micro_batch_tokens
from verl_reflect.demo.data import CHECKPOINT

GB = 10**9


def model(vocabulary: int, layers: int, hidden: int, inner: int) -> SimpleNamespace:
    config = SimpleNamespace(
        vocab_size=vocabulary, num_hidden_layers=layers, hidden_size=hidden, intermediate_size=inner
    )
    return SimpleNamespace(get_text_config=lambda: config)


SMOLLM2 = model(49152, 30, 576, 1536)
QWEN = model(151936, 24, 896, 4864)
TINY = model(163, 4, 64, 256)


def test_logits_of_every_copy_and_activations_of_every_layer_are_counted() -> None:
    assert bytes_of_token(model(1000, 0, 1, 1)) == 4 * micro_batches.LOGIT_COPIES * 1000
    assert bytes_of_token(model(0, 2, 10, 40)) == 4 * 2 * (10 * 10 + 4 * 40)


@pytest.mark.parametrize("config", [SMOLLM2, QWEN])
@pytest.mark.parametrize("memory", [24 * GB, 64 * GB, 256 * GB])
def test_a_micro_batch_keeps_to_its_share_of_the_memory(config: SimpleNamespace, memory: int) -> None:
    tokens = micro_batch_tokens(bytes_of_token(config), memory, row_tokens=0)
    assert 0 < PADDING * tokens * bytes_of_token(config) <= SHARE * memory


def test_a_larger_vocabulary_takes_smaller_micro_batches_and_more_memory_larger_ones() -> None:
    def tokens(config: SimpleNamespace, memory: int) -> int:
        return micro_batch_tokens(bytes_of_token(config), memory, row_tokens=0)

    assert tokens(QWEN, 24 * GB) < tokens(SMOLLM2, 24 * GB) < VERLS_DEFAULT
    assert tokens(SMOLLM2, 24 * GB) < tokens(SMOLLM2, 64 * GB)
    assert tokens(TINY, 24 * GB) == MOST


def test_a_row_always_fits() -> None:
    assert micro_batch_tokens(bytes_of_token(QWEN), 8 * GB, row_tokens=2560) == 2560


def test_a_container_has_the_memory_that_it_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(micro_batches, "CGROUP_LIMIT", tmp_path / "memory.max")
    whole = micro_batches.memory_of_machine()
    (tmp_path / "memory.max").write_text("max\n")
    assert micro_batches.memory_of_machine() == whole
    (tmp_path / "memory.max").write_text("1000000\n")
    assert micro_batches.memory_of_machine() == 1000000


def test_the_profile_sizes_them_by_the_model_and_no_gpu_profile_does() -> None:
    model_path = f"actor_rollout_ref.model.path={CHECKPOINT}"
    on_cpu = compose_config("+recipe=reflect_grpo", "+task=countdown", "+hardware=cpu", model_path)
    assert on_cpu.actor_rollout_ref.actor.ppo_max_token_len_per_gpu == MOST
    assert on_cpu.actor_rollout_ref.rollout.log_prob_max_token_len_per_gpu == MOST
    elsewhere = compose_config("+recipe=reflect_grpo", "+task=countdown", model_path)
    assert elsewhere.actor_rollout_ref.actor.ppo_max_token_len_per_gpu == VERLS_DEFAULT


def test_a_model_that_cannot_be_read_leaves_verls_default() -> None:
    config = compose_config("+hardware=cpu", "actor_rollout_ref.model.path=/no/such/model")
    assert config.actor_rollout_ref.actor.ppo_max_token_len_per_gpu == VERLS_DEFAULT
    OmegaConf.resolve(config)


@pytest.mark.parametrize(
    ("overrides", "row"),
    [
        (("+recipe=reflect_grpo", "+task=countdown"), 1536),
        (("+recipe=reflect_grpo", "+task=countdown", "reflect.credit=reflection+retry"), 2560),
        (("+recipe=reflect_grpo", "+task=countdown", "reflect.keep=[retry]"), 2560),
        (("+recipe=blind_retry_grpo", "+task=countdown"), 2560),
        (("data.max_prompt_length=300", "data.max_response_length=200"), 500),
        (("data.max_prompt_length=300", "actor_rollout_ref.rollout.max_model_len=900"), 900),
    ],
)
def test_where_memory_is_short_a_micro_batch_is_the_longest_row_and_no_longer(
    overrides: tuple[str, ...], row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_batches, "_bytes_of_token", lambda path: bytes_of_token(SMOLLM2))
    monkeypatch.setattr(micro_batches, "memory_of_machine", lambda: 8 * GB)
    config = compose_config(*overrides, "+hardware=cpu", f"actor_rollout_ref.model.path={CHECKPOINT}")
    assert config.actor_rollout_ref.actor.ppo_max_token_len_per_gpu == row
