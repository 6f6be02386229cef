"""What the launches ask verl for."""

from pathlib import Path

import pytest
from builders import compose_config
from omegaconf import DictConfig, OmegaConf

from recipes.gpu_check.launch import Launch
from recipes.gpu_check.trainings import LORA_STEPS, Trainings
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run

CPU = ("+hardware=cpu", "+task=countdown_toy", "+actor_rollout_ref.rollout.engine_kwargs.vllm.block_size=16")
MODEL = "actor_rollout_ref.model.path=some/model"
ON = {"a card": (), "cards": ("+hardware=eight_gpus",), "a CPU": CPU}


def trainings(tmp_path: Path, *overrides: str) -> Trainings:
    return Trainings(tmp_path / "out", tmp_path / "data", (*overrides, MODEL))


def composed(launch: Launch) -> DictConfig:
    config = compose_config(*launch.overrides)
    OmegaConf.resolve(config)
    return config


@pytest.mark.parametrize("overrides", ON.values(), ids=ON)
def test_verls_own_grpo_has_the_models_tokens_of_the_method_and_nothing_else_of_it(
    overrides: tuple[str, ...], tmp_path: Path
) -> None:
    asked = trainings(tmp_path, *overrides)
    stock, ours = composed(asked.stock()), composed(asked.live())
    assert "reflect" not in stock and stock.actor_rollout_ref.rollout.agent.default_agent_loop == "single_turn_agent"
    assert stock.actor_rollout_ref.rollout.n == 2 * ours.actor_rollout_ref.rollout.n == 2 * asked.group
    assert stock.data.max_response_length == ours.reflect.max_attempt_tokens
    for key in (
        "trainer.n_gpus_per_node",
        "trainer.device",
        "data.train_batch_size",
        "actor_rollout_ref.model",
        "actor_rollout_ref.actor.optim.lr",
        "actor_rollout_ref.actor.use_kl_loss",
        "actor_rollout_ref.rollout.engine_kwargs",
        "actor_rollout_ref.rollout.tensor_model_parallel_size",
        "actor_rollout_ref.rollout.enforce_eager",
    ):
        assert OmegaConf.select(stock, key) == OmegaConf.select(ours, key), key


@pytest.mark.parametrize("overrides", ON.values(), ids=ON)
def test_the_method_can_work(overrides: tuple[str, ...], tmp_path: Path) -> None:
    asked = trainings(tmp_path, *overrides)
    for launch in (asked.live(killed=True), asked.lora(tmp_path / "failures.parquet")):
        run = Run(composed(launch))
        for check in ("verl", "settings", "trainer", "group", "reward function", "batches", "steps", "adapter"):
            CHECKS[check](run)
    assert run.config.data.train_files == str(tmp_path / "failures.parquet") and run.with_lora
    assert run.config.trainer.total_training_steps == LORA_STEPS


def test_it_is_killed_and_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    asked = trainings(tmp_path)
    killed, resumed = asked.live(killed=True), asked.live()
    assert killed.stop_after and resumed.stop_after is None
    assert killed.folder == resumed.folder and killed.overrides == resumed.overrides


@pytest.mark.parametrize(
    ("said", "cards"),
    [((), 2), (("+hardware=no_flash_attn",), 2), (("+hardware=[one_gpu,no_flash_attn]",), 1), (CPU, 1)],
    ids=lambda said: " ".join(said) if isinstance(said, tuple) else "",
)
def test_all_cards_are_taken_unless_the_user_says_how_many(
    said: tuple[str, ...], cards: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    asked = trainings(tmp_path, *said)
    assert composed(asked.live()).trainer.n_gpus_per_node == composed(asked.stock()).trainer.n_gpus_per_node == cards
    assert asked.on_cpu == (said == CPU) and asked.usual_block == (128 if said == CPU else 16)


def test_what_the_user_says_wins(tmp_path: Path) -> None:
    asked = trainings(tmp_path, "data.train_batch_size=8", "actor_rollout_ref.rollout.n=4", "reflect.sampler=edge")
    assert (asked.batch, asked.group) == (8, 4)
    assert composed(asked.live()).reflect.sampler == "edge"
    assert composed(asked.stock()).data.train_batch_size == 8
