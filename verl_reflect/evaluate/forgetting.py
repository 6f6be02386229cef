"""Has the model forgotten anything else? Public benchmarks through lm-eval (`pip install verl-reflect[eval]`).

Measured where the configuration has a section `forgetting` (`+forgetting=paper`). A benchmark whose data cannot be had
is said to be missing, and the others go on.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from verl_reflect.evaluate.table import Grid
from verl_reflect.records.whole_file import make_whole, write_whole
from verl_reflect.serving.fleet import in_short
from verl_reflect.statistics import Estimate, estimate

SUMMARY, SCORES = "forgetting.json", "forgetting.parquet"
Scores = dict[str, dict[str, float]]
"""By benchmark and document."""


@dataclass
class Benchmark:
    """How one benchmark is scored."""

    num_fewshot: int
    """Worked examples in the prompt."""
    metric: str
    """lm-eval's, such as `exact_match`."""
    filter: str = "none"
    """lm-eval's way to read an answer from the model's text, such as `flexible-extract`."""


@dataclass
class ForgettingConfig:
    """The section `forgetting`."""

    benchmarks: dict[str, Benchmark]
    """By lm-eval's name of the task, or of a group of tasks."""
    backend: str = "vllm"
    """lm-eval's model type: `vllm`, or `hf` for transformers (and for CPUs)."""
    model_args: dict[str, Any] = field(default_factory=dict)
    """More for the backend, such as `tensor_parallel_size`."""
    batch_size: str = "auto"
    apply_chat_template: bool = False
    """Ask in the model's chat format."""
    limit: int | None = None
    """Only the first so many documents of each task."""
    include_path: str | None = None
    """A folder with tasks of your own (lm-eval's YAML)."""

    @classmethod
    def from_config(cls, config: DictConfig) -> "ForgettingConfig | None":
        """The section of a composed configuration; None if there is none. Raises ValueError, in one sentence."""
        if "forgetting" not in config:
            return None
        try:
            parsed = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), config.forgetting))
        except OmegaConfBaseException as error:
            raise ValueError(f"The forgetting section cannot be read: {str(error).splitlines()[0]}.") from error
        assert isinstance(parsed, cls)
        return parsed


def measure(config: ForgettingConfig, model: str, identity: Mapping[str, Any], folder: Path) -> list[str]:
    """Score the benchmarks that `folder` lacks for this model, and write them as they end.

    Args:
        model: A name on the hub, or a folder.
        identity: What model it is: scores of another one are taken anew.

    Returns:
        What could not be measured and why, in one sentence each.
    """
    belongs_to = json.loads(json.dumps({"model": identity, "settings": asdict(config)}))
    scores = _earlier(folder, belongs_to)
    missing = [name for name in config.benchmarks if name not in scores]
    try:
        harness = Harness(config, model) if missing else None
    except ImportError as error:
        return [f"Forgetting was not measured, because {error.name} is missing; pip install verl-reflect[eval]."]
    except Exception as error:  # of the backend: no memory, no such model
        return [f"Forgetting was not measured, because the model could not be loaded: {in_short(error)}"]
    problems = []
    for name in missing:
        assert harness is not None
        try:
            scores[name] = harness.scores(name)
        except Exception as error:  # of lm-eval, of the hub, of the disk: the other benchmarks do not care
            problems.append(f"{name} was not measured: {in_short(error)} Its data come from the Hugging Face hub.")
        else:
            _write(folder, belongs_to, scores)
    return problems


class Harness:
    """lm-eval with a model loaded.

    Raises:
        ImportError: lm-eval, or what its backend needs, is not installed.
    """

    def __init__(self, config: ForgettingConfig, model: str):
        from lm_eval.api.registry import get_model
        from lm_eval.tasks import TaskManager

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        self._config = config
        self._tasks = TaskManager(include_path=config.include_path)
        arguments = {**_placed(config.backend), "pretrained": model, **config.model_args}
        self._model = get_model(config.backend).create_from_arg_obj(arguments, {"batch_size": config.batch_size})

    def scores(self, name: str) -> dict[str, float]:
        """The score of each document, 0 or 1. Raises whatever lm-eval does, and ValueError for no such metric."""
        from lm_eval import simple_evaluate

        benchmark = self._config.benchmarks[name]
        found = simple_evaluate(
            model=self._model,
            tasks=[name],
            num_fewshot=benchmark.num_fewshot,
            limit=self._config.limit,
            apply_chat_template=self._config.apply_chat_template,
            bootstrap_iters=0,
            task_manager=self._tasks,
        )
        samples = [(task, sample) for task, of_task in found["samples"].items() for sample in of_task]
        return dict(self._scored(samples, benchmark))

    def _scored(self, samples: list[tuple[str, dict[str, Any]]], benchmark: Benchmark) -> Iterator[tuple[str, float]]:
        filters = sorted({sample["filter"] for _, sample in samples})
        metrics = sorted({metric for _, sample in samples for metric in sample["metrics"]})
        if benchmark.filter not in filters or benchmark.metric not in metrics:
            raise ValueError(
                f"there is no {benchmark.metric} with the filter {benchmark.filter}, but {', '.join(metrics)} with "
                f"{', '.join(filters)}."
            )
        for task, sample in samples:
            if sample["filter"] == benchmark.filter:
                yield f"{task}/{sample['doc_id']}/{sample['doc_hash'][:16]}", float(sample[benchmark.metric])


def _placed(backend: str) -> dict[str, str]:
    """transformers is put on a GPU unless told otherwise."""
    import torch

    return {"device": "cpu"} if backend == "hf" and not torch.cuda.is_available() else {}


def read_scores(folder: Path) -> Scores:
    """The scores that a folder has; none if forgetting was not measured there."""
    scores: Scores = {}
    path = folder / SCORES
    for row in pq.read_table(path).to_pylist() if path.is_file() else ():
        scores.setdefault(row["benchmark"], {})[row["document"]] = row["score"]
    return scores


def benchmark_grid(folder: Path) -> Grid | None:
    """The scores of a folder as a table; None if there are none."""
    rows = [(name, _accuracy(of).percent(), f"{len(of):,}") for name, of in read_scores(folder).items()]
    return Grid("Other benchmarks, % (95 % interval)", ("", "accuracy", "documents"), rows) if rows else None


def _earlier(folder: Path, belongs_to: Mapping[str, Any]) -> Scores:
    """The scores of this very model with these very settings."""
    path = folder / SUMMARY
    if not path.is_file() or json.loads(path.read_text(encoding="utf-8"))["belongs_to"] != belongs_to:
        return {}
    return read_scores(folder)


def _write(folder: Path, belongs_to: Mapping[str, Any], scores: Scores) -> None:
    rows = [
        {"benchmark": name, "document": document, "score": score}
        for name, of in scores.items()
        for document, score in of.items()
    ]
    make_whole(folder / SCORES, lambda hidden: pq.write_table(pa.Table.from_pylist(rows), hidden))
    accuracy = {name: asdict(_accuracy(of)) for name, of in scores.items()}
    facts = {
        "belongs_to": belongs_to,
        "accuracy": accuracy,
        "documents": {name: len(of) for name, of in scores.items()},
    }
    write_whole(folder / SUMMARY, json.dumps(facts, indent=2) + "\n")


def _accuracy(scores: Mapping[str, float]) -> Estimate:
    return estimate({(number, 0): score for number, score in enumerate(scores.values())})
