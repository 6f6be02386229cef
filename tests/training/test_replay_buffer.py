"""Which groups a training step gets. The queue is a dictionary here; the end-to-end test has the real one."""

import gc
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import verl.trainer.ppo.v1.replay_buffer as verl_replay_buffer
from omegaconf import DictConfig, OmegaConf
from usher_here import UsherHere

import verl_reflect.training.queue as our_queue
from verl_reflect.records.transcripts import Episode, Judgement, Utterance
from verl_reflect.rollout.episode import Outcome
from verl_reflect.training import metrics as metric_names
from verl_reflect.training.dispatch import DISPATCH
from verl_reflect.training.guards import GuardCrossedError
from verl_reflect.training.line import StoredLine
from verl_reflect.training.pass_rates import PASS_RATES, PassRates
from verl_reflect.training.replay_buffer import (
    AllSessionsFailedError,
    ChoosingReplayBuffer,
    OutOfFailuresError,
    ReflectReplayBuffer,
    ReflectReplayBufferAsync,
)


class Queue:
    """As much of TransferQueue as a replay buffer uses."""

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, dict[str, Any]]] = {"train": {}, "val": {}}
        self.fields: dict[str, dict[str, Any]] = {}

    def group(
        self,
        uid: str,
        seconds: list[float],
        status: str = "finished",
        partition: str = "train",
        attempts: int = 0,
        step: int = 1,
    ) -> None:
        """A group whose reflections earned these second tries; none of them if it was solved at the first.

        Attempts of 3 tokens, as many as were made until one failed; reflections of 5; retries of 4. The weights change
        once within the reflection. A server that made attempts says what it had in its cache.
        """
        told: dict[str, Any] = {"prompt_tokens": 9, "cached_tokens": 8} if attempts else {}
        self.tags[partition][uid] = {"is_prompt": True, "status": status, "global_steps": step}
        for session, second_try in enumerate(seconds):
            key = f"{uid}_{session}_0"
            self.tags[partition][key] = {"status": "success", "response_len": 5}
            verdict = Judgement(second_try, second_try > 0, "none" if second_try else "missed_target")
            episode = Episode(
                0,
                "countdown",
                "task",
                Utterance("no", 3, **told),
                Judgement(0.0, False),
                Utterance("hm", 5, **told, weights=(step - 1, step)),
                (Utterance("yes", 4, **told, weights=(step, step)),),
                (verdict,),
                attempts=attempts,
                attempts_tokens=3 * attempts,
            )
            self.fields[key] = {
                "episode": asdict(episode),  # what verl makes of it on the way
                "reward_extra_info": Outcome(episode).report(),
            }

    def kv_list(self) -> dict[str, Any]:
        return {partition: dict(items) for partition, items in self.tags.items()}

    def kv_clear(self, partition_id: str, keys: list[str]) -> None:
        for key in keys:
            self.tags[partition_id].pop(key, None)

    def kv_batch_get(self, keys: list[str], partition_id: str, select_fields: list[str]) -> dict[str, Any]:
        return {"extra_fields": [self.fields[key] for key in keys]}


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    for module in (verl_replay_buffer, our_queue):
        monkeypatch.setattr(module, "tq", queue)
    monkeypatch.setattr(our_queue, "POLL_SECONDS", 0.001)
    PASS_RATES.load_state_dict(PassRates().state_dict())
    return queue


@pytest.fixture
def make_buffer(recipe_config: Callable[..., DictConfig], tmp_path: Path) -> Callable[..., ChoosingReplayBuffer]:
    def made(refill: Callable[[int], Any], *assignments: str) -> ChoosingReplayBuffer:
        folders = [f"trainer.rollout_data_dir={tmp_path}", f"trainer.default_local_dir={tmp_path}/checkpoints"]
        config = recipe_config("data.train_batch_size=2", *folders, *assignments)
        mode, sampler = config.trainer.v1.trainer_mode, config.trainer.v1.sampler
        return {"sync": ReflectReplayBuffer}.get(mode, ReflectReplayBufferAsync)(
            trainer_mode=mode,
            trainer_config=OmegaConf.create({}),
            max_off_policy_threshold=sampler.max_off_policy_threshold,
            max_off_policy_strategy=sampler.max_off_policy_strategy,
            sampler_kwargs=sampler.sampler_kwargs,
            refill_fn=refill,
        )

    return made


@pytest.fixture
def usher(monkeypatch: pytest.MonkeyPatch) -> UsherHere:
    """Of a step with two places, as live first attempts need."""
    monkeypatch.setattr(DISPATCH, "usher", UsherHere(2))
    assert isinstance(DISPATCH.usher, UsherHere)
    return DISPATCH.usher


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> StoredLine:
    """Of groups with failures of the data."""
    monkeypatch.setattr(DISPATCH, "line", StoredLine())
    return DISPATCH.line


def no_refill(count: int) -> None:
    raise AssertionError(f"asked for {count} more groups")


def uids(batch: Any) -> set[str]:
    return {key.split("_")[0] for key in batch.keys}


def test_a_full_batch_is_taken_as_it_is(queue: Queue, make_buffer: Any) -> None:
    queue.group("a", [1, 0])
    queue.group("b", [0, 0])
    batch, metrics = make_buffer(no_refill).sample(1, "train", 2)
    assert sorted(batch.keys) == ["a_0_0", "a_1_0", "b_0_0", "b_1_0"]
    assert metrics["reflect/second_try"] == 0.25
    assert (metrics["reflect/groups_all_pass"], metrics["reflect/groups_all_fail"]) == (0.0, 0.5)
    assert metrics["reflect/reflection_tokens"] == 5.0
    assert "reflect/category" not in metrics and "reflect/first_try_pass_rate" not in metrics
    assert metrics["reflect/generated_tokens_per_trained_token"] == (5 + 4) / 5


def test_solved_and_failed_groups_are_replaced_one_for_one(queue: Queue, make_buffer: Any) -> None:
    queue.group("solved", [])
    queue.group("partial", [1.0], status="failure")
    queue.group("a", [1, 0])
    asked = []

    def refill(count: int) -> None:
        asked.append(count)
        queue.group(f"new{len(asked)}", [0, 1] if len(asked) > 1 else [])

    batch, metrics = make_buffer(refill).sample(1, "train", 2)
    assert asked == [2, 1], "two at once, then the one of them that was solved too"
    assert uids(batch) == {"a", "new2"}
    assert (metrics["reflect/replaced_solved"], metrics["reflect/replaced_failed"]) == (2, 1)
    assert metrics["reflect/groups_solved_at_first_try"] == 0.5
    assert "partial_0_0" not in queue.tags["train"], "no row of a partial group stays behind"


def test_flat_groups_are_replaced_with_verls_own_filter(queue: Queue, make_buffer: Any) -> None:
    for uid, rewards in {"flat0": [0, 0], "flat1": [1, 1], "solved": [], "a": [1, 0]}.items():
        queue.group(uid, rewards)
    names = iter(range(100))

    def refill(count: int) -> None:
        for _ in range(count):
            queue.group(f"new{next(names)}", [0, 1])

    buffer = make_buffer(refill, "algorithm.filter_groups.enable=true", "algorithm.filter_groups.metric=acc")
    batch, metrics = buffer.sample(1, "train", 2)
    assert not uids(batch) & {"flat0", "flat1", "solved"}
    assert metrics["reflect/groups_all_pass"] == metrics["reflect/groups_all_fail"] == 0.0
    assert metrics["reflect/replaced_all_pass"] == metrics["reflect/replaced_all_fail"] == 1


def test_live_first_attempts_are_counted_whatever_became_of_them(
    queue: Queue, make_buffer: Any, usher: UsherHere
) -> None:
    usher.dispatched(["solved", "a"])
    usher.attempted("solved", passed=True, made=2, tokens=6)  # both of its 2 attempts passed
    usher.attempted("a", passed=False, made=2, tokens=6)  # the first passed
    queue.group("solved", [])
    queue.group("a", [1, 0], attempts=2)

    def refill(count: int) -> None:
        usher.dispatched(["b", "wasted"])
        usher.attempted("b", passed=False)
        usher.attempted("wasted", passed=False)
        queue.group("b", [0, 0], attempts=1)
        queue.group("wasted", [])

    batch, metrics = make_buffer(refill, "reflect.first_attempt=live").sample(1, "train", 2)
    assert uids(batch) == {"a", "b"}
    assert metrics["reflect/first_try_pass_rate"] == (2 + 1 + 0 + 0) / 6
    assert metrics["reflect/attempts_per_failure"] == 6 / 2
    assert (metrics["reflect/attempts_made"], metrics["reflect/attempts_wasted"]) == (6, 1)
    assert metrics["reflect/longest_attempt_chain"] == 2 + 1
    assert metrics["reflect/groups_solved_at_first_try"] == 1 / 4 and metrics["reflect/replaced_solved"] == 1
    assert metrics["reflect/generated_tokens_per_trained_token"] == (6 * 3 + 4 * (5 + 4)) / (4 * 5)


@pytest.mark.parametrize("filtered", [False, True])
def test_what_became_of_a_group_reaches_the_pass_rates_of_its_row(
    queue: Queue, make_buffer: Any, usher: UsherHere, filtered: bool
) -> None:
    for row, uid in enumerate(["solved", "flat"]):
        PASS_RATES.drawn(uid, row)
    usher.dispatched(["solved", "flat"])
    usher.attempted("solved", passed=True)
    queue.group("solved", [])
    queue.group("flat", [0, 0], attempts=1)

    def refill(count: int) -> None:
        new = [f"b{count}{number}" for number in range(count)]
        usher.dispatched(new)
        for uid in new:
            queue.group(uid, [0, 1])

    overrides = [f"algorithm.filter_groups.enable={filtered}", "algorithm.filter_groups.metric=acc"]
    make_buffer(refill, "reflect.first_attempt=live", *overrides).sample(1, "train", 2)
    assert PASS_RATES.state_dict()["tries"] == {0: (1, 1), 1: (0, 3)}


def test_a_live_step_is_over_when_the_first_failures_are_ready_and_nothing_is_on_its_way(
    queue: Queue, make_buffer: Any, usher: UsherHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    usher.dispatched(["a", "b", "c"])
    for uid in "abc":
        usher.attempted(uid, passed=False)
    queue.group("a", [], status="running")
    queue.group("b", [1, 0], attempts=1)
    queue.group("c", [], status="running")
    seen: list[bool] = []

    def later(seconds: float) -> None:
        seen.append(usher.released)
        if not usher.released:
            queue.group("a", [0, 1], attempts=1)  # b was quicker, and c is in line
        else:
            queue.group("c", [])

    monkeypatch.setattr(verl_replay_buffer, "time", SimpleNamespace(sleep=later, time=lambda: 0.0))
    batch, metrics = make_buffer(no_refill, "reflect.first_attempt=live").sample(1, "train", 2)
    assert seen == [False, True] and uids(batch) == {"a", "b"}
    assert metrics["reflect/attempts_wasted"] == 1 and metrics["reflect/replaced_solved"] == 0
    assert set(queue.tags["train"]) == {key for key in batch.keys}


def test_a_group_that_is_lost_while_it_reflects_makes_room_for_the_next_failure(
    queue: Queue, make_buffer: Any, usher: UsherHere
) -> None:
    usher.dispatched(["a", "b", "c"])
    queue.group("a", [1, 0], attempts=1)
    queue.group("b", [1.0], status="failure")
    queue.group("c", [0, 1], attempts=1)
    batch, metrics = make_buffer(no_refill, "reflect.first_attempt=live").sample(1, "train", 2)
    assert uids(batch) == {"a", "c"} and metrics["reflect/replaced_failed"] == 1


def test_a_step_hands_out_more_at_once_when_the_pass_rate_is_known(
    queue: Queue, make_buffer: Any, usher: UsherHere
) -> None:
    asked: list[int] = []

    def hand_out(count: int) -> None:
        asked.append(count)
        play([f"{len(asked)}-{number}" for number in range(count)])

    def play(groups: list[str]) -> None:
        usher.dispatched(groups)
        for number, uid in enumerate(groups):
            usher.attempted(uid, passed=number % 2 == 0)
            queue.group(uid, [] if number % 2 == 0 or (len(groups) > 2 and number > 3) else [0, 1], attempts=1)

    buffer = make_buffer(hand_out, "reflect.first_attempt=live")
    play(["0-0", "0-1"])
    buffer.sample(1, "train", 2)
    assert asked == [2], "one place was vacant; at most as many again, as long as the rate is a guess"
    asked.clear()
    play(["x", "y"])
    buffer.sample(2, "train", 2)
    assert asked[0] > 2, "enough for two places at one in two, less the two that there are"


def test_live_tasks_are_not_handed_out_beyond_the_limit(queue: Queue, make_buffer: Any, usher: UsherHere) -> None:
    def refill(count: int) -> None:
        new = [
            f"solved{len(queue.tags['train'])}-{number}-{count}-{usher.standing([], []).tally.dispatched}"
            for number in range(count)
        ]
        play(new)

    def play(groups: list[str]) -> None:
        usher.dispatched(groups)
        for uid in groups:
            usher.attempted(uid, passed=True)
            queue.group(uid, [])

    play(["a", "b"])
    overrides = ["reflect.first_attempt=live", "reflect.max_replaced_groups=3"]
    with pytest.raises(OutOfFailuresError, match=r"more than 6 groups .*\(8 solved.*add harder tasks"):
        make_buffer(refill, *overrides).sample(1, "train", 2)


def test_the_run_ends_clearly_when_the_data_run_out_of_failures(queue: Queue, make_buffer: Any) -> None:
    queue.group("solved", [])
    refill = lambda count: [queue.group(f"solved{len(queue.tags['train'])}-{i}", []) for i in range(count)]  # noqa: E731
    with pytest.raises(OutOfFailuresError, match=r"more than 6 groups .*\(7 solved.*add harder tasks"):
        make_buffer(refill, "reflect.max_replaced_groups=3").sample(1, "train", 2)


def test_validation_keeps_every_group(queue: Queue, make_buffer: Any, tmp_path: Path) -> None:
    queue.group("solved", [], partition="val")
    queue.group("failed", [], status="failure", partition="val")
    queue.group("a", [1], partition="val")
    buffer = make_buffer(no_refill, f"trainer.validation_data_dir={tmp_path}/val")
    batch, metrics = buffer.sample(0, "val", 3)
    assert batch.keys == ["a_0_0"] and "reflect/second_try" not in metrics


def test_transcripts_hold_all_turns_and_verdicts(queue: Queue, make_buffer: Any, tmp_path: Path) -> None:
    queue.group("a", [1, 0])
    make_buffer(no_refill, "data.train_batch_size=1").sample(7, "train", 1)
    lines = [json.loads(line) for line in (tmp_path / "transcripts" / "7.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == ["a_0", "a_1"]
    first = lines[0]
    assert (first["attempt"]["text"], first["reflection"]["text"], first["retries"][0]["text"]) == ("no", "hm", "yes")
    assert first["first_try"]["passed"] is False and first["metrics"]["second_try"] == 1.0
    assert first["reflection"]["tokens"] == 5


def test_groups_still_running_are_waited_for(queue: Queue, make_buffer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.group("a", [1, 0])
    queue.group("b", [], status="running")
    waits: list[float] = []

    def later(seconds: float) -> None:
        waits.append(seconds)
        queue.group("b", [0, 1])

    monkeypatch.setattr(verl_replay_buffer, "time", SimpleNamespace(sleep=later, time=lambda: 0.0))
    batch, _ = make_buffer(no_refill).sample(1, "train", 2)
    assert uids(batch) == {"a", "b"} and waits == [0.001], "and not verl's 2 s"


def test_a_validation_whose_sessions_all_failed_ends_the_run_with_a_sentence(queue: Queue, make_buffer: Any) -> None:
    for uid in ("a", "b"):
        queue.group(uid, [], status="failure", partition="val")
    with pytest.raises(AllSessionsFailedError, match="All 2 sessions of the validation at step 1 failed"):
        make_buffer(no_refill).sample(1, "val", 2)


def test_collapse_and_drift_are_among_the_metrics_of_a_step(queue: Queue, make_buffer: Any) -> None:
    queue.group("a", [1, 0])
    queue.group("b", [0, 0])
    _, metrics = make_buffer(no_refill, "reflect.expected_reflection_tokens=4").sample(1, "train", 2)
    assert (metrics["reflect/unique_reflections"], metrics["reflect/reflection_entropy"]) == (0.25, 0.0)
    assert (metrics["reflect/self_similarity"], metrics["reflect/length_drift"]) == (1.0, 1.25)


@pytest.mark.parametrize("mode", ["sync", "colocate_async"])
def test_the_names_that_a_guard_can_watch_are_those_that_are_logged(
    queue: Queue, make_buffer: Any, usher: UsherHere, mode: str
) -> None:
    usher.dispatched(["a", "b"])
    for uid in "ab":
        queue.group(uid, [1, 0], attempts=1)
    buffer = make_buffer(no_refill, "reflect.first_attempt=live", f"trainer.v1.trainer_mode={mode}")
    _, metrics = buffer.sample(1, "train", 2)
    unlike = metric_names.OF_ASYNCHRONY if mode == "sync" else ()
    assert {name for name in metrics if name.startswith("reflect/")} == set(metric_names.ALL) - set(unlike)


def test_a_step_without_reflections_has_no_metrics_of_them(queue: Queue, make_buffer: Any) -> None:
    queue.group("a", [1, 0])
    for row in queue.fields.values():
        row["episode"]["reflection"] = None
    _, metrics = make_buffer(no_refill).sample(1, "train", 1)
    assert {name for name in metrics if name.startswith("reflect/")} == set(metric_names.WITHOUT_REFLECTIONS)


def test_a_guard_stops_training_and_not_validation(queue: Queue, make_buffer: Any, tmp_path: Path) -> None:
    guard = "reflect.guards=[{metric: reflect/unique_reflections, below: 0.6, steps: 2, action: stop}]"
    queue.group("a", [1, 0])
    make_buffer(no_refill, guard, "trainer.save_freq=1").sample(1, "train", 1)
    gc.collect()  # the first run has ended, and with it its claim to the folders
    resumed = make_buffer(no_refill, guard, "trainer.save_freq=1")
    queue.group("b", [1, 0], partition="val")
    resumed.sample(1, "val", 1)
    queue.group("c", [1, 0])
    with pytest.raises(GuardCrossedError, match=r"below 0\.6 for 2 training steps in a row; now it is 0\.5"):
        resumed.sample(2, "train", 1)
    assert (tmp_path / "checkpoints" / "guards.jsonl").exists()
    assert (tmp_path / "transcripts" / "2.jsonl").exists(), "what was said at the step that stopped the run"


def test_looks_at_a_long_queue_are_rarer(queue: Queue, make_buffer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.group("a", [1, 0])
    buffer = make_buffer(no_refill)
    for seconds, pause in ((0.0, 0.001), (0.5, 2.5)):
        moments = iter([0.0, seconds])
        monkeypatch.setattr(our_queue, "time", SimpleNamespace(monotonic=lambda moments=moments: next(moments)))
        buffer._sync_metadata_from_transfer_queue()
        assert buffer.poll_interval == pause


ASYNC = "trainer.v1.trainer_mode=colocate_async"


def later(monkeypatch: pytest.MonkeyPatch, *events: Callable[[], None]) -> list[float]:
    """What happens while the buffer waits, look by look; how long it waited."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        events[len(waits)]()
        waits.append(seconds)

    monkeypatch.setattr(verl_replay_buffer, "time", SimpleNamespace(sleep=sleep, time=lambda: 0.0))
    return waits


def test_an_asynchronous_step_waits_for_the_head_of_the_line_and_leaves_the_rest(
    queue: Queue, make_buffer: Any, line: StoredLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.dispatched("abcd")
    queue.group("a", [], status="running")
    for uid in "bcd":
        queue.group(uid, [1, 0])
    waits = later(monkeypatch, lambda: queue.group("a", [0, 1]))
    buffer = make_buffer(no_refill, ASYNC)
    batch, metrics = buffer.sample(1, "train", 2)
    assert uids(batch) == {"a", "b"} and len(waits) == 1
    assert metrics["reflect/groups_ready_behind"] == 2 and {"c", "d", "c_0_0"} <= set(queue.tags["train"])
    assert uids(buffer.sample(2, "train", 2)[0]) == {"c", "d"}


def test_an_asynchronous_step_replaces_solved_and_failed_groups_one_for_one(
    queue: Queue, make_buffer: Any, line: StoredLine
) -> None:
    line.dispatched(["solved", "partial", "a", "b"])
    queue.group("solved", [])
    queue.group("partial", [1.0], status="failure")
    queue.group("a", [1, 0])
    queue.group("b", [0, 1])
    asked: list[int] = []
    batch, metrics = make_buffer(asked.append, ASYNC).sample(1, "train", 2)
    assert uids(batch) == {"a", "b"} and asked == [2]
    assert (metrics["reflect/replaced_solved"], metrics["reflect/replaced_failed"]) == (1, 1)
    assert not {"solved", "partial", "partial_0_0"} & set(queue.tags["train"])


def test_the_pass_rates_of_tasks_on_their_way_outlive_an_asynchronous_step(
    queue: Queue, make_buffer: Any, line: StoredLine
) -> None:
    for row, uid in enumerate("ab"):
        PASS_RATES.drawn(uid, row)
        queue.group(uid, [1, 0])
    line.dispatched("ab")
    buffer = make_buffer(no_refill, ASYNC)
    buffer.sample(1, "train", 1)
    buffer.sample(2, "train", 1)
    assert PASS_RATES.state_dict()["tries"] == {0: (1, 2), 1: (1, 2)}


def test_groups_that_verl_finds_too_old_are_replaced_and_counted(
    queue: Queue, make_buffer: Any, line: StoredLine
) -> None:
    line.dispatched(["old", "a"])
    queue.group("old", [1, 0], step=1)
    queue.group("a", [1, 0], step=7)
    asked: list[int] = []
    batch, metrics = make_buffer(asked.append, ASYNC).sample(9, "train", 1)
    assert uids(batch) == {"a"} and asked == [1] and metrics["reflect/replaced_stale"] == 1
    assert metrics["training/off_policy/evicted_samples"] == 1


def test_the_weights_of_all_turns_of_a_session_are_told(queue: Queue, make_buffer: Any, line: StoredLine) -> None:
    line.dispatched("a")
    queue.group("a", [1, 0], step=3)
    _, metrics = make_buffer(no_refill, ASYNC).sample(4, "train", 1)
    assert metrics["reflect/session_spans"] == 2, "those after steps 2 and 3"
    assert metrics["reflect/session_staleness"] == 1, "the step before this one made 3"


def test_live_failures_without_a_place_stay_for_the_next_asynchronous_step(
    queue: Queue, make_buffer: Any, usher: UsherHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    usher.dispatched(["a", "b", "c"])
    for uid in "abc":
        usher.attempted(uid, passed=False)
    for uid in "ab":
        queue.group(uid, [1, 0], attempts=1)
    queue.group("c", [], status="running")
    asked: list[int] = []

    def hand_out(count: int) -> None:
        asked.append(count)
        usher.dispatched([f"d{number}" for number in range(count)])

    buffer = make_buffer(hand_out, ASYNC, "reflect.first_attempt=live")
    batch, metrics = buffer.sample(1, "train", 2)
    assert uids(batch) == {"a", "b"} and metrics["reflect/attempts_wasted"] == 0 and not usher.released
    assert usher.standing([], []).holders == ("c",) and not asked
    later(monkeypatch, lambda: queue.group("c", [0, 1], attempts=1))
    assert uids(buffer.sample(2, "train", 1)[0]) == {"c"} and asked == [1], "for the other place"


def test_an_asynchronous_validation_keeps_every_group(queue: Queue, make_buffer: Any, line: StoredLine) -> None:
    queue.group("solved", [], partition="val")
    queue.group("a", [1], partition="val")
    batch, metrics = make_buffer(no_refill, ASYNC).sample(0, "val", 2)
    assert batch.keys == ["a_0_0"] and "reflect/second_try" not in metrics
