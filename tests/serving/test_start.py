"""What the commands that only ask have in common: what is refused before servers start, how they are started and
stopped, and where their answers come from.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import DictConfig
from scripted_evaluation import Model, write_rows

from verl_reflect.checks.run import UnfitError
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.evaluate.command import Evaluating
from verl_reflect.evaluate.settings import EvalSettings
from verl_reflect.mine.command import Mining
from verl_reflect.mine.settings import MineSettings
from verl_reflect.serving import engine
from verl_reflect.serving.fleet import Fleet, NoServerError
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.start import Serving, StartError, configuration, data_files

USUAL = ("+recipe=reflect_grpo", "+task=countdown_toy", f"actor_rollout_ref.model.path={CHECKPOINT}")
Serve = Callable[..., Serving]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "data.parquet", [1, 2, 3])


@pytest.fixture
def serving(data: Path) -> Serve:
    def made(*overrides: str, checked: Sequence[str] = ("verl", "settings"), in_flight: int = 0) -> Serving:
        return Serving(configuration([*USUAL, *overrides]), checked, [data], in_flight)

    return made


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filled when the servers are stopped."""
    stops: list[str] = []
    monkeypatch.setattr(engine, "stop", lambda: stops.append("stopped"))
    return stops


def test_the_servers_get_the_weights_and_the_whole_gpu_unless_told_otherwise() -> None:
    rollout = configuration(USUAL).actor_rollout_ref.rollout
    assert (rollout.load_format, rollout.gpu_memory_utilization) == ("auto", 0.9)
    mine = configuration([*USUAL, "actor_rollout_ref.rollout.gpu_memory_utilization=0.3"])
    assert mine.actor_rollout_ref.rollout.gpu_memory_utilization == 0.3


def test_one_file_or_several_are_the_data() -> None:
    config = configuration([*USUAL, "data.train_files=[a.parquet,b.parquet]", "data.val_files='~/c.parquet'"])
    assert data_files(config, "train_files") == [Path("a.parquet"), Path("b.parquet")]
    assert data_files(config, "val_files") == [Path.home() / "c.parquet"]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("actor_rollout_ref.model.path=/no/such/folder", "There is no model folder /no/such/folder"),
        ("reflect.max_retry_tokens=0", "max_retry_tokens is 0"),
        ("reflect.tasks=[no_such_module:Task]", "cannot be imported"),
        ("actor_rollout_ref.rollout.tensor_model_parallel_size=16", "A server takes 16 GPUs"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(serving: Serve, override: str, sentence: str) -> None:
    with pytest.raises((UnfitError, ValueError), match=sentence):
        serving(override)


def test_attempts_of_many_turns_are_for_trainings(serving: Serve) -> None:
    with pytest.raises(
        UnfitError, match=r"reflect\.attempt_loop=tool_agent makes attempts of many turns, in a training"
    ):
        serving("reflect.attempt_loop=tool_agent", "reflect.first_attempt=live")


def test_each_command_names_what_is_checked(serving: Serve) -> None:
    short = "actor_rollout_ref.rollout.max_model_len=64"
    serving(short)
    with pytest.raises(UnfitError, match="max_model_len is 64"):
        serving(short, checked=("verl", "token budget"))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"data_source": "chess"}, "cannot be judged: There is no task for data_source 'chess'"),
        ({"reward_model": {"ground_truth": {"target": "x", "numbers": [1]}}}, "cannot be judged: 'target' must"),
        ({"reward_model": '{"ground_truth": 1}'}, "has a reward_model that is text"),
        ({"prompt": [{"role": "system", "content": "Make 29 ."}]}, "has a prompt without a message of the role user"),
        ({"first_attempt_ids": [-1], "first_attempt": "29"}, "has the token id -1"),
    ],
)
def test_rows_that_cannot_be_asked_or_judged_are_refused(
    serving: Serve, data: Path, changed: dict[str, Any], sentence: str
) -> None:
    [row, *_] = pq.read_table(data).to_pylist()
    pq.write_table(pa.Table.from_pylist([{**row, **changed}]), data)
    with pytest.raises(UnfitError, match=f"--data: row 0 of {data} {sentence}"):
        serving()


def test_rows_for_a_users_own_reward_function_are_left_to_it(serving: Serve, data: Path, tmp_path: Path) -> None:
    [row, *_] = pq.read_table(data).to_pylist()
    pq.write_table(pa.Table.from_pylist([{**row, "data_source": "chess"}]), data)
    assert serving(f"reward.custom_reward_function.path={tmp_path / 'mine.py'}").table.num_rows == 1


def test_the_work_is_done_with_the_servers_and_they_are_stopped(
    serving: Serve, tokenizer: Any, stops: list[str]
) -> None:
    served, asked = serving(), []

    async def start(config: DictConfig) -> Any:
        assert config is served.config
        return [Model(tokenizer)]

    async def work(fleet: Fleet, flow: Flow) -> None:
        [row, *_] = served.table.to_pylist()
        with fleet.route() as route:
            asked.append(served.prompts.words(await route.generate(served.prompts.encode(row), 1)))
        assert not stops and flow.limit == served.in_flight

    served.serve(work, start)
    assert asked == ["<answer> ( 3 + 5 ) * 8 </answer>"] and stops == ["stopped"] and served.dead_servers == []


def test_room_is_for_twice_what_the_servers_hold_unless_said_otherwise(serving: Serve) -> None:
    rollout = "actor_rollout_ref.rollout"
    shape = (f"{rollout}.max_num_seqs=16", f"{rollout}.tensor_model_parallel_size=2", "trainer.n_gpus_per_node=6")
    assert serving(*shape).in_flight == 2 * 16 * 3
    assert serving(*shape, in_flight=5).in_flight == 5


def test_servers_that_die_on_the_way_are_known(serving: Serve, tokenizer: Any, stops: list[str]) -> None:
    class Dying(Model):
        async def generate(self, prompt_ids: Sequence[int], **sampling_params: Any) -> list[int]:
            raise RuntimeError("the engine is dead")

        async def alive(self) -> bool:
            return False

    served = serving()

    async def start(config: DictConfig) -> Any:
        return [Dying(tokenizer)]

    async def work(fleet: Fleet, flow: Flow) -> None:
        with fleet.route() as route, pytest.raises(NoServerError):
            await route.generate([1], 1)

    served.serve(work, start)
    assert served.dead_servers == ["scripted"] and stops == ["stopped"]


def test_whatever_started_is_stopped_if_not_all_did_or_the_work_fails(
    serving: Serve, tokenizer: Any, stops: list[str]
) -> None:
    async def broken(config: DictConfig) -> Any:
        raise RuntimeError("a traceback of another process\nOutOfMemoryError: no memory left")

    async def start(config: DictConfig) -> Any:
        return [Model(tokenizer)]

    async def work(fleet: Fleet, flow: Flow) -> None:
        await asyncio.sleep(0)
        raise OSError("No space left on device")

    with pytest.raises(StartError, match="did not start: RuntimeError: OutOfMemoryError: no memory left Ray's logs"):
        serving().serve(work, broken)
    with pytest.raises(OSError, match="No space left"):
        serving().serve(work, start)
    assert stops == ["stopped", "stopped"]


def test_mining_and_evaluation_say_the_same_of_where_their_answers_come_from(data: Path, tmp_path: Path) -> None:
    config = configuration([*USUAL, f"data.train_files={data}", f"data.val_files={data}"])
    mining = Mining(config, MineSettings(), tmp_path / "failures.parquet")
    evaluating = Evaluating(config, EvalSettings(), tmp_path / "eval")
    mined, evaluated = mining.origin(), evaluating.origin()
    own = {"sampling", "settings", "reflect"}
    shared = {name: value for name, value in mined.items() if name not in own}
    assert shared == {name: value for name, value in evaluated.items() if name not in own}
    assert set(shared) == {"model", "chat_template", "data", "engine", "verl", "verl_reflect"}
    assert shared["model"]["path"] == str(CHECKPOINT) and shared["data"][0]["file"] == "data.parquet"
    of_mining, of_evaluation = mining.belongs_to(mined), evaluating.belongs_to(evaluated)
    assert set(of_mining) - set(of_evaluation) == {"settings"}
    assert set(of_evaluation) - set(of_mining) == {"reflect", "rounds"}
    for name in ("model", "verifier", "longest_prompt", "chat_template", "data"):
        assert of_mining[name] == of_evaluation[name]


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("data.max_prompt_length=31", "longest_prompt"),
        ("+data.apply_chat_template_kwargs.enable_thinking=false", "chat_template"),
        ("reward.custom_reward_function.path=mine.py", "verifier"),
    ],
)
def test_what_an_answer_depends_on_is_what_a_journal_belongs_to(serving: Serve, override: str, name: str) -> None:
    one, other = serving(), serving(override)
    before, after = (each.belongs_to(each.origin({"temperature": 1.0})) for each in (one, other))
    assert [each for each in before if before[each] != after[each]] == [name]
    assert one.belongs_to(one.origin({}, settings={"seed": 1}), "settings")["settings"] == {"seed": 1}
