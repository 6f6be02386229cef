"""The parts of mining: settings, queries, the choice of failures, the fleet, the chance to pass at k tries."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scripted_mining import ScriptedServer, World, encode, table
from verl.workers.rollout.replica import TokenOutput

from verl_reflect.mine.failure_set import pass_at
from verl_reflect.mine.sampling import Answer, Outcome, choose
from verl_reflect.mine.settings import MineSettings
from verl_reflect.rollout.judge import Judgement
from verl_reflect.serving.engine import ReplicaServer
from verl_reflect.serving.fleet import Fleet, RequestError
from verl_reflect.serving.queries import queries, read_tables


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"samples": 0}, "samples is 0; it must be at least 1."),
        ({"tries": 0}, "tries is 0; it must be at least 1."),
        ({"samples": 2, "keep": 3}, "2 samples cannot have so many failures"),
        ({"keep": 3, "stop_after": 2}, "stop_after is 2, too few to keep 3 failures"),
        ({"min_pass_rate": 0.5, "max_pass_rate": 0.25}, "must be in order and between 0 and 1"),
        ({"max_pass_rate": 25.0}, "must be in order and between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MineSettings(**wrong)


def write(path: Path, rows: pa.Table) -> Path:
    pq.write_table(rows, path)
    return path


def test_queries_are_counted_over_all_files_and_finished_ones_left_out(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", table(300)), write(tmp_path / "b", table(2))]
    found = list(queries(read_tables(paths, "prompt"), "prompt", encode, frozenset(range(298))))
    assert [(each.index, each.prompt_ids, each.ground_truth) for each in found] == [
        (298, [298], {"answer": 298}),
        (299, [299], {"answer": 299}),
        (300, [0], {"answer": 0}),
        (301, [1], {"answer": 1}),
    ]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (table(1).drop_columns(["reward_model"]), "has no column reward_model; add it"),
        (table(1).drop_columns(["prompt"]), "has no column prompt; add it"),
        (table(1).slice(0, 0), "has no rows"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, rows: pa.Table, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_tables([write(tmp_path / "bad.parquet", rows)], "prompt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file .*nowhere"):
        read_tables([tmp_path / "nowhere"], "prompt")


def test_a_row_without_ground_truth_is_named() -> None:
    rows = [*table(2).to_pylist(), {**table(1).to_pylist()[0], "reward_model": None}]
    with pytest.raises(ValueError, match=r"Row 2 has no reward_model\.ground_truth"):
        list(queries(pa.Table.from_pylist(rows), "prompt", encode))


def failures(*answers: int) -> list[Answer]:
    return [Answer(str(number), [answer], Judgement(0.0, False)) for number, answer in enumerate(answers)]


def test_each_failure_is_as_likely_to_be_kept() -> None:
    drawn = Counter(choose(failures(10, 11, 12, 13), 1, f"0 {query}")[0].token_ids[0] for query in range(2000))
    assert set(drawn) == {10, 11, 12, 13} and all(400 < count < 600 for count in drawn.values())


def test_a_frequent_failure_is_kept_more_often_but_never_twice() -> None:
    found = failures(7, 7, 7, 8)
    first = Counter(choose(found, 1, f"0 {query}")[0].token_ids[0] for query in range(2000))
    assert 1400 < first[7] < 1600
    assert all(sorted(each.token_ids[0] for each in choose(found, 3, str(seed))) == [7, 8] for seed in range(20))


def test_pass_at_k_by_hand() -> None:
    outcomes = [Outcome(0, passed=1, failed=3), Outcome(1, failed=4), Outcome(2, passed=3)]
    assert pass_at(outcomes, 4) == {"1": 0.125, "2": 0.25, "4": 0.5}, "the third has too few verdicts to count"


def one_request(fleet: Fleet, prompt: list[int], tries: int = 3) -> Any:
    async def ask() -> list[int]:
        with fleet.route() as route:
            return await route.generate(prompt, tries)

    return ask()


def test_a_server_is_examined_once_for_all_that_wait() -> None:
    examined = []

    class Dead(ScriptedServer):
        async def generate(self, prompt_ids: Any) -> list[int]:
            await asyncio.sleep(0)
            raise RuntimeError("the engine is dead")

        async def alive(self) -> bool:
            examined.append(self.name)
            await asyncio.sleep(0.01)
            return False

    async def ask_both() -> list[Any]:
        fleet = Fleet([Dead(World(), "dead"), ScriptedServer(World(), "living")])
        with fleet.route() as route:
            answers = await asyncio.gather(*(route.generate([1], 1) for _ in range(5)))
        assert fleet.dead == ["dead"]
        return answers

    assert len(asyncio.run(ask_both())) == 5, "one try is enough, since a death is not the request's fault"
    assert examined == ["dead"]


def test_a_living_server_is_tried_so_often_and_no_more() -> None:
    server = ScriptedServer(World(), chokes_on=[1])
    fleet = Fleet([server])
    with pytest.raises(RequestError, match="2 requests failed, the last with ValueError: cannot take 1"):
        asyncio.run(one_request(fleet, [1], tries=2))
    assert server.world.most_running == 1 and fleet.dead == []
    assert asyncio.run(one_request(fleet, [2]))[0] == 2


class Handle:
    """Stands for the Ray actor of a replica: `handle.generate.remote(...)` gives something to wait for."""

    def __init__(self, output: Any = None, seconds: float = 0.0):
        self.output, self.seconds = output, seconds
        self.asked: list[dict[str, Any]] = []
        self.generate = self

    async def remote(self, **request: Any) -> Any:
        self.asked.append(request)
        request["sampling_params"].pop("max_tokens")  # as verl's servers do
        await asyncio.sleep(self.seconds)
        if isinstance(self.output, Exception):
            raise self.output
        return self.output


def replica(handle: Handle) -> ReplicaServer:
    return ReplicaServer("10.0.0.1:80", handle, {"max_tokens": 8, "temperature": 1.0}, timeout=0.05)


def test_a_replica_is_asked_for_tokens_and_every_request_has_its_own_name_and_parameters() -> None:
    handle = Handle(TokenOutput(token_ids=[5, 6], stop_reason="completed"))
    server = replica(handle)
    assert [asyncio.run(server.generate([1, 2])) for _ in range(2)] == [[5, 6], [5, 6]]
    assert asyncio.run(server.alive())
    first, second, sign_of_life = handle.asked
    assert first["prompt_ids"] == [1, 2] and first["sampling_params"] == {"temperature": 1.0}
    assert first["request_id"] != second["request_id"]
    assert len(sign_of_life["prompt_ids"]) == 1


@pytest.mark.parametrize(
    "handle",
    [
        Handle(TokenOutput(token_ids=[], stop_reason="aborted")),
        Handle(TokenOutput(token_ids=[5], stop_reason="aborted")),
        Handle(TokenOutput(token_ids=[])),
        Handle(RuntimeError("the actor is dead")),
        Handle(TokenOutput(token_ids=[5]), seconds=1.0),
    ],
)
def test_a_replica_that_gives_no_answer_in_time_raises(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verl_reflect.serving.engine.SECONDS_FOR_A_SIGN_OF_LIFE", 0.05)
    with pytest.raises((RuntimeError, TimeoutError, asyncio.TimeoutError)):
        asyncio.run(replica(handle).generate([1]))
    assert not asyncio.run(replica(handle).alive())
