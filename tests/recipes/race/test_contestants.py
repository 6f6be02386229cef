"""What each contestant is told, and that the overrides which spare a forward pass change no gradient."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from builders import compose_config
from omegaconf import OmegaConf
from transformers import Qwen2ForCausalLM
from verl.trainer.ppo.core_algos import get_policy_loss_fn
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.config import ActorConfig

from recipes.race.contestants import CONTESTANTS, ONE_FORWARD
from recipes.race.course import Course, tiny
from recipes.race.tables import LABELS
from verl_reflect.demo.data import CHECKPOINT

ON_VERL = [name for name in CONTESTANTS if name != "trl"]


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return tiny(tmp_path / "data", steps=3)


def overrides_of(name: str, course: Course, folder: Path) -> list[str]:
    return [word for word in CONTESTANTS[name](course, folder, Path("python")) if "=" in word]


def test_every_contestant_has_a_label() -> None:
    assert list(CONTESTANTS) == list(LABELS)


@pytest.mark.parametrize("name", ON_VERL)
def test_all_on_verl_do_the_same_work_with_one_update_a_step(name: str, course: Course, tmp_path: Path) -> None:
    config = compose_config(*overrides_of(name, course, tmp_path))
    rollout, actor = config.actor_rollout_ref.rollout, config.actor_rollout_ref.actor
    assert (config.data.train_batch_size, rollout.n, rollout.temperature) == (32, 8, 1.0)
    assert (actor.ppo_mini_batch_size, actor.ppo_epochs, actor.optim.lr) == (32, 1, 4e-4)
    assert config.algorithm.adv_estimator == "grpo" and not actor.use_kl_loss
    assert config.trainer.v1.trainer_mode == "sync" and actor.use_dynamic_bsz


def test_stock_verl_uses_nothing_of_the_recipe(course: Course, tmp_path: Path) -> None:
    for name in ("single_turn", "transcripts"):
        assert "reflect" not in compose_config(*overrides_of(name, course, tmp_path))


def test_the_loop_of_transcripts_has_the_same_limits_as_the_method(course: Course, tmp_path: Path) -> None:
    overrides_of("transcripts", course, tmp_path)
    [loop] = OmegaConf.to_container(OmegaConf.load(tmp_path / "transcript_loop.yaml"))
    method = compose_config(*overrides_of("reflect", course, tmp_path)).reflect
    assert loop["limits"] == [method.max_attempt_tokens, method.max_reflection_tokens, method.max_retry_tokens]
    assert loop["request"] == method.reflection_prompt == course.request


def test_trl_reads_the_same_course(course: Course, tmp_path: Path) -> None:
    interpreter, script, written, _ = CONTESTANTS["trl"](course, tmp_path, Path("/trl/python"))
    assert interpreter == "/trl/python" and Path(script).is_file()
    assert Course.read(Path(written)) == course != replace(course, steps=4)


# One forward pass: the log-probabilities of the update are its own old ones.


def actor(*overrides: str) -> ActorConfig:
    return omega_conf_to_dataclass(
        compose_config("+recipe=reflect_grpo", "+hardware=cpu", *overrides).actor_rollout_ref.actor
    )


def updated(config: ActorConfig, rollout_differs_by: float = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The tiny model's gradients, and its weights after one step of AdamW, on 16 rows of 12 tokens.

    Old log-probabilities are the model's own, or the rollout's, which differ at random, by `rollout_differs_by`.
    """
    torch.manual_seed(0)
    model = Qwen2ForCausalLM.from_pretrained(CHECKPOINT)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-4)
    ids = torch.randint(0, model.config.vocab_size, (16, 12))
    advantages = torch.randn(16, 1).expand(16, 11)
    mask = torch.ones(16, 11)
    log_probs = model(ids).logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    old = log_probs.detach() + torch.randn(16, 11) * rollout_differs_by
    loss, _ = get_policy_loss_fn(config.policy_loss.loss_mode)(
        old, log_probs, advantages, mask, loss_agg_mode=config.loss_agg_mode, config=config
    )
    loss.backward()
    gradients = torch.cat([each.grad.flatten() for each in model.parameters()])
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_grad)
    optimizer.step()
    return gradients, torch.cat([each.detach().flatten() for each in model.parameters()])


def difference(of: torch.Tensor, to: torch.Tensor) -> float:
    """The distance, relative to what it is compared with."""
    return float((of - to).norm() / to.norm())


def test_with_one_update_a_step_the_gradient_is_the_same_without_old_log_probs() -> None:
    gradients, weights = updated(actor())
    spared, after = updated(actor(*ONE_FORWARD), rollout_differs_by=0.5)
    assert difference(spared, gradients) < 1e-6 and difference(after, weights) < 1e-6


def test_the_rollouts_log_probs_as_old_ones_give_another_gradient() -> None:
    """So verl's bypass alone is no substitute: it weighs each token by how far rollout and trainer are apart."""
    usual, _ = updated(actor())
    nearly, far = (difference(updated(actor(ONE_FORWARD[0]), by)[0], usual) for by in (4e-5, 0.02))
    assert 1e-6 < nearly < 1e-3 < far
