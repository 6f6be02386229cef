import random
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
import torch
from breaking_cell import breaks_or_takes_a_minute
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from transformers import PreTrainedTokenizerFast

from recipes.replication import grid, tables, training
from recipes.replication.calls import ACCOUNTS, TOOLS, Call, CallProblem, Calls
from recipes.replication.checkpoints import load_start
from recipes.replication.evaluation import make_exam
from recipes.replication.findings import START, Findings, Setting, read_findings
from recipes.replication.grid import Cell, Work
from recipes.replication.language import WORLDS, tokenizer, words
from recipes.replication.models import ARCHITECTURES, SIZES, Model, build_model, parameters
from recipes.replication.picture import draw
from recipes.replication.replicate import do_all, replicate
from recipes.replication.rollout import Rollout, Try, failures
from recipes.replication.starts import Mixture, conversation, phases
from recipes.replication.training import CHOICES, Row, advantages, grpo, shuffled, train, update
from recipes.replication.verl_data import make_data
from recipes.replication.world import Problem, drawn, passed
from recipes.tiny_model.conversations import encode
from verl_reflect.reward import compute_score

WORLD_NAMES = sorted(WORLDS)


@pytest.fixture(scope="module")
def language() -> PreTrainedTokenizerFast:
    return tokenizer()


@pytest.fixture
def model(language: PreTrainedTokenizerFast) -> Model:
    return build_model("qwen2", "small", language, seed=0)


@pytest.mark.parametrize("name", WORLD_NAMES)
@given(seed=st.integers(0, 10_000), held_out=st.booleans())
def test_the_packages_verifier_agrees_with_the_world(name: str, seed: int, held_out: bool) -> None:
    world = WORLDS[name]
    problem = world.problem(random.Random(seed), held_out=held_out)
    assert all(passed(world, problem, answer.text) for answer in problem.solutions())
    assert not any(passed(world, problem, answer.text) for answer in problem.mistakes())


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_no_held_out_problem_is_trained_on(name: str) -> None:
    world, rng = WORLDS[name], random.Random(0)
    asked = [
        {_without_order(next(drawn(world, rng, held_out=held_out))) for _ in range(2000)} for held_out in (True, False)
    ]
    assert not asked[0] & asked[1]


def _without_order(problem: Problem) -> object:
    if isinstance(problem, CallProblem):
        return problem.wanted.tool.name, problem.wanted.place, problem.wanted.number
    truth = problem.ground_truth
    return truth["target"], *sorted(truth["numbers"])


@given(seed=st.integers(0, 10_000))
def test_a_call_that_fails_for_the_account_alone_passes_with_the_other(seed: int) -> None:
    problem = Calls().problem(random.Random(seed), held_out=False)
    failed = problem.failures()[0]
    named = {account for account in ACCOUNTS if account in problem.text.split()}
    assert named == {problem.wanted.account, failed.account}
    assert replace(failed, account=problem.wanted.account) == problem.wanted


def test_nothing_in_a_request_says_which_account() -> None:
    rng = random.Random(0)
    problems = [Calls().problem(rng, held_out=False) for _ in range(2000)]
    named_first = sum(f"from {problem.wanted.account} or" in problem.text for problem in problems)
    assert 900 < named_first < 1100


def test_a_plan_allows_its_call_and_nothing_else() -> None:
    call = Call(TOOLS[0], "Paris", 3, "red")
    said = Calls().plan(call)
    assert said.sentence == 'I should use "get_weather", {"city": "Paris", "day": 3, "account": "red"}} .'
    assert said.allows(call) and not said.allows(replace(call, account="blue"))


def test_a_hint_names_the_first_part_that_was_wrong() -> None:
    problem = Calls().problem(random.Random(1), held_out=False)
    said = [Calls().hint(problem, attempt).sentence for attempt in problem.failures()]
    tool, place, number, account = problem.wanted.parts
    assert said[0] == f"I should write {account} ."
    assert said[-3:] == [f"I should write {part} ." for part in (tool, place, number)]


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_every_conversation_is_one_token_a_word(name: str, language: PreTrainedTokenizerFast) -> None:
    rng, vocabulary = random.Random(0), set(words())
    for phase in phases("small"):
        for _ in range(100 * (name in phase.batch)):
            turns = conversation(WORLDS[name], phase.mixtures[name], rng)
            ids, _ = encode(turns, language)
            said = "".join(
                f"<|im_start|>user\n{t.user}<|im_end|>\n<|im_start|>assistant\n{t.assistant}<|im_end|>\n" for t in turns
            )
            assert language.decode(ids) == said
            assert set(" ".join(f"{t.user} {t.assistant}" for t in turns).split()) <= vocabulary


def test_a_retry_after_a_plan_follows_it() -> None:
    only_plans = Mixture(0.0, 0.0, answers_right=0.0, plans_right=1.0, kinds=(0, 0, 1))
    for seed in range(50):
        _, reflection, retry = conversation(WORLDS["calls"], only_plans, random.Random(seed))
        assert reflection.assistant.removeprefix("I should use ").split()[1:-1] == retry.assistant.split()[4:-1]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_large_model_is_ten_times_the_small_one(architecture: str, language: PreTrainedTokenizerFast) -> None:
    small, large = (parameters(build_model(architecture, size, language, seed=0)) for size in SIZES)
    assert 9.5 < large / small < 10.5


def test_the_rows_of_the_method_train_the_reflection_and_nothing_else(
    model: Model, language: PreTrainedTokenizerFast
) -> None:
    rollout, failed = _some_failures(model, language)
    rows = list(training.reflection_rows(rollout, model, failed))
    assert len(rows) == len(failed) * training.GROUP_SIZE
    for index, row in enumerate(rows):
        context = rollout.before_reflection(failed[row.group])
        assert row.group == index // training.GROUP_SIZE
        assert row.ids[: len(context)] == context and row.trained == [False] * len(context) + [True] * (
            len(row.ids) - len(context)
        )


def test_the_rows_of_a_session_train_all_that_was_said(model: Model, language: PreTrainedTokenizerFast) -> None:
    rollout, failed = _some_failures(model, language)
    for row in training.session_rows(rollout, model, failed):
        assert len(row.ids) == len(row.trained) and sum(row.trained) == row.generated


def _some_failures(model: Model, language: PreTrainedTokenizerFast) -> tuple[Rollout, list[Try]]:
    torch.manual_seed(0)
    rollout = Rollout(WORLDS["calls"], language)
    return rollout, failures(rollout, model, drawn(rollout.world, random.Random(0), held_out=False), 3)


def _rows(rewards: list[float]) -> list[Row]:
    return [Row([5, 6, 7], [False, True, True], reward, index // 4, 2) for index, reward in enumerate(rewards)]


def test_advantages_compare_within_a_group_of_one_failure() -> None:
    values = advantages(_rows([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]), grpo)
    assert values == pytest.approx([1.5, -0.5, -0.5, -0.5, 0, 0, 0, 0], abs=1e-4)


def test_shuffling_pays_as_many_of_a_group() -> None:
    torch.manual_seed(0)
    drawn_values = [advantages(_rows([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]), shuffled) for _ in range(20)]
    assert all(sorted(values[:4])[-1] == pytest.approx(1.5, abs=1e-4) for values in drawn_values)
    assert len({values.index(max(values)) for values in drawn_values}) > 1


def test_a_wider_model_takes_smaller_steps(language: PreTrainedTokenizerFast) -> None:
    rates = [training.learning_rate(build_model("llama", size, language, seed=0)) for size in ("small", "large")]
    assert rates == pytest.approx([4e-4, 1.6e-4])


def test_an_update_makes_what_was_paid_likelier(model: Model) -> None:
    paid, unpaid = Row([5, 6, 7], [False, True, True], 1.0, 0, 2), Row([5, 8, 9], [False, True, True], 0.0, 0, 2)
    before = [_log_prob(model, row) for row in (paid, unpaid)]
    update(model, torch.optim.AdamW(model.parameters(), lr=1e-4), [paid, unpaid], [1.0, -1.0])
    after = [_log_prob(model, row) for row in (paid, unpaid)]
    assert after[0] > before[0] and after[1] < before[1]


def test_rows_without_an_advantage_change_nothing_but_the_mean(model: Model) -> None:
    row = Row([5, 6, 7], [False, True, True], 1.0, 0, 2)
    small = 1e-3  # so that the gradient is not clipped
    gradients = []
    for flat in (0, 3):
        update(model, _Keeps(gradients, model), [row] * (1 + flat), [small] + [0.0] * flat)
    assert 0 < float(gradients[0].norm()) < 1
    assert torch.allclose(gradients[0], 4 * gradients[1], rtol=1e-4, atol=1e-9)


class _Keeps(torch.optim.SGD):
    """Keeps the gradient, and does not step."""

    def __init__(self, kept: list[torch.Tensor], model: Model) -> None:
        super().__init__(model.parameters(), lr=0.0)
        self._kept, self._weight = kept, model.model.embed_tokens.weight

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        assert self._weight.grad is not None
        self._kept.append(self._weight.grad.clone())


def _log_prob(model: Model, row: Row) -> float:
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
    return sum(float(logits[i - 1, token]) for i, token in enumerate(row.ids) if row.trained[i])


def test_the_starts_have_room_to_improve(language: PreTrainedTokenizerFast) -> None:
    for architecture in ARCHITECTURES:
        start = load_start(f"{architecture}-small")
        for world in WORLDS.values():
            measured = make_exam(Rollout(world, language), start, seed=1, items=60).sit(start)
            assert 0.02 < measured["first_try"] < 0.6 and measured["after_reflection"] < 0.6


@pytest.fixture
def few_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of training on few failures."""
    monkeypatch.setattr(training, "GROUPS", 4)


def test_a_training_is_the_same_every_time(language: PreTrainedTokenizerFast, few_groups: None) -> None:
    outcomes = []
    for _ in range(2):
        model = load_start("llama-small")
        rollout, failed = _some_failures(model, language)
        steps = list(islice(train(model, rollout, failed * 2, CHOICES["method"], seed=1), 1))
        outcomes.append((steps, float(model.model.embed_tokens.weight.detach().sum())))
    assert outcomes[0] == outcomes[1]


def test_a_cell_trains_in_every_way_and_examines_in_both_worlds(tmp_path: Path, few_groups: None) -> None:
    """One step of each training, on few items, and what the tables read from it."""
    work = Work(steps=1, items=10, training_failures=8)
    wanted = [Cell("qwen2", "small", "calls", seed) for seed in (1, 2)]
    for cell in wanted:
        grid.do(cell, tmp_path, work)
    findings = read_findings(tmp_path, wanted)
    setting = Setting("qwen2", "small", "calls")
    assert set(findings.cells[wanted[0]]) == {START, *CHOICES}
    for trained in (START, *CHOICES):
        assert {len(findings.values(setting, trained, "first_try", world)) for world in WORLDS} == {len(wanted)}
    assert findings.mean(setting, "method", "generated_tokens") > 0
    assert tables.controls(findings).count("| Qwen2, function calls |") == len(CHOICES) + 1


def made_up() -> Findings:
    """All cells of three seeds; trained models pass more by 0.2, and by 0.01 more from seed to seed."""
    return Findings({cell: _made_up(cell) for cell in grid.cells()}, grid.SEEDS)


def _made_up(cell: Cell) -> dict[str, object]:
    def exam(gained: float) -> dict[str, float]:
        shares = ("first_try", "within_two_tries", "after_reflection", "blind_retry", "start_retries", "fresh@1")
        return {
            **dict.fromkeys(shares, 0.3 + gained),
            **dict(zip(("fresh@2", "fresh@3", "fresh@4"), (0.4, 0.45, 0.5), strict=True)),
            **{"reflection_tokens": 11, "retry_tokens": 10, "fresh_tokens": 10},
        }

    def result(gained: float) -> dict[str, object]:
        return {"exams": {world: exam(gained) for world in WORLDS}, "generated_tokens": 5000, "seconds": 40}

    return {
        "start": result(0.0),
        **{name: result(0.2 + 0.01 * cell.seed) for name in grid.TRAINED[cell.size]},
    }


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_has_as_many_cells_in_every_row(name: str) -> None:
    lines = tables.TABLES[name](made_up()).splitlines()
    assert len({line.count("|") for line in lines}) == 1 and len(lines) > 5


def test_a_gain_is_a_number_one_can_read() -> None:
    gain = made_up().gain(Setting("qwen2", "small", "calls"), "method", "first_try")
    assert gain.percent("+") == "+22.0 (+19.5 to +24.5)"


def test_resampling_is_given_as_many_tokens_as_reflecting() -> None:
    row = next(
        line for line in tables.resampling(made_up()).splitlines() if line.startswith("| small: Qwen2, function")
    )
    assert [cell.strip() for cell in row.split("|")][4:8] == ["21", "30.0 (30.0 to 30.0)", "3", "45.0 (45.0 to 45.0)"]


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(made_up(), tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_a_missing_start_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recipes.replication.checkpoints.FOLDER", tmp_path)
    with pytest.raises(
        ValueError, match=r"The starts llama-small, qwen2-small are not there: make them with python -m"
    ):
        replicate(tmp_path / "out", tmp_path, tmp_path / "README.md", Console(), Work(), ["small"])
    assert not (tmp_path / "out").exists()


def test_a_cell_that_breaks_ends_the_others_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recipes.replication.replicate.do", breaks_or_takes_a_minute)
    cells = [Cell("qwen2", "small", "calls", seed) for seed in (1, 2, 3, 4)]
    started = time.monotonic()
    with pytest.raises(ValueError, match="broken"):
        do_all(cells, tmp_path, Work(), Console())
    assert time.monotonic() - started < 55


def test_without_a_clone_nothing_is_computed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^No .*replication.md and no .*README.md to write the results in: run it"):
        replicate(tmp_path / "out", tmp_path, tmp_path / "README.md", Console(), Work(), ["small"])
    assert not (tmp_path / "out").exists()


def test_data_for_verl_are_failures_of_the_start(tmp_path: Path) -> None:
    train_file, validation_file = make_data(tmp_path, "llama-small", "calls", train=20, held_out=5, seed=0)
    rows, validated = (parquet.read_table(path).to_pylist() for path in (train_file, validation_file))
    assert len(rows) == 20 and [row["agent_name"] for row in validated].count("blind_retry") == 5
    for row in rows:
        score = compute_score(row["data_source"], row["first_attempt"], row["reward_model"]["ground_truth"])
        assert score["score"] == 0.0
        assert tokenizer().decode(row["first_attempt_ids"], skip_special_tokens=True) == row["first_attempt"]
