"""What a person is told of an evaluation: tables on stdout, all else on stderr, problems in one sentence each."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from verl_reflect.evaluate.checkpoint import hugging_face_folder
from verl_reflect.evaluate.command import Evaluated, Evaluating
from verl_reflect.evaluate.compare import Folder, doubts
from verl_reflect.evaluate.compare import grids as compared_grids
from verl_reflect.evaluate.forgetting import ForgettingConfig, benchmark_grid, measure
from verl_reflect.evaluate.settings import EvalSettings
from verl_reflect.evaluate.table import grids
from verl_reflect.records.model_identity import ModelIdentity
from verl_reflect.serving.console import losses, run_and_tell, say
from verl_reflect.serving.start import configuration

WIDE = 160


def run_and_report(
    overrides: Sequence[str], settings: EvalSettings, out: Path, data: Sequence[Path], in_flight: int
) -> int:
    """Evaluate, and return the exit code: 0, or 1 if it could not be done or conversations were given up."""

    def evaluate() -> tuple[Evaluated, str, ForgettingConfig | None]:
        config = configuration(overrides)
        model = config.actor_rollout_ref.model.path = hugging_face_folder(config.actor_rollout_ref.model.path)
        forgetting = ForgettingConfig.from_config(config)
        return Evaluating(config, settings, out, data, in_flight)(), model, forgetting

    return run_and_tell(evaluate, lambda done: _tell(*done))


def _tell(evaluated: Evaluated, model: str, forgetting: ForgettingConfig | None) -> int:
    folder = evaluated.folder
    for found in evaluated.results:
        for grid in grids(found):
            _tables().print(grid.rich())
    problems = measure(forgetting, model, asdict(ModelIdentity.of(model)), folder) if forgetting else []
    if (benchmarks := benchmark_grid(folder)) is not None:
        _tables().print(benchmarks.rich())
    for line in [*lines(evaluated), *problems]:
        say(line)
    return 1 if evaluated.given_up or problems else 0


def compare_and_report(before: Path, after: Path) -> int:
    """Print what changed between two evaluations, and return the exit code."""
    try:
        folders = Folder.read(before), Folder.read(after)
        remarks = doubts(*folders)
    except (ValueError, OSError) as error:
        return say(" ".join(str(error).split()), 1)
    for grid in compared_grids(*folders):
        _tables().print(grid.rich())
    for remark in remarks:
        say(remark)
    return 0


def lines(evaluated: Evaluated) -> list[str]:
    """What is worth knowing besides the tables."""
    said = [f"Every turn: {evaluated.folder / 'transcripts.parquet'}; numbers: {evaluated.folder / 'summary.json'}"]
    if evaluated.without_verdict:
        said.append(
            f"{len(evaluated.without_verdict)} conversations have no verdict and count neither way: "
            f"{evaluated.without_verdict[0]}"
        )
    given_up = [f"row {lost.item}, {lost.condition}: {lost.error}" for lost in evaluated.given_up]
    return [*said, *losses(evaluated.dead_servers, "conversations", given_up)]


def _tables() -> Console:
    """Where tables are printed: as wide as the terminal is, and in a pipe or a file as wide as they are."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
