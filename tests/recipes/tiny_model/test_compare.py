"""The comparison of credit choices and controls: what is run, and the table, from transcripts made here."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from report_folders import line

from recipes.tiny_model.compare import COMPARED, LABELS, STEPS, ComparedTrainings, handed_over_source
from recipes.tiny_model.comparison_table import FIXED, HANDED_OVER, OWN, TOKENS, publish, rows
from verl_reflect.demo.accuracies import FIRST_TRY, REFLECT
from verl_reflect.demo.data import CHECKPOINT, SECOND_TRIES, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.records.transcripts import Utterance

ITEMS = 4


def write(training: ToyTraining, step: int, passed: dict[str, int], kind: str = "validation") -> None:
    """Transcripts in which the first `passed[data_source]` of the items pass; 30 tokens a session."""
    path = training.folder / kind / "transcripts" / f"{step}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            **line(
                index=item,
                data_source=source,
                reflection=Utterance(f"{training.folder.name} {item}", 3, token_ids=(item,)),
            ),
            "metrics": {"first_try": float(item < n), "second_try": float(item < n), "generated_tokens": 30.0},
        }
        for source, n in passed.items()
        for item in range(ITEMS)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def comparison(tmp_path: Path) -> ComparedTrainings:
    """Two seeds: after training seed 1 passes 1 item everywhere and seed 2 passes 3; nothing passes before."""
    made = ComparedTrainings(tmp_path, seeds=(1, 2))
    sources = [measure.data_source for measure in OWN]
    for seed, passed in ((1, 1), (2, 3)):
        for name in COMPARED:
            training = made.training(name, seed)
            write(training, STEPS, dict.fromkeys(sources, passed))
            for step in range(1, STEPS + 1):
                write(training, step, {"countdown": 0}, kind="rollout")
        write(made.training("reflection", seed), 0, dict.fromkeys(sources, 0))
    write(made.handed_over, 0, {handed_over_source(name, seed): 2 for name in COMPARED for seed in (1, 2)})
    return made


def test_every_choice_has_a_label() -> None:
    assert COMPARED.keys() == LABELS.keys()


def test_each_choice_is_a_row_with_the_mean_over_seeds(comparison: ComparedTrainings) -> None:
    untrained, method, *others = rows(comparison)
    assert [row.name for row in (method, *others)] == list(COMPARED)
    assert untrained.cells[REFLECT.name].value == 0 and HANDED_OVER not in untrained.cells
    assert method.cells[FIRST_TRY.name].value == method.cells[FIXED.name].value == (1 / 4 + 3 / 4) / 2
    assert method.cells[HANDED_OVER].value == 0.5
    assert method.cells[TOKENS].value == ITEMS * 30


def test_the_table_and_its_numbers_are_written(comparison: ComparedTrainings, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- comparison -->\nold\n<!-- /comparison -->\nafter\n")
    publish(comparison, tmp_path, readme)
    text = readme.read_text()
    assert text.startswith("before\n<!-- comparison -->\n") and text.endswith("<!-- /comparison -->\nafter\n")
    assert "old" not in text and "| the reflection: the method | 50.0 (" in text
    assert json.loads((tmp_path / "comparison.json").read_text())["grpo"][TOKENS] == [120.0, 120.0, 120.0]


def test_what_a_training_is_told(comparison: ComparedTrainings) -> None:
    def told(name: str) -> list[str]:
        return comparison.training(name, 1).command()

    assert "+recipe=grpo" in told("grpo") and "+recipe=reflect_grpo" not in told("grpo")
    assert "trainer.val_before_train=False" in told("grpo") and "trainer.val_before_train=False" not in told(
        "reflection"
    )
    assert told("all")[-3:] == ["reflect.credit=all", "reflect.first_attempt=live", "trainer.val_before_train=False"]


def test_reflections_are_handed_over_token_by_token(comparison: ComparedTrainings) -> None:
    make_data(comparison.data, CHECKPOINT, train=8, held_out=ITEMS, second_tries=tuple(SECOND_TRIES), seed=0)
    comparison._write_reflections()
    handed: list[dict[str, Any]] = parquet.read_table(comparison.handed_over.data / "validation.parquet").to_pylist()
    assert len(handed) == len(COMPARED) * 2 * ITEMS
    row = next(row for row in handed if row["data_source"] == "countdown/grpo-2" and row["extra_info"]["index"] == 3)
    assert (row["reflection"], row["reflection_ids"], row["agent_name"]) == ("grpo-2 3", [3], "stored_reflection")
    assert row["first_attempt_ids"]
