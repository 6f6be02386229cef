"""Does a reflection state the answer itself? Every built-in task, in running text."""

import json
import time
from typing import Any

import pytest
from hostile import GROUND_TRUTHS, HOSTILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipes.tiny_model.reflections import last_step, strong
from verl_reflect.demo.problems import Expression
from verl_reflect.tasks.base import PASSED, Task, failed
from verl_reflect.tasks.registry import BUILT_IN, load_task, task_for

COUNTDOWN, GSM8K, MATH = task_for("countdown"), task_for("gsm8k"), task_for("math")
CALLS, BFCL = task_for("function_calling"), task_for("bfcl")
PUZZLE = {"target": 29, "numbers": [3, 5, 8]}
WEATHER = {"name": "weather.get", "arguments": {"city": "Rome", "days": 2}}
TIME = {"name": "time", "arguments": {}}


@pytest.mark.parametrize(
    "reflection",
    [
        "I should use 3 * 8 + 5 instead.",
        "<answer> 3 * 8 + 5 </answer>",
        r"It is \boxed{(3*8)+5}.",
        r"So $3 \times 8 + 5 = 29$ works",
        "- **5 + (8 × 3) = 29**",
        "29 = 8*3+5, which I missed",
        "((3*8)+5 has one bracket too many",
        "First I will compute 3 times 8 and then add 5 .",
        "3 x 8 plus 5",
        "3 multiplied by 8, plus 5",
        "Since 3 * 8 = 24, I get 24 + 5 = 29.",
        "3 * 8 = 24 + 5 = 29",
        r"\left(3 \cdot 8\right) + 5",
    ],
)
def test_countdown_finds_a_solution_with_or_without_tags(reflection: str) -> None:
    assert COUNTDOWN.gives_away(reflection, PUZZLE, "")
    assert COUNTDOWN.gives_away(reflection, json.dumps(PUZZLE), "")


@pytest.mark.parametrize(
    "reflection",
    [
        "I added where I should multiply: 3 + 5 + 8 = 16.",
        "I must use 3, 5 and 8 to make 29.",
        "3 * 8 = 24 leaves out a number",
        "13 * 8 + 5",
        "3 * 8 + 55",
        "2.3 * 8 + 5",
        "3 * 8 = 24. Then 24 + 4 + 1",
        "8 - 5 = 24, and 24 + 5",
        "The result was too small so I need a bigger one .",
        "",
    ],
)
def test_countdown_leaves_reflections_that_reflect_alone(reflection: str) -> None:
    assert not COUNTDOWN.gives_away(reflection, PUZZLE, "")


def test_countdown_reads_fractions_in_latex_and_the_steps_of_several_sums() -> None:
    truth = {"target": 3, "numbers": [4, 8, 9, 3]}
    assert COUNTDOWN.gives_away(r"use \frac{9+3}{8-4} here", truth, "")
    assert COUNTDOWN.gives_away(r"use \frac{\frac{9+3}{8-4}}{1} here", {"target": 3, "numbers": [4, 8, 9, 3, 1]}, "")
    truth = {"target": 35, "numbers": [3, 4, 10, 5]}
    assert COUNTDOWN.gives_away("3 + 4 = 7; 10 - 5 = 5. No: 3 + 4 = 7, 7 * 10 = 70, 70 - 35", truth, "") is False
    assert COUNTDOWN.gives_away("7 = 3 + 4. 3 + 4 = 7, 10 / 5 = 2, 7 * 2 = 14", {**truth, "target": 14}, "")


@pytest.mark.parametrize("plan", [Expression(3, "*", 8, "+", 5), Expression(8, "+", 3, "-", 5)])
def test_the_tiny_models_strong_hints_state_the_answer_and_its_other_hints_do_not(plan: Expression) -> None:
    truth = {"target": plan.value, "numbers": [3, 5, 8]}
    assert COUNTDOWN.gives_away(strong(plan).sentence, truth, "")
    assert not COUNTDOWN.gives_away(last_step(plan).sentence, truth, "")


def test_countdown_with_any_of_the_numbers_needs_an_operation() -> None:
    truth = {"target": 24, "numbers": [4, 6, 24], "use": "any"}
    assert COUNTDOWN.gives_away("4 * 6 is enough", truth, "")
    assert not COUNTDOWN.gives_away("24 from 4, 6 and 24", truth, "")


@settings(deadline=None)
@given(st.permutations([2, 3, 7, 10]), st.lists(st.sampled_from("+-*"), min_size=3, max_size=3), st.text(max_size=20))
def test_countdown_finds_any_sum_amid_any_words(numbers: list[int], operators: list[str], words: str) -> None:
    expression = "".join(f"{number} {operator} " for number, operator in zip(numbers, [*operators, ""], strict=True))
    truth = {"target": eval(expression), "numbers": [2, 3, 7, 10]}
    letters = "".join(filter(str.isalpha, words))
    assert COUNTDOWN.gives_away(f"so {letters} is: {expression}. {letters}", truth, "")
    assert not COUNTDOWN.gives_away(f"so {letters} is: {expression}. {letters}", {**truth, "target": 5000}, "")


@pytest.mark.parametrize(
    ("reflection", "given_away"),
    [
        ("The total is $18.", True),
        ("It is 18.00 dollars", True),
        ("9 * 2 = 18, not 11", True),
        ("18% of them", True),
        ("between 10-18", True),
        (r"\boxed{9 \times 2}", True),
        ("2018 was long ago", False),
        ("I got 18.5", False),
        ("1,018 or -18", False),
        ("the variable x18", False),
        ("18. Check the units", False),
        ("In step 18 I forgot to carry", False),
        ("I forgot to carry", False),
    ],
)
def test_gsm8k_finds_the_number_where_it_stands_by_itself(reflection: str, given_away: bool) -> None:
    assert GSM8K.gives_away(reflection, "18", "She has 5 hens.") is given_away


@pytest.mark.parametrize(
    ("truth", "reflection"), [("-3", "that is -3"), ("1234", "it is $1,234"), ("0.5", "only .5 of it"), ("8", "or 8/1")]
)
def test_gsm8k_reads_numbers_as_people_write_them(truth: str, reflection: str) -> None:
    assert GSM8K.gives_away(reflection, truth, "")
    assert not GSM8K.gives_away("x" + reflection.replace(" ", " x").replace("$", "").replace("-", "x"), truth, "")


def test_a_number_of_the_question_is_not_given_away_by_repeating_it() -> None:
    assert not GSM8K.gives_away("She has 18 hens, which I overlooked.", "18", "She has 18 hens.")
    assert GSM8K.gives_away(r"She has \boxed{18}", "18", "She has 18 hens.")
    assert not MATH.gives_away("the point (1, 2)", "(1,2)", "Reflect (1,2) there and back.")


@pytest.mark.parametrize(
    ("truth", "reflection", "given_away"),
    [
        (r"\frac{3}{4}", r"it must be $\frac{3}{4}$, as", True),
        (r"\frac{3}{4}", r"it must be \dfrac34 or 0.75", True),
        (r"90^\circ", "an angle of 90 degrees", True),
        (r"2\sqrt{3}", r"gives $2 \sqrt{3}$.", True),
        (r"2\sqrt{3}", r"gives $12 \sqrt{3}$.", False),
        ("x+1", "so x + 1.", True),
        ("x+1", "so 2x + 1.", False),
        ("x+1", "so x + 10.", False),
        (r"(1,2)", "the point (1, 2)", True),
        ("A", "A mistake", False),
        ("A", r"\boxed{A}", True),
        (r"\text{even}", "not even once", False),
    ],
)
def test_math_finds_numbers_by_value_and_expressions_by_spelling(truth: str, reflection: str, given_away: bool) -> None:
    assert MATH.gives_away(reflection, truth, "") is given_away


@pytest.mark.parametrize(
    ("reflection", "given_away"),
    [
        (f"I should call {json.dumps(WEATHER)} instead.", True),
        (f"Not time but <tool_call>{json.dumps(WEATHER)}</tool_call>, I think {{so}}", True),
        (f'{{"function": {json.dumps(WEATHER)}}}', True),
        ("""don't forget `weather.get(city="Rome", days=2)`, I'd say""", True),
        ('[TOOL_CALLS]weather.get[ARGS]{"city": "Rome", "days": 2}', True),
        ('weather.get(city="Rome") and weather.get(days=2, city="Rome")', True),
        ('weather.get(city="Rome", days=3)', False),
        ('get(city="Rome", days=2)', False),
        ("weather.get weather.get( weather.get(city=", False),
        ("I should have called weather.get for Rome and 2 days", False),
        ("", False),
    ],
)
def test_calls_are_found_wherever_they_stand(reflection: str, given_away: bool) -> None:
    assert CALLS.gives_away(reflection, {"answers": [WEATHER]}, "") is given_away


def test_of_several_calls_each_must_be_there() -> None:
    truth = {"answers": [WEATHER, TIME, TIME]}
    assert not CALLS.gives_away(f"{json.dumps(WEATHER)} and {json.dumps(TIME)}", truth, "")
    assert CALLS.gives_away(f"time() {json.dumps(WEATHER)} and {json.dumps(TIME)}", truth, "")


def test_where_no_call_is_wanted_none_can_be_given_away() -> None:
    assert CALLS.judge("No function is needed.", {"answers": []}) == PASSED
    assert not CALLS.gives_away("No function is needed.", {"answers": []}, "")


def test_bfcl_accepts_any_of_its_choices() -> None:
    assert BFCL.gives_away("I meant f(x=3), sorry", GROUND_TRUTHS["bfcl"], "")
    assert not BFCL.gives_away("I meant f(x=4), sorry", GROUND_TRUTHS["bfcl"], "")


def test_a_task_that_says_nothing_of_it_asks_its_verifier() -> None:
    class Echo(Task):
        data_sources, categories, reflection_prompt = ("echo",), ("wrong", "none"), "Why?"

        def item(self, record: Any) -> Any: ...

        def corruptions(self, item: Any) -> list[str]:
            return []

        def judge(self, response: str, ground_truth: str) -> Any:
            return PASSED if response == ground_truth else failed("wrong")

    assert Echo().gives_away("word", "word", "") and not Echo().gives_away("the word", "word", "")


@pytest.mark.parametrize("task", [load_task(name) for name in BUILT_IN], ids=lambda task: task.data_sources[0])
def test_a_malformed_ground_truth_is_a_fault_of_the_data(task: Task) -> None:
    with pytest.raises(ValueError):
        task.gives_away("text", "", "")


LONG = {
    "nested calls": '{"name":"f","arguments":' * 4000,
    "open calls": "f(" * 7000 + "add(" * 3000,
    "calls with open quotes": "f(x='add(" * 3000,
    "the numbers over and over": "3*5-7+" * 3300,
    "steps": "3*5=15 15+7=22 " * 1400,
    "equations": "1+1+1+1+1+1+1+1=" * 1200,
    "far apart": "3 " + "(" * 9000 + "5" + ")" * 9000 + " 7 ",
    "fractions": r"\frac{3}{" * 2000,
    "slashes": "1/" * 10_000,
    "points": "\n1. " * 5000,
    "indented lines": ("\n" + " " * 50) * 400,
}
SECONDS = 0.1


@pytest.mark.parametrize("source", GROUND_TRUTHS)
def test_hostile_reflections_are_read_in_time(source: str) -> None:
    task, slow = task_for(source), {}
    for name, reflection in {**HOSTILE, **LONG}.items():
        if r"\boxed" in reflection or "<answer>" in reflection or "####" in reflection:
            continue  # an answer is judged as any; tests/tasks/test_hostile.py times that
        start = time.process_time()
        assert task.gives_away(reflection, GROUND_TRUTHS[source], "") in (True, False)
        if (seconds := time.process_time() - start) > SECONDS:
            slow[name] = seconds
    assert not slow


@pytest.mark.parametrize("source", GROUND_TRUTHS)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                '{"name": "add"',
                '"arguments": {',
                "}",
                "add(",
                "f(",
                "x=3",
                ")",
                "(",
                "{",
                "=",
                "3",
                "5",
                "7",
                "42",
                r"\frac{1}{2}",
                "+",
                "*",
                "'",
                '"',
                ",",
                " ",
                "-",
                "$",
                ".",
            ]
        )
    )
)
def test_no_reflection_raises(source: str, pieces: list[str]) -> None:
    assert task_for(source).gives_away("".join(pieces), GROUND_TRUTHS[source], "".join(pieces[::-1])) in (True, False)
