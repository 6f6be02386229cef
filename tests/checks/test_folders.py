"""A place that cannot be written to is named before a model loads."""

from pathlib import Path

import pytest
from checked import good_config, refusal

from verl_reflect.checks import folders


def said(tmp_path: Path, *assignments: str) -> str | None:
    return refusal(good_config(tmp_path, *assignments), "folders")


KEYS = ("trainer.default_local_dir", "trainer.rollout_data_dir", "trainer.validation_data_dir")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("{folder}/data.parquet", "data.parquet is a file"),
        ("{folder}/data.parquet/inner/deeper", "data.parquet is a file"),
        ("{folder}/nowhere/inner", "nowhere is a link that leads nowhere"),
        ("/proc/no/such", "nothing can be written to /proc ("),
        ("s3://bucket/run", "writes there as into a local folder; name one"),
    ],
)
def test_a_place_that_cannot_be_is_named_with_its_key(tmp_path: Path, key: str, path: str, fault: str) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    sentence = str(said(tmp_path, f"{key}={path.replace('{folder}', str(tmp_path))}"))
    assert key in sentence and fault in sentence


@pytest.mark.parametrize("key", KEYS)
def test_so_is_one_without_rights(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders.os, "access", lambda path, mode: "locked" not in str(path))
    (tmp_path / "locked").mkdir()
    assert f"{key}: {tmp_path}/locked may not be written to" in str(said(tmp_path, f"{key}={tmp_path}/locked/run"))


@pytest.mark.parametrize("key", KEYS)
def test_folders_are_not_made_to_see_whether_they_can_be(tmp_path: Path, key: str) -> None:
    assert said(tmp_path, f"{key}={tmp_path}/to/be/made") is None
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("variables", "assignments", "sentence"),
    [
        ({"VERL_FILE_LOGGER_PATH": "{folder}/none/log.jsonl"}, (), "and there is no folder"),
        ({"VERL_FILE_LOGGER_PATH": "{folder}"}, (), "which is a folder; name a file"),
        ({"VERL_FILE_LOGGER_PATH": "{folder}/log.jsonl"}, (), None),
        ({"VERL_FILE_LOGGER_ROOT": "{folder}/data.parquet"}, (), "data.parquet is a file"),
        ({"VERL_FILE_LOGGER_ROOT": "{folder}"}, (), None),
        ({"VERL_FILE_LOGGER_ROOT": "{folder}"}, ("trainer.experiment_name=a/b",), "leave out /"),
    ],
)
def test_the_log_file_can_be_opened(
    tmp_path: Path,
    variables: dict[str, str],
    assignments: tuple[str, ...],
    sentence: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("{folder}", str(tmp_path)))
    found = said(tmp_path, "trainer.logger=[console,file]", *assignments)
    assert (found is None) if sentence is None else sentence in str(found)
    assert said(tmp_path, "trainer.logger=console", *assignments) is None, "nobody writes that file then"
