from typing import Any

from recipes.tiny_model.wording import sentences
from verl_reflect.report.sayings import Saying


def line(text: str, second_try: float, data_source: str = "countdown/reflect") -> dict[str, Any]:
    return {"data_source": data_source, "reflection": {"text": text}, "metrics": {"second_try": second_try}}


def test_sentences_are_counted_without_their_numbers() -> None:
    lines = [
        line("First I will compute 8 times 3 and then add 5 .", 1.0),
        line("First I will compute 12 plus 3 and then subtract 4 .", 0.0),
        line("First I will compute 9 minus 1 and then add 2 .", 1.0),
        line("I made a mistake .", 0.0),
        line("ignored", 1.0, data_source="countdown/blind"),
    ]
    assert sentences(lines) == [
        Saying("First I will compute n times n and then add n .", 3, 0.75, 2 / 3),
        Saying("I made a mistake .", 1, 0.25, 0.0),
    ]
