"""What reflections say: each sentence, numbers and operators aside, how common it is and how often its retry passes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from verl_reflect.toy.measures import REFLECT

_NUMBER = re.compile(r"\d+")
_OPERATOR = re.compile(r"\b(?:plus|minus|times)\b")
_VERB = re.compile(r"\b(?:add|subtract)\b")


@dataclass(frozen=True)
class Sentence:
    """A sentence with `n` for every number, the share of reflections that say it, and of those whose retry passes."""

    text: str
    share: float
    success: float


def sentences(transcripts: Iterable[Mapping[str, Any]]) -> list[Sentence]:
    """Every sentence of a validation's reflections, the commonest first."""
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for line in transcripts:
        if line["data_source"] == REFLECT.data_source:
            outcomes[_without_numbers(line["reflection"]["text"])].append(line["metrics"]["second_try"] == 1.0)
    total = sum(map(len, outcomes.values()))
    found = [Sentence(text, len(passed) / total, sum(passed) / len(passed)) for text, passed in outcomes.items()]
    return sorted(found, key=lambda sentence: (-sentence.share, sentence.text))


def _without_numbers(text: str) -> str:
    return _VERB.sub("add", _OPERATOR.sub("times", _NUMBER.sub("n", text)))
