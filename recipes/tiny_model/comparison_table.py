"""The comparison's table, for the README and as JSON: one row for each choice, mean over the seeds and its interval."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from recipes.clone import write_section
from recipes.tiny_model.compare import LABELS, STEPS, ComparedTrainings, handed_over_source
from verl_reflect.demo.accuracies import BLIND, FIRST_TRY, REFLECT, ToyAccuracy
from verl_reflect.demo.training import ToyTraining
from verl_reflect.records.markdown import markdown_table
from verl_reflect.records.transcripts import Transcript, read_transcripts
from verl_reflect.statistics import Estimate, over_seeds, share_over_seeds

FIXED = ToyAccuracy("after a fixed sentence", "countdown/fixed", "second_try")
SWAPPED = ToyAccuracy("after another task's reflection", "countdown/swapped", "second_try")
OWN = (FIRST_TRY, REFLECT, BLIND, FIXED, SWAPPED)
HANDED_OVER = "untrained model retries after its reflections"
TOKENS = "tokens generated a step"


@dataclass(frozen=True)
class TableRow:
    """What one choice came to."""

    name: str
    label: str
    cells: Mapping[str, Estimate]
    """By column. Shares between 0 and 1; TOKENS is a count."""


def rows(comparison: ComparedTrainings) -> list[TableRow]:
    """The untrained model, then every choice."""
    return [_untrained(comparison), *(_row(comparison, name, label) for name, label in LABELS.items())]


def _untrained(comparison: ComparedTrainings) -> TableRow:
    before = [comparison.training("reflection", seed).validation(0) for seed in comparison.seeds]
    return TableRow("untrained", "nothing: the start", {m.name: share_over_seeds(_rates(m, before)) for m in OWN})


def _row(comparison: ComparedTrainings, name: str, label: str) -> TableRow:
    trainings = [comparison.training(name, seed) for seed in comparison.seeds]
    after = [training.validation(STEPS) for training in trainings]
    retried = comparison.handed_over.validation(0)
    measures = (ToyAccuracy(HANDED_OVER, handed_over_source(name, seed), "second_try") for seed in comparison.seeds)
    cells = {measure.name: share_over_seeds(_rates(measure, after)) for measure in OWN}
    cells[HANDED_OVER] = share_over_seeds([measure.rate(retried).value for measure in measures])
    cells[TOKENS] = over_seeds([generated_tokens(training) for training in trainings])
    return TableRow(name, label, cells)


def _rates(measure: ToyAccuracy, validations: Iterable[Iterable[Transcript]]) -> list[float]:
    return [measure.rate(transcripts).value for transcripts in validations]


def generated_tokens(training: ToyTraining) -> float:
    """Tokens that the model generated in a training step, on average."""
    steps = (read_transcripts(training.folder / "rollout", step) for step in range(1, training.steps + 1))
    return fmean(sum(line.number("generated_tokens") for line in lines) for lines in steps)


def markdown(table: Iterable[TableRow]) -> str:
    """The table in percent; the column of tokens as it is."""
    columns = [*(measure.name for measure in OWN), HANDED_OVER, TOKENS]
    shown = ((row.label, *(_cell(row.cells.get(column), column) for column in columns)) for row in table)
    return markdown_table(("trained", *columns), shown)


def publish(comparison: ComparedTrainings, docs: Path, readme: Path) -> None:
    """Write the table into the README, and its numbers into `docs/comparison.json`."""
    table = rows(comparison)
    (docs / "comparison.json").write_text(json.dumps(numbers(table), indent=2) + "\n", encoding="utf-8")
    write_section(readme, "comparison", section(table, len(comparison.seeds)))


def section(table: Sequence[TableRow], seeds: int) -> str:
    """The README's section."""
    return "\n".join(
        [
            f"Held-out items after {STEPS} steps, temperature 1, %: mean over {seeds} seeds with Student's 95 %",
            "interval. All second tries are on the same failures of the untrained model.",
            "",
            markdown(table),
            "",
            "Regenerate: `make compare`. What each row and column asks: [credit and controls](docs/controls.md).",
        ]
    )


def _cell(estimate: Estimate | None, column: str) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:,.0f}" if column == TOKENS else estimate.percent()


def numbers(table: Iterable[TableRow]) -> dict[str, dict[str, list[float]]]:
    """The same as plain numbers: [mean, low, high]."""
    return {
        row.name: {
            column: [round(part, 4) for part in (cell.value, cell.low, cell.high)] for column, cell in row.cells.items()
        }
        for row in table
    }
