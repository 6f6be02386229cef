"""The Countdown verifier: what it accepts, what it calls each failure, and that nothing slows or breaks it."""

import ast
import json
import re
import statistics
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from exact_solver import values
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.countdown import Countdown, Puzzle

JUDGE = Countdown().judge
TRUTH = {"target": 56, "numbers": [3, 5, 7]}


def category(equation: str, target: int, *numbers: int) -> str:
    return JUDGE(f"<answer>{equation}</answer>", {"target": target, "numbers": list(numbers)}).category


@pytest.mark.parametrize(
    "equation",
    [
        "(3+5)*7",
        " ( 3 + 5 )\n* 7 ",
        "7 * (5 + 3)",
        "((3)+(5))*(7)",
        "(3+5)*7 = 56",
        "(3+5)*7=56",
        "(3 + 5) \N{MULTIPLICATION SIGN} 7",
        r"(3 + 5) \times 7",
        r"(3+5)\cdot7 = 56",
        r"\left(3 + 5\right) \times 7",
        "[3 + 5] * 7",
        "(3+5)*7 = 56.0",
        "(3+5)*7 = 56 = 56",
        "(3+5)*7 = 8*7",
        "(3+5)*7 = 8*7 = 56",
        "(3+5)*7 = 112 / 2 = 56",
        "(3+5)*7 = 5.6 * 10 = 60 - 4 = 56",
        "(3+5)*7 = -4 + 60 = 56",
        "56 = (3+5)*7",
        "56 = (3+5)*7 = 8*7",
        "(3+5)*7.",
        "(3+5)*7 = 56.",
        "(3 + 5) x 7",
    ],
)
def test_a_right_equation_passes(equation: str) -> None:
    verdict = JUDGE(rf"So \boxed{{{equation}}}", TRUTH)
    assert (verdict.score, verdict.category) == (1.0, "none")


@pytest.mark.parametrize(
    ("equation", "target", "numbers"),
    [
        (r"\frac{6}{2} + 3", 6, [6, 2, 3]),
        (r"\dfrac{6}{2} + 3", 6, [6, 2, 3]),
        (r"\frac{\frac{8}{2} + 2}{3}", 2, [8, 2, 2, 3]),
        (r"6 \div 2", 3, [6, 2]),
        ("6 \N{DIVISION SIGN} 2", 3, [6, 2]),
        ("6 \N{MINUS SIGN} 2", 4, [6, 2]),
        ("2 - 6", -4, [2, 6]),
        ("2 - 6 = \N{MINUS SIGN}4", -4, [2, 6]),
        ("8 - 3 - 2", 3, [8, 3, 2]),
        ("8 / 4 / 2", 1, [8, 4, 2]),
        ("8 / (3 - 8 / 3)", 24, [3, 3, 8, 8]),
        ("1 / 3 * 3", 1, [1, 3, 3]),
        ("5 - 5", 0, [5, 5]),
        ("0 * 7", 0, [7, 0]),
        ("4", 4, [4]),
    ],
)
def test_arithmetic_is_exact_and_groups_as_usual(equation: str, target: int, numbers: list[int]) -> None:
    assert category(equation, target, *numbers) == "none"


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        # What is not an expression of whole numbers with + - * / and brackets.
        ("", "format"),
        ("fifty-six", "format"),
        ("(3+5)*7.0", "format"),
        ("1.5*2", "format"),
        ("3**5+7", "format"),
        ("3^5+7", "format"),
        ("7//3*5", "format"),
        ("7 % 3 + 5", "format"),
        ("3! + 5 + 7", "format"),
        ("(3+5)7", "format"),
        ("7(3+5)", "format"),
        ("(3)(5)(7)", "format"),
        ("3 5 7", "format"),
        ("-3+5*7", "format"),
        ("+3+5*7", "format"),
        ("3 - -5 * 7", "format"),
        ("3 + 5 *", "format"),
        ("(3 + 5 * 7", "format"),
        ("3 + 5) * 7", "format"),
        ("()", "format"),
        ("03 + 5 * 7", "format"),
        ("3 + 5 * 7_0", "format"),
        ("max(3, 5) * 7", "format"),
        ("{3 + 5} * 7", "format"),
        (r"\frac{3} + 7", "format"),
        (r"\sqrt{3} + 5 + 7", "format"),
        (r"3 \timesx 5", "format"),
        # What follows '=' must be an expression too.
        ("(3+5)*7 =", "format"),
        ("(3+5)*7 = 5 6", "format"),
        ("(3+5)*7 == 56", "format"),
        # Each given number exactly once.
        ("56", "wrong_numbers"),
        ("35 + 7", "wrong_numbers"),
        ("8 * 7", "wrong_numbers"),
        ("(3+5)*7*1", "wrong_numbers"),
        ("(3+5)*7 + 3 - 3", "wrong_numbers"),
        ("3 * 5", "wrong_numbers"),
        ("3 / (3 - 3)", "wrong_numbers"),
        # The right numbers, another value.
        ("3+5+7", "missed_target"),
        ("3+5*7", "missed_target"),
        ("3+5+7 = 56", "missed_target"),
        ("(3+5)*7 = 57", "missed_target"),
        ("(3+5)*7 = -56", "missed_target"),
        ("٣ + 5 * 7", "missed_target"),
        (r"\frac{3}5 + 7", "missed_target"),
        ("(3+5)*7 = 56.01", "missed_target"),
        ("(3+5)*7 = 8*8 = 56", "missed_target"),
        ("(3+5)*7 = 56 = 57", "missed_target"),
        ("57 = (3+5)*7", "missed_target"),
        ("3+5+7 = (3+5)*7", "missed_target"),
        ("8*7 = (3+5)*7", "wrong_numbers"),
    ],
)
def test_a_wrong_equation_fails_with_its_category(equation: str, expected: str) -> None:
    assert category(equation, 56, 3, 5, 7) == expected


def test_division_by_zero_misses_the_target() -> None:
    assert category("7 / (3 - 3)", 7, 3, 3, 7) == "missed_target"
    assert category(r"\frac{7}{3 - 3}", 7, 3, 3, 7) == "missed_target"


def test_brackets_are_read_to_a_depth_of_twenty() -> None:
    assert category("(" * 20 + "3" + ")" * 20, 3, 3) == "none"
    assert category("(" * 21 + "3" + ")" * 21, 3, 3) == "format"


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("(3+5)*7", "none"),
        ("56 * (7 - 5) / (5 - 3)", "wrong_numbers"),
        ("56", "wrong_numbers"),
        ("(56) = 56", "wrong_numbers"),
        ("56 + 3 - 3", "wrong_numbers"),
        ("56 * (7 - 5 - 1)", "wrong_numbers"),
        ("56 + 3", "missed_target"),
    ],
)
def test_with_use_any_numbers_may_be_left_out_but_none_used_twice(equation: str, expected: str) -> None:
    truth = {"target": 56, "numbers": [3, 5, 7, 56], "use": "any"}
    assert JUDGE(f"<answer>{equation}</answer>", truth).category == expected


@pytest.mark.parametrize("use", ["all", "any"])
@settings(max_examples=100, deadline=None)
@given(numbers=st.lists(st.integers(0, 9), min_size=2, max_size=3), data=st.data())
def test_every_item_validates_with_a_solution_of_the_solver(use: str, numbers: list[int], data: st.DataObject) -> None:
    """No corruption happens to be right, such as a number too many that was left out before."""
    solved = [(text, value) for text, value in expressions(tuple(numbers)) if value is not None and value >= 1]
    solved = [(text, value) for text, value in solved if value.denominator == 1]
    if not solved:
        return
    text, value = data.draw(st.sampled_from(solved))
    task = Countdown(use)  # type: ignore[arg-type]
    extra = data.draw(st.lists(st.integers(0, 9), max_size=0 if use == "all" else 2))
    item = task.item(Puzzle(int(value), (*numbers, *extra), text))
    assert list(task.validate([item])) == []


RIGHT, WRONG = "(3+5)*7", "3+5+7"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (f"<answer>{RIGHT}</answer>", "none"),
        (rf"\boxed{{{RIGHT}}} is the answer.", "none"),
        (f"<answer>{WRONG}</answer> no: <answer>{RIGHT}</answer>", "none"),
        (f"<answer>{RIGHT}</answer> no: <answer>{WRONG}</answer>", "missed_target"),
        (rf"<answer>{WRONG}</answer> \boxed{{{RIGHT}}}", "none"),
        (rf"\boxed{{{RIGHT}}} <answer>{WRONG}</answer>", "missed_target"),
        (rf"<answer>\boxed{{{RIGHT}}}</answer>", "none"),
        (f"<answer>{RIGHT}</answer></answer>", "none"),
        (f"<answer>{RIGHT}", "format"),
        (rf"\boxed{{{RIGHT}", "format"),
        (f"<answer>{RIGHT}</answer> or rather <answer>{WRONG}", "format"),
        (rf"\boxed{{{RIGHT}}} or rather \boxed{{3+", "format"),
        (f"</answer>{RIGHT}<answer>", "format"),
        (rf"\boxed{{{RIGHT}}} in \boxed{{}}", "none"),
        (r"I put it in \boxed{}", "format"),
        (f"<ANSWER>{RIGHT}</ANSWER>", "none"),
        (f"<think>{WRONG}</think><answer>{RIGHT}</answer>", "none"),
        (f"<think><answer>{RIGHT}</answer></think>I give up.", "format"),
        (f"<think><answer>{RIGHT}</answer>", "format"),
        (f"<answer>{RIGHT}</answer></think>It cannot be done.", "format"),
        (RIGHT, "format"),
        ("", "format"),
    ],
)
def test_the_answer_that_opens_last_counts(response: str, expected: str) -> None:
    assert JUDGE(response, TRUTH).category == expected


def test_an_answer_of_up_to_512_characters_is_read() -> None:
    for opening, closing in (("<answer>", "</answer>"), (r"\boxed{", "}")):
        for length, expected in ((512, "none"), (513, "format")):
            assert JUDGE(opening + RIGHT.ljust(length) + closing, TRUTH).category == expected


@pytest.mark.parametrize(
    "truth",
    [
        {"target": 56, "numbers": (3, 5, 7)},
        {"target": np.int64(56), "numbers": np.array([3, 5, 7])},
        {"target": 56, "numbers": [np.int32(3), 5, 7], "another key": None},
        {"target": 56.0, "numbers": [3.0, 5, 7]},
        {"target": np.float32(56), "numbers": np.array([3.0, 5.0, 7.0])},
        '{"target": 56.0, "numbers": [3.0, 5.0, 7.0]}',
        json.dumps(TRUTH),
    ],
)
def test_a_ground_truth_may_come_from_python_numpy_or_json(truth: object) -> None:
    assert JUDGE(f"<answer>{RIGHT}</answer>", truth).score == 1.0


@pytest.mark.parametrize(
    ("truth", "fault"),
    [
        (None, "has the keys 'target' and 'numbers'"),
        (56, "has the keys 'target' and 'numbers'"),
        ({"target": 56}, "has the keys 'target' and 'numbers'"),
        ("56", "has the keys 'target' and 'numbers'"),
        ("(3+5)*7", "must be JSON"),
        ({"target": 56.5, "numbers": [3]}, "'target' must be made of whole numbers, not 56.5"),
        ({"target": float("nan"), "numbers": [3]}, "'target' must be made of whole numbers, not nan"),
        ({"target": float("inf"), "numbers": [3]}, "'target' must be made of whole numbers, not inf"),
        ({"target": "56", "numbers": [3]}, "'target' must be made of whole numbers, not '56'"),
        ({"target": True, "numbers": [3]}, "'target' must be made of whole numbers, not True"),
        ({"target": 56, "numbers": [3, None]}, "'numbers' must be made of whole numbers, not None"),
        ({"target": 56, "numbers": np.array([3.5])}, "'numbers' must be made of whole numbers"),
        ({"target": 56, "numbers": "357"}, "'numbers' must be a list"),
        ({"target": 56, "numbers": {3, 5}}, "'numbers' must be a list"),
        ({"target": 56, "numbers": 3}, "'numbers' must be a list"),
        ({"target": 56, "numbers": []}, "at least one number"),
        ({"target": 56, "numbers": [3, -5]}, "none below zero"),
        ({"target": 56, "numbers": [3, 5], "use": "some"}, "'use' must be 'all' or 'any', not 'some'"),
    ],
)
def test_a_malformed_ground_truth_is_an_error_of_the_data(truth: object, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        JUDGE(f"<answer>{RIGHT}</answer>", truth)


# An independent judgement to agree with: every expression over the numbers, built as a tree and never parsed.


def expressions(numbers: tuple[int, ...]) -> Iterator[tuple[str, Fraction | None]]:
    """Every fully bracketed expression that uses all the numbers, with its value (None: division by zero)."""
    if len(numbers) == 1:
        yield str(numbers[0]), Fraction(numbers[0])
    for mask in range(1, 2 ** len(numbers) - 1):
        chosen = tuple(number for place, number in enumerate(numbers) if mask >> place & 1)
        others = tuple(number for place, number in enumerate(numbers) if not mask >> place & 1)
        for left, left_value in expressions(chosen):
            for right, right_value in expressions(others):
                for operator in "+-*/":
                    yield f"({left} {operator} {right})", combined(operator, left_value, right_value)


def combined(operator: str, left: Fraction | None, right: Fraction | None) -> Fraction | None:
    if left is None or right is None or (operator == "/" and right == 0):
        return None
    return {"+": left.__add__, "-": left.__sub__, "*": left.__mul__, "/": left.__truediv__}[operator](right)


def with_fewest_brackets(expression: str) -> str:
    return ast.unparse(ast.parse(expression, mode="eval"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=3), st.integers(-5, 40))
def test_agrees_with_every_expression_over_two_or_three_numbers(numbers: list[int], target: int) -> None:
    for expression, value in expressions(tuple(numbers)):
        expected = "none" if value == target else "missed_target"
        assert category(expression, target, *numbers) == expected
        assert category(with_fewest_brackets(expression), target, *numbers) == expected


@settings(max_examples=3, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=4, max_size=4), st.integers(1, 30))
def test_agrees_with_every_expression_over_four_numbers(numbers: list[int], target: int) -> None:
    for expression, value in expressions(tuple(numbers)):
        assert category(expression, target, *numbers) == ("none" if value == target else "missed_target")


def within_reach(numbers: tuple[int, ...], use: str) -> frozenset[Fraction]:
    """Every value that all of the numbers can make, or any two or more of them."""
    if use == "any":
        kept = (subset for size in range(2, len(numbers) + 1) for subset in combinations(numbers, size))
        return frozenset().union(*(values(tuple(sorted(subset))) for subset in kept))
    return values(tuple(sorted(numbers)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=3), st.sampled_from(["all", "any"]), st.integers(-5, 30))
def test_some_expression_is_accepted_exactly_where_a_solver_reaches_the_target(
    numbers: list[int], use: str, target: int
) -> None:
    """Among all expressions over the numbers, over fewer of them and over one more."""
    truth = {"target": target, "numbers": numbers, "use": use}
    accepted = set()
    for size in range(1, len(numbers) + 1):
        for subset in set(combinations(numbers, size)):
            for expression, _ in expressions(subset):
                if JUDGE(f"<answer>{expression}</answer>", truth).score:
                    accepted.add(subset)
    reachable = {
        subset
        for size in ([len(numbers)] if use == "all" else range(2, len(numbers) + 1))
        for subset in combinations(numbers, size)
        if target in values(tuple(sorted(subset)))
    }
    assert accepted == reachable
    assert bool(accepted) == (target in within_reach(tuple(numbers), use))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
    st.sampled_from(["all", "any"]),
)
def test_an_expression_over_other_numbers_is_accepted_exactly_where_the_rules_permit(
    given_numbers: list[int], used: list[int], use: str
) -> None:
    spare = list(given_numbers)
    at_most_once = all(number in spare and not spare.remove(number) for number in used)  # type: ignore[func-returns-value]
    permitted = at_most_once and (len(used) > 1 if use == "any" else not spare)
    for expression, value in list(expressions(tuple(used)))[:50]:
        if value is not None and value.denominator == 1:
            truth = {"target": int(value), "numbers": given_numbers, "use": use}
            assert (JUDGE(f"<answer>{expression}</answer>", truth).category == "none") == permitted


def python_reads_it_as_plain_arithmetic(text: str) -> bool:
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except SyntaxError:
        return False
    allowed = (ast.Expression, ast.BinOp, ast.Constant, ast.Add, ast.Sub, ast.Mult, ast.Div)
    return all(isinstance(node, allowed) for node in nodes) and not re.search(r"\b0[0-9]", text)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(["0", "1", "23", "+", "-", "*", "/", "(", ")", " "]), max_size=12).map("".join))
def test_calls_the_same_texts_arithmetic_as_python_does(text: str) -> None:
    assert (category(text, 1, 1) != "format") == python_reads_it_as_plain_arithmetic(text)


ANY_TEXT = st.text(st.characters(exclude_categories=()))
FRAGMENTS = [
    "<answer>",
    "</answer>",
    r"\boxed{",
    "}",
    "{",
    r"\frac{",
    "3",
    "5",
    "7",
    "+",
    "/",
    "(",
    ")",
    "=",
    "56",
    "-",
]
NEAR_ANSWERS = st.lists(st.sampled_from(FRAGMENTS)).map("".join)
BYTES = st.binary().map(lambda content: content.decode("utf-8", errors="surrogateescape"))


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT | NEAR_ANSWERS | BYTES)
def test_any_text_is_judged(text: str) -> None:
    for response in (text, rf"\boxed{{{text}}}", f"<answer>{text}</answer>"):
        verdict = JUDGE(response, TRUTH)
        assert verdict.category in Countdown.categories
        assert verdict.score == float(verdict.category == "none")


MEGABYTE = 1_000_000
HOSTILE = {
    "brackets": "(" * MEGABYTE,
    "brackets in a tag": "<answer>" + "(" * MEGABYTE + ")" * MEGABYTE + "</answer>",
    "brackets in a box": r"\boxed{" + "(" * MEGABYTE + "}",
    "braces": r"\boxed{" + "{" * MEGABYTE + "}" * MEGABYTE,
    "unclosed tags": "<answer>" * (MEGABYTE // 8),
    "unclosed boxes": r"\boxed{" * (MEGABYTE // 7),
    "empty tags": "<answer></answer>" * (MEGABYTE // 17),
    "almost tags": "<answer" * (MEGABYTE // 7),
    "almost boxes": r"\boxed" * (MEGABYTE // 6),
    "tails of tags": "answer>" * (MEGABYTE // 7),
    "ten megabytes": "<answer>3" * MEGABYTE,
    "lone surrogates": "\ud800" * MEGABYTE + "<answer>\udfff</answer>",
    "5000 digits": "<answer>" + "9" * 5000 + "</answer>",
    "long factors": "<answer>" + "*".join(["9" * 99] * 5) + "</answer>",
    "powers": "<answer>9**9**9**9</answer>",
    "deep": "<answer>" + "(" * 255 + "1" + ")" * 255 + "</answer>",
    "deep fractions": r"\boxed{" + r"\frac{" * 50 + "1" + "}{2}" * 50 + "}",
    "signs": "<answer>" + "-" * 512 + "</answer>",
    "long sum": "<answer>" + "+".join("1" * 256) + "</answer>",
}


def median_seconds(response: str, truth: object) -> float:
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        JUDGE(response, truth)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_fails_within_five_milliseconds(name: str) -> None:
    assert JUDGE(HOSTILE[name], TRUTH).score == 0.0
    assert median_seconds(HOSTILE[name], TRUTH) < 0.005


def test_the_longest_expression_is_evaluated_within_five_milliseconds() -> None:
    truth = {"target": 1, "numbers": list(range(100, 227))}
    response = "<answer>" + "/".join(map(str, range(100, 227))) + "</answer>"
    assert JUDGE(response, truth).category == "missed_target"
    assert median_seconds(response, truth) < 0.005


@pytest.mark.parametrize("row", [{"target": 56.0, "nums": [3.0, 5.0, 7.0]}, {"target": "56.0", "nums": "[3.0, 5, 7]"}])
def test_a_table_that_holds_floats_makes_the_same_item(row: dict[str, object]) -> None:
    task = Countdown()
    assert task.item(row) == task.item({"target": 56, "nums": [3, 5, 7]})
