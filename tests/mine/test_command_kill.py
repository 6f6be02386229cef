"""A run that is killed ten times at random moments ends with what an undisturbed one gives, and does nothing twice."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import scripted_mining

KILLS = 10


def start(out: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, scripted_mining.__file__, str(out)])


def requests(out: Path) -> list[int]:
    path = out / "requests"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def finished(out: Path) -> set[int]:
    """The queries that are safe in the journal."""
    path = out / "failures.journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)[1:] if path.exists() else []
    return {json.loads(line)["query"] for line in lines if line.endswith(b"\n")}


def kill_at_a_random_moment(out: Path, rng: random.Random) -> None:
    """Start, let it ask a few requests more than there were, wait a little, SIGKILL."""
    before, process = len(requests(out)), start(out)
    while len(requests(out)) == before:
        assert process.poll() is None, "it ended before it could be killed; make it slower"
        time.sleep(0.002)
    time.sleep(rng.random() * 0.15)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed; make it slower"


def test_ten_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    killed.mkdir()
    undisturbed.mkdir()
    rng, progress = random.Random(), []
    for _ in range(KILLS):
        done, asked = finished(killed), len(requests(killed))
        kill_at_a_random_moment(killed, rng)
        assert done <= finished(killed), "a finished query was lost"
        assert done.isdisjoint(requests(killed)[asked:]), "a finished query was asked again"
        progress.append(len(finished(killed)) - len(done))
    assert sum(progress) > KILLS and not (killed / "failures.parquet").exists()
    done, asked = finished(killed), len(requests(killed))
    for folder in (killed, undisturbed):
        assert start(folder).wait() == 0
    assert done.isdisjoint(requests(killed)[asked:])
    for name in ("failures.parquet", "failures.card.json"):
        assert (killed / name).read_bytes() == (undisturbed / name).read_bytes()
    lines = [json.loads(line) for line in (killed / "failures.journal.jsonl").read_bytes().splitlines()[1:]]
    assert Counter(line["query"] for line in lines) == Counter(range(scripted_mining.QUERIES))
