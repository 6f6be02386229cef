"""The summary of an evaluation, read back. docs/eval.md has its format."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from verl_reflect.evaluate.measures import Results

FORMAT = 1
"""Of an evaluation's files. Counted up when a reader would have to change."""
FILE_NAME = "summary.json"
_RESULTS = TypeAdapter(list[Results])


@dataclass(frozen=True)
class Summary:
    """What `verl-reflect eval` counted, and of what."""

    facts: dict[str, Any]
    """The whole file."""
    results: list[Results]

    @classmethod
    def read(cls, folder: Path) -> "Summary":
        """Of this folder. Raises ValueError, in one sentence, if it holds no finished evaluation."""
        path = folder / FILE_NAME
        if not path.is_file():
            raise ValueError(
                f"{folder} holds no finished evaluation, for there is no {FILE_NAME} in it; verl-reflect eval --out "
                f"{folder} makes it, and goes on where an earlier one stopped."
            )
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["format"] != FORMAT:
                raise ValueError("of another version")
            return cls(facts, _RESULTS.validate_python(facts["results"]))
        except (ValueError, KeyError, TypeError) as error:
            why = str(error).splitlines()[0]
            raise ValueError(
                f"{path} cannot be read ({why}); repeat its verl-reflect eval, which writes it anew."
            ) from error
