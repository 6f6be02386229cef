"""Peak memory and speed of making data from Countdown rows in a jsonl file, 100,000 and 1,000,000 of them.

Each run is a process of its own. Speed is in rows per CPU second, which other processes on the machine disturb least.

python benchmarks/bench_data.py [ROWS ...]
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = (100_000, 1_000_000)


def write_source(path: Path, rows: int) -> None:
    """Three to four numbers a row; few rows are the same."""
    rng = random.Random(0)
    with path.open("w") as file:
        for _ in range(rows):
            numbers = [rng.randint(1, 99) for _ in range(rng.randint(3, 4))]
            file.write(json.dumps({"target": rng.randint(10, 100), "nums": numbers}) + "\n")


def make(source: Path, out: Path) -> None:
    """Make the data here, and print CPU seconds, rows and peak resident MB, before and after."""
    from verl_reflect.data.countdown import make_countdown
    from verl_reflect.data.puzzles import PuzzleRanges

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    made = make_countdown(out, train=None, validation=500, test=1000, seed=0, ranges=PuzzleRanges(), source=str(source))
    seconds = time.process_time() - start
    print(json.dumps([seconds, made.rows, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> None:
    for rows in map(int, sys.argv[1:]) if len(sys.argv) > 1 else ROWS:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "source.jsonl")
            write_source(source, rows)
            command = [sys.executable, __file__, "--make", str(source), folder]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, made, before, peak = json.loads(output)
        print(
            f"{rows:>9,} rows: {rows / seconds:,.0f} rows a CPU second ({seconds:.0f} s, {made:,} different), ", end=""
        )
        print(f"peak {peak:.0f} MB, of which {before:.0f} MB were there before")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
