"""The Countdown task (paper, section 4): an equation that uses every given number once and equals the target."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

from verl_reflect.tasks.answer import last_answer
from verl_reflect.tasks.base import PASSED, Item, Task, Verdict, failed
from verl_reflect.tasks.expressions.arithmetic import NotArithmetic
from verl_reflect.tasks.expressions.equation import read_equation
from verl_reflect.tasks.expressions.stated_expression import states_expression
from verl_reflect.tasks.wording import BOXED_ANSWER, REFLECT_ON_ANSWER

USER_PROMPT = (
    "Using the numbers {nums} create an equation that equals {target}. "
    "You can use basic arithmetic operations (+, -, *, /) and each number can only be used once."
)
USER_PROMPT_ANY = (
    "Using any of the numbers {nums} create an equation that equals {target}. You can use basic arithmetic operations "
    "(+, -, *, /), each number can be used at most once, and numbers can be left out."
)
COLUMNS = ("target", "nums")
Use = Literal["all", "any"]
"""Whether an equation must use all the given numbers, or may leave some out. None may be used twice."""

_BOX = r"\boxed{"


class Countdown(Task):
    """Judges equations over whole numbers.

    The answer is an expression, alone or in an equation or a chain of them (see `equation`). The first of these faults
    counts:

    - `format`: no complete answer, or not an equation and nothing else;
    - `wrong_numbers`: the numbers of the expression are not the given ones, each exactly once (with `use="any"`: at
      most once, and at least two, since the target alone is no equation);
    - `missed_target`: the expression or a link of the chain is not the target, or there is a division by zero.
    """

    data_sources = ("countdown",)
    categories = ("format", "wrong_numbers", "missed_target", "none")
    reflection_prompt = REFLECT_ON_ANSWER

    def __init__(self, use: Use = "all") -> None:
        """`use` is for the items that are made; a verdict follows the `use` of the ground truth."""
        self.use = use
        self.user_prompt = USER_PROMPT if use == "all" else USER_PROMPT_ANY
        self.prompt_template = f"{BOXED_ANSWER}\n{self.user_prompt}"

    def item(self, record: Any) -> Item:
        """Read a record of the public schema (`Jiayi-Pan/Countdown-Tasks-3to4`: `target`, `nums`), or a Puzzle.

        The prompt follows the paper (section 4), which asks for the final answer in a box. The difficulty is how many
        numbers there are and, where a solution is known, how many products and quotients it has.
        """
        puzzle = record if isinstance(record, Puzzle) else Puzzle.from_public_row(record)
        user = self.user_prompt.format(nums=list(puzzle.numbers), target=puzzle.target)
        return Item(
            messages=[{"role": "system", "content": BOXED_ANSWER}, {"role": "user", "content": user}],
            ground_truth=json.dumps({"target": puzzle.target, "numbers": list(puzzle.numbers), "use": self.use}),
            gold=_boxed(puzzle.gold) if puzzle.gold else "",
            facts={"difficulty": puzzle.difficulty},
            same_as=f"{puzzle.target} from {sorted(puzzle.numbers)}",
        )

    def corruptions(self, item: Item) -> Iterator[str]:
        """No answer, another target, a number that is not given, and the gold expression unboxed."""
        puzzle = Puzzle.from_ground_truth(item.ground_truth)
        foreign = max(puzzle.numbers) + 1
        yield ""
        yield _boxed(str(puzzle.target + 1))
        yield _boxed(" + ".join(map(str, (*puzzle.numbers, puzzle.target))))
        if item.gold:
            expression = item.gold.removeprefix(_BOX).removesuffix("}")
            yield expression
            yield _boxed(f"({expression}) + {foreign} - {foreign}")
            yield _boxed(f"({expression}) = {puzzle.target + 1}")

    def judge(self, response: str, ground_truth: object) -> Verdict:
        """Judge a response against `{"target": int, "numbers": [int, …], "use": "all" | "any"}`, or that as JSON text.

        Without `use` it is `"all"`.
        """
        puzzle = Puzzle.from_ground_truth(ground_truth)
        answer = last_answer(response)
        if answer is None:
            return failed("format")
        try:
            equation = read_equation(answer)
        except NotArithmetic:
            return failed("format")
        if not puzzle.permits(equation.numbers):
            return failed("wrong_numbers")
        return PASSED if equation.equals(puzzle.target) else failed("missed_target")

    def gives_away(self, reflection: str, ground_truth: object, question: str) -> bool:
        """Whether an expression anywhere in the reflection, tagged as an answer or not, solves the puzzle."""
        puzzle = Puzzle.from_ground_truth(ground_truth)
        return states_expression(reflection, puzzle.target, puzzle.sizes, puzzle.permits, puzzle.has)


@dataclass(frozen=True)
class Puzzle:
    """A Countdown item. `gold` is an expression that solves it, `""` where none is known."""

    target: int
    numbers: tuple[int, ...]
    gold: str = ""
    use: Use = "all"

    @classmethod
    def from_ground_truth(cls, value: object) -> "Puzzle":
        """Read a row's ground truth. Raises ValueError, naming the fault, for a malformed one."""
        truth = _from_json(value) if isinstance(value, str) else value
        if not isinstance(truth, Mapping) or not {"target", "numbers"} <= truth.keys():
            raise ValueError(f"a Countdown ground truth has the keys 'target' and 'numbers', not {value!r}")
        return cls(_whole("target", truth["target"]), _operands(truth["numbers"]), use=_use(truth.get("use", "all")))

    @classmethod
    def from_public_row(cls, row: object) -> "Puzzle":
        """Read a row of the public schema. Raises ValueError, naming the fault, for a malformed one."""
        if not isinstance(row, Mapping) or not set(COLUMNS) <= row.keys():
            raise ValueError(f"a row has the columns {' and '.join(COLUMNS)}, not {row!r}")
        return cls.from_ground_truth({"target": _from_cell(row["target"]), "numbers": _from_cell(row["nums"])})

    @property
    def content(self) -> tuple[int, tuple[int, ...]]:
        """What makes two items the same item: the target, and the numbers in any order."""
        return self.target, tuple(sorted(self.numbers))

    @property
    def difficulty(self) -> str:
        """In words, such as `4 numbers, 2 products`; the number of numbers alone where no solution is known."""
        products = f", {self.gold.count('*') + self.gold.count('/')} products" if self.gold else ""
        return f"{len(self.numbers)} numbers{products}"

    def permits(self, used: Sequence[int]) -> bool:
        """Whether an equation may have just these numbers."""
        if self.use == "all":
            return sorted(used) == sorted(self.numbers)
        return len(used) > 1 and self.has(used)

    def has(self, used: Sequence[int]) -> bool:
        """Whether these are among the given numbers, each as often as it is given."""
        return Counter(used) <= Counter(self.numbers)

    @property
    def sizes(self) -> Sequence[int]:
        """How many numbers an equation may have. A number by itself is no equation."""
        return [len(self.numbers)] if self.use == "all" else range(2, len(self.numbers) + 1)


def _boxed(text: str) -> str:
    return _BOX + text + "}"


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"a Countdown ground truth given as a string must be JSON ({error}), not {text!r}") from error


def _from_cell(value: object) -> object:
    """A cell of a CSV file is text; its numbers are written as JSON: `98,"[44, 19, 35]"`."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value


def _use(value: object) -> Use:
    if value not in ("all", "any"):
        raise ValueError(f"'use' must be 'all' or 'any', not {value!r}")
    return value


def _operands(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        # Parquet readers hand lists over as arrays. Imported here: numpy is slow to load, and few callers need it.
        from numpy import ndarray

        if not isinstance(value, ndarray):
            raise ValueError(f"'numbers' must be a list, a tuple or a numpy array, not {value!r}")
    operands = tuple(_whole("numbers", number) for number in value)
    if not operands or min(operands) < 0:
        # An expression has no sign, so a negative number could never be used.
        raise ValueError(f"'numbers' must hold at least one number and none below zero, not {value!r}")
    return operands


def _whole(name: str, value: object) -> int:
    """A whole number; tables with an empty cell in a column make 8.0 of its 8."""
    if type(value) is int:
        return value
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer():
        return int(float(value))
    raise ValueError(f"'{name}' must be made of whole numbers, not {value!r}")
