"""Benchmarks through lm-eval: one of our own on the tiny model, and what is said where something is missing."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import compose_config
from omegaconf import OmegaConf

from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.evaluate.forgetting import (
    Benchmark,
    ForgettingConfig,
    Harness,
    benchmark_grid,
    measure,
    read_scores,
)

DOCUMENTS = 6
IDENTITY = {"path": "tiny", "weights": "abc"}


def settings(folder: Path, **more: Any) -> ForgettingConfig:
    benchmarks = {"tiny_sums": Benchmark(num_fewshot=0, metric="acc")}
    return ForgettingConfig(
        **{"benchmarks": benchmarks, "backend": "hf", "batch_size": "4", "include_path": str(folder), **more}
    )


@pytest.fixture
def task_folder(tmp_path: Path) -> Path:
    """A task of two choices: how does the tiny model begin? As it was taught in half of the documents."""
    asked = "<|im_start|>user\nMake {} from 3 5 8 .<|im_end|>\n<|im_start|>assistant\n"
    documents = [
        {"question": asked.format(n), "choices": ["<answer>", "careless"], "label": n % 2} for n in range(DOCUMENTS)
    ]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(each) + "\n" for each in documents))
    task = {
        "task": "tiny_sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "sums.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{label}}",
        "doc_to_choice": "{{choices}}",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (tmp_path / "tiny_sums.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(task)))
    return tmp_path


def test_the_papers_benchmarks_are_in_the_configuration() -> None:
    config = compose_config("+recipe=reflect_grpo", "+forgetting=paper", "forgetting.benchmarks.gsm8k.num_fewshot=8")
    found = ForgettingConfig.from_config(config)
    assert found is not None and set(found.benchmarks) == {"mmlu_pro", "gsm8k", "hellaswag", "hendrycks_math"}
    assert found.benchmarks["gsm8k"] == Benchmark(8, "exact_match", "flexible-extract")
    assert ForgettingConfig.from_config(compose_config("+recipe=reflect_grpo")) is None


def test_a_section_that_cannot_be_read_is_refused_in_one_sentence() -> None:
    config = compose_config("+recipe=reflect_grpo", "+forgetting=paper", "+forgetting.benchmarks.gsm8k.shots=8")
    with pytest.raises(ValueError, match=r"The forgetting section cannot be read: Key 'shots' not in 'Benchmark'\.$"):
        ForgettingConfig.from_config(config)


def test_a_benchmark_is_scored_document_by_document_and_not_twice(task_folder: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install verl-reflect[eval])")
    assert measure(settings(task_folder), str(CHECKPOINT), IDENTITY, task_folder) == []
    scores = read_scores(task_folder)
    assert list(scores) == ["tiny_sums"] and len(scores["tiny_sums"]) == DOCUMENTS
    right = [scores["tiny_sums"][document] for document in sorted(scores["tiny_sums"])]
    assert right == [1, 0] * (DOCUMENTS // 2), "it always begins with an answer"
    facts = json.loads((task_folder / "forgetting.json").read_text())
    assert facts["accuracy"]["tiny_sums"]["value"] == 0.5 and facts["documents"] == {"tiny_sums": DOCUMENTS}
    grid = benchmark_grid(task_folder)
    assert grid is not None and grid.rows[0][0] == "tiny_sums" and grid.rows[0][1].startswith("50.0 (")
    assert measure(settings(task_folder), "/no/such/model", IDENTITY, task_folder) == [], "it is there already"
    [problem] = measure(settings(task_folder), "/no/such/model", {**IDENTITY, "weights": "other"}, task_folder)
    assert problem.startswith("Forgetting was not measured, because the model could not be loaded: ")


def test_a_benchmark_without_data_is_missing_and_the_others_go_on(task_folder: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install verl-reflect[eval])")
    broken = (task_folder / "tiny_sums.yaml").read_text().replace("tiny_sums", "nowhere").replace("sums.jsonl", "gone")
    (task_folder / "nowhere.yaml").write_text(broken)
    found = settings(
        task_folder,
        benchmarks={
            "nowhere": Benchmark(0, "acc"),
            "odd_metric": Benchmark(0, "acc"),
            "tiny_sums": Benchmark(0, "acc", filter="none"),
        },
    )
    problems = measure(found, str(CHECKPOINT), IDENTITY, task_folder)
    assert [problem.split(" was not measured: ")[0] for problem in problems] == ["nowhere", "odd_metric"]
    assert list(read_scores(task_folder)) == ["tiny_sums"]


def test_a_metric_that_the_benchmark_has_not_is_named(task_folder: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install verl-reflect[eval])")
    found = settings(task_folder, benchmarks={"tiny_sums": Benchmark(0, "exact_match")})
    with pytest.raises(ValueError, match="there is no exact_match with the filter none, but acc with none"):
        Harness(found, str(CHECKPOINT)).scores("tiny_sums")


def test_without_lm_eval_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.api.registry", None)
    [problem] = measure(settings(tmp_path), str(CHECKPOINT), IDENTITY, tmp_path)
    assert problem == (
        "Forgetting was not measured, because lm_eval.api.registry is missing; pip install verl-reflect[eval]."
    )
