r"""Questions for the lazy model (`lazy_model`), and what is to be known of each to play it.

An answer that the question already holds can be guessed, and a guess that is right is paid, as it must be: no verifier
tells it from knowledge. So questions whose answer is among their own numbers are left out; what is paid is a fault.
"""

import json
import math
import random
import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from verl_reflect.data.bfcl import bfcl_records
from verl_reflect.data.puzzles import PuzzleRanges, distinct_puzzles

OWN_ROWS = [
    ("A coach holds 52 people and 17 got off. How many are left on a full one?", "35"),
    ("Ada reads 14 pages a day for 3 weeks. How many pages does she read?", "294"),
    ("A pen costs $1.25 and a ruler $2.50. What do 8 pens and 4 rulers cost?", "20"),
    ("Of 1,200 seats, 35% are taken. How many are free?", "780"),
    ("Three ships carry 400 crates each, and a fifth falls overboard. How many arrive?", "960"),
    ("Bo walks 6 km, then 9 km, and owes 40 coins to Cy, having 25. What is his balance?", "-15"),
]
"""Made up in the manner of GSM8K: question and answer."""

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_WORDS = {
    **{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9},
    **{"ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100},
    **{"once": 1, "twice": 2, "double": 2, "triple": 3, "dozen": 12, "single": 1, "both": 2, "a": 1, "couple": 2},
}


class Question(NamedTuple):
    """One question."""

    data_source: str
    ground_truth: str
    text: str
    answer: str
    """What a right answer has in its box."""
    other: str
    """What a wrong one has there."""
    numbers: tuple[str, ...] = ()
    """Those of the question, as it writes them."""
    asked: tuple[str, ...] = ()
    """Expressions of the question that have the answer's value, and that to restate is not to answer."""


class Offer(NamedTuple):
    """A question and the functions offered with it: each name, and its parameters with values out of the question."""

    data_source: str
    ground_truth: str
    text: str
    calls: tuple[tuple[str, dict[str, Any]], ...]


def gsm8k_questions(rows: Iterable[tuple[str, str]]) -> Iterator[Question]:
    """From question and answer, but for those whose answer stands in the question."""
    for text, answer in rows:
        numbers = tuple(dict.fromkeys(_NUMBER.findall(text)))
        if float(answer) not in {*map(_value, numbers), *_in_words(text)}:
            yield Question("gsm8k", answer, text, answer, str(int(float(answer)) + 1), numbers)


def gsm8k_rows(path: Path) -> Iterator[tuple[str, str]]:
    """Question and answer of every public row with one whole number for an answer."""
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            answer = row["answer"].rpartition("####")[2].strip().replace(",", "")
            if re.fullmatch(r"-?\d+", answer):
                yield row["question"], answer


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _in_words(text: str) -> set[float]:
    return {_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS}


class Made(NamedTuple):
    """What is asked in a question like MATH's, and the answer; each in LaTeX."""

    order: str
    """With `{}` for what is asked."""
    asked: str
    answer: str


def math_questions(rounds: int, seed: int) -> Iterator[Question]:
    """In the manner of MATH: one of each kind a round."""
    rng = random.Random(seed)
    for kind in KINDS * rounds:
        order, asked, answer = kind(rng)
        numbers = tuple(dict.fromkeys(_NUMBER.findall(asked)))
        if answer not in numbers:
            text = order.format(f"${asked}$")
            yield Question("math", answer, text, answer, "7919", numbers, (asked,))


def _factor(rng: random.Random) -> Made:
    a, b = rng.sample(range(2, 12), 2)
    return Made("Factor {}.", f"x^2 + {a + b}x + {a * b}", f"(x + {a})(x + {b})")


def _expand(rng: random.Random) -> Made:
    a, b = rng.sample(range(2, 12), 2)
    return Made("Expand {}.", f"(x + {a})({b}x + 1)", f"{b}x^2 + {a * b + 1}x + {a}")


def _binomial(rng: random.Random) -> Made:
    n = rng.randint(5, 14)
    k = rng.randint(2, n - 2)
    return Made("Compute {}.", rf"\binom{{{n}}}{{{k}}}", str(math.comb(n, k)))


def _logarithm(rng: random.Random) -> Made:
    base, power = rng.randint(2, 5), rng.randint(6, 9)
    return Made("Evaluate {}.", rf"\log_{{{base}}} {base**power}", str(power))


def _divisor(rng: random.Random) -> Made:
    common = rng.randint(11, 30)
    a, b = rng.choice([(3, 4), (5, 6), (7, 9), (8, 15)])
    return Made("Find {}.", rf"\gcd({common * a}, {common * b})", str(common))


def _multiple(rng: random.Random) -> Made:
    a, b = rng.sample(range(6, 40), 2)
    return Made("Find {}.", rf"\operatorname{{lcm}}({a}, {b})", str(math.lcm(a, b)))


def _reduce(rng: random.Random) -> Made:
    top, bottom = rng.choice([(3, 4), (5, 7), (2, 9), (7, 12), (8, 3)])
    common = rng.randint(2, 9)
    return Made("Simplify {}.", rf"\frac{{{top * common}}}{{{bottom * common}}}", rf"\frac{{{top}}}{{{bottom}}}")


def _add_fractions(rng: random.Random) -> Made:
    a, b = rng.sample(range(3, 12), 2)
    total = Fraction(1, a) + Fraction(1, b)
    return Made("Compute {}.", rf"\frac{{1}}{{{a}}} + \frac{{1}}{{{b}}}", _fraction(total))


def _sum(rng: random.Random) -> Made:
    last = rng.randint(6, 40)
    return Made("Evaluate {}.", rf"\sum_{{i=1}}^{{{last}}} i", str(last * (last + 1) // 2))


def _product(rng: random.Random) -> Made:
    a, b = rng.randint(12, 60), rng.randint(12, 60)
    return Made("What is {}?", rf"{a} \cdot {b}", str(a * b))


def _terms(rng: random.Random) -> Made:
    a, b, c = (rng.randint(12, 60) for _ in range(3))
    return Made("What is {}?", rf"{a} \times {b} - {c}", str(a * b - c))


def _power(rng: random.Random) -> Made:
    base, power = rng.randint(2, 9), rng.randint(3, 5)
    return Made("Evaluate {}.", f"{base}^{{{power}}}", str(base**power))


def _factorial(rng: random.Random) -> Made:
    number = rng.randint(5, 9)
    return Made("Evaluate {}.", f"{number}!", str(math.factorial(number)))


def _root(rng: random.Random) -> Made:
    outside, inside = rng.randint(2, 9), rng.choice([2, 3, 5, 7])
    return Made("Simplify {}.", rf"\sqrt{{{outside**2 * inside}}}", rf"{outside}\sqrt{{{inside}}}")


def _rationalise(rng: random.Random) -> Made:
    number = rng.randint(2, 30)
    asked = rf"\frac{{1}}{{\sqrt{{{number + 1}}} + \sqrt{{{number}}}}}"
    return Made("Rationalise the denominator of {}.", asked, rf"\sqrt{{{number + 1}}} - \sqrt{{{number}}}")


def _remainder(rng: random.Random) -> Made:
    by = rng.randint(20, 40)
    number = by * rng.randint(41, 60) + rng.randint(1, by - 1)
    return Made("Find the remainder, {}.", rf"{number} \bmod {by}", str(number % by))


def _percent(rng: random.Random) -> Made:
    share, whole = 5 * rng.randint(3, 15), 100 * rng.randint(2, 9)
    return Made("Find {}.", rf"{share}\% \times {whole}", str(share * whole // 100))


def _equation(rng: random.Random) -> Made:
    a, b, x = rng.randint(2, 9), rng.randint(10, 20), rng.randint(30, 60)
    return Made("Solve {} for $x$.", f"{a}x + {b} = {a * x + b}", str(x))


def _inequality(rng: random.Random) -> Made:
    a, b, x = rng.randint(2, 9), rng.randint(10, 20), rng.randint(30, 60)
    return Made("Solve {}.", f"{a}x + {b} > {a * x + b}", rf"({x}, \infty)")


def _complex(rng: random.Random) -> Made:
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    return Made("Compute {}.", f"({a} + {b}i)^2", f"{a * a - b * b} + {2 * a * b}i")


def _based(rng: random.Random) -> Made:
    number = rng.randint(9, 60)
    return Made("Write {} in base ten.", f"{number:b}_2", str(number))


def _sine(rng: random.Random) -> Made:
    asked, answer = rng.choice([(r"\sin 60^\circ", r"\frac{\sqrt{3}}{2}"), (r"\cos 45^\circ", r"\frac{\sqrt{2}}{2}")])
    return Made("Compute {}.", asked, answer)


def _fraction(value: Fraction) -> str:
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


KINDS: tuple[Callable[[random.Random], Made], ...] = (
    *(_factor, _expand, _binomial, _logarithm, _divisor, _multiple, _reduce, _add_fractions, _sum, _product, _terms),
    *(_power, _factorial, _root, _rationalise, _remainder, _percent, _equation, _inequality, _complex, _based, _sine),
)


def countdown_questions(count: int, seed: int) -> Iterator[Question]:
    """Puzzles that need all of their numbers, and the same with numbers to spare, the target among them.

    To spare are neither a one nor a number twice: the target times one, say, is an equation and a guess.
    """
    for puzzle in distinct_puzzles(count, seed, PuzzleRanges(min_target=30)):
        numbers, target = list(puzzle.numbers), puzzle.target
        wrong = (" - " if sum(numbers) == target else " + ").join(map(str, numbers))
        if target in numbers:
            continue
        plain = 1 not in numbers and len({*numbers}) == len(numbers)
        for use, given in (("all", numbers), ("any", [*numbers, target]))[: 1 + plain]:
            truth = json.dumps({"target": target, "numbers": given, "use": use})
            text = f"Using the numbers {given} create an equation that equals {target}."
            yield Question("countdown", truth, text, puzzle.gold, wrong, tuple(map(str, given)), (str(target),))


def offers(folder: Path) -> Iterator[Offer]:
    """Every question of the leaderboard's rows with every function of theirs, where no call is wanted.

    Half of the verdicts are asked of `bfcl`, half of `function_calling`. Functions without parameters are left out:
    amid words `name()` is how a person would name one that is not needed.
    """
    records = list(bfcl_records(folder))
    functions = [each for record in records for each in record["function"] if each["parameters"]["properties"]]
    for record in records:
        text = record["question"][0][-1]["content"]
        calls = tuple((function["name"], _filled(function, text)) for function in functions)
        for start in range(0, len(calls), 3):
            some = calls[start : start + 3]
            tools = functions[start : start + 3]
            truth = {"category": "irrelevance", "functions": tools, "possible_answer": []}
            yield Offer("bfcl", json.dumps(truth), text, some)
            yield Offer("function_calling", json.dumps({"answers": []}), text, some)


def _filled(function: dict[str, Any], text: str) -> dict[str, Any]:
    """The function's parameters, each with a word or a number of the question."""
    words, numbers = text.split(), list(map(_value, _NUMBER.findall(text))) or [1]
    arguments: dict[str, Any] = {}
    for place, (name, schema) in enumerate(function["parameters"]["properties"].items()):
        numeric = schema["type"] in ("integer", "float", "number")
        arguments[name] = numbers[place % len(numbers)] if numeric else words[place % len(words)]
    return arguments
