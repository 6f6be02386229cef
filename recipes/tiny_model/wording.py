"""What reflections say: each sentence, numbers and operators aside, how common it is and how often its retry passes."""

import re
from collections.abc import Iterable

from verl_reflect.demo.accuracies import REFLECT
from verl_reflect.records.transcripts import Transcript
from verl_reflect.report.sayings import Saying, count

_NUMBER = re.compile(r"\d+")
_OPERATOR = re.compile(r"\b(?:plus|minus|times)\b")
_VERB = re.compile(r"\b(?:add|subtract)\b")


def sentences(transcripts: Iterable[Transcript]) -> list[Saying]:
    """Every sentence of a validation's reflections with `n` for every number, the commonest first."""
    return count(
        (_without_numbers(told.reflection.text), told.second_try)
        for told in transcripts
        if told.reflection and told.data_source == REFLECT.data_source
    )


def _without_numbers(text: str) -> str:
    return _VERB.sub("add", _OPERATOR.sub("times", _NUMBER.sub("n", text)))
