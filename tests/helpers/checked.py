"""A configuration that passes every check, and what the checks say to changes of it."""

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
from builders import ROOT, compose_config
from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt

CHECKPOINT = ROOT / "verl_reflect" / "demo" / "checkpoint"
ROW = {
    "data_source": "countdown",
    "prompt": [{"role": "user", "content": "Make 29 from 3 5 8 ."}],
    "reward_model": {"style": "rule", "ground_truth": {"target": 29, "numbers": [3, 5, 8]}},
    "first_attempt": "<answer> ( 3 + 5 ) * 8 </answer>",
}


@cache
def _composed() -> DictConfig:
    return compose_config("+recipe=reflect_grpo", "+task=countdown_toy")


def good_config(folder: Path, *assignments: str) -> DictConfig:
    """The tiny model on 8 GPUs with 8 rows in a folder, and any changes, of whatever type."""
    path = folder / "data.parquet"
    if not path.exists():
        parquet.write_table(pa.Table.from_pylist([ROW] * 8), path)
    config = copy.deepcopy(_composed())
    OmegaConf.set_struct(config, False)
    config.merge_with_dotlist(
        [
            f"actor_rollout_ref.model.path={CHECKPOINT}",
            f"data.train_files={path}",
            f"data.val_files={path}",
            "data.train_batch_size=8",
            f"trainer.default_local_dir={folder}/checkpoints",
            *assignments,
        ]
    )
    return config


def refusal(config: DictConfig, *checks: str) -> str | None:
    """The sentence of the first check that refuses; of all checks, or of those that are named."""
    run = Run(config)
    try:
        for name in checks or CHECKS:
            CHECKS[name](run)
    except UnfitError as problem:
        return str(problem)
    return None


def doubts(config: DictConfig) -> list[str]:
    """What is doubtful of a configuration that can start."""
    run = Run(config)
    return [remark for remark in (check(run) for check in CHECKS.values()) if isinstance(remark, Doubt)]


def leaves(section: Any, prefix: str) -> Iterator[str]:
    """Every key of a section, sections themselves included."""
    for name in section:
        key = f"{prefix}.{name}"
        yield key
        if isinstance(section[name], DictConfig):
            yield from leaves(section[name], key)
