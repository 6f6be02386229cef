"""A session is one trace, with its turns and verdicts in order, where tracing is on; verl switches it off itself."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from builders import HINT, RIGHT, SAMPLING, WRONG, row
from tracker import Span, Tracker
from verl.utils.rollout_trace import RolloutTraceConfig, rollout_trace_attr

from verl_reflect.rollout.controls import BlindRetryAgentLoop


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    """verl's tracing, switched on as an agent-loop worker would, with a tracker that stands in for mlflow."""
    tracker = Tracker()
    monkeypatch.setitem(sys.modules, "mlflow", tracker)
    yield from switched_on("mlflow", tracker)


def switched_on(backend: str, client: Any) -> Iterator[Any]:
    RolloutTraceConfig.reset()
    config = RolloutTraceConfig.get_instance()
    config.backend, config.client, config.experiment_name = backend, client, "an experiment"
    yield client
    RolloutTraceConfig.reset()


async def as_verl_runs_it(loop: Any, **data: Any) -> list[Any]:
    """verl's V1 worker runs every session with its trace switched off."""
    with rollout_trace_attr(step=1, sample_index=0, rollout_n=0, name="agent_loop", trace=False):
        return list(await loop.run(SAMPLING, **row(**data)))


def flat(span: Span) -> list[Span]:
    return [span, *(each for child in span.children for each in flat(child))]


async def test_a_session_is_one_trace_of_its_turns_and_verdicts(
    tracker: Tracker, make_loop: Any, scripted: Any
) -> None:
    await as_verl_runs_it(make_loop(scripted(HINT, RIGHT)), session_id=2, extra_info={"index": 7}, index=7)
    [trace] = tracker.traces
    names = [span.name.rpartition(".")[2] for span in flat(trace)]
    assert names == ["session", "session", "attempt", "verdict", "reflection", "retry", "verdict"]
    tags = {"sample_index": "7", "step": "1", "rollout_n": "2", "validate": "False"}
    assert tags.items() <= trace.tags.items()
    session, attempt, failed, reflection, retry, passed = flat(trace)[1:]
    assert [span.outputs["response_text"] for span in (attempt, reflection, retry)] == [WRONG, HINT, RIGHT]
    assert not failed.outputs["passed"] and passed.outputs["passed"]
    assert session.outputs["second_try"] == 1.0 and session.outputs["response_text"] == RIGHT
    assert [message["role"] for message in retry.inputs["messages"]] == ["user", "assistant"] * 2 + ["user"]
    assert reflection.outputs["tokens"] == 13 and reflection.outputs["prompt_tokens"] > 20


async def test_a_session_without_a_second_try_has_no_span_of_one(
    tracker: Tracker, make_loop: Any, scripted: Any
) -> None:
    await as_verl_runs_it(make_loop(scripted(RIGHT), "reflect.first_attempt=live"), first_attempt=None)
    await as_verl_runs_it(make_loop(scripted(RIGHT), cls=BlindRetryAgentLoop))
    solved, blind = ([span.name.rpartition(".")[2] for span in flat(trace)][2:] for trace in tracker.traces)
    assert solved == ["attempt", "verdict"] and blind == ["attempt", "verdict", "retry", "verdict"]


@pytest.mark.parametrize("token2text", [False, True])
async def test_token_ids_are_in_it_only_where_verl_decodes_them(
    token2text: bool, tracker: Tracker, make_loop: Any, scripted: Any
) -> None:
    RolloutTraceConfig.get_instance().token2text = token2text
    await as_verl_runs_it(make_loop(scripted(HINT, RIGHT)))
    retry = flat(tracker.traces[0])[-2]
    assert ("prompt_ids" in retry.outputs) == token2text == ("prompt_text" in retry.outputs)
    assert retry.outputs["response_text"] == (f"{RIGHT}<|im_end|>" if token2text else RIGHT)
    assert json.dumps([span.outputs for span in flat(tracker.traces[0])]), "a tracker writes JSON"


async def test_as_many_groups_a_step_are_traced_as_verl_is_told(
    tracker: Tracker, make_loop: Any, scripted: Any
) -> None:
    RolloutTraceConfig.get_instance().max_samples_per_step_per_worker = 2
    for step in (1, 2):
        for uid in "abc":
            for number in (0, 1):
                loop = make_loop(scripted(HINT, RIGHT))
                await as_verl_runs_it(loop, uid=uid, session_id=number, index=ord(uid), global_steps=step)
    traced = [(trace.tags["step"], chr(int(trace.tags["sample_index"]))) for trace in tracker.traces]
    assert traced == [(step, uid) for step in "12" for uid in "aabb"]


async def test_a_tracker_that_fails_costs_a_warning_and_no_session(
    tracker: Tracker, make_loop: Any, scripted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tracker.broken = True
    [output] = await as_verl_runs_it(make_loop(scripted(HINT, RIGHT)))
    assert output.response_ids and "ConnectionError: the tracking server is away" in caplog.text


async def test_nothing_is_written_where_tracing_is_off(tracker: Tracker, make_loop: Any, scripted: Any) -> None:
    RolloutTraceConfig.reset()
    await as_verl_runs_it(make_loop(scripted(HINT, RIGHT)))
    assert not tracker.traces


async def test_mlflow_itself_takes_them(
    make_loop: Any, scripted: Any, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/runs.db")
    RolloutTraceConfig.reset()
    RolloutTraceConfig.init("a project", "an experiment", "mlflow")
    await as_verl_runs_it(make_loop(scripted(HINT, RIGHT)))
    RolloutTraceConfig.reset()
    mlflow.flush_trace_async_logging()
    [trace] = mlflow.search_traces(return_type="list")
    names = [span.name.rpartition(".")[2] for span in trace.data.spans]
    assert names == ["session", "session", "attempt", "verdict", "reflection", "retry", "verdict"]
    assert trace.info.tags["step"] == "1"
