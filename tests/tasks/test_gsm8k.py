"""The GSM8K verifier: every way to write a number that people use, no other number, and the public schema."""

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.reward import compute_score
from verl_reflect.tasks.gsm8k import Gsm8k
from verl_reflect.tasks.maths import grader
from verl_reflect.tasks.maths.written_number import read_number
from verl_reflect.tasks.registry import task_for

TASK = Gsm8k()
JUDGE = TASK.judge
RECORD = {"question": "How many is 40 and 2?", "answer": "It is 40 + 2 = <<40+2=42>>42.\n#### 42"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        (" 42 ", 42),
        ("042", 42),
        ("-42", -42),
        ("+42", 42),
        ("\N{MINUS SIGN}42", -42),
        ("- 42", -42),
        ("42.", 42),
        ("42.00", 42),
        ("42.5", "42.5"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("1,234", 1234),
        ("1,234,567.89", "1234567.89"),
        (r"1{,}234", 1234),
        (r"1\,234", 1234),
        ("$42", 42),
        (r"\$42", 42),
        ("$42$", 42),
        ("$-42", -42),
        ("-$42.50", "-42.5"),
        ("€42", 42),
        ("42%", 42),
        (r"42\%", 42),
        ("42 apples", 42),
        ("42 km/h", 42),
        ("42 miles per hour.", 42),
        ("5-foot", 5),
        (r"42\text{ apples}", 42),
        (r"42 \text{ cm}^2", 42),
        (r"42 \, \mathrm{m}^{3}", 42),
        (r"42^\circ", 42),
        ("42\N{DEGREE SIGN}", 42),
        ("x = 42", 42),
        ("Total: $42", 42),
        ("The answer is 42.", 42),
        ("**42**", 42),
        ("3/4", "3/4"),
        ("1 3/4", "7/4"),
        (r"\frac{3}{4}", "3/4"),
        (r"-\dfrac{3}{4}", "-3/4"),
        (r"1\frac{3}{4}", "7/4"),
        (r"\frac{3}{4} \text{ cup}", "3/4"),
        ("\N{ARABIC-INDIC DIGIT FOUR}\N{ARABIC-INDIC DIGIT TWO}", 42),
        ("\N{FULLWIDTH DIGIT FOUR}\N{FULLWIDTH DIGIT TWO}", 42),
        ("4e1", 40),
    ],
)
def test_a_number_is_read_exactly(text: str, number: int | str) -> None:
    assert read_number(text) == Fraction(number)


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", "forty-two", "4 2", "42 43", "42, 43", "42 or 43", "1,23", "12,3456", "1.2.3", "6*7", "2**3"),
        *(
            "4^2",
            "42!",
            r"\sqrt{42}",
            r"42\pi",
            "1/0",
            r"\frac{1}{0}",
            "4e101",
            "40+2",
            "x",
            "= ",
            "is",
        ),
    ],
)
def test_anything_else_is_no_number(text: str) -> None:
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (r"\boxed{42}", "none"),
        ("<answer>42</answer>", "none"),
        ("#### 42", "none"),
        ("####42\nThat is all.", "none"),
        ("so\n#### $42.00", "none"),
        (r"\boxed{41} no: #### 42", "wrong_answer"),
        (r"#### 41 no: \boxed{42}", "none"),
        ("#### 41\n#### 42", "none"),
        ("<answer>#### 42</answer>", "none"),
        ("\\boxed{42}\n#### Check", "none"),
        ("\\boxed{42}\n#### Step 2: check", "none"),
        (r"#### 42 no: \boxed{41}", "wrong_answer"),
        ("#### 42\n#### 41", "wrong_answer"),
        (r"\boxed{41}", "wrong_answer"),
        (r"\boxed{-42}", "wrong_answer"),
        (r"\boxed{420}", "wrong_answer"),
        (r"\boxed{4.2}", "wrong_answer"),
        (r"\boxed{41.9999999999}", "wrong_answer"),
        (r"\boxed{42} \boxed{", "format"),
        (r"\boxed{}", "format"),
        ("<answer> </answer>", "format"),
        ("<answer>42", "format"),
        ("The answer is 42.", "format"),
        ("", "format"),
    ],
)
def test_the_last_answer_counts(response: str, expected: str) -> None:
    verdict = JUDGE(response, "42")
    assert (verdict.category, verdict.score) == (expected, float(expected == "none"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (r"6 \times 7", "wrong_answer"),
        ("40 + 2", "wrong_answer"),
        (r"\sqrt{1764}", "wrong_answer"),
        ("84/2.0", "wrong_answer"),
        ("84/2", "wrong_answer"),
        (r"\frac{84}{2}", "wrong_answer"),
        (r"6 \times 10", "wrong_answer"),
        (r"6 \times 7 = 42", "none"),
        ("40 + 2 = 42", "none"),
        ("42 = 40 + 2", "none"),
        (r"\$40 + \$2 = \$42", "none"),
        (r"\sqrt{1764} = 42", "none"),
        (r"\text{Total} = 6 \cdot 7 = 42 \text{ apples}", "none"),
        ("6 * 7 = 6 + 36 = 42", "none"),
        ("40 + 3 = 42", "wrong_answer"),
        ("42 = 43", "wrong_answer"),
        ("x = 42 = 43", "wrong_answer"),
        ("x = 42, y = 43", "wrong_answer"),
        ("not x = 42", "wrong_answer"),
        ("41 + 2", "wrong_answer"),
        ("42, 43", "wrong_answer"),
        (r"42 \text{ or } 43", "wrong_answer"),
        ("42 43", "wrong_answer"),
        ("x", "wrong_answer"),
        ("forty-two", "wrong_answer"),
        ("9^{9^{9}}", "wrong_answer"),
        ("9^{9^{9}} = 42", "timeout"),
    ],
)
def test_what_is_still_to_be_worked_out_is_no_answer_and_a_stated_result_is(answer: str, expected: str) -> None:
    assert JUDGE(rf"\boxed{{{answer}}}", "42").category == expected


def test_a_number_never_goes_to_math_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grader.GRADER, "same", lambda *texts: pytest.fail("asked"))
    assert JUDGE("#### 42", "42").score == 1.0
    assert JUDGE(r"\boxed{$1,234.50 dollars}", "42").category == "wrong_answer"


@settings(max_examples=200, deadline=None)
@given(st.fractions(), st.integers(-(10**9), 10**9))
def test_agrees_with_fractions(fraction: Fraction, whole: int) -> None:
    assert read_number(str(fraction)) == fraction
    assert read_number(f"${whole:,}.50") == Fraction(f"{whole}.50")
    assert JUDGE(rf"\boxed{{{whole:,}}}", str(whole)).score == 1.0
    assert JUDGE(rf"\boxed{{{whole:,}}}", str(whole + 1)).score == 0.0


def test_a_public_record_becomes_an_item_that_passes_and_whose_corruptions_fail() -> None:
    item = TASK.item(RECORD)
    assert (item.ground_truth, item.gold) == ("42", r"\boxed{42}")
    assert item.messages[-1] == {"role": "user", "content": RECORD["question"]}
    large = TASK.item({**RECORD, "answer": "#### -1,234"})
    assert large.ground_truth == "-1234"
    assert list(TASK.validate([item, large])) == []
    assert JUDGE(RECORD["answer"], item.ground_truth).score == 1.0


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (None, "'question' and 'answer'"),
        ({"question": "How many?"}, "'question' and 'answer'"),
        ({"question": "How many?", "answer": 42}, "'question' and 'answer'"),
        ({"question": "How many?", "answer": "42"}, "ends in '####' and a number"),
        ({"question": "How many?", "answer": "#### many"}, "ends in '####' and a number"),
    ],
)
def test_a_malformed_record_is_refused(record: object, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        TASK.item(record)


@pytest.mark.parametrize("truth", [None, 42, "", "many", "1,2", ["42"]])
def test_a_malformed_ground_truth_is_an_error_of_the_data(truth: object) -> None:
    with pytest.raises(ValueError, match="a number as text"):
        JUDGE("#### 42", truth)


def test_verls_own_rows_are_judged_too() -> None:
    assert task_for("openai/gsm8k") is task_for("gsm8k") is task_for("gsm8k/hard")
    assert compute_score("openai/gsm8k", "#### 72", "72") == {"score": 1.0, "category": "none", "detail": ""}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (r"<think>\boxed{42}", "format"),
        (r"<think>\boxed{42}</think>", "format"),
        (r"<think>maybe \boxed{42}?</think> I cannot tell.", "format"),
        (r"[THINK]\boxed{42}[/THINK] \boxed{41}", "wrong_answer"),
        ("<think>#### 42", "format"),
        (r"<think>\boxed{41}</think> \boxed{42}", "none"),
        ("<think>41</think>\n#### 42", "none"),
    ],
)
def test_what_is_only_thought_is_no_answer(response: str, expected: str) -> None:
    assert JUDGE(response, "42").category == expected


@pytest.mark.parametrize(
    "response",
    [
        "#### 42",
        "####42\nThat is all.",
        "##### 42",
        "####: 42",
        "#### **42**",
        r"#### \(42\)",
        "#### \N{EURO SIGN}42",
        "#### 42 apples",
        "#### The answer is 42",
        "#### 40 + 2 = 42",
        "#### 42</s>",
        "> #### 42",
        "#### 1. Pears\n40\n#### 2. Plums\n2\n#### 42",
        "I put it in \\boxed{}.\n#### 42",
        "\\boxed{42}\n#### 41. Check",
        "<answer>42</answer>\n#### 2) Check\n40 + 2",
    ],
)
def test_hashes_hold_the_answer_on_a_line_of_its_own(response: str) -> None:
    assert JUDGE(response, "42").category == "none"


@pytest.mark.parametrize(
    "response",
    [
        "#### 42. Add the plums\nso",
        "#### 42. Add the plums",
        "#### 42) Total\nso",
        "#### 42 - Total\nso",
        "#### 42 hours later\nso",
        "#### 42nd step\nso",
        "so #### 42",
        "### 42",
        "#### ~42",
        "#### 42 or 43",
        "#### 6 * 7",
        "#### forty-two",
    ],
)
def test_headings_are_no_answers(response: str) -> None:
    assert JUDGE(response, "42").category == "format"


def test_two_boxes_that_are_joined_are_two_answers() -> None:
    assert JUDGE(r"\boxed{41} or \boxed{42}", "42").category == "wrong_answer"
    assert JUDGE(r"\boxed{41}. No! \boxed{42}", "42").category == "none"


def test_scales_count_in_the_data_too() -> None:
    item = TASK.item({"question": "How many?", "answer": "#### 1.5 million"})
    assert JUDGE(r"\boxed{1,500,000}", item.ground_truth).score == 1.0
    assert JUDGE(r"\boxed{1.5}", item.ground_truth).score == 0.0
    assert list(TASK.validate([item])) == []


@pytest.mark.parametrize(
    ("reflection", "truth"),
    [
        ("I forgot that it is 1.5 million.", "1500000"),
        ("It was \N{FULLWIDTH DIGIT FOUR}\N{FULLWIDTH DIGIT TWO} all along.", "42"),
        ("It must be \N{MINUS SIGN}42.", "-42"),
        ("So half of it, \N{VULGAR FRACTION ONE HALF}.", "0.5"),
    ],
)
def test_a_reflection_gives_away_what_the_verifier_reads(reflection: str, truth: str) -> None:
    assert TASK.gives_away(reflection, truth, "How many?")
    assert not TASK.gives_away("I added where I had to multiply.", truth, "How many?")
    assert not TASK.gives_away(f"<think>{reflection}</think>", "7", "How many?")
