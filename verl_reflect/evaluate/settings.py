"""What can be chosen about an evaluation. All else (temperature, lengths, model, servers) is verl's configuration."""

from dataclasses import dataclass

from verl_reflect.rollout.ways import WAYS

CONDITIONS = {name: way for name, way in WAYS.items() if name != "first_try"}
"""What can come between a failed first attempt and the retry.

`swapped` is given the reflection that the model wrote, under `reflect`, about another task.
"""


@dataclass(frozen=True)
class EvalSettings:
    """Choices of `verl-reflect eval`."""

    samples: int = 1
    """First attempts at each item."""
    conditions: tuple[str, ...] = ("reflect", "blind")
    """Second tries after each failed first attempt, of CONDITIONS."""
    rounds: int = 1
    """Most second tries in a row: after a failed retry comes a reflection on that, and another retry."""
    greedy: bool = False
    """The likeliest token always, in place of `rollout.val_kwargs`' temperature, top_p and top_k."""
    tries: int = 3
    """Requests for one answer, each to a server that lives, before its conversation is given up and reported."""

    def __post_init__(self) -> None:
        """Raise ValueError, in one sentence, for a value that cannot be right."""
        for name in ("samples", "rounds", "tries"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for condition in self.conditions:
            if condition not in CONDITIONS:
                raise ValueError(f"{condition} is no condition; choose from {', '.join(CONDITIONS)}.")
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError(f"The conditions {', '.join(self.conditions)} name one twice.")
        if "swapped" in self.conditions and "reflect" not in self.conditions:
            raise ValueError("swapped deals out the reflections of the condition reflect; add that one.")
        if self.greedy and self.samples > 1:
            raise ValueError(f"greedy answers are all the same, so samples={self.samples} says nothing more; set 1.")
