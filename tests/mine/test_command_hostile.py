"""Mining with a verifier that may do anything: its answers count neither way, the others do, and it says why."""

from pathlib import Path
from typing import Any

import hostile_verifiers
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import DictConfig

from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.mine.command import Mining
from verl_reflect.mine.console import lines
from verl_reflect.mine.settings import MineSettings
from verl_reflect.serving.start import configuration

EXHIBITS = ("exit 0", "dies with 0", "kills its parent", "sleeps", "interrupt", "prints megabytes")


class Server:
    """Says a word, whatever it is asked."""

    name = "scripted"

    def __init__(self, tokenizer: Any):
        self.answer = [*tokenizer.encode("so", add_special_tokens=False), tokenizer.eos_token_id]

    async def generate(self, prompt_ids: Any) -> list[int]:
        return self.answer

    async def alive(self) -> bool:
        return True


def row(index: int, ground_truth: str) -> dict[str, Any]:
    return {
        "data_source": "museum",
        "prompt": [{"role": "user", "content": "Make 29 from 3 5 8 ."}],
        "reward_model": {"style": "rule", "ground_truth": ground_truth},
        "extra_info": {"index": index},
    }


@pytest.mark.parametrize("exhibit", EXHIBITS)
def test_the_other_answers_are_mined(exhibit: str, tmp_path: Path, tokenizer: Any) -> None:
    pq.write_table(pa.Table.from_pylist([row(0, exhibit), row(1, "none of them")]), tmp_path / "train.parquet")

    async def start(config: DictConfig) -> Any:
        return [Server(tokenizer)]

    config = configuration(
        [
            *("+recipe=reflect_grpo", "+task=countdown_toy", f"actor_rollout_ref.model.path={CHECKPOINT}"),
            f"data.train_files={tmp_path / 'train.parquet'}",
            f"reward.custom_reward_function.path={hostile_verifiers.__file__}",
            "reward.custom_reward_function.name=judge",
            "reflect.verifier_timeout=1",
        ]
    )
    mined = Mining(config, MineSettings(samples=2), tmp_path / "failures.parquet")(start)
    error = hostile_verifiers.EXHIBITS[exhibit].error
    assert mined.counts["answers_without_verdict"] == (2 if error else 0)
    assert mined.counts["failures"] == 2
    assert (error in " ".join(lines(mined))) and [
        each["extra_info"]["index"] for each in pq.read_table(mined.path).to_pylist()
    ] == [1]
