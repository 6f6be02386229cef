"""The launches: verl's own GRPO, and beside it the method, live and then with LoRA on the failures that it left.

All have the same model, prompts, token limits, loss and optimizer. verl's own has twice the sessions on a prompt, for
one of ours takes two turns: so both generate about as many tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq
import torch
from omegaconf import DictConfig

import verl_reflect.reward
from recipes.gpu_check.launch import Launch
from verl_reflect.checks.doctor import composed

STOCK_STEPS, LIVE_STEPS, LORA_STEPS = 5, 6, 3
KILL_AFTER = 3
OURS = ("recipe=", "task=", "reflect.")
"""With these begins what verl alone does not know."""
SECONDS = 420.0
"""For one launch: on a GPU two to three minutes are imports and the start of the server."""
SIZES = (
    "data.train_batch_size=32",
    "actor_rollout_ref.rollout.n=8",
    "reflect.max_attempt_tokens=256",
    "reflect.max_reflection_tokens=128",
    "reflect.max_retry_tokens=256",
    "actor_rollout_ref.actor.optim.lr=1e-5",
)
"""Small enough for minutes, and large enough to keep a card busy. The learning rate is 20 times the recipe's, so that
in 6 steps the weights move enough for a server that did not get them to be found out. A task that the user names has
sizes of its own."""
LORA = (
    "actor_rollout_ref.model.lora_rank=8",
    "actor_rollout_ref.model.lora_alpha=16",
    "actor_rollout_ref.actor.optim.lr=1e-3",
    "actor_rollout_ref.actor.use_kl_loss=true",
)
"""An adapter begins at nothing and moves the faster; the KL says how far it has moved the model."""


@dataclass(frozen=True)
class Trainings:
    """The launches of one check.

    Args:
        folder: Where all files go.
        data: Has `train.parquet` and `validation.parquet`.
        overrides: The user's: the model, the hardware, another task. They win over what is set here.
    """

    folder: Path
    data: Path
    overrides: Sequence[str]

    @cached_property
    def config(self) -> DictConfig:
        """What the method's overrides come to."""
        return composed(self.of_the_method())

    @property
    def batch(self) -> int:
        """Groups of a step."""
        return int(self.config.data.train_batch_size)

    @property
    def group(self) -> int:
        """Sessions of a group."""
        return int(self.config.actor_rollout_ref.rollout.n)

    @property
    def validation_rows(self) -> int:
        """Sessions of a validation."""
        rows = pq.read_metadata(self.data / "validation.parquet").num_rows
        return rows * int(self.config.actor_rollout_ref.rollout.val_kwargs.n)

    @property
    def on_cpu(self) -> bool:
        """There is no card to be proven."""
        return str(self.config.trainer.device) == "cpu"

    @property
    def usual_block(self) -> int:
        """Tokens of a block of vLLM's cache, as it has them if it is not told."""
        return 128 if self.on_cpu else 16

    @property
    def failures(self) -> Path:
        """The data set that the live training leaves for LoRA."""
        return self.folder / "failures.parquet"

    def stock(self) -> Launch:
        """verl's own GRPO on first attempts, with the task's reward function and nothing else of ours."""
        plain = [word for word in self.overrides if not word.lstrip("+").startswith(OURS)]
        return self._launch("stock", (*plain, *as_ours(self.config)), STOCK_STEPS)

    def live(self, *, killed: bool = False) -> Launch:
        """First attempts live, saved at every step: once until it is killed, and once going on to its end."""
        overrides = self.of_the_method("reflect.first_attempt=live", "trainer.save_freq=1", "trainer.resume_mode=auto")
        validation = f"trainer.test_freq={LIVE_STEPS}"
        return self._launch("live", (*overrides, validation), LIVE_STEPS, stop_after=KILL_AFTER if killed else None)

    def lora(self, failures: Path) -> Launch:
        """LoRA on a data set of failures."""
        data = f"data.train_files={failures.resolve()}"
        overrides = self.of_the_method("reflect.first_attempt=dataset", data, *LORA)
        return self._launch("lora", overrides, LORA_STEPS)

    def of_the_method(self, *more: str) -> list[str]:
        """The recipe, what the user says, and what a launch says."""
        task = [] if self._says("+task=") else ["+task=countdown"]
        sizes = SIZES if task else ()
        return ["+recipe=reflect_grpo", *task, *sizes, *self._files(), *self._cards(), *self.overrides, *more]

    def _says(self, *beginnings: str) -> bool:
        return any(word.startswith(beginnings) for word in self.overrides if word != "+hardware=no_flash_attn")

    def _cards(self) -> list[str]:
        """All that are here, a server on each, unless the user says how many."""
        if self._says("+hardware=", "trainer.n_gpus_per_node="):
            return []
        cards = f"trainer.n_gpus_per_node={torch.cuda.device_count() or 1}"
        return [cards, "actor_rollout_ref.rollout.tensor_model_parallel_size=1"]

    def _files(self) -> list[str]:
        names = {"train_files": "train.parquet", "val_files": "validation.parquet"}
        return [f"data.{key}={self.data.resolve() / name}" for key, name in names.items()]

    def _launch(self, name: str, overrides: Sequence[str], steps: int, *, stop_after: int | None = None) -> Launch:
        out = self.folder.resolve() / name
        common = (
            f"trainer.total_training_steps={steps}",
            "trainer.total_epochs=1000",
            "trainer.logger=[console,file]",
            "trainer.val_before_train=false",
            f"trainer.default_local_dir={out / 'checkpoints'}",
            f"trainer.rollout_data_dir={out / 'rollout'}",
            f"trainer.validation_data_dir={out / 'validation'}",
            f"hydra.run.dir={out / 'hydra'}",
        )
        return Launch(name, out, (*overrides, *common), SECONDS, stop_after)


def as_ours(config: DictConfig) -> list[str]:
    """verl's own GRPO with the settings that the method's configuration came to."""
    actor, rollout, settings = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout, config.reflect
    values = {
        "algorithm.adv_estimator": "grpo",
        "data.train_files": config.data.train_files,
        "data.val_files": config.data.val_files,
        "data.train_batch_size": config.data.train_batch_size,
        "data.max_prompt_length": config.data.max_prompt_length,
        "data.max_response_length": settings.max_attempt_tokens,
        "data.dataloader_num_workers": 0,
        "actor_rollout_ref.actor.ppo_mini_batch_size": config.data.train_batch_size,
        "actor_rollout_ref.actor.use_dynamic_bsz": actor.use_dynamic_bsz,
        "actor_rollout_ref.actor.use_kl_loss": actor.use_kl_loss,
        "actor_rollout_ref.actor.kl_loss_coef": actor.kl_loss_coef,
        "actor_rollout_ref.actor.kl_loss_type": actor.kl_loss_type,
        "actor_rollout_ref.actor.entropy_coeff": actor.entropy_coeff,
        "actor_rollout_ref.actor.optim.lr": actor.optim.lr,
        "actor_rollout_ref.rollout.name": rollout.name,
        "actor_rollout_ref.rollout.n": 2 * rollout.n,
        "actor_rollout_ref.rollout.max_model_len": rollout.max_model_len,
        "actor_rollout_ref.rollout.tensor_model_parallel_size": rollout.tensor_model_parallel_size,
        "reward.custom_reward_function.path": verl_reflect.reward.__file__,
        "reward.custom_reward_function.name": "compute_score",
        "trainer.nnodes": config.trainer.nnodes,
        "trainer.n_gpus_per_node": config.trainer.n_gpus_per_node,
        "trainer.use_v1": True,
        "trainer.v1.trainer_mode": "sync",
    }
    return [f"{key}={value}" for key, value in values.items()]
