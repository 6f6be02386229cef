"""Two nodes of a Ray cluster, on one machine: what doctor says of them, and a training over both.

The second node has this package at another path. The training has two FSDP ranks, two vLLM replicas and two agent-loop
workers, live attempts and `filter_groups`; all its rows are made by a loop of the user's own that notes who did what.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT
from ray_nodes import two_nodes

from verl_reflect.checks.doctor import examine
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.finding import Finding

pytestmark = pytest.mark.e2e

GROUPS, SESSIONS, STEPS = 8, 4, 2


@dataclass(frozen=True)
class Nodes:
    """The cluster, and the folders that Python looks into on its nodes."""

    address: str
    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    @property
    def overrides(self) -> tuple[str, ...]:
        """Of a run that joins it."""
        of_its_own = ("num_cpus", "num_gpus")
        joined = [f"ray_kwargs.ray_init.{name}=null" for name in of_its_own]
        return (
            *joined,
            f"+ray_kwargs.ray_init.address={self.address}",
            "trainer.nnodes=2",
            "trainer.n_gpus_per_node=1",
        )


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    for name in ("first", "second", "users", "elsewhere"):
        (folder / name).mkdir()
    shutil.copytree(ROOT / "verl_reflect", folder / "elsewhere" / "verl_reflect")
    shutil.copy(ROOT / "tests" / "helpers" / "witness.py", folder / "users")
    (folder / "users" / "loops.yaml").write_text("- name: witness\n  _target_: witness.WitnessAgentLoop\n")
    paths = {
        "first": [folder / "first", folder / "users", ROOT],
        "second": [folder / "second", folder / "users", folder / "elsewhere"],
    }
    with two_nodes(paths, num_cpus=16, num_gpus=1) as address:
        yield Nodes(address, folder)


@pytest.fixture
def here(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process stands where no package is, as Ray lets workers look into its working folder."""
    monkeypatch.chdir(nodes.folder)
    monkeypatch.syspath_prepend(str(nodes["first"]))


@contextmanager
def file_of(path: Path, text: str) -> Iterator[Path]:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    yield path
    path.unlink()
    if path.parent.suffix == ".dist-info":
        path.parent.rmdir()


def finding(nodes: Nodes, *overrides: str) -> Finding:
    """What doctor says of the nodes."""
    usual = ("+recipe=reflect_grpo", "+task=countdown", "+hardware=cpu", *nodes.overrides)
    findings = examine([*usual, f"actor_rollout_ref.model.path={CHECKPOINT}", *overrides])
    return next(each for each in findings if each.check == "nodes")


@pytest.mark.usefixtures("here")
def test_doctor_is_content_with_nodes_that_are_alike_at_different_paths(nodes: Nodes) -> None:
    found = finding(nodes)
    assert found.fit and not found.doubtful, found.remark
    assert found.remark.startswith(f"2 at {nodes.address}, ")


@pytest.mark.usefixtures("here")
def test_doctor_names_the_node_with_another_version(nodes: Nodes) -> None:
    with file_of(nodes["second"] / "verl-0.8.0.dist-info" / "METADATA", "Name: verl\nVersion: 0.8.0\n"):
        found = finding(nodes)
    assert not found.fit and found.remark.startswith("second (") and "has verl 0.8.0 where others have" in found.remark


@pytest.mark.usefixtures("here")
def test_doctor_names_the_node_without_the_reward_function(nodes: Nodes) -> None:
    with file_of(nodes["first"] / "my_reward.py", "def compute_score(**row):\n    return 1.0\n"):
        found = finding(nodes, "reward.custom_reward_function.path=pkg://my_reward")
    assert not found.fit and "The reward function's module my_reward cannot be imported on second (" in found.remark


@pytest.mark.usefixtures("here")
def test_a_worker_that_cannot_judge_names_its_node_before_anything_is_generated(nodes: Nodes) -> None:
    import ray
    from builders import compose_config
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from verl_reflect.rollout.worker import NotReadyError, make_ready
    from verl_reflect.training.agent_loop_manager import ReflectAgentLoopManager

    class Worker:
        def package(self) -> str:
            import verl_reflect

            return str(verl_reflect.__file__)

    config = compose_config("+recipe=reflect_grpo", "+task=countdown")
    ray.init(address=nodes.address, log_to_driver=False)
    try:
        second = next(node["NodeID"] for node in ray.nodes() if node["NodeName"] == "second")
        there = NodeAffinitySchedulingStrategy(second, soft=False)
        worker = ray.remote(num_cpus=0, scheduling_strategy=there)(Worker).remote()
        ray.get(worker.__ray_call__.remote(make_ready, config))
        assert ray.get(worker.package.remote()).startswith(str(nodes["elsewhere"]))
        manager = ReflectAgentLoopManager.__new__(ReflectAgentLoopManager)
        config.reward.custom_reward_function.path = "pkg://no_such_module"
        manager.config, manager.agent_loop_workers = config, [worker]
        with pytest.raises(
            NotReadyError, match=r"worker on node \S+ cannot judge: ModuleNotFoundError: No module named"
        ):
            manager._make_workers_ready()
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class Trained:
    """What a training over both nodes left."""

    training: ToyTraining
    notes: list[dict[str, str]]

    def groups(self, step: int) -> list[list[dict[str, Any]]]:
        path = self.training.folder / "rollout" / "transcripts" / f"{step}.jsonl"
        groups: dict[str, list[dict[str, Any]]] = {}
        for line in map(json.loads, path.read_text().splitlines()):
            groups.setdefault(line["key"].split("_")[0], []).append(line)
        return list(groups.values())

    def metrics(self, step: int) -> dict[str, Any]:
        records = map(json.loads, self.training.metrics.read_text().splitlines())
        return next(record["data"] for record in records if record["step"] == step and "actor/lr" in record["data"])


@pytest.fixture(scope="module")
def trained(nodes: Nodes) -> Trained:
    folder, notes = nodes["run"], nodes["notes"]
    notes.mkdir()
    make_data(folder / "data", CHECKPOINT, train=64, held_out=4, seed=0)
    overrides = (
        *nodes.overrides,
        f"+ray_kwargs.ray_init.runtime_env.env_vars.WITNESS={notes}",
        f"+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH={folder / 'metrics.jsonl'}",
        "reflect.first_attempt=live",
        "algorithm.filter_groups.enable=true",
        "algorithm.filter_groups.metric=acc",
        f"data.train_batch_size={GROUPS}",
        f"actor_rollout_ref.rollout.n={SESSIONS}",
        f"actor_rollout_ref.rollout.agent.agent_loop_config_path={nodes['users'] / 'loops.yaml'}",
        "actor_rollout_ref.rollout.agent.default_agent_loop=witness",
        "trainer.val_before_train=false",
    )
    training = ToyTraining(folder, folder / "data", CHECKPOINT, 1, STEPS, STEPS, overrides)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(nodes["users"]), str(ROOT)])}
    with open(training.log, "wb") as log:
        done = subprocess.run(
            training.command(), cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, timeout=1500
        )
    assert done.returncode == 0, training.log.read_text(errors="replace")[-5000:]
    lines = [line for file in notes.glob("*.jsonl") for line in file.read_text().splitlines()]
    return Trained(training, [json.loads(line) for line in lines])


def test_batches_are_full_and_each_group_shares_one_failed_attempt(trained: Trained) -> None:
    for step in range(1, STEPS + 1):
        groups = trained.groups(step)
        assert [len(sessions) for sessions in groups] == [SESSIONS] * GROUPS
        for sessions in groups:
            assert len({tuple(line["attempt"]["token_ids"]) for line in sessions}) == 1
            assert not any(line["first_try"]["passed"] for line in sessions)
            assert len({line["metrics"]["second_try"] for line in sessions}) > 1, "filter_groups keeps no flat group"


def test_both_nodes_work_each_with_its_own_copy_of_the_package(trained: Trained, nodes: Nodes) -> None:
    places = {(note["node"], note["package"]) for note in trained.notes}
    copy = nodes["elsewhere"] / "verl_reflect" / "__init__.py"
    assert places == {("first", str(ROOT / "verl_reflect" / "__init__.py")), ("second", str(copy))}


def test_a_group_stays_with_one_server_and_both_servers_answer(trained: Trained) -> None:
    servers: dict[str, set[str]] = {}
    for note in trained.notes:
        servers.setdefault(note["group"], set()).add(note["server"])
    assert all(len(of_group) == 1 for of_group in servers.values())
    assert len(set.union(*servers.values())) == 2


def test_rows_are_what_was_generated(trained: Trained) -> None:
    for step in range(1, STEPS + 1):
        metrics, sessions = trained.metrics(step), [line for group in trained.groups(step) for line in group]
        assert metrics["response_length/mean"] == pytest.approx(
            sum(line["reflection"]["tokens"] for line in sessions) / len(sessions)
        )
        assert metrics["critic/score/mean"] == pytest.approx(metrics["reflect/second_try"])
        assert metrics["training/rollout_probs_diff_mean"] < 1e-3 and metrics["actor/grad_norm"] > 0


def test_our_own_loops_work_beside_the_users(trained: Trained) -> None:
    """The validation's rows name ours, the training's are the user's."""
    path = trained.training.folder / "validation" / "transcripts" / f"{STEPS}.jsonl"
    sources = {json.loads(line)["data_source"] for line in path.read_text().splitlines()}
    assert sources == {"countdown/first_try", "countdown/reflect", "countdown/blind"}
