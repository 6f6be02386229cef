"""What holds the miniature to verl: one step of verl's trainer on its data, and the same step by its own code.

The start is the Llama, the task function calling; the transcripts of verl's step say which reflections were written and
paid.
"""

from pathlib import Path

import pytest
import torch
from torch.nn.utils import parameters_to_vector
from transformers import AutoModelForCausalLM

from recipes.replication.checkpoints import FOLDER, load_start
from recipes.replication.language import WORLDS, tokenizer
from recipes.replication.models import Model
from recipes.replication.rollout import Rollout
from recipes.replication.training import Row, advantages, grpo, update
from recipes.replication.verl_data import make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.records.transcripts import read_transcripts

pytestmark = pytest.mark.e2e

START = "llama-small"


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> ToyTraining:
    folder = tmp_path_factory.mktemp("miniature")
    make_data(folder / "data", START, "calls", train=64, held_out=8, seed=0)
    overrides = (
        "trainer.save_freq=1",
        f"trainer.default_local_dir={folder / 'checkpoints'}",
        "actor_rollout_ref.actor.checkpoint.save_contents=[model,hf_model]",
    )
    training = ToyTraining(folder, folder / "data", FOLDER / START, 1, 1, 1, overrides)
    list(training.run())
    return training


def rows_of(training: ToyTraining) -> list[Row]:
    """verl's rows, made again from the tokens in its transcripts."""
    language, groups = tokenizer(), dict[str, int]()
    rollout, rows = Rollout(WORLDS["calls"], language), []
    for told in read_transcripts(training.folder / "rollout", 1):
        group = groups.setdefault(told.group, len(groups))
        asked = rollout.question(told.task)
        said = list(told.reflection.token_ids)
        given = rollout.after(asked, list(told.attempt.token_ids)) + rollout.request
        trained = [False] * len(given) + [True] * len(said)
        rows.append(Row(given + said, trained, told.second_try, group, len(said)))
    return rows


def test_function_calls_are_judged_and_some_reflections_paid(training: ToyTraining) -> None:
    rewards = [row.reward for row in rows_of(training)]
    assert len(rewards) == 32 * 8 and 0.05 < sum(rewards) / len(rewards) < 0.8


def test_the_miniatures_update_is_verls(training: ToyTraining) -> None:
    start = load_start(START)
    before = parameters_to_vector(start.parameters()).detach().clone()
    after: Model = AutoModelForCausalLM.from_pretrained(
        training.folder / "checkpoints" / "global_step_1" / "actor" / "huggingface", dtype=torch.float32
    )
    rows = rows_of(training)
    update(start, torch.optim.AdamW(start.parameters(), lr=4e-4, weight_decay=0.01), rows, advantages(rows, grpo))
    ours, verls = (parameters_to_vector(model.parameters()).detach() - before for model in (start, after))
    assert torch.nn.functional.cosine_similarity(ours, verls, dim=0) > 0.999
    assert float(ours.norm()) == pytest.approx(float(verls.norm()), rel=1e-3)


def test_its_validation_makes_both_second_tries(training: ToyTraining, tmp_path: Path) -> None:
    sources = {told.data_source for told in training.validation(1)}
    assert sources == {"function_calling/reflect", "function_calling/blind"}
