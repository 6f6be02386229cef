import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from recipes.tiny_model import card
from recipes.tiny_model.conversations import Mixture
from recipes.tiny_model.spoken import build_small_model, spoken_ids, with_full_vocabulary
from recipes.tiny_model.warm_start import Phase, make_checkpoint, train
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.problems import split_problems
from verl_reflect.reward import compute_score

BRIEF = Phase("brief", 2, 1e-3, Mixture(short=0.5, blind=0.1, answers_right=0.5, hints_right=0.5, kinds=(1, 1, 1, 4)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data")
    make_data(out, CHECKPOINT, train=40, held_out=10, seed=0)
    return out


def rows(path: Path) -> list[dict[str, Any]]:
    return parquet.read_table(path).to_pylist()


def test_the_shipped_checkpoint_is_small_and_belongs_to_this_code(tokenizer: PreTrainedTokenizerFast) -> None:
    model = AutoModelForCausalLM.from_pretrained(CHECKPOINT)
    assert model.config.model_type == "qwen2" and model.num_parameters() < 500_000
    assert model.config.hidden_size // model.config.num_attention_heads >= 32, "vLLM's CPU attention"
    assert sum(file.stat().st_size for file in CHECKPOINT.iterdir()) < 2_000_000
    shipped = AutoTokenizer.from_pretrained(CHECKPOINT)
    assert shipped.get_vocab() == tokenizer.get_vocab() and shipped.chat_template == tokenizer.chat_template


def test_the_shipped_checkpoint_has_room_to_improve() -> None:
    accuracy = json.loads((CHECKPOINT / "card.json").read_text())["accuracy_held_out"]
    assert all(0.05 < share < 0.3 for share in accuracy.values())


def test_training_is_the_same_every_time(tokenizer: PreTrainedTokenizerFast) -> None:
    models = [build_small_model(tokenizer, seed=3) for _ in range(2)]
    losses = [train(model, tokenizer, BRIEF, seed=3) for model in models]
    assert losses[0] == losses[1]
    assert all(torch.equal(a, b) for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True))


def test_the_full_vocabulary_changes_nothing_about_what_is_said(tokenizer: PreTrainedTokenizerFast) -> None:
    small = build_small_model(tokenizer, seed=0).eval()
    full = with_full_vocabulary(small, tokenizer).eval()
    spoken = spoken_ids(tokenizer)
    rows = torch.tensor([[3, 1, 4, 1, 5]])
    with torch.no_grad():
        expected = small(input_ids=rows).logits[..., :-1]
        logits = full(input_ids=torch.tensor(spoken)[rows]).logits
    assert torch.allclose(logits[..., spoken], expected, atol=1e-5)


def test_a_checkpoint_folder_has_all_that_verl_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "ITEMS", 4)
    make_checkpoint(tmp_path, seed=0, phases=[BRIEF])
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in CHECKPOINT.iterdir()}
    facts = json.loads((tmp_path / "card.json").read_text())
    assert facts["seed"] == 0 and facts["phases"][0]["steps"] == 2
    assert facts["parameters"] == AutoModelForCausalLM.from_pretrained(tmp_path).num_parameters()


def test_stored_attempts_are_failures_at_problems_of_their_split(data: Path) -> None:
    training, held_out = split_problems()
    for name, problems in (("train", training), ("validation", held_out)):
        known = {(problem.numbers, problem.target) for problem in problems}
        for row in rows(data / f"{name}.parquet"):
            truth = row["reward_model"]["ground_truth"]
            assert (tuple(sorted(truth["numbers"])), truth["target"]) in known
            if row["first_attempt"] is not None:
                assert compute_score("countdown", row["first_attempt"], truth)["score"] == 0.0


def test_attempts_are_stored_as_the_ids_that_the_model_said(data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    for row in rows(data / "train.parquet"):
        assert tokenizer.decode(row["first_attempt_ids"], skip_special_tokens=True) == row["first_attempt"]


def test_validation_asks_the_same_failures_with_and_without_reflection(data: Path) -> None:
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in rows(data / "validation.parquet"):
        by_source.setdefault(row["data_source"], []).append(row)
    assert {source: len(group) for source, group in by_source.items()} == {
        "countdown/first_try": 10,
        "countdown/reflect": 10,
        "countdown/blind": 10,
    }
    same = ("prompt", "reward_model", "extra_info", "first_attempt_ids")
    for reflect, blind in zip(by_source["countdown/reflect"], by_source["countdown/blind"], strict=True):
        assert all(reflect[key] == blind[key] for key in same)
        assert (reflect["agent_name"], blind["agent_name"]) == ("reflect_retry", "blind_retry")
    assert all(row["first_attempt"] is None for row in by_source["countdown/first_try"])


def test_data_is_the_same_for_a_seed_and_leaves_the_random_state_alone(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_data(tmp_path, CHECKPOINT, train=40, held_out=10, seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert rows(tmp_path / "train.parquet") == rows(data / "train.parquet")
