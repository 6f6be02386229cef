"""verl's data set, which hands out the tasks at the edge of what the model can do more often (`reflect.sampler=edge`).

verl draws rows uniformly. Each draw is kept with the weight of its row (pass_rates.py), and otherwise drawn again:
rejection sampling, which needs no index over millions of rows and never starves a row.

The state travels in the checkpoint with verl's data loader, which saves what a data set gives in `state_dict`.
"""

import random
from typing import Any

from verl.utils.dataset.rl_dataset import RLHFDataset

from verl_reflect.training.pass_rates import PASS_RATES

DRAWS = 32
"""After so many draws the best of them is taken."""


class EdgeDataset(RLHFDataset):
    """The training data of `reflect.sampler=edge`. As validation data it is verl's own, row for row.

    Args:
        data_files: Parquet files, as verl passes them.
        config: verl's `data` section. `seed` makes the draws repeatable.
        data_set_arguments: What else verl hands to a data set.
    """

    def __init__(self, data_files: Any, *, config: Any, **data_set_arguments: Any):
        super().__init__(data_files, config=config, **data_set_arguments)
        self._training = list(self.original_data_files) == _as_list(config.train_files)
        self._random = random.Random(config.get("seed"))

    def __getitem__(self, item: int) -> dict[str, Any]:
        """The row at a position, or in training one drawn in its place, with its number in `dataset_row`."""
        if not self._training:
            return self._row(item)
        row = self._draw(item)
        return {**self._row(row), "dataset_row": row}

    def _row(self, number: int) -> dict[str, Any]:
        row: dict[str, Any] = super().__getitem__(number)  # type: ignore[no-untyped-call]
        return row

    def _draw(self, first: int) -> int:
        drawn = first
        best = first
        for _ in range(DRAWS):
            if self._random.random() < PASS_RATES.weight(drawn):
                return drawn
            best = max(best, drawn, key=PASS_RATES.weight)
            drawn = self._random.randrange(len(self))
        return best

    def state_dict(self) -> dict[str, Any]:
        """Pass rates and the state of the draws."""
        return {"pass_rates": PASS_RATES.state_dict(), "random": self._random.getstate()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        PASS_RATES.load_state_dict(state["pass_rates"])
        version, internal, gauss = state["random"]
        self._random.setstate((version, tuple(internal), gauss))


def _as_list(files: Any) -> list[str]:
    return [files] if isinstance(files, str) else list(files)
