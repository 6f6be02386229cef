"""What is said of a cluster's nodes by what each reports. A real cluster is in tests/e2e/test_cluster.py."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks import nodes
from verl_reflect.checks.node_reports import Node, Report
from verl_reflect.checks.nodes import check_nodes, question_of
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.finding import Doubt

TASK = "my_tasks:Puzzle"


@pytest.fixture
def run(recipe_config: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """A run that joins a cluster, with a task of the user's and a model folder."""
    monkeypatch.setattr(Run, "cluster", "10.0.0.1:6379")
    monkeypatch.setattr(nodes, "joined", lambda config, address: nullcontext())
    (tmp_path / "data.parquet").touch()
    return Run(
        recipe_config(
            f"reflect.tasks=[{TASK}]",
            f"actor_rollout_ref.model.path={CHECKPOINT}",
            f"data.train_files={tmp_path}/data.parquet",
            f"data.val_files=[{tmp_path}/data.parquet]",
            "trainer.nnodes=2",
            "trainer.n_gpus_per_node=8",
        )
    )


def report(run: Run, **changes: Any) -> Report:
    """Of a machine that has everything."""
    question = question_of(run)
    versions = {package: "1.2.3" for package in question["packages"]} | changes.pop("versions", {})
    modules = {name: {"digest": "abc", "error": ""} for name in question["modules"]} | changes.pop("modules", {})
    fields: dict[str, Any] = {"python": "3.11.7", "missing": [], "unset": [], "free": 10**12}
    return Report(versions=versions, modules=modules, **{**fields, **changes})


def said(run: Run, monkeypatch: pytest.MonkeyPatch, *reports: Report | None, devices: int = 8) -> str:
    """What the check says of the nodes a, b, c, ... with these reports, of which this machine is like the first."""
    named = [
        Node(name, devices, each, "" if each else "is silent") for name, each in zip("abcdefgh", reports, strict=False)
    ]
    monkeypatch.setattr(nodes, "report_of_this_machine", lambda question: report(run))
    monkeypatch.setattr(nodes, "reports_of_nodes", lambda question: named)
    return check_nodes(run)


def test_nodes_that_are_alike_pass(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    remark = said(run, monkeypatch, report(run), report(run, free=2 * 10**11))
    assert remark == "2 at 10.0.0.1:6379, 200 GB free for trainer.default_local_dir"
    assert not isinstance(remark, Doubt)


def test_a_run_alone_on_its_machine_asks_nobody(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "cluster", None)
    assert check_nodes(run).startswith("this machine alone")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"versions": {"verl": "0.9.0"}}, "b has verl 0.9.0 where others have 1.2.3; install the same everywhere."),
        ({"versions": {"verl-reflect": "0.0.9"}}, "b has verl-reflect 0.0.9 where others have 1.2.3"),
        ({"versions": {"TransferQueue": None}}, "TransferQueue is not installed on b; install TransferQueue==1.2.3"),
        ({"versions": {"vllm": None}}, "vllm is not installed on b; install vllm==1.2.3 there"),
        ({"python": "3.12.1"}, "b has Python 3.12 where others have 3.11; install the same everywhere."),
        (
            {"modules": {"my_tasks": {"digest": "", "error": "ModuleNotFoundError: No module named 'my_tasks'"}}},
            "The module of reflect.tasks' my_tasks:Puzzle cannot be imported on b (ModuleNotFoundError: No module "
            "named 'my_tasks'); put it on PYTHONPATH there",
        ),
        (
            {"modules": {"my_tasks": {"digest": "xyz", "error": ""}}},
            "The module of reflect.tasks' my_tasks:Puzzle is not the same file on b as here",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_the_name_of_the_node(
    changes: dict[str, Any], sentence: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnfitError) as refused:
        said(run, monkeypatch, report(run), report(run, **changes))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"versions": {"torch": "2.0.0"}}, "b has torch 2.0.0 where others have 1.2.3."),
        (
            {"modules": {"verl_reflect": {"digest": "xyz", "error": ""}}},
            "verl-reflect is not the same code on b as here",
        ),
        ({"missing": [str(CHECKPOINT)]}, f"actor_rollout_ref.model.path: b has no {CHECKPOINT}, and verl may read it"),
    ],
)
def test_what_may_work_is_a_doubt(
    changes: dict[str, Any], sentence: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    remark = said(run, monkeypatch, report(run), report(run, **changes))
    assert isinstance(remark, Doubt) and sentence in remark


def test_a_variable_that_a_node_does_not_see_is_a_doubt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", "/shared/metrics.jsonl")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert {"VERL_FILE_LOGGER_PATH", "WANDB_MODE"} <= set(question_of(run)["variables"])
    remark = said(run, monkeypatch, report(run), report(run, unset=["VERL_FILE_LOGGER_PATH", "WANDB_MODE"]))
    assert isinstance(remark, Doubt) and "VERL_FILE_LOGGER_PATH, WANDB_MODE: set here and not on b; " in remark
    assert "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH=..." in remark


def test_a_variable_that_ray_hands_on_is_not_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    OmegaConf.update(run.config, "ray_kwargs.ray_init.runtime_env.env_vars.WANDB_MODE", "offline", force_add=True)
    assert "WANDB_MODE" not in question_of(run)["variables"]


def test_a_file_that_no_node_has_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = report(run, missing=[run.config.data.train_files])
    with pytest.raises(
        UnfitError, match=r"files: no node of the Ray cluster has .*data.parquet; give an absolute path"
    ):
        said(run, monkeypatch, lacking, lacking)


def test_another_build_of_a_version_is_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(said(run, monkeypatch, report(run), report(run, versions={"torch": "1.2.3+cu128"})), Doubt)


def test_a_node_without_an_accelerator_needs_no_engine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.config.trainer.nnodes = 0
    assert said(run, monkeypatch, report(run, versions={"vllm": None}), devices=0).startswith("1 at ")


def test_a_silent_node_is_named_and_does_not_hide_the_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "b is silent." in said(run, monkeypatch, report(run), None)
    with pytest.raises(UnfitError, match=r"c has verl 0.8"):
        said(run, monkeypatch, report(run), None, report(run, versions={"verl": "0.8"}))


def test_of_many_nodes_some_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    other = report(run, versions={"verl": "0.8"})
    with pytest.raises(UnfitError, match=r"a, b, c and 2 nodes more has verl 0.8"):
        said(run, monkeypatch, *[other] * 5)


def test_too_few_devices_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnfitError, match=r"has 8 devices on 1 nodes, and the run wants trainer.nnodes=2 x"):
        said(run, monkeypatch, report(run))


def test_a_disk_without_room_for_the_model_is_a_doubt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.config.trainer.save_freq = 10
    assert "less than the model itself takes" in said(run, monkeypatch, report(run), report(run, free=1000))


def test_the_question_is_json_and_names_what_judges(run: Run) -> None:
    question = json.loads(json.dumps(question_of(run)))
    assert question["modules"] == ["verl_reflect", "verl_reflect.reward", "my_tasks"]
    run.config.reward.custom_reward_function.path = "file:///shared/reward.py"
    assert question_of(run)["modules"] == ["verl_reflect", "/shared/reward.py", "my_tasks"]
    run.config.actor_rollout_ref.rollout.trace.backend = "mlflow"
    assert question_of(run)["packages"]["mlflow"] == ["mlflow"]
