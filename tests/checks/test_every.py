"""What is wrong with a run is said before anything is loaded, in one sentence that says what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from data_rows import data_row
from hydra.core.utils import JobReturn
from omegaconf import DictConfig, OmegaConf

from recipes.tiny_model.model import build_model
from recipes.tiny_model.tokenizer import build_tokenizer
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.preflight import Preflight
from verl_reflect.checks.run import Run, UnfitError


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(folder)
    build_model(tokenizer, seed=0).save_pretrained(folder)
    return folder


@pytest.fixture
def good_config(recipe_config: Callable[..., DictConfig], model_folder: Path, tmp_path: Path) -> DictConfig:
    parquet.write_table(pa.Table.from_pylist([data_row()] * 3), tmp_path / "data.parquet")
    return recipe_config(
        f"actor_rollout_ref.model.path={model_folder}",
        f"data.train_files={tmp_path}/data.parquet",
        f"data.val_files=[{tmp_path}/data.parquet]",
        "data.train_batch_size=1",
        "actor_rollout_ref.rollout.max_model_len=256",
    )


def test_a_good_configuration_passes_every_check(good_config: DictConfig) -> None:
    remarks = {name: check(Run(good_config)) for name, check in CHECKS.items()}
    assert remarks["chat template"] == "a turn ends with <|im_end|>"
    assert remarks["data"] == "data.parquet (3 rows), data.parquet (3 rows)"


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        (["reflect.tasks=[no_such_module:Task]", "reflect.reflection_prompt=null"], "cannot be imported"),
        (["trainer.v1.trainer_mode=fully_async"], "must be one of sync, colocate_async, separate_async"),
        (
            ["trainer.v1.trainer_mode=colocate_async", "trainer.v1.sampler.custom_sampler.name=ReflectReplayBuffer"],
            "custom_sampler.name is ReflectReplayBuffer and must be ReflectReplayBufferAsync; remove the override",
        ),
        (["trainer.use_v1=false"], "Only verl's V1 trainer is supported"),
        (["reward.reward_manager.name=naive"], "must be ReflectRewardManager; remove the override"),
        (["reward.reward_model.enable=true"], "a reward function decides about success"),
        (["actor_rollout_ref.rollout.full_determinism=true"], "set it to False"),
        (["actor_rollout_ref.rollout.n=1"], "set it to 2 or more"),
        (["reflect.control=shuffled", "algorithm.adv_estimator=rloo"], "remove the override"),
        (["reflect.control=fixed"], "which cannot be trained; set trainer.val_only=True"),
        (["reflect.sampler=edge", "data.dataloader_num_workers=8"], "data.dataloader_num_workers is 8; set it to 0"),
        (["reflect.sampler=edge", "data.custom_cls.path=pkg://mine"], "it is pkg://mine; remove the override"),
        (
            ["reflect.keep=[retry]", "actor_rollout_ref.actor.use_kl_loss=false"],
            "set actor_rollout_ref.actor.use_kl_loss=true",
        ),
        (["reflect.sampler=hard"], "reflect.sampler is hard; choose one of uniform, edge"),
        (["reflect.credit=reflection+retry", "algorithm.adv_estimator=rloo"], "set algorithm.adv_estimator=grpo"),
        (
            ["reflect.guards=[{metric: reflect/unique, below: 0.1}]"],
            "reflect.guards names the metric reflect/unique; did you mean reflect/unique_reflections or ",
        ),
        (
            [
                "reflect.guards=[{metric: reflect/self_similarity, above: 0.9}]",
                "actor_rollout_ref.rollout.agent.default_agent_loop=blind_retry",
            ],
            "watches reflect/self_similarity, and blind_retry has no reflections; remove the guard",
        ),
        (
            ["reflect.penalties.too_long=1", "actor_rollout_ref.rollout.agent.default_agent_loop=blind_retry"],
            "reflect.penalties are for reflections, and blind_retry has none; set them to 0",
        ),
        (["actor_rollout_ref.model.path=/no/such/folder"], "There is no model folder /no/such/folder"),
        (["actor_rollout_ref.rollout.max_model_len=100"], "max_model_len is 100 and a conversation can take 1"),
        (["reflect.max_retry_tokens=4000"], "the model's max_position_embeddings is "),
        (["actor_rollout_ref.actor.ppo_max_token_len_per_gpu=64"], "ppo_max_token_len_per_gpu is 64"),
        (
            ["data.max_response_length=8"],
            "data.max_response_length=8 is shorter than a trained turn, which may take 16",
        ),
        (["reward.custom_reward_function.path=/no/reward.py"], "/no/reward.py:compute_score cannot be loaded"),
        (["data.train_files=/no/such.parquet"], "there is no file /no/such.parquet"),
        (["data.custom_cls.path=/no/rows.py"], "data.custom_cls.path: there is no file /no/rows.py"),
        (["algorithm.adv_estimator=grppo"], "did you mean grpo?"),
        (["actor_rollout_ref.rollout.top_p=1.5"], "top_p is 1.5; it must be a number of more than 0 and at most 1"),
        (["actor_rollout_ref.actor.optim.lr=1e-6x"], "optim.lr is the text '1e-6x'; it must be a number"),
        (["actor_rollout_ref.rollout.gpu_memory_utilization=90"], "gpu_memory_utilization is 90; it must be a number"),
        (["data.truncation=rght"], "it must be one of error, left, right, middle"),
    ],
)
def test_a_bad_configuration_stops_the_run(
    good_config: DictConfig, assignments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if assignments[0].startswith("reflect.max_retry"):
        OmegaConf.update(good_config, "actor_rollout_ref.rollout.max_model_len", 8000)
    good_config.merge_with_dotlist(assignments)
    with pytest.raises(SystemExit) as stop:
        Preflight().on_job_start(good_config, job_return=JobReturn())
    message = str(stop.value)
    assert sentence in message and message.startswith("verl-reflect: ") and "\n" not in message


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [{k: v for k, v in data_row().items() if k != "first_attempt"}],
            "has no column first_attempt; set reflect.fi",
        ),
        ([{k: v for k, v in data_row().items() if k != "reward_model"}], "has no column reward_model; add it"),
        ([data_row(), data_row(reward_model={"style": "rule", "ground_truth": None})], "row 1 of"),
        ([data_row(data_source="chess")], "no task for data_source 'chess'"),
        ([data_row(first_attempt="<answer> 3 * 8 + 5 </answer>")], "has a first_attempt that passes"),
        ([], "has no rows"),
    ],
)
def test_bad_data_are_named_with_their_row(
    good_config: DictConfig, tmp_path: Path, rows: list[dict[str, Any]], sentence: str
) -> None:
    schema = None if rows else pa.Table.from_pylist([data_row()]).schema
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "data.parquet")
    with pytest.raises(UnfitError, match=r"data\.parquet") as error:
        CHECKS["data"](Run(good_config))
    assert sentence in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prompt": [{"role": "user", "content": "1 " * 99}]}, "none of the first 1 prompts of"),
        ({"tools": json.dumps([{"name": "f" * 99}])}, "tokens, its functions included"),
    ],
)
def test_prompts_that_are_too_long_are_noticed(
    good_config: DictConfig, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    parquet.write_table(pa.Table.from_pylist([data_row(**changes)]), tmp_path / "data.parquet")
    with pytest.raises(UnfitError, match=sentence):
        CHECKS["prompts"](Run(good_config))


def test_the_check_says_whether_rewards_are_the_papers(good_config: DictConfig) -> None:
    assert CHECKS["guards"](Run(good_config)) == "rewards without penalties; 0 guards"
    good_config.reflect.penalties.too_long = 0.1
    assert CHECKS["guards"](Run(good_config)).startswith("rewards with penalties, unlike the paper")


def test_live_training_needs_no_stored_attempts(good_config: DictConfig, tmp_path: Path) -> None:
    rows = [{k: v for k, v in data_row().items() if k != "first_attempt"}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    good_config.reflect.first_attempt = "live"
    assert CHECKS["data"](Run(good_config)) == "data.parquet (1 rows), data.parquet (1 rows)"


def test_a_template_that_closes_turns_in_a_way_of_its_own_is_in_order(good_config: DictConfig) -> None:
    good_config.actor_rollout_ref.model.custom_chat_template = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
        "{% if m.role == 'assistant' %}{{ '\\n\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    assert CHECKS["chat template"](Run(good_config)) == "a turn ends with <|im_end|>"


def test_a_model_without_a_chat_template(good_config: DictConfig, tmp_path: Path, model_folder: Path) -> None:
    for file in model_folder.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    good_config.actor_rollout_ref.model.path = str(tmp_path)
    with pytest.raises(UnfitError, match="no chat template; use an instruct model"):
        CHECKS["chat template"](Run(good_config))
