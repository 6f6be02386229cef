"""A logger that could not start is named before a model loads."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from checked import good_config, refusal

from verl_reflect.checks import loggers
from verl_reflect.checks.loggers import TRACKERS, check_loggers
from verl_reflect.checks.run import Run
from verl_reflect.finding import Doubt


def said(tmp_path: Path, names: str) -> str | None:
    return refusal(good_config(tmp_path, f"trainer.logger={names}"), "loggers")


def test_the_table_is_verls() -> None:
    from verl.utils.tracking import Tracking

    assert set(TRACKERS) == {*Tracking.supported_backend, "tracking"}


@pytest.mark.parametrize("names", ["console", "[console,file]", "[console,tensorboard]", "[]"])
def test_a_logger_that_needs_no_account_passes(tmp_path: Path, names: str) -> None:
    assert said(tmp_path, names) is None


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("[console,wnadb]", "trainer.logger names wnadb; choose among console, file, wandb"),
        ("[console,wandb]", "trainer.logger names wandb, which has no key here; set WANDB_API_KEY"),
        ("tracking", "trainer.logger names tracking, which has no key here"),
        ("trackio", "the package trackio is not installed; install it, or leave trackio out"),
    ],
)
def test_one_that_cannot_start_is_named(
    tmp_path: Path, names: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda name: None if name == "trackio" else ModuleType(name))
    assert sentence in str(said(tmp_path, names))


KEYS: dict[str, list[dict[str, str]]] = {
    "wandb": [
        {"WANDB_API_KEY": "key"},
        {"WANDB_MODE": "offline"},
        {"WANDB_MODE": "disabled"},
        {"NETRC": "machine api.wandb.ai login user password key"},
        {"WANDB_BASE_URL": "https://our.own", "NETRC": "machine our.own login user password key"},
    ],
    "swanlab": [{"SWANLAB_API_KEY": "key"}, {"SWANLAB_MODE": "local"}],
    "clearml": [
        {"CLEARML_API_ACCESS_KEY": "a", "CLEARML_API_SECRET_KEY": "b"},
        {"CLEARML_OFFLINE_MODE": "1"},
        {"CLEARML_CONFIG_FILE": __file__},
    ],
    "vemlp_wandb": [{"VOLC_ACCESS_KEY_ID": "a", "VOLC_SECRET_ACCESS_KEY": "b", "MLP_TRACKING_REGION": "c"}],
    "mlflow": [{}],
}


@pytest.mark.parametrize("name", KEYS)
def test_every_way_to_have_a_key_is_known(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda name: ModuleType(name))
    for number, variables in enumerate(KEYS[name]):
        with monkeypatch.context() as patch:
            for variable, value in variables.items():
                path = tmp_path / f"netrc{number}"
                if variable == "NETRC":
                    path.write_text(value)
                patch.setenv(variable, str(path) if variable == "NETRC" else value)
            assert said(tmp_path, name) is None, variables


def test_a_key_may_come_through_ray(tmp_path: Path) -> None:
    variable = "ray_kwargs.ray_init.runtime_env.env_vars.WANDB_API_KEY=key"
    assert refusal(good_config(tmp_path, "trainer.logger=wandb", variable), "loggers") is None


@pytest.mark.parametrize("how", ["variable", "key", "ray start"])
def test_on_a_cluster_another_node_may_have_the_key(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more: tuple[Any, ...] = ()
    if how == "variable":
        monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    elif how == "key":
        more = ("ray_kwargs.ray_init.address=10.0.0.1:6379",)
    else:
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.1:6379")
    remark = check_loggers(Run(good_config(tmp_path, "trainer.logger=wandb", *more)))
    assert isinstance(remark, Doubt) and "may not be where the trainer runs: trainer.logger names wandb" in remark
