"""`make results`: trains the tiny model over several seeds, with the control, and writes the README's table and
picture.

For each seed two trainings that differ in one override: rewards where they were earned, and rewards shuffled within
each group. Both start from the same checkpoint and are judged on the same held-out items.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from recipes.clone import write_section
from recipes.tiny_model.wording import sentences
from verl_reflect.demo.accuracies import BLIND, FIRST_TRY, REFLECT, ToyAccuracy
from verl_reflect.demo.command import STEPS, VALIDATE_EVERY, follow
from verl_reflect.demo.curves import draw_curves
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.records.markdown import markdown_table
from verl_reflect.statistics import Estimate, gain

SEEDS = (1, 2)
SHOWN_SHARE = 0.05
OVERRIDES: dict[str, tuple[str, ...]] = {"trained": (), "shuffled": ("reflect.control=shuffled",)}


@dataclass(frozen=True)
class Pair:
    """The trainings of one seed: the method and its control."""

    seed: int
    trained: ToyTraining
    shuffled: ToyTraining

    def cells(self, measure: ToyAccuracy) -> list[str]:
        """Before, after training, gain, after training on shuffled rewards: in percent."""
        before, after = self.trained.validation(0), self.trained.validation(STEPS)
        control = self.shuffled.validation(STEPS)
        return [
            measure.rate(before).percent(),
            measure.rate(after).percent(),
            measure.gain(before, after).percent("+"),
            measure.rate(control).percent(),
        ]

    def over_blind(self) -> Estimate:
        """Second try after reflecting minus the same trained model's blind retry, on the same failures."""
        after = self.trained.validation(STEPS)
        return gain(BLIND.successes(after), REFLECT.successes(after))

    def over_shuffled(self) -> Estimate:
        """Second try after training minus after training on shuffled rewards, on the same failures."""
        control = self.shuffled.validation(STEPS)
        return REFLECT.gain(control, self.trained.validation(STEPS))


def results(out: Path, seeds: Sequence[int], docs: Path, readme: Path, console: Console) -> None:
    """Run all trainings that are not there yet, and write table and picture. Raises TrainingError if one fails."""
    make_data(out / "data", CHECKPOINT, seed=0)
    pairs = [Pair(seed, *(_training(out, name, seed) for name in OVERRIDES)) for seed in seeds]
    for training in [*(pair.trained for pair in pairs), *(pair.shuffled for pair in pairs)]:
        if not training.finished:
            console.print(f"{training.folder.name}; log: {training.log}")
            follow(training, console)
    draw_curves([pair.trained for pair in pairs], docs / "curves.png", [pair.shuffled for pair in pairs])
    (docs / "results.json").write_text(json.dumps(_numbers(pairs), indent=2) + "\n", encoding="utf-8")
    write_section(readme, "results", _section(pairs))
    console.print(f"Written: {readme}, {docs / 'results.json'}, {docs / 'curves.png'}")


def _training(out: Path, name: str, seed: int) -> ToyTraining:
    return ToyTraining(out / f"{name}-{seed}", out / "data", CHECKPOINT, seed, STEPS, VALIDATE_EVERY, OVERRIDES[name])


def _section(pairs: Sequence[Pair]) -> str:
    rows = [_row(measure, pair) for measure in (FIRST_TRY, REFLECT, BLIND) for pair in pairs]
    paragraphs = [
        f"Held-out items, temperature 1, %, with 95 % intervals. {STEPS} steps of 32 failures × 8 reflections; only\n"
        "reflections are trained.",
        markdown_table(("", "seed", "before", "after", "Δ", "rewards shuffled"), rows),
        "The second try after reflecting, compared on the same failures:",
        "\n".join(map(_compared, pairs)),
        "![Success on held-out items over training steps](docs/curves.png)",
        f"What it learned to say (seed {pairs[0].seed}; n stands for a number, times and add for any operator):",
        markdown_table(("", "share of reflections", "retries that pass", ""), _what_it_says(pairs[0])),
        "Regenerate: `make results`.",
    ]
    return "\n\n".join(paragraphs)


def _row(measure: ToyAccuracy, pair: Pair) -> list[str]:
    bold = "**" if measure is REFLECT else ""
    return [measure.name, str(pair.seed), *(f"{bold}{cell}{bold}" for cell in pair.cells(measure))]


def _compared(pair: Pair) -> str:
    return (
        f"- seed {pair.seed}: {pair.over_blind().percent('+')} points over the same model's retry without "
        f"reflecting,\n  {pair.over_shuffled().percent('+')} over the training with shuffled rewards."
    )


def _what_it_says(pair: Pair) -> Iterator[list[str]]:
    """The reflections before and after training that make up at least SHOWN_SHARE of all."""
    for when, step in (("before", 0), ("after", STEPS)):
        for said in sentences(pair.trained.validation(step)):
            if said.share >= SHOWN_SHARE:
                yield [when, f"{said.share:.0%}", f"{said.success:.0%}", said.text]


def _numbers(pairs: Sequence[Pair]) -> list[dict[str, object]]:
    header = ("before", "after", "gain", "rewards_shuffled")
    return [
        {
            "seed": pair.seed,
            **{m.name: dict(zip(header, pair.cells(m), strict=True)) for m in (FIRST_TRY, REFLECT, BLIND)},
            "over_blind": pair.over_blind().percent("+"),
            "over_shuffled": pair.over_shuffled().percent("+"),
        }
        for pair in pairs
    ]
