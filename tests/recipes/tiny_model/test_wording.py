from report_folders import line, said

from recipes.tiny_model.wording import sentences
from verl_reflect.records.transcripts import Transcript
from verl_reflect.report.sayings import Saying


def told(text: str, passed: bool, data_source: str = "countdown/reflect") -> Transcript:
    return Transcript.read(line(passed, reflection=said(text), data_source=data_source))


def test_sentences_are_counted_without_their_numbers() -> None:
    lines = [
        told("First I will compute 8 times 3 and then add 5 .", True),
        told("First I will compute 12 plus 3 and then subtract 4 .", False),
        told("First I will compute 9 minus 1 and then add 2 .", True),
        told("I made a mistake .", False),
        told("ignored", True, data_source="countdown/blind"),
    ]
    assert sentences(lines) == [
        Saying("First I will compute n times n and then add n .", 3, 0.75, 2 / 3),
        Saying("I made a mistake .", 1, 0.25, 0.0),
    ]
