"""Evaluations of a scripted model: what is asked, what is kept, what is counted, and going on after a kill."""

import asyncio
import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from omegaconf import DictConfig
from scripted_evaluation import RIGHT, WRONG, Model, hint, write_rows

from verl_reflect.checks.run import UnfitError
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.evaluate.command import Evaluated, Evaluating
from verl_reflect.evaluate.console import lines
from verl_reflect.evaluate.settings import EvalSettings
from verl_reflect.records.transcripts import Judgement
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.shared import Shared
from verl_reflect.serving.fleet import NoServerError
from verl_reflect.serving.start import configuration

NUMBERS = range(1, 13)
FAILED = [n for n in NUMBERS if n % 3]  # 1 2 4 5 7 8 10 11
ALL_CONDITIONS = ("reflect", "blind", "fixed", "swapped")


class SharedJudge(Judge):
    """Stays for the next test."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def shared_judge() -> Iterator[Judge]:
    judge = SharedJudge(RewardFunction(), success_threshold=1.0, timeout=20.0)
    yield judge
    Judge.close(judge)


@cache
def composed(overrides: tuple[str, ...]) -> DictConfig:
    usual = ("+recipe=reflect_grpo", "+task=countdown_toy", f"actor_rollout_ref.model.path={CHECKPOINT}")
    return configuration([*usual, *overrides])


Evaluate = Callable[..., tuple[Evaluated, Model]]


@pytest.fixture
def evaluate(tmp_path: Path, tokenizer: Any, shared_judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Evaluate a scripted model on tasks 1 to 12, in a folder."""
    monkeypatch.setattr(Judge, "from_config", lambda config: shared_judge)
    Shared.close()

    def run(
        *overrides: str,
        data: Path | None = None,
        out: str = "out",
        chokes_on: Any = (),
        settings: dict[str, Any] | None = None,
        start: Any = None,
    ) -> tuple[Evaluated, Model]:
        path = data or write_rows(tmp_path / "data.parquet", NUMBERS)
        model = Model(tokenizer, chokes_on)

        async def started(config: DictConfig) -> Any:
            return [model]

        config = copy.deepcopy(composed(overrides))
        config.data.val_files = str(path)
        chosen = EvalSettings(**{"conditions": ALL_CONDITIONS, **(settings or {})})
        return Evaluating(config, chosen, tmp_path / out)(start or started), model

    return run


def rows(evaluated: Evaluated) -> list[dict[str, Any]]:
    return pq.read_table(evaluated.folder / "transcripts.parquet").to_pylist()


def number(row: dict[str, Any]) -> int:
    return row["index"] - 100


def accuracy(evaluated: Evaluated, tried: str, of: str, within: int = 1) -> tuple[float, int]:
    [found] = [a for a in evaluated.results[0].accuracies if (a.tried, a.of, a.within) == (tried, of, within)]
    return round(found.accuracy.value * found.answers), found.answers


def test_one_first_attempt_serves_all_conditions_and_failures_alone_are_tried_again(evaluate: Evaluate) -> None:
    _, model = evaluate()
    assert Counter(stage for _, stage in model.asked) == {
        "attempt": 12,
        "reflection": len(FAILED),
        "blind": len(FAILED),
        "retry": 3 * len(FAILED),  # after its own reflection, a fixed one, another task's
    }
    assert {n for n, stage in model.asked if stage != "attempt"} == set(FAILED)


def test_the_measures_are_what_the_script_gives(evaluate: Evaluate) -> None:
    evaluated, _ = evaluate()
    assert accuracy(evaluated, "first_try", "all", 0) == (4, 12)
    assert accuracy(evaluated, "reflect", "failures") == (4, 8), "2 4 8 10"
    assert accuracy(evaluated, "reflect", "all") == (8, 12)
    assert accuracy(evaluated, "blind", "failures") == (2, 8), "4 8"
    assert accuracy(evaluated, "fixed", "failures") == (0, 8)
    assert accuracy(evaluated, "swapped", "failures") == (0, 8)
    [against_blind] = [c for c in evaluated.results[0].contrasts if (c.first, c.second) == ("blind", "reflect")]
    assert (against_blind.change.fixed, against_blind.change.broken, against_blind.change.p) == (2, 0, 0.5)
    [against_first] = [c for c in evaluated.results[0].contrasts if (c.first, c.second) == ("first_try", "reflect")]
    assert (against_first.change.fixed, against_first.change.broken) == (4, 0), "what passed is not tried again"
    assert evaluated.results[0].categories == {
        "first_try": {"missed_target": 8, "none": 4},
        "reflect": {"missed_target": 4, "none": 8},
        "blind": {"missed_target": 6, "none": 6},
        "fixed": {"missed_target": 8, "none": 4},
        "swapped": {"missed_target": 8, "none": 4},
    }


def test_every_conversation_is_kept_in_the_fields_of_the_trainings_transcripts(evaluate: Evaluate) -> None:
    evaluated, model = evaluate()
    kept = rows(evaluated)
    assert Counter(row["condition"] for row in kept) == dict.fromkeys(ALL_CONDITIONS, 12)
    [two] = [row for row in kept if row["condition"] == "reflect" and number(row) == 2]
    assert two["task"] == "Make 2 from 3 5 8 ." and two["data_source"] == "countdown"
    assert two["attempt"]["text"] == WRONG and not two["first_try"]["passed"]
    assert two["attempt"]["token_ids"][-1] == model.tokenizer.eos_token_id
    assert two["reflection"]["text"] == hint(2) and two["retries"][0]["text"] == RIGHT
    assert two["retry_verdicts"][0]["passed"] and two["metrics"]["second_try"] == 1
    assert (two["first_passed"], two["passed_within"]) == (0, [1])
    assert (two["first_category"], two["second_category"]) == ("missed_target", "none")
    [solved] = [row for row in kept if row["condition"] == "reflect" and number(row) == 3]
    assert solved["reflection"] is None and solved["retries"] == [] and solved["metrics"]["acc"] == 1


def test_swapped_reflections_are_all_on_other_tasks_and_each_is_used_once(evaluate: Evaluate) -> None:
    evaluated, _ = evaluate()
    given = {number(row): row["reflection"] for row in rows(evaluated) if row["condition"] == "swapped"}
    said = {n: reflection["text"] for n, reflection in given.items() if reflection}
    assert said == {n: hint(other) for n, other in zip(FAILED, [*FAILED[1:], FAILED[0]], strict=True)}


def test_a_swap_does_not_deal_out_a_reflection_on_the_same_words(evaluate: Evaluate, tmp_path: Path) -> None:
    evaluated, _ = evaluate(data=write_rows(tmp_path / "twice.parquet", [1, 1, 2]))
    given = [row["reflection"]["text"] for row in rows(evaluated) if row["condition"] == "swapped"]
    assert given == [hint(2), hint(2), hint(1)]


def test_without_another_task_there_is_nothing_to_swap_in(evaluate: Evaluate, tmp_path: Path) -> None:
    evaluated, _ = evaluate(data=write_rows(tmp_path / "one.parquet", [1]))
    [lost] = evaluated.given_up
    assert lost.condition == "swapped" and "No reflection on another task" in lost.error


def test_more_rounds_go_on_after_failed_retries(evaluate: Evaluate) -> None:
    evaluated, model = evaluate(
        "actor_rollout_ref.rollout.max_model_len=192", settings={"rounds": 2, "conditions": ("reflect", "blind")}
    )
    assert sorted(n for n, stage in model.asked if stage == "third") == [1, 5, 7, 11], "those that still failed"
    assert accuracy(evaluated, "reflect", "failures", 2) == (5, 8), "5 came with the third try"
    assert accuracy(evaluated, "blind", "failures", 2) == (2, 8)
    [five] = [row for row in rows(evaluated) if row["condition"] == "reflect" and number(row) == 5]
    assert five["passed_within"] == [0, 1] and five["later_rounds"][0]["retries"][0]["text"] == RIGHT
    assert five["second_category"] == "none"


def test_rounds_that_do_not_fit_the_model_are_refused(evaluate: Evaluate) -> None:
    with pytest.raises(ValueError, match=r"5 rounds can take .* max_position_embeddings is 512; ask for fewer rounds"):
        evaluate(settings={"rounds": 5})


def test_several_samples_are_tried_and_counted_by_item(evaluate: Evaluate) -> None:
    evaluated, model = evaluate(settings={"samples": 4, "conditions": ("reflect",)})
    assert Counter(model.asked)[1, "attempt"] == 4 and Counter(model.asked)[1, "retry"] == 4
    [first] = [a for a in evaluated.results[0].accuracies if a.tried == "first_try"]
    assert (first.items, first.answers) == (12, 48)
    assert first.accuracy.high - first.accuracy.low > 0.4, "48 answers, but they are 12 items"
    chances = {(each.tried, each.k): each.accuracy.value for each in evaluated.results[0].pass_at}
    assert chances["first_try", 1] == chances["first_try", 4] == pytest.approx(1 / 3), "the script is no gamble"
    assert chances["reflect", 2] == pytest.approx(2 / 3)


def test_sampling_is_that_of_validation_or_greedy_with_each_turns_limit(evaluate: Evaluate) -> None:
    _, model = evaluate("actor_rollout_ref.rollout.val_kwargs.temperature=0.6", "reflect.max_reflection_tokens=18")
    limits = {(stage, sampling["max_tokens"]) for (_, stage), sampling in zip(model.asked, model.sampling, strict=True)}
    assert limits == {("attempt", 16), ("reflection", 18), ("retry", 16), ("blind", 16)}
    assert {sampling["temperature"] for sampling in model.sampling} == {0.6}
    _, model = evaluate(out="greedy", settings={"greedy": True})
    assert {sampling["temperature"] for sampling in model.sampling} == {0.0}


def test_stored_first_attempts_are_not_the_models_and_stored_reflections_are_retried(
    evaluate: Evaluate, tmp_path: Path
) -> None:
    evaluate(settings={"conditions": ("reflect",)})
    given = tmp_path / "out" / "reflections.parquet"
    assert len(pq.read_table(given)) == len(FAILED)
    evaluated, model = evaluate(data=given, out="other", settings={"conditions": ("stored", "blind")})
    assert Counter(stage for _, stage in model.asked) == {"retry": len(FAILED), "blind": len(FAILED)}
    assert accuracy(evaluated, "stored", "failures") == (4, 8)
    assert {each.of for each in evaluated.results[0].accuracies} == {"failures"}
    with pytest.raises(ValueError, match="which the data have not"):
        evaluate(out="third", settings={"conditions": ("stored",)})


def test_a_finished_evaluation_is_written_again_without_a_server_and_more_can_be_added(evaluate: Evaluate) -> None:
    evaluated, _ = evaluate(settings={"conditions": ("reflect",)})
    before = (evaluated.folder / "transcripts.parquet").read_bytes()
    again, model = evaluate(settings={"conditions": ("reflect",)})
    assert not model.asked and (again.folder / "transcripts.parquet").read_bytes() == before
    _, model = evaluate(settings={"conditions": ("reflect", "blind"), "samples": 2})
    assert Counter(stage for _, stage in model.asked) == {
        "attempt": 12,
        "blind": 2 * len(FAILED),
        "reflection": len(FAILED),
        "retry": len(FAILED),
    }
    fewer, model = evaluate(settings={"conditions": ("reflect",)})
    assert not model.asked and (fewer.folder / "transcripts.parquet").read_bytes() == before
    assert len(pq.read_table(fewer.folder / "reflections.parquet")) == len(FAILED), "of one sample, as asked for"


def test_other_words_are_another_evaluation(evaluate: Evaluate) -> None:
    evaluate(settings={"conditions": ("blind",)})
    with pytest.raises(RuntimeError, match="belongs to a run with another reflect section; remove it"):
        evaluate("reflect.fixed_reflection='Hm .'", settings={"conditions": ("blind",)})


def test_a_kill_at_any_moment_loses_nothing_and_repeats_nothing(evaluate: Evaluate, tmp_path: Path) -> None:
    whole, _ = evaluate()
    journal = (whole.folder / "journal.jsonl").read_bytes()
    begun = journal.index(b"\n") + 1
    rng = random.Random(0)
    for cut in [begun, len(journal) - 1, *(rng.randrange(begun, len(journal)) for _ in range(3))]:
        folder = tmp_path / f"killed at {cut}"
        folder.mkdir()
        (folder / "journal.jsonl").write_bytes(journal[:cut])
        done = [json.loads(line) for line in journal[:cut].split(b"\n")[1:-1]]
        resumed, model = evaluate(out=folder.name)
        attempted = {line["item"] + 1 for line in done if line["condition"] == "first_try"}
        blind = {line["item"] + 1 for line in done if line["condition"] == "blind"}
        assert {n for n, stage in model.asked if stage == "attempt"} == set(NUMBERS) - attempted
        assert {n for n, stage in model.asked if stage == "blind"} == set(FAILED) - blind
        assert rows(resumed) == rows(whole)
        assert (folder / "summary.json").read_bytes() == (whole.folder / "summary.json").read_bytes()


def test_a_conversation_that_fails_is_given_up_reported_and_tried_again(evaluate: Evaluate) -> None:
    evaluated, model = evaluate(chokes_on=[(1, "attempt"), (4, "reflection")], settings={"conditions": ("reflect",)})
    assert Counter(model.asked)[1, "attempt"] == 3, "three requests"
    assert [(lost.item, lost.condition) for lost in evaluated.given_up] == [(0, "first_try"), (3, "reflect")]
    assert accuracy(evaluated, "first_try", "all", 0) == (4, 11)
    assert accuracy(evaluated, "reflect", "all") == (7, 10), "nobody knows what 4 would have come to"
    [four] = [row for row in rows(evaluated) if number(row) == 4]
    assert four["passed_within"] is None and "cannot take 4" in four["given_up"]
    said = lines(evaluated)
    assert said[1].startswith("2 conversations were given up; the same command tries them again.")
    assert "row 3, reflect: RequestError: 3 requests failed, the last with ValueError: cannot take 4" in said[-1]
    again, model = evaluate(settings={"conditions": ("reflect",)})
    assert not again.given_up and {n for n, _ in model.asked} == {1, 4}


def test_a_task_that_is_too_long_is_given_up_with_what_to_do(evaluate: Evaluate, tmp_path: Path) -> None:
    long = write_rows(tmp_path / "long.parquet", [1, 2])
    table = pq.read_table(long).to_pylist()
    table[0]["prompt"][0]["content"] += " Make it ." * 20
    pq.write_table(pq.read_table(long).from_pylist(table), long)
    evaluated, _ = evaluate(data=long, settings={"conditions": ("blind",)})
    assert "longer than data.max_prompt_length=32; raise it" in evaluated.given_up[0].error


def test_an_answer_may_take_its_time_as_often_as_it_is_asked_for(
    evaluate: Evaluate, tmp_path: Path, tokenizer: Any
) -> None:
    """A server gives up a request after `reflect.generation_timeout`; the conversation waits for the next one."""

    class Slow(Model):
        async def generate(self, prompt_ids: Any, **sampling_params: Any) -> list[int]:
            await asyncio.sleep(0.5)
            if not self.asked:
                self.asked.append((0, "given up"))
                raise TimeoutError
            return await super().generate(prompt_ids, **sampling_params)

    async def start(config: DictConfig) -> Any:
        return [Slow(tokenizer)]

    three = write_rows(tmp_path / "three.parquet", [3])
    evaluated, _ = evaluate("reflect.generation_timeout=0.5", data=three, start=start)
    assert not evaluated.given_up and accuracy(evaluated, "first_try", "all", 0) == (1, 1)


def test_all_servers_dead_ends_it_to_be_gone_on_with(evaluate: Evaluate, tokenizer: Any) -> None:
    class Dying(Model):
        async def generate(self, prompt_ids: Any, **sampling_params: Any) -> list[int]:
            if len(self.asked) == 10:
                await asyncio.sleep(1.0)  # by then what was answered is judged and written
                raise RuntimeError("the engine is dead")
            return await super().generate(prompt_ids, **sampling_params)

        async def alive(self) -> bool:
            return len(self.asked) < 10

    async def start(config: DictConfig) -> Any:
        return [Dying(tokenizer)]

    with pytest.raises(NoServerError, match="scripted died"):
        evaluate(start=start)
    evaluated, model = evaluate()
    assert not evaluated.given_up and len(model.asked) < 12 + 5 * len(FAILED)
    assert accuracy(evaluated, "reflect", "all") == (8, 12)


def test_answers_without_a_verdict_count_neither_way(
    evaluate: Evaluate, shared_judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Judge.__call__

    async def unsure(self: Judge, response: str, **about: Any) -> Judgement:
        index = about["extra_info"]["index"]
        if response and (index == 101 or (index == 104 and response == RIGHT)):  # the look at the data asks about ""
            return Judgement(0.0, False, error="It took too long.")
        return await judged(self, response, **about)

    monkeypatch.setattr(Judge, "__call__", unsure)
    evaluated, model = evaluate(settings={"conditions": ("reflect",)})
    assert (1, "reflection") not in model.asked, "nobody knows that it failed"
    assert accuracy(evaluated, "first_try", "all", 0) == (4, 11)
    assert accuracy(evaluated, "reflect", "failures") == (3, 6)
    assert accuracy(evaluated, "reflect", "all") == (7, 10)
    assert lines(evaluated)[1] == "2 conversations have no verdict and count neither way: It took too long."
    unjudged = {number(row): (row["first_passed"], row["passed_within"]) for row in rows(evaluated)}
    assert unjudged[1] == (None, None) and unjudged[4] == (0, None)


def test_a_conversation_that_fits_no_server_is_refused_before_any_is_started(evaluate: Evaluate) -> None:
    with pytest.raises(UnfitError, match="max_model_len is 64 and a conversation can take"):
        evaluate("actor_rollout_ref.rollout.max_model_len=64")
