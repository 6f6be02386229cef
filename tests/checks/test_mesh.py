"""GPUs that share a sequence."""

from pathlib import Path

import pytest
from checked import good_config, refusal

SHARING = "actor_rollout_ref.actor.ulysses_sequence_parallel_size"


@pytest.mark.parametrize(("sharing", "fits"), [(1, True), (2, True), (4, False), (8, False)])
def test_they_share_its_attention_heads(tmp_path: Path, sharing: int, fits: bool) -> None:
    sentence = refusal(good_config(tmp_path, f"{SHARING}={sharing}"), "sequence parallel")
    assert (sentence is None) is fits
    assert fits or f"{SHARING} is {sharing}, by which the model's 2 attention heads" in str(sentence)
