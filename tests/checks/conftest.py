"""The checks look at variables and files of the machine: here it has none of a person's."""

from pathlib import Path

import pytest

OF_A_PERSON = (
    *("RAY_ADDRESS", "NETRC", "WANDB_API_KEY", "WANDB_MODE", "WANDB_DISABLED", "WANDB_BASE_URL"),
    *("WANDB_IDENTITY_TOKEN_FILE", "SWANLAB_API_KEY", "SWANLAB_MODE", "VERL_FILE_LOGGER_PATH", "TENSORBOARD_DIR"),
    *("VERL_FILE_LOGGER_ROOT", "CLEARML_API_ACCESS_KEY", "CLEARML_OFFLINE_MODE", "CLEARML_CONFIG_FILE"),
)


@pytest.fixture(autouse=True)
def _nobodys_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in OF_A_PERSON:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "RAY_TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
