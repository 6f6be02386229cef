"""An evaluation with verl's own replica on a CPU: Ray, vLLM, the tiny model."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from verl_reflect.demo.data import CHECKPOINT, make_data

pytestmark = pytest.mark.e2e

ITEMS = 30
CONDITIONS = "reflect,blind,fixed,swapped"


def command(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = "from verl_reflect.cli.app import app; app()"
    return subprocess.run(
        [sys.executable, "-c", code, name, *arguments], capture_output=True, text=True, timeout=900, check=False
    )


def evaluate(folder: Path, out: str, data: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return command(
        *("eval", "+recipe=reflect_grpo", "+task=countdown_toy", "+hardware=cpu"),
        *(f"actor_rollout_ref.model.path={CHECKPOINT}", "--out", str(folder / out), "--data", str(data), *more),
    )


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model on 30 held-out problems under all conditions."""
    folder = tmp_path_factory.mktemp("evaluated")
    [_, validation] = make_data(folder, CHECKPOINT, train=5, held_out=ITEMS, seed=0)
    rows = pq.read_table(validation)
    first_tries = rows.filter(pc.equal(rows["data_source"], "countdown/first_try"))
    pq.write_table(first_tries, folder / "held_out.parquet")
    done = evaluate(folder, "out", folder / "held_out.parquet", "--conditions", CONDITIONS)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    (folder / "stdout").write_text(done.stdout)
    return folder


def rows(evaluated: Path) -> list[dict[str, Any]]:
    return pq.read_table(evaluated / "out" / "transcripts.parquet").to_pylist()


def test_every_condition_goes_on_from_the_same_first_attempts(evaluated: Path) -> None:
    attempts: dict[int, set[tuple[int, ...]]] = {}
    for row in rows(evaluated):
        attempts.setdefault(row["item"], set()).add(tuple(row["attempt"]["token_ids"]))
    assert len(attempts) == ITEMS and {len(each) for each in attempts.values()} == {1}
    for row in rows(evaluated):
        failed = not row["first_try"]["passed"]
        assert len(row["retries"]) <= failed and (row["reflection"] is not None) == (
            failed and row["condition"] != "blind"
        )
        assert not row["given_up"]


def test_the_controls_say_what_they_should(evaluated: Path) -> None:
    said = {
        name: {
            row["item"]: row["reflection"]["text"]
            for row in rows(evaluated)
            if row["condition"] == name and row["reflection"]
        }
        for name in ("reflect", "fixed", "swapped")
    }
    assert set(said["fixed"].values()) == {"I was careless and should check my work ."}
    assert set(said["swapped"]) == set(said["reflect"]) and len(said["reflect"]) > ITEMS / 3
    failures = sorted(said["reflect"])
    assert [said["swapped"][item] for item in failures] == [
        said["reflect"][other] for other in [*failures[1:], failures[0]]
    ]


def test_the_summary_is_of_this_model(evaluated: Path) -> None:
    summary = json.loads((evaluated / "out" / "summary.json").read_text())
    assert summary["counts"]["answers"] == ITEMS and summary["counts"]["given_up"] == 0
    [result] = summary["results"]
    first = next(each["accuracy"] for each in result["accuracies"] if each["tried"] == "first_try")
    trained = json.loads((CHECKPOINT / "card.json").read_text())["accuracy_held_out"]["first_try"]
    assert first["low"] - 0.15 <= trained <= first["high"] + 0.15
    printed = (evaluated / "stdout").read_text()
    assert re.search(rf"first try +all +{100 * first['value']:.1f} \(", printed)


def test_it_is_written_again_in_seconds_and_compared_with_itself_nothing_changed(evaluated: Path) -> None:
    before = (evaluated / "out" / "summary.json").read_bytes()
    done = evaluate(evaluated, "out", evaluated / "held_out.parquet", "--conditions", CONDITIONS)
    assert done.returncode == 0 and "Starting the servers" not in done.stderr
    assert (evaluated / "out" / "summary.json").read_bytes() == before
    compared = command("eval-compare", str(evaluated / "out"), str(evaluated / "out"))
    assert compared.returncode == 0, compared.stderr
    line = next(line for line in compared.stdout.splitlines() if line.strip().startswith("first try"))
    assert re.split(r"\s{2,}", line.strip())[-4:] == ["1.000", "0", "0", str(ITEMS)]


def test_a_model_retries_after_reflections_that_another_one_wrote(evaluated: Path) -> None:
    given = evaluated / "out" / "reflections.parquet"
    few = pq.read_table(given).slice(0, 5)
    pq.write_table(pa.table(few), evaluated / "few.parquet")
    done = evaluate(evaluated, "stored", evaluated / "few.parquet", "--conditions", "stored")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    kept = pq.read_table(evaluated / "stored" / "transcripts.parquet").to_pylist()
    assert [row["reflection"]["token_ids"] for row in kept] == few["reflection_ids"].to_pylist()
    assert [row["attempt"]["token_ids"] for row in kept] == few["first_attempt_ids"].to_pylist()
