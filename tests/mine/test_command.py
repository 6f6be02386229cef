"""`verl-reflect mine` with the tiny model's tokenizer and scripted servers: input, output and messages."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import row as training_row
from local_actor import LocalActor
from omegaconf import DictConfig
from scripted_server import ScriptedServer as ScriptedTrainingServer
from typer.testing import CliRunner
from verl.experimental.agent_loop.agent_loop import DictConfigWrap
from verl.utils.dataset.rl_dataset import RLHFDataset

from verl_reflect.checks.doctor import Finding
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.cli.app import app
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.finding import Doubt
from verl_reflect.mine.command import Mined, Mining
from verl_reflect.mine.console import lines
from verl_reflect.mine.settings import MineSettings
from verl_reflect.rollout.loop import ReflectRetryAgentLoop
from verl_reflect.rollout.shared import Shared
from verl_reflect.serving.bundled import BundledServer
from verl_reflect.serving.start import configuration
from verl_reflect.serving.stepping import Question, Reply

WRONG, RIGHT = "<answer> ( 3 + 5 ) * 8 </answer>", "<answer> ( 3 * 8 ) + 5 </answer>"
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {}}}]


class Server:
    """Says WRONG and RIGHT in turn, each closed with the end of turn; what it was asked is in `prompts`."""

    name = "scripted"

    def __init__(self, tokenizer: Any, says: Sequence[str] = (WRONG, RIGHT)):
        self.tokenizer, self.says = tokenizer, says
        self.prompts: list[list[int]] = []

    async def generate(self, prompt_ids: Sequence[int]) -> list[int]:
        self.prompts.append(list(prompt_ids))
        text = self.says[len(self.prompts) % len(self.says)]
        return [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id]

    async def alive(self) -> bool:
        return True


def rows(count: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "data_source": "countdown",
            "prompt": [{"role": "user", "content": "Make 29 from 3 5 8 ."}],
            "reward_model": {"style": "rule", "ground_truth": {"target": 29, "numbers": [3, 5, 8]}},
            "tools": None,
            "extra_info": {"index": index},
            "first_attempt": "an older one",
        }
        for index in range(count)
    ]


@pytest.fixture
def overrides(tmp_path: Path) -> list[str]:
    pq.write_table(pa.Table.from_pylist(rows()), tmp_path / "train.parquet")
    return [
        *("+recipe=reflect_grpo", "+task=countdown_toy"),
        f"actor_rollout_ref.model.path={CHECKPOINT}",
        f"data.train_files={tmp_path / 'train.parquet'}",
        f"data.val_files={tmp_path / 'train.parquet'}",
    ]


@pytest.fixture
def mined(overrides: list[str], tmp_path: Path, tokenizer: Any) -> Callable[..., tuple[Mined, Server]]:
    def mine(*more: str, says: Sequence[str] = (WRONG, RIGHT), **settings: Any) -> tuple[Mined, Server]:
        server = Server(tokenizer, says)

        async def start(config: DictConfig) -> Any:
            return [server]

        chosen = MineSettings(**{"samples": 4, **settings})
        return Mining(configuration([*overrides, *more]), chosen, tmp_path / "failures.parquet")(start), server

    return mine


def test_the_failure_set_is_the_input_with_failures_of_this_model(mined: Any, tmp_path: Path, tokenizer: Any) -> None:
    result, server = mined()
    written = pq.read_table(result.path).to_pylist()
    eos = tokenizer.eos_token_id
    for given, found in zip(rows(), written, strict=True):
        assert found == {
            **given,
            "first_attempt": WRONG,
            "first_attempt_ids": [*tokenizer.encode(WRONG, add_special_tokens=False), eos],
            "pass_rate": 0.5,
            "samples": 4,
        }
    assert len(server.prompts) == 12
    assert tokenizer.decode(server.prompts[0]) == (
        "<|im_start|>user\nMake 29 from 3 5 8 .<|im_end|>\n<|im_start|>assistant\n"
    )


class InstantEngine:
    """Answers at once, wrongly and rightly by turns."""

    def __init__(self, tokenizer: Any):
        self._answers = [tokenizer.encode(text, add_special_tokens=False) for text in (WRONG, RIGHT)]
        self._keys: list[int] = []

    def add(self, question: Question) -> None:
        self._keys += question.keys

    def step(self) -> list[Reply]:
        now, self._keys = self._keys, []
        return [Reply(key, self._answers[key % 2], "stop") for key in now]


def test_one_driver_judges_and_keeps_well_over_a_thousand_answers_a_second(
    overrides: list[str], tmp_path: Path, tokenizer: Any
) -> None:
    """In seconds of its own processor time, so that a busy machine makes no difference: 0.13 ms an answer was seen."""
    began: list[float] = []

    async def start(config: DictConfig) -> Any:
        began.append(time.process_time())
        return [BundledServer("instant", LocalActor(InstantEngine(tokenizer)), {}, timeout=60.0)]

    mining = Mining(configuration(overrides), MineSettings(samples=512), tmp_path / "failures.parquet")
    counts = mining(start).counts
    seconds = time.process_time() - began[0]
    assert counts["answers"] == 3 * 512 and counts["failures"] == 3 * 256
    assert counts["answers"] / seconds > 1500


def test_the_card_says_where_the_failures_come_from(mined: Any, tmp_path: Path) -> None:
    mined("actor_rollout_ref.rollout.temperature=0.7")
    card = json.loads((tmp_path / "failures.card.json").read_text())["mined"]
    assert card["model"]["path"] == str(CHECKPOINT) and len(card["model"]["weights"]) == 64
    assert card["sampling"]["temperature"] == 0.7 and card["sampling"]["max_tokens"] == 16
    assert card["data"][0]["file"] == "train.parquet"
    assert card["counts"]["failures"] == 6 and card["counts"]["failures_by_category"] == {"missed_target": 6}
    assert card["pass_at"] == {"1": 0.5, "2": pytest.approx(5 / 6, abs=1e-6), "4": 1.0}


def test_a_finished_set_is_written_again_without_a_server(
    overrides: list[str], mined: Any, tmp_path: Path, tokenizer: Any
) -> None:
    result, _ = mined()
    before = result.path.read_bytes()
    result.path.unlink()
    again, server = mined()
    assert again.path.read_bytes() == before and not server.prompts


def test_an_unfinished_set_of_another_model_is_refused(mined: Any, tmp_path: Path, tokenizer: Any) -> None:
    mined()
    other = tmp_path / "other"
    other.mkdir()
    for file in CHECKPOINT.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    with pytest.raises(RuntimeError, match="belongs to a run with another model; remove it to start anew"):
        mined(f"actor_rollout_ref.model.path={other}")


def test_tools_are_in_the_prompt_and_long_prompts_are_not_asked(mined: Any, tmp_path: Path, tokenizer: Any) -> None:
    with_tools = [*rows(2), {**rows(1)[0], "tools": json.dumps(TOOLS)}]
    pq.write_table(pa.Table.from_pylist(with_tools), tmp_path / "train.parquet")
    result, server = mined()
    assert result.counts["too_long"] == 1 and result.counts["rows"] == 2 and len(server.prompts) == 8
    (tmp_path / "failures.journal.jsonl").unlink()
    result, server = mined("data.max_prompt_length=512", "actor_rollout_ref.rollout.max_model_len=2048")
    assert result.counts["too_long"] == 0
    assert max(map(len, server.prompts)) > 64, "the system message lists the tools"


async def test_training_continues_from_the_very_tokens_that_were_mined(
    mined: Any, recipe_config: Callable[..., DictConfig], tokenizer: Any
) -> None:
    odd = "( 3 + 5 ) * 8 <|im_start|>user go on"  # a marker in the middle, no answer
    result, server = await asyncio.to_thread(lambda: mined(says=[odd]))
    [failure, *_] = pq.read_table(result.path).to_pylist()
    config = recipe_config()
    training = ScriptedTrainingServer(tokenizer, ["I was careless .", RIGHT])
    loop = ReflectRetryAgentLoop(
        trainer_config=DictConfigWrap(config),
        server_manager=training,
        tokenizer=tokenizer,
        processor=None,
        dataset_cls=RLHFDataset,
        data_config=DictConfigWrap(config.data),
        hf_model_type="qwen2",
    )
    given = {name: failure[name] for name in ("first_attempt", "first_attempt_ids", "reward_model", "data_source")}
    try:
        [output] = await loop.run({"logprobs": True}, **training_row(raw_prompt=failure["prompt"], **given))
    finally:
        Shared.close()
    marker = tokenizer.convert_tokens_to_ids("<|im_start|>")
    body = failure["first_attempt_ids"][: failure["first_attempt_ids"].index(marker)]
    start = [*server.prompts[0], *body, tokenizer.eos_token_id]
    assert failure["first_attempt"].strip() == "( 3 + 5 ) * 8" and len(failure["first_attempt_ids"]) > len(body) + 2
    assert training.requests[0]["prompt_ids"][: len(start)] == start
    assert output.extra_fields["episode"].attempt.text == failure["first_attempt"], "what was judged is the same"


def test_a_set_of_this_model_raises_no_doubt(mined: Any, overrides: list[str]) -> None:
    result, _ = mined()
    run = Run(configuration([*overrides, f"data.train_files={result.path}"]))
    remark = CHECKS["failure set"](run)
    assert remark == "mined from this model" and not isinstance(remark, Doubt)
    assert CHECKS["data"](run).startswith("failures.parquet (3 rows)")


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ("model", "failures.parquet holds failures of another model ("),
        ("actor_rollout_ref.model.custom_chat_template='{{ messages }}'", "was mined with another chat template"),
        ("+data.apply_chat_template_kwargs.enable_thinking=false", "was mined with another chat template"),
        ("reflect.max_attempt_tokens=8", "attempts of up to 16 tokens, which reflect.max_attempt_tokens=8 cuts"),
    ],
)
def test_a_set_of_another_model_or_template_is_doubtful(
    mined: Any, overrides: list[str], tmp_path: Path, change: str, doubt: str
) -> None:
    result, _ = mined()
    if change == "model":
        for file in CHECKPOINT.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        weights = (tmp_path / "model.safetensors").read_bytes()
        (tmp_path / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
        change = f"actor_rollout_ref.model.path={tmp_path}"
    remark = CHECKS["failure set"](Run(configuration([*overrides, f"data.train_files={result.path}", change])))
    assert isinstance(remark, Doubt) and doubt in remark and remark.endswith("or know what you do.")
    assert Finding("failure set", True, remark).doubtful


def test_the_preflight_warns_and_goes_on(
    mined: Any, overrides: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hydra.core.utils import JobReturn

    from verl_reflect.checks.preflight import Preflight

    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    result, _ = mined()
    change = ("reflect.max_attempt_tokens=15", "data.train_batch_size=1")
    change += ("+actor_rollout_ref.model.override_config.attn_implementation=sdpa",)  # whatever is installed
    config = configuration([*overrides, f"data.train_files={result.path}", *change])
    Preflight().on_job_start(config, job_return=JobReturn())
    assert "verl-reflect: warning: failures.parquet has attempts of up to 16 tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (["--samples", "0"], 2, "samples is 0; it must be at least 1."),
        (["actor_rollout_ref.model.path=/no/such/folder"], 1, "There is no model folder /no/such/folder"),
        (["--data", "nowhere.parquet"], 1, "--data: there is no file nowhere.parquet"),
        (["reflect.no_such_key=1"], 1, "Could not override 'reflect.no_such_key'"),
        (["actor_rollout_ref.rollout.tensor_model_parallel_size=16"], 1, "A server takes 16 GPUs and trainer.nnodes"),
        (["reflect.tasks=[no_such_module:Task]"], 1, "cannot be imported"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    overrides: list[str], tmp_path: Path, more: list[str], code: int, sentence: str
) -> None:
    result = CliRunner().invoke(app, ["mine", "--out", str(tmp_path / "f.parquet"), *overrides, *more])
    output = " ".join(result.output.split())
    assert result.exit_code == code and sentence in output and "Traceback" not in output
    assert not (tmp_path / "f.journal.jsonl").exists()


def test_a_process_of_its_own_finds_our_groups(overrides: list[str], tmp_path: Path) -> None:
    """verl is not imported yet there, and without it Hydra takes `+recipe` for a new key."""
    code = "from verl_reflect.cli.app import app; app()"
    command = [sys.executable, "-c", code, "mine", "--data", "nowhere.parquet", *overrides]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("verl-reflect: --data: there is no file nowhere.parquet")


def test_rows_that_cannot_be_judged_are_named_before_anything_is_started(mined: Any, tmp_path: Path) -> None:
    for changed, sentence in (
        ({"reward_model": {"ground_truth": {"target": "x", "numbers": [1]}}}, "cannot be judged: 'target' must"),
        ({"data_source": "chess"}, "cannot be judged: There is no task for data_source 'chess'"),
    ):
        pq.write_table(pa.Table.from_pylist([{**rows(1)[0], **changed}]), tmp_path / "train.parquet")
        with pytest.raises(UnfitError, match=f"row 0 of .*{sentence}"):
            mined()


def test_the_command_prints_the_path_and_counts(
    overrides: list[str], tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(config: DictConfig) -> Any:
        return [Server(tokenizer)]

    monkeypatch.setattr(Mining.__call__, "__defaults__", (start,))
    out = tmp_path / "f.parquet"
    result = CliRunner().invoke(app, ["mine", "--out", str(out), "--samples", "2", *overrides])
    assert result.exit_code == 0 and result.stdout == f"{out}\n"
    assert "3 failures of 3 queries: 0 never passed, 3 sometimes, 0 always." in " ".join(result.stderr.split())


def test_servers_that_do_not_start_are_said_in_one_sentence(
    overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(config: DictConfig) -> Any:
        raise RuntimeError("a traceback of another process\n  of many lines\nOutOfMemoryError: no memory left")

    monkeypatch.setattr(Mining.__call__, "__defaults__", (start,))
    result = CliRunner().invoke(app, ["mine", "--out", str(tmp_path / "f.parquet"), *overrides])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    said = " ".join(result.stderr.split())
    assert "verl-reflect: The servers did not start: RuntimeError: OutOfMemoryError: no memory left Ray's logs" in said


def test_what_went_wrong_is_said(mined: Any) -> None:
    result, _ = mined()
    given_up = [type("", (), {"query": i, "error": "3 requests failed"})() for i in range(7)]
    counts = {**result.counts, "too_long": 2, "answers_without_verdict": 1}
    said = lines(Mined(result.path, counts, given_up, ["10.0.0.1:80"], "took too long"))
    assert said[1:] == [
        "2 queries are longer than data.max_prompt_length and were not asked.",
        "1 answers have no verdict: took too long",
        "The server 10.0.0.1:80 died; others did its work.",
        "7 queries were given up; the same command tries them again. They are:",
        *(f"  row {i}: 3 requests failed" for i in range(5)),
        "  ...",
    ]
