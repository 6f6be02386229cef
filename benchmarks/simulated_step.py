"""Training steps in virtual time: our replay buffers, manager, usher and loops, as they are.

Stand-ins, because nothing here may take time of its own or run in another process:

- the clock (`VirtualLoop`), which jumps to the next event instead of waiting for it;
- the model (`Servers`): replicas that decode a token for each of their sequences at a time, the slower the more
  sequences they have; no prefill, so that to break off an answer and go on with it costs nothing; and answers whose
  length and verdict are drawn;
- verl's trainers (`Simulation.step`, `Simulation.hand_out`) and agent loop workers (`Worker`), a dozen lines each of
  what theirs do here; an update is time that passes;
- TransferQueue (`Queue`), a dictionary; Ray (`InProcess`), method calls;
- the chat template and the judge: a prompt is one token, and the answer, of two, says whether it is right.
"""

import asyncio
import heapq
import itertools
import random
import selectors
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import verl.trainer.ppo.v1.agent_loop_tq as verl_agent_loops
import verl.trainer.ppo.v1.replay_buffer as verl_replay_buffer
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf
from verl.experimental.agent_loop.agent_loop import DictConfigWrap
from verl.utils import tensordict_utils
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.workers.rollout.replica import TokenOutput

import verl_reflect.plugin
import verl_reflect.rollout.usher as our_usher
import verl_reflect.training.queue as our_queue
from recipes.tiny_model.tokenizer import build_tokenizer
from verl_reflect.records.transcripts import NOT_GIVEN_AWAY, Judgement
from verl_reflect.rollout.dialogue import Conversation
from verl_reflect.rollout.episode import Outcome
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.loop import ReflectRetryAgentLoop
from verl_reflect.training.agent_loop_manager import ReflectAgentLoopManager
from verl_reflect.training.dispatch import DISPATCH
from verl_reflect.training.line import StoredLine
from verl_reflect.training.queue import groups_at_a_time
from verl_reflect.training.replay_buffer import ChoosingReplayBuffer, ReflectReplayBuffer, ReflectReplayBufferAsync

ATTEMPT, REFLECTION, RETRY = 512, 256, 511
"""Token limits, each another, so that a request says by its limit which turn it is."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that is never idle: where another waits, its clock jumps."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, work: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
        done = self.create_future()
        done.set_result(work(*arguments))
        return done


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: VirtualLoop):
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else")
        self._loop.now += max(0.0, timeout)
        return super().select(0)


@dataclass
class Lengths:
    """Of a turn, in tokens that take their time: log-normal around a median, and cut off at the turn's limit. The mean
    is 1.13 times the median."""

    median: float
    sigma: float = 0.5

    def draw(self, chance: random.Random, limit: int, factor: float = 1.0) -> int:
        return max(2, min(limit, round(factor * self.median * chance.lognormvariate(0, self.sigma))))


@dataclass
class Replica:
    """Each of its sequences gets a token after `seconds(sequences)`."""

    loop: VirtualLoop
    seconds: Callable[[int], float]
    _decoded: float = 0.0
    """Tokens that a sequence would have that was there from the beginning."""
    _since: float = 0.0
    _paused: bool = False
    _running: list[tuple[float, int, "asyncio.Future[None]"]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _alarm: Any = None

    @property
    def sequences(self) -> int:
        return len(self._running)

    async def decode(self, tokens: int) -> None:
        self._catch_up()
        done = self.loop.create_future()
        heapq.heappush(self._running, (self._decoded + tokens, next(self._numbers), done))
        self._set_alarm()
        await done

    def pause(self) -> None:
        """Its sequences stay as they are until `resume`."""
        self._catch_up()
        self._paused = True
        self._set_alarm()

    def resume(self) -> None:
        self._catch_up()
        self._paused = False
        self._set_alarm()

    def _catch_up(self) -> None:
        if self._running and not self._paused:
            self._decoded += (self.loop.now - self._since) / self.seconds(self.sequences)
        self._since = self.loop.now
        while self._running and self._running[0][0] <= self._decoded + 1e-6:
            heapq.heappop(self._running)[2].set_result(None)

    def _set_alarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        if self._running and not self._paused:
            left = (self._running[0][0] - self._decoded) * self.seconds(self.sequences)
            self._alarm = self.loop.call_later(max(0.0, left), self._ring)

    def _ring(self) -> None:
        self._catch_up()
        self._set_alarm()


@dataclass
class Model:
    """What the simulated model does: a token takes 8 ms for one sequence and 20 ms for 256, about what a 7B model takes
    on a GPU of 2023. Turns are as long on average as in the one live batch seen on a GPU (docs/gpu.md): reflections
    117 tokens, retries 105, and attempts as retries."""

    pass_rate: float
    retry_pass_rate: float = 0.4
    attempt: Lengths = field(default_factory=lambda: Lengths(93))
    reflection: Lengths = field(default_factory=lambda: Lengths(103))
    wrong_factor: float = 1.0
    """How much longer a wrong attempt is than a right one."""
    seconds: Callable[[int], float] = lambda sequences: 0.008 + 0.012 * sequences / 256


@dataclass
class Servers:
    """verl's client of several replicas, sticky by request id. What is said depends on the task and the seed alone."""

    loop: VirtualLoop
    model: Model
    right: list[int]
    wrong: list[int]
    end: int
    seed: int
    replicas: Sequence[Replica]
    weights: int = 0
    """The step that made those which they have."""
    _of: dict[str, Replica] = field(default_factory=dict)
    _turns: dict[str, Any] = field(default_factory=dict)

    def passes(self, group: str, limit: int, turn: int = 0) -> bool:
        """Whether an answer is right: the `turn`-th of its group with this limit."""
        rate = self.model.pass_rate if limit == ATTEMPT else self.model.retry_pass_rate
        return self._chance(group, limit, turn).random() < rate

    def _chance(self, group: str, limit: int, turn: int) -> random.Random:
        return random.Random(f"{self.seed} {group} {limit} {turn}")

    async def generate(self, request_id: str, *, prompt_ids: Any, sampling_params: dict[str, Any]) -> TokenOutput:
        limit = sampling_params["max_tokens"]
        turn = next(self._turns.setdefault(f"{request_id} {limit}", itertools.count()))
        passed = self.passes(request_id, limit, turn)
        factor = self.model.wrong_factor if limit == ATTEMPT and not passed else 1.0
        lengths = self.model.reflection if limit == REFLECTION else self.model.attempt
        tokens = lengths.draw(self._chance(f"{request_id} tokens", limit, turn), limit, factor)
        if request_id not in self._of:
            self._of[request_id] = min(self.replicas, key=lambda replica: replica.sequences)
        began = self.weights
        await self._of[request_id].decode(tokens)
        remarks = {"min_global_steps": began, "max_global_steps": self.weights}
        return TokenOutput(token_ids=[*(self.right if passed else self.wrong), self.end], extra_fields=remarks)

    def forget(self) -> None:
        self._of.clear()
        self._turns.clear()


class Queue:
    """As much of TransferQueue as a step uses."""

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, Any] = {}

    def kv_list(self) -> dict[str, Any]:
        return {"train": dict(self.tags)}

    def kv_clear(self, partition_id: str, keys: Sequence[str]) -> None:
        for key in keys:
            self.tags.pop(key, None)
            self.rows.pop(key, None)

    def kv_batch_get(self, keys: Sequence[str], partition_id: str, select_fields: Any) -> dict[str, Any]:
        return {"extra_fields": [self.rows[key] for key in keys]}

    def status(self, uid: str, status: str, **more: Any) -> None:
        self.tags[uid] = {**self.tags.get(uid, {"is_prompt": True}), "status": status, **more}


class InProcess:
    """Ray, with actors in this process."""

    def __init__(self) -> None:
        self.actors: dict[str, Any] = {}

    def remote(self, cls: Callable[..., Any]) -> Any:
        def made(*arguments: Any, name: str) -> Any:
            return self.actors.setdefault(name, RemoteCalls(cls(*arguments)))

        options = lambda name, **_: SimpleNamespace(remote=lambda *arguments: made(*arguments, name=name))  # noqa: E731
        return SimpleNamespace(options=options)

    def get_actor(self, name: str) -> Any:
        return self.actors[name]

    def get(self, answer: Any) -> Any:
        return [self.get(each) for each in answer] if isinstance(answer, list) else _finished(answer)


def _finished(answer: Any) -> Any:
    """What a coroutine returns that waits for nothing."""
    if not asyncio.iscoroutine(answer):
        return answer
    try:
        answer.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("the trainer would have to wait for an agent loop")


class RemoteCalls:
    """An actor's handle: `handle.method.remote(...)`."""

    def __init__(self, actor: Any):
        self._actor = actor

    def __getattr__(self, method: str) -> Any:
        return SimpleNamespace(remote=getattr(self._actor, method))


class SimulatedJudge:
    """Believes what the answer says of itself, at once."""

    looks_at_reflections = True

    async def __call__(self, response: str, **_: Any) -> Judgement:
        passed = response.startswith("8")
        return Judgement(float(passed), passed)

    async def given_away(self, reflection: str, **_: Any) -> Judgement:
        return NOT_GIVEN_AWAY

    def close(self) -> None:
        pass


class SimulatedLoop(ReflectRetryAgentLoop):
    """The method's loop, without rendering conversations: they have no influence here, and take a tenth of a second."""

    async def open(self, messages: Any, tools: Any = None) -> Conversation:
        return Conversation(tuple(messages), (0,))

    async def user_says(self, turn: Any, text: str) -> Conversation:
        return Conversation((*turn.conversation.messages, {}, {}), (0,))


@dataclass
class Worker:
    """An agent loop worker."""

    loop: VirtualLoop
    queue: Queue
    agent: ReflectRetryAgentLoop
    sessions: int
    tasks: set[Any] = field(default_factory=set)

    def generate_sequences(self, prompts: Any) -> None:
        columns = {name: prompts[name] for name in list(prompts.keys())}
        for number in range(len(prompts)):
            row = {name: _item(column, number) for name, column in columns.items()}
            task = self.loop.create_task(self._run_prompt(row))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _run_prompt(self, row: dict[str, Any]) -> None:
        self.queue.status(row["uid"], "running")
        sessions = (self._session({**row, "session_id": number}) for number in range(self.sessions))
        results = await asyncio.gather(*sessions, return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors and not isinstance(errors[0], RuntimeError):
            raise errors[0]
        self.queue.status(row["uid"], "failure" if errors else "finished")

    async def _session(self, row: dict[str, Any]) -> None:
        outputs = await self.agent.run({"logprobs": False}, **row)
        for index, output in enumerate(outputs):
            key = f"{row['uid']}_{row['session_id']}_{index}"
            episode = output.extra_fields["episode"]
            self.queue.rows[key] = {
                "episode": vars(episode),
                "reward_extra_info": Outcome.under(self.agent.settings, episode).report(),
            }
            self.queue.tags[key] = {"status": "success", "response_len": len(output.response_ids)}


def _item(column: Any, number: int) -> Any:
    """Of a column of prompts: one value for all, or one for each."""
    return column[number] if isinstance(column, list) else column


def composed(*overrides: str) -> DictConfig:
    """The recipe's configuration."""
    verl_reflect.plugin.register()
    limits = zip(("attempt", "reflection", "retry"), (ATTEMPT, REFLECTION, RETRY), strict=True)
    said = [f"reflect.max_{turn}_tokens={limit}" for turn, limit in limits]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", ["+recipe=reflect_grpo", "+task=countdown", *said, *overrides])


class Simulation:
    """Steps of one training.

    Args:
        config: As from `composed`.
        seed: Of all that is drawn.
        workers: Agent loop workers.
        replicas: Model servers.
        update: Seconds that the trainer takes for the batch of a step, once it has it.
    """

    def __init__(
        self,
        config: DictConfig,
        model: Model,
        seed: int = 0,
        workers: int = 8,
        replicas: int = 8,
        update: float = 0.0,
        buffer: type[ChoosingReplayBuffer] | None = None,
    ):
        self.loop, self.queue, self.model, self.seed = VirtualLoop(), Queue(), model, seed
        self._step, self._task, self._stand_ins = 0, itertools.count(), ExitStack()
        self._places = config.data.train_batch_size
        self._stored = config.reflect.first_attempt == "dataset"
        self._mode, self._update = config.trainer.v1.trainer_mode, update
        separate = self._mode == "separate_async"
        self._updates = config.trainer.v1.separate_async.parameter_sync_step if separate else 1
        self._warm_up = groups_at_a_time(config) - self._places
        ray, clock = InProcess(), SimpleNamespace(time=self.loop.time, monotonic=self.loop.time, sleep=self._sleep)
        self._replace(our_usher, ray=ray)
        self._replace(verl_agent_loops, ray=ray)
        self._replace(verl_replay_buffer, tq=self.queue, time=clock)
        self._replace(our_queue, tq=self.queue, time=clock)
        self._replace(DISPATCH, usher=None, line=StoredLine())
        self._replace(Judge, from_config=lambda config: SimulatedJudge())
        kind = buffer or (ReflectReplayBuffer if self._mode == "sync" else ReflectReplayBufferAsync)
        self.buffer = _buffer(kind, config, self.hand_out)
        self.manager = ReflectAgentLoopManager(config, None)
        self.servers, agent = self._agent(config, replicas)
        sessions = config.actor_rollout_ref.rollout.n
        self.manager.agent_loop_workers = [
            RemoteCalls(Worker(self.loop, self.queue, agent, sessions)) for _ in range(workers)
        ]

    def _replace(self, where: Any, **stand_ins: Any) -> None:
        self._stand_ins.enter_context(patch.multiple(where, **stand_ins))

    def _agent(self, config: DictConfig, replicas: int) -> tuple[Servers, ReflectRetryAgentLoop]:
        tokenizer = build_tokenizer()
        right, wrong = (tokenizer.encode(word, add_special_tokens=False) for word in ("8", "3"))
        each = [Replica(self.loop, self.model.seconds) for _ in range(replicas)]
        servers = Servers(self.loop, self.model, right, wrong, tokenizer.eos_token_id, self.seed, each)
        asyncio.set_event_loop(self.loop)
        agent = self.loop.run_until_complete(_agent(config, servers, tokenizer))
        return servers, agent

    def _sleep(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def hand_out(self, count: int) -> None:
        """The trainer's `refill_fn`: so many more tasks of the data."""
        tasks = [next(self._task) for _ in range(count)]
        row = {
            "uid": [str(task) for task in tasks],
            "raw_prompt": [[{"role": "user", "content": "Make 24 ."}]] * count,
            "data_source": ["countdown"] * count,
            "reward_model": [{"ground_truth": None}] * count,
            **({"first_attempt": ["3"] * count} if self._stored else {}),
        }
        prompts = tensordict_utils.get_tensordict(row)
        tensordict_utils.assign_non_tensor_data(prompts, "global_steps", self._step)
        for uid in row["uid"]:
            self.queue.status(uid, "pending", global_steps=self._step)
        self.manager.generate_sequences(prompts)

    def step(self) -> tuple[float, list[int], dict[str, float]]:
        """One step: its seconds, the groups that are trained on, the metrics of its last update."""
        self._step += 1
        started = self.loop.now
        if self._step == 1 and self._warm_up:
            self.hand_out(self._warm_up)
        self.hand_out(self._places)
        groups: set[int] = set()
        for _ in range(self._updates):
            batch, metrics = self.buffer.sample(self._step, "train", self._places // self._updates)
            groups |= {int(key.partition("_")[0]) for key in batch.keys}
            self._train(batch.keys)
        self.servers.weights = self._step
        return self.loop.now - started, sorted(groups), metrics

    def _train(self, rows: Sequence[str]) -> None:
        """An update, which needs the servers' GPUs or has its own."""
        self.queue.kv_clear("train", rows)
        if self._mode == "sync":
            assert not any(tag.get("status") == "running" for tag in self.queue.tags.values()), "on its way"
            self.queue.kv_clear("train", list(self.queue.tags))
            self.servers.forget()
        if self._mode == "separate_async":
            return self._sleep(self._update / self._updates)
        for replica in self.servers.replicas:
            replica.pause()
        self._sleep(self._update)
        for replica in self.servers.replicas:
            replica.resume()

    def close(self) -> None:
        """Give up what is on its way, and put back what was replaced."""
        for task in (tasks := asyncio.all_tasks(self.loop)):
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self._stand_ins.close()
        self.loop.close()
        asyncio.set_event_loop(None)


async def _agent(config: DictConfig, servers: Servers, tokenizer: Any) -> ReflectRetryAgentLoop:
    return SimulatedLoop(
        trainer_config=DictConfigWrap(config),
        server_manager=servers,
        tokenizer=tokenizer,
        processor=None,
        dataset_cls=RLHFDataset,
        data_config=DictConfigWrap(config.data),
        hf_model_type="qwen2",
    )


def _buffer(
    kind: type[ChoosingReplayBuffer], config: DictConfig, hand_out: Callable[[int], None]
) -> ChoosingReplayBuffer:
    sampler = config.trainer.v1.sampler
    return kind(
        trainer_mode=config.trainer.v1.trainer_mode,
        trainer_config=OmegaConf.create({}),
        max_off_policy_threshold=sampler.max_off_policy_threshold,
        max_off_policy_strategy=sampler.max_off_policy_strategy,
        sampler_kwargs=sampler.sampler_kwargs,
        refill_fn=hand_out,
    )
