"""Makes the leaderboard's rows in verl's schema: for validation only, since they are a benchmark."""

from pathlib import Path

from verl_reflect.dataset_files import write_dataset
from verl_reflect.tasks.bfcl import Bfcl
from verl_reflect.tasks.bfcl_source import CATEGORIES, bfcl_records, data_folder


def make_bfcl(out_dir: Path, source: str) -> Path:
    """Write `test.parquet` with its card, and return its path.

    The data source of each row names its category, as in `bfcl/live_simple`, because verl reports validation by data
    source. `source` is a folder or an installed package (see `bfcl_source.data_folder`). Raises ValueError and OSError
    where it cannot be read.
    """
    task = Bfcl()
    rows = []
    for index, record in enumerate(bfcl_records(data_folder(source))):
        row = task.row(task.item(record), "test", index)
        rows.append({**row, "data_source": f"{row['data_source']}/{record['category']}"})
    card = {"licence": "Apache-2.0", "source": "bfcl-eval (BFCL v4)", "split": "test", "categories": list(CATEGORIES)}
    return write_dataset(out_dir / "test.parquet", rows, card)
