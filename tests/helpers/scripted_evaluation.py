"""An evaluation of a model that follows a script: what it answers depends on the task and on what was said before.

A task shows a number n, and its answer passes if it makes 29. The model

- passes at first if n is a multiple of 3, and at a blind retry if n is a multiple of 4;
- reflects with a sentence that names n, and passes afterwards if the sentence before the retry names its own n;
- passes after a second reflection in the same conversation if n is a multiple of 5.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

WRONG, RIGHT = "<answer> ( 3 + 5 ) * 8 </answer>", "<answer> ( 3 * 8 ) + 5 </answer>"
REQUEST = "You got it wrong . Reflect on what went wrong ."


def hint(number: int) -> str:
    """What the model says about its failure at task n."""
    return f"First I will compute {number} * 3 and add the rest ."


@dataclass
class Model:
    """A server. `asked` lists what it was asked: (n, stage), where the stage is what it answered."""

    tokenizer: Any
    chokes_on: Sequence[tuple[int, str]] = ()
    asked: list[tuple[int, str]] = field(default_factory=list)
    sampling: list[dict[str, Any]] = field(default_factory=list)
    name: str = "scripted"

    async def generate(self, prompt_ids: Sequence[int], **sampling_params: Any) -> list[int]:
        text = self.tokenizer.decode(prompt_ids)
        number = int(re.findall(r"Make (\d+)", text)[0])
        turns = re.findall(r"<\|im_start\|>(user|assistant)\n(.*?)<\|im_end\|>", text)
        stage, answer = self.answer(number, turns)
        self.asked.append((number, stage))
        self.sampling.append(sampling_params)
        if (number, stage) in self.chokes_on:
            raise ValueError(f"cannot take {number}")
        return [*self.tokenizer.encode(answer, add_special_tokens=False), self.tokenizer.eos_token_id]

    def answer(self, number: int, turns: Sequence[tuple[str, str]]) -> tuple[str, str]:
        """(stage, text)."""
        if len(turns) == 1:
            return "attempt", RIGHT if number % 3 == 0 else WRONG
        if turns[-1][1] == REQUEST:
            return "reflection", hint(number)
        if turns[-2][1] in (WRONG, RIGHT):
            return "blind", RIGHT if number % 4 == 0 else WRONG
        if sum(said == REQUEST for _, said in turns) > 1:
            return "third", RIGHT if number % 5 == 0 else WRONG
        return "retry", RIGHT if turns[-2][1] == hint(number) and number % 2 == 0 else WRONG

    async def alive(self) -> bool:
        return True


def write_rows(path: Path, numbers: Sequence[int], **columns: Any) -> Path:
    """Tasks with these numbers, in verl's schema."""
    rows = [
        {
            "data_source": "countdown",
            "prompt": [{"role": "user", "content": f"Make {number} from 3 5 8 ."}],
            "reward_model": {"style": "rule", "ground_truth": {"target": 29, "numbers": [3, 5, 8]}},
            "extra_info": {"index": 100 + number},
            **columns,
        }
        for number in numbers
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
