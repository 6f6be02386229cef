r"""Where the final answer stands: tags and boxes, the last of them, and never one in a thought."""

import pytest

from verl_reflect.tasks.answer import MAX_ANSWER_CHARS, last_answer, last_opening


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("<answer>7</answer>", "7"),
        ("<ANSWER>7</Answer>", "7"),
        ("< answer >7</ answer >", "7"),
        (r"\boxed{7}", "7"),
        (r"\boxed {7}", "7"),
        ("\\boxed\n{7}", "7"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\frac{7}{8}}", r"\frac{7}{8}"),
        (r"\boxed{\{7, 8\}}", r"\{7, 8\}"),
        (r"\boxed{\left\{7\right.} and {", r"\left\{7\right."),
        (r"\boxed{\boxed{7}}", "7"),
        (r"<answer>\boxed{7}</answer>", "7"),
        (r"\boxed{<answer>7</answer>}", "7"),
        ("<answer>7</answer>, no <answer>8</answer>", "8"),
        (r"\boxed{7} as asked for in \boxed{}", "7"),
        (r"\boxed{7}. I put it in \boxed{ } and <answer></answer>.", "7"),
        ("<answer>7<answer>", "7"),
        ("<answer>6</answer> no: <answer>7<answer>\n", "7"),
        (r"<think>\boxed{6}</think>\boxed{7}", "7"),
        (r"[THINK]\boxed{6}[/THINK]<answer>7</answer>", "7"),
    ],
)
def test_the_last_answer_is_found(response: str, expected: str) -> None:
    assert last_answer(response) == expected


@pytest.mark.parametrize(
    "response",
    [
        "",
        "7",
        "The answer is 7.",
        "<answer>7",
        "<answer>7<answer>8",
        "<answer>7</answer><answer>8",
        "7</answer>",
        "7<answer>",
        "<answers>7</answers>",
        r"\boxed{7",
        r"\boxed{7} or rather \boxed{8",
        r"\boxed{7\}",
        r"\boxed 7",
        r"\boxedtext{7}",
        r"I put it in \boxed{}.",
        r"<think>\boxed{7}</think>",
        r"<think>\boxed{7}</think>It cannot be done.",
        r"<think>\boxed{7}",
        r"\boxed{7}</think>It cannot be done.",
        "<reasoning><answer>7</answer></reasoning>",
    ],
)
def test_what_is_no_answer(response: str) -> None:
    assert last_answer(response) is None


@pytest.mark.parametrize(
    ("opening", "closing"), [("<answer>", "</answer>"), (r"\boxed{", "}"), ("<answer>", "<answer>")]
)
def test_a_longer_answer_is_none(opening: str, closing: str) -> None:
    longest = "7" * MAX_ANSWER_CHARS
    assert last_answer(opening + longest + closing) == longest
    assert last_answer(f"{opening}{longest}7{closing}") is None


def test_where_the_last_answer_opens() -> None:
    assert last_opening(r"so \boxed{7} or") == 3
    assert last_opening("so <answer>7") == 3
    assert last_opening("so 7") == -1
