"""Tasks at the edge: the running pass rates, the draws, and both in verl's own data loader with a resume."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from omegaconf import DictConfig
from torchdata.stateful_dataloader import StatefulDataLoader
from verl.trainer.ppo.utils import create_rl_dataset, create_rl_sampler
from verl.utils.dataset.rl_dataset import collate_fn

from verl_reflect.training.pass_rates import LEAST_WEIGHT, MEMORY, PASS_RATES, PassRates

HOPELESS, EDGE, SOLVED, NEW = range(4)


def forget() -> None:
    PASS_RATES.load_state_dict(PassRates().state_dict())


@pytest.fixture(autouse=True)
def fresh() -> None:
    forget()


@pytest.fixture
def make_loader(
    recipe_config: Callable[..., DictConfig], tokenizer: Any, tmp_path: Path
) -> Callable[..., StatefulDataLoader[Any]]:
    """verl's data loader over four rows, as its trainer makes it."""
    path = tmp_path / "train.parquet"
    prompts = [[{"role": "user", "content": f"Make {number} from 3 5 8 ."}] for number in range(4)]
    rows = [{"prompt": prompt, "data_source": "countdown", "extra_info": {"index": 7}} for prompt in prompts]
    parquet.write_table(pa.Table.from_pylist(rows), path)

    def made(*overrides: str, files: str = str(path)) -> StatefulDataLoader[Any]:
        config = recipe_config("reflect.sampler=edge", "data.seed=1", f"data.train_files={path}", *overrides).data
        dataset = create_rl_dataset(files, config, tokenizer, None)
        return StatefulDataLoader(
            dataset, batch_size=1, collate_fn=collate_fn, sampler=create_rl_sampler(config, dataset)
        )

    return made


def learn(row: int, passed: float, made: float) -> None:
    PASS_RATES.drawn(f"group-{row}", row)
    PASS_RATES.tried(f"group-{row}", passed, made)


def rows_of(loader: StatefulDataLoader[Any], epochs: int) -> list[int]:
    return [int(batch["dataset_row"][0]) for _ in range(epochs) for batch in loader]


def test_the_weight_is_highest_in_the_middle() -> None:
    learn(HOPELESS, 0, 9)
    learn(EDGE, 4, 9)
    learn(SOLVED, 9, 9)
    assert [PASS_RATES.weight(row) for row in (HOPELESS, SOLVED)] == pytest.approx([4 * 0.05 * 0.95] * 2)
    assert PASS_RATES.weight(EDGE) == pytest.approx(4 * 0.45 * 0.55)
    assert PASS_RATES.weight(NEW) == 1
    learn(HOPELESS, 0, 90)
    assert PASS_RATES.weight(HOPELESS) == LEAST_WEIGHT, "never quite forgotten"


def test_older_tries_count_less() -> None:
    learn(EDGE, 0, 4)
    learn(EDGE, 4, 4)
    assert PASS_RATES.state_dict()["tries"] == {EDGE: (4, 4 + MEMORY * 4)}


def test_a_group_of_no_known_row_and_one_that_was_never_tried_change_nothing() -> None:
    PASS_RATES.tried("stranger", 1, 1)
    learn(NEW, 0, 0)
    assert PASS_RATES.state_dict()["tries"] == {}


def test_tasks_at_the_edge_are_drawn_in_proportion_to_their_weight(make_loader: Any) -> None:
    learn(HOPELESS, 0, 30)
    learn(EDGE, 15, 30)
    learn(SOLVED, 30, 30)
    drawn = Counter(rows_of(make_loader(), epochs=500))
    weights = [PASS_RATES.weight(row) for row in range(4)]
    assert drawn.total() == 2000
    for row in range(4):
        expected = weights[row] / sum(weights)
        assert drawn[row] / 2000 == pytest.approx(expected, abs=4 * (expected / 2000) ** 0.5)


def test_each_row_comes_with_its_own_number(make_loader: Any) -> None:
    for batch in make_loader():
        assert batch["raw_prompt"][0][0]["content"] == f"Make {batch['dataset_row'][0]} from 3 5 8 ."


def test_validation_rows_are_left_alone(make_loader: Any, tmp_path: Path) -> None:
    other = tmp_path / "validation.parquet"
    other.write_bytes((tmp_path / "train.parquet").read_bytes())
    seen = [batch for batch in make_loader("data.shuffle=false", files=str(other))]
    assert [batch["raw_prompt"][0][0]["content"] for batch in seen] == [f"Make {n} from 3 5 8 ." for n in range(4)]
    assert all("dataset_row" not in batch for batch in seen)


def test_a_resumed_training_knows_the_rates_and_draws_the_same_rows(make_loader: Any) -> None:
    loader = make_loader()
    rows = iter(loader)
    next(rows)
    learn(HOPELESS, 0, 30)
    state = loader.state_dict()
    went_on = [int(batch["dataset_row"][0]) for batch in rows] + rows_of(loader, 20)
    forget()
    resumed = make_loader()
    resumed.load_state_dict(state)
    assert [int(batch["dataset_row"][0]) for batch in resumed] + rows_of(resumed, 20) == went_on
    assert PASS_RATES.weight(HOPELESS) < 0.1
