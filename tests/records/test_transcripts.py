"""The one schema of transcripts: what is written is read, and what is no transcript is refused."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pytest

from verl_reflect.records.transcripts import (
    COLUMNS,
    Episode,
    Judgement,
    Transcript,
    Utterance,
    line_of,
    outcomes,
    read_transcript,
    read_transcript_file,
    read_transcripts,
    transcript_file,
    write_transcripts,
)

FAILED = Judgement(0.0, False, "parameter", detail="the city is wrong")
EPISODE = Episode(
    index=3,
    data_source="function_calling",
    task="Book a table",
    attempt=Utterance("no", 2, token_ids=(5, 6)),
    first_try=FAILED,
    reflection=Utterance("hm", 2),
    retries=(Utterance("yes", 2),),
    retry_verdicts=(Judgement(1.0, True, "none"),),
)
TOLD = Transcript(**vars(EPISODE), key="uid_0", step=7, metrics={"second_try": 1.0, "category": "none"})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    other = replace(TOLD, key="uid_1", reflection=None, retries=(), retry_verdicts=(), metrics={"second_try": 0.0})
    write_transcripts(transcript_file(tmp_path, 7), [TOLD, other])
    assert read_transcripts(tmp_path, 7) == [TOLD, other]
    write_transcripts(transcript_file(tmp_path, 7), [other], append=True)
    assert read_transcripts(tmp_path, 7) == [TOLD, other, other]
    write_transcripts(transcript_file(tmp_path, 7), [other])
    assert read_transcripts(tmp_path, 7) == [other]


def test_what_verl_makes_of_an_episode_is_read() -> None:
    """A dataclass arrives as plain dictionaries, tuples as they were."""
    read = Transcript.read({**asdict(EPISODE), "key": "uid_0", "step": 7, "metrics": TOLD.metrics})
    assert read == TOLD and isinstance(read.first_try, Judgement) and read.attempt.token_ids == (5, 6)


def test_a_row_of_a_table_is_read() -> None:
    columns = {name: pa.array([asdict(TOLD)[name]], kind) for name, kind in COLUMNS.items()}
    [row] = pa.table({**columns, "metrics": pa.array([TOLD.metrics])}).to_pylist()
    assert Transcript.read(row) == replace(TOLD, step=0)


def test_a_line_has_no_columns_of_an_evaluation() -> None:
    assert not {"item", "condition", "given_up"} & line_of(TOLD).keys()


def test_a_last_line_without_its_end_is_not_finished(tmp_path: Path) -> None:
    path = transcript_file(tmp_path, 7)
    write_transcripts(path, [TOLD, TOLD])
    path.write_text(path.read_text()[:-20])
    assert read_transcript_file(path) == [TOLD]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "Expecting property name"),
        ("[]", "not a mapping"),
        ("{}", "index: Field required"),
        (json.dumps({**line_of(TOLD), "attempt": None}), "attempt: "),
        (json.dumps({**line_of(TOLD), "first_try": {"score": "high", "passed": True}}), "first_try.score: "),
    ],
)
def test_what_is_no_transcript_is_refused_with_its_place(tmp_path: Path, line: str, fault: str) -> None:
    with pytest.raises(ValueError, match="session 2, is not a transcript of this package") as refused:
        read_transcript(line, tmp_path / "7.jsonl", 2)
    assert fault in str(refused.value) and "\n" not in str(refused.value)


def test_half_a_surrogate_pair_does_not_stop_the_reader() -> None:
    line = line_of(replace(TOLD, task="half \ud83d"))
    assert read_transcript(json.dumps(line), Path("7.jsonl"), 1).task == "half \N{REPLACEMENT CHARACTER}"


def test_the_share_of_retries_that_passed_and_the_last_verdict() -> None:
    half = replace(EPISODE, retry_verdicts=(Judgement(1.0, True, "none"), FAILED))
    assert (half.second_try, half.last_verdict) == (0.5, FAILED)
    assert (replace(EPISODE, retries=(), retry_verdicts=()).last_verdict, EPISODE.last_verdict.category) == (
        FAILED,
        "none",
    )


def test_outcomes_are_those_of_one_data_source() -> None:
    elsewhere = replace(TOLD, data_source="countdown", metrics={"second_try": 0.0})
    assert outcomes([TOLD, elsewhere], "function_calling", "second_try") == {3: True}
    assert outcomes([TOLD, elsewhere], "countdown", "second_try") == {3: False}
