"""There are steps to train, and rows for each of them."""

from pathlib import Path

import pytest
from checked import doubts, good_config, refusal


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        (
            ("data.train_batch_size=9",),
            "data.train_files has 8 rows, and a training step takes data.train_batch_size=9;",
        ),
        (("data.train_max_samples=7",), "has 8 rows, of which data.train_max_samples=7 are used, and a training step"),
        (("trainer.total_training_steps=0",), "trainer.total_training_steps is 0, so that nothing would be trained"),
        (("trainer.total_training_steps=-1",), "trainer.total_training_steps is -1"),
        (("trainer.total_epochs=0",), "trainer.total_epochs is 0"),
        (("trainer.val_only=true", "trainer.val_before_train=false"), "would train; set trainer.val_before_train=True"),
        (("trainer.resume_mode=always",), "trainer.resume_mode is always; choose one of auto, disable, resume_path"),
        (("trainer.resume_mode=resume_path",), "trainer.resume_from_path is None"),
        (
            ("trainer.resume_from_path=/no/global_step_5",),
            "trainer.resume_from_path is /no/global_step_5, and counts only with trainer.resume_mode=resume_path",
        ),
        (
            ("trainer.resume_mode=resume_path", "trainer.resume_from_path=runs/latest"),
            "global_step_ and a number; set it",
        ),
        (("trainer.resume_mode=resume_path", "trainer.resume_from_path=/no/global_step_5"), "there is no folder /no/g"),
    ],
)
def test_a_run_with_nothing_to_do_is_refused(tmp_path: Path, assignments: tuple[str, ...], sentence: str) -> None:
    assert sentence in str(refusal(good_config(tmp_path, *assignments), "steps", "rows"))


@pytest.mark.parametrize(
    "assignments",
    [
        ("data.train_max_samples=8",),
        ("data.train_max_samples=-1",),
        ("data.train_batch_size=16", "data.train_files=[{file},{file}]"),
        ("trainer.val_only=true", "trainer.total_training_steps=0", "data.train_batch_size=64"),
    ],
)
def test_enough_is_enough(tmp_path: Path, assignments: tuple[str, ...]) -> None:
    file = tmp_path / "data.parquet"
    config = good_config(tmp_path, *(assignment.replace("{file}", str(file)) for assignment in assignments))
    assert refusal(config, "steps", "rows") is None


def test_rows_that_only_verl_can_read_are_doubted(tmp_path: Path) -> None:
    from verl_reflect.checks.run import Run
    from verl_reflect.checks.steps import check_rows
    from verl_reflect.finding import Doubt

    remark = check_rows(Run(good_config(tmp_path, "data.train_files=s3://bucket/train.parquet")))
    assert isinstance(remark, Doubt) and "s3://bucket/train.parquet" in remark
    assert doubts(good_config(tmp_path)) == []
