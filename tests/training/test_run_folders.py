"""Whose the folders of a run are: the same run goes on in them, and no other is mixed with it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from verl_reflect.records.metrics_log import read_run
from verl_reflect.records.run import read_starts
from verl_reflect.training.run_folders import Claim, RunFolderError, next_start

Configured = Callable[..., DictConfig]


@pytest.fixture
def configured(recipe_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """A run that writes to `tmp_path`, with any changes."""
    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    written = [f"trainer.{name}_data_dir={tmp_path / name}" for name in ("rollout", "validation")]
    places = [*written, f"trainer.default_local_dir={tmp_path / 'checkpoints'}", "trainer.logger=[console,file]"]
    return lambda *changes: recipe_config(*places, "trainer.save_freq=10", "data.seed=1", *changes)


def leave(folder: Path, step: int, checkpoint: int | None = None) -> None:
    """What a run has written at a step."""
    for name in ("rollout", "validation"):
        path = folder / name / "transcripts" / f"{step}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
    with open(folder / "metrics.jsonl", "a") as log:
        log.write(json.dumps({"step": step, "data": {"timing_s/step": 1.0}}) + "\n")
    if checkpoint is not None:
        (folder / "checkpoints" / f"global_step_{checkpoint}").mkdir(parents=True)
        (folder / "checkpoints" / "latest_checkpointed_iteration.txt").write_text(str(checkpoint))


def run(config: DictConfig, folder: Path, *steps: int, checkpoint: int | None = None) -> Any:
    """A start that claims its places, does some steps, and ends."""
    start = Claim(config).start
    (folder / "metrics.jsonl").write_text("")  # as verl does
    for step in steps:
        leave(folder, step, checkpoint if step == steps[-1] else None)
    return start


def test_a_first_start_says_whose_every_place_is(configured: Configured, tmp_path: Path) -> None:
    start = run(configured(), tmp_path, 0)
    files = [*(tmp_path / name / "run.jsonl" for name in ("rollout", "validation", "checkpoints"))]
    for path in (*files, tmp_path / "metrics.run.jsonl"):
        assert read_starts(path) == [start]
    assert (start.number, start.after_step, start.seeds["data.seed"]) == (1, -1, 1)


def test_a_killed_run_goes_on_as_itself_and_keeps_its_log(configured: Configured, tmp_path: Path) -> None:
    first = run(configured(), tmp_path, 0, 10, checkpoint=10)
    second = run(configured("trainer.total_training_steps=99", "trainer.test_freq=7"), tmp_path, 10, 20)
    assert (second.run, second.number, second.after_step) == (first.run, 2, 10)
    assert [each.step for each in read_run(tmp_path / "metrics.jsonl")] == [0, 10, 20]
    third = run(configured(), tmp_path, 10, 11)
    assert third.number == 3
    assert [each.step for each in read_run(tmp_path / "metrics.jsonl")] == [0, 10, 11], "20 was done anew from 10"


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(configured: Configured, tmp_path: Path) -> None:
    first = run(configured(), tmp_path, 0, 1, 2)
    again = run(configured(), tmp_path, 0)
    assert (again.run, again.number, again.after_step) == (first.run, 2, -1)
    assert [each.step for each in read_run(tmp_path / "metrics.jsonl")] == [0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["trainer.resume_mode=disable"], r"has the results of the run that began on .* move them away\.$"),
        (["trainer.save_freq=-1"], "trainer.rollout_data_dir=.*/rollout has the results of the run that began on"),
        (["data.seed=2"], r"of which this one differs in data\.seed \(2, not 1\); set that back to go on with it"),
        (["actor_rollout_ref.actor.optim.lr=1e-3"], r"actor\.optim\.lr \(0\.001, not 5e-07\)"),
        (["reflect.control=shuffled"], r"algorithm\.adv_estimator .*, reflect\.control \(shuffled, not none\)"),
        (["data.train_batch_size=8", "data.seed=3", "actor_rollout_ref.rollout.n=3"], "and 1 more"),
    ],
)
def test_another_run_in_its_place_is_refused_with_what_differs(
    configured: Configured, tmp_path: Path, changes: list[str], sentence: str
) -> None:
    run(configured(), tmp_path, 0, 1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunFolderError, match=sentence):
        Claim(configured(*changes))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_checkpoint_of_another_seed_is_not_gone_on_from(configured: Configured, tmp_path: Path) -> None:
    run(configured(), tmp_path, 0, 10, checkpoint=10)
    elsewhere = [f"trainer.{name}_data_dir={tmp_path / 'new' / name}" for name in ("rollout", "validation")]
    with pytest.raises(RunFolderError, match=r"trainer.default_local_dir=.* differs in data\.seed"):
        next_start(configured("data.seed=2", "trainer.logger=[console]", *elsewhere))
    fresh = [*elsewhere, f"trainer.default_local_dir={tmp_path / 'new' / 'checkpoints'}", "trainer.logger=[console]"]
    resumed = f"trainer.resume_from_path={tmp_path}/checkpoints/global_step_10"
    start = next_start(configured("data.seed=2", *fresh, "trainer.resume_mode=resume_path", resumed))
    assert (start.number, start.after_step) == (1, 10), "a new run may begin with another one's weights"


def test_a_finished_run_says_how_to_go_on_with_it(configured: Configured, tmp_path: Path) -> None:
    run(configured(), tmp_path, 0, 10, checkpoint=10)
    with pytest.raises(RunFolderError, match=r"or set trainer\.resume_mode=auto to go on"):
        next_start(configured("trainer.resume_mode=disable"))


@pytest.mark.parametrize("left", ["rollout/transcripts/3.jsonl", "validation/0.jsonl", "metrics.jsonl"])
def test_results_that_do_not_say_whose_they_are_are_an_earlier_runs(
    configured: Configured, tmp_path: Path, left: str
) -> None:
    (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / left).write_text("{}\n")
    with pytest.raises(RunFolderError, match="has results of an earlier run, and this run would be mixed with them"):
        next_start(configured())


def test_folders_of_two_runs_are_not_one_runs(configured: Configured, tmp_path: Path) -> None:
    run(configured(), tmp_path, 0, 10, checkpoint=10)
    other = configured(f"trainer.rollout_data_dir={tmp_path / 'other'}", "trainer.validation_data_dir=null")
    other.trainer.logger, other.trainer.default_local_dir = ["console"], str(tmp_path / "o")
    Claim(other)
    leave(tmp_path / "x", 1)
    os.rename(tmp_path / "x/rollout/transcripts", tmp_path / "other/transcripts")
    with pytest.raises(RunFolderError, match="name the folders of one run"):
        next_start(configured(f"trainer.rollout_data_dir={tmp_path / 'other'}"))


def test_two_trainers_cannot_be_at_work_in_one_place(configured: Configured, tmp_path: Path) -> None:
    at_work = Claim(configured())
    with pytest.raises(RunFolderError, match="is being written to by another training; wait for it, or choose"):
        next_start(configured())
    del at_work
    assert next_start(configured()).number == 1


def test_nothing_is_left_where_nothing_was_written(configured: Configured, tmp_path: Path) -> None:
    Claim(configured("data.seed=1"))  # died while its models loaded
    assert next_start(configured("data.seed=2")).number == 1


def test_what_only_computes_otherwise_is_the_same_run(configured: Configured, tmp_path: Path) -> None:
    run(configured(), tmp_path, 0, 10, checkpoint=10)
    changes = ["trainer.n_gpus_per_node=2", "actor_rollout_ref.actor.strategy=fsdp2", "trainer.experiment_name=x"]
    changes += ["actor_rollout_ref.actor.ppo_max_token_len_per_gpu=99", "reflect.verifier_timeout=3", "data.seed=1"]
    assert next_start(configured(*changes)).number == 2


def test_a_validation_alone_takes_nothing_away(configured: Configured, tmp_path: Path) -> None:
    run(configured(), tmp_path, 0, 10, checkpoint=10)
    assert next_start(configured("trainer.val_only=true")).after_step is None


def test_a_place_that_cannot_be_written_is_named(configured: Configured, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"^/.*/file/rollout/run\.jsonl cannot be written \(Not a directory\); make room"):
        Claim(configured(f"trainer.rollout_data_dir={tmp_path}/file/rollout"))
