"""What the report reads: folders of runs and evaluations, and what it refuses."""

import json
from pathlib import Path

import pytest
from report_folders import blind, failures, group, line, said, write_evaluation, write_run

from verl_reflect.records.metrics_log import read_metrics
from verl_reflect.records.transcripts import Transcript
from verl_reflect.report.reading import read_sources
from verl_reflect.report.session import ShownSession, readable
from verl_reflect.report.settings import Settings


def test_a_run_has_its_validations_rollouts_and_metrics_by_step(tmp_path: Path) -> None:
    write_run(
        tmp_path / "trained-3",
        validations={0: failures(False), 20: failures(False), 100: failures(True)},
        rollouts={1: group(True, False)},
        metrics=[(1, {"timing_s/step": 2.5})],
    )
    [source] = read_sources([str(tmp_path / "trained-3")])
    assert (source.label, source.seed) == ("trained", "")
    assert list(source.validations) == [0, 20, 100] and list(source.rollouts) == [1]
    assert [session.second_try for session in (*source.before, *source.after)] == [0.0, 1.0]
    assert (source.before_name, source.after_name) == ("before training (step 0)", "after training (step 100)")
    assert source.metrics[0].values == {"timing_s/step": 2.5}


@pytest.mark.parametrize(
    ("folders", "arguments", "names"),
    [
        (["trained-1", "trained-7"], ["trained-1", "trained-7"], ["trained, seed 1", "trained, seed 7"]),
        (["a", "b-2"], ["ours=a", "theirs=b-2"], ["ours", "theirs"]),
        (["a", "b"], ["ours=a", "ours=b"], ["ours, seed 1", "ours, seed 2"]),
        (["x/run-1", "y/run-1"], ["x/run-1", "y/run-1"], ["run, seed 1", "run, seed 2"]),
        (["lr=0.5"], ["lr=0.5"], ["lr=0.5"]),
    ],
)
def test_runs_of_one_label_are_told_apart_by_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: list[str], arguments: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in folders:
        write_run(Path(folder), {0: failures(False)})
    assert [source.name for source in read_sources(arguments)] == names


def test_evaluations_are_compared_with_the_first(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "base", {"reflect": failures(False), "blind": failures(False, reflection=None)})
    write_evaluation(tmp_path / "tuned", {"reflect": failures(True), "swapped": failures(False)})
    base, tuned = read_sources([str(tmp_path / "base"), str(tmp_path / "tuned")])
    assert [session.condition for session in base.after] == ["reflect", "blind"]
    assert (base.before, tuned.before, tuned.before_name) == ((), base.after, "base")
    assert [session.condition for session in tuned.after] == ["reflect", "swapped"]


def test_what_an_evaluation_gave_up_or_could_not_judge_is_left_out(tmp_path: Path) -> None:
    lost = {**line(index=1), "given_up": "all servers died"}
    unjudged = line(False, index=2)
    unjudged["metrics"]["verifier_error"] = 1.0
    kept = {**line(True), "given_up": ""}
    folder = write_evaluation(tmp_path / "eval", {"reflect": [kept, lost, {**unjudged, "given_up": ""}]})
    [source] = read_sources([str(folder)])
    assert [session.item[0] for session in source.after] == [0]


@pytest.mark.parametrize("left", ["transcripts.parquet", "journal.jsonl"])
def test_an_evaluation_that_was_stopped_is_refused_with_the_command_that_goes_on(tmp_path: Path, left: str) -> None:
    folder = write_evaluation(tmp_path / "eval", {"reflect": failures(True)})
    (folder / "summary.json").unlink()
    (folder / "transcripts.parquet").rename(folder / left)
    with pytest.raises(ValueError, match=r"eval holds no finished evaluation.*verl-reflect eval --out .*goes on where"):
        read_sources([str(folder)])


def test_a_runs_transcripts_show_which_rows_had_no_reflection(tmp_path: Path) -> None:
    solved = line(data_source="countdown/only_attempts")
    write_run(tmp_path / "run", {0: [*failures(True), *blind(False), solved]})
    [source] = read_sources([str(tmp_path / "run")])
    assert [session.condition for session in source.after] == ["reflect", "blind", "first_try"]


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {0: failures(True, False)}, metrics=[(0, {"a": 1.0})])
    for path in (folder / "validation/transcripts/0.jsonl", folder / "metrics.jsonl"):
        path.write_text(path.read_text() + '{"key": "u')
    [source] = read_sources([str(folder)])
    assert len(source.after) == 2 and len(source.metrics) == 1


def test_line_separators_inside_a_text_do_not_end_a_line(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {0: []})
    said_so = line(True, attempt=said("one\u2028two\x85three"))
    (folder / "validation/transcripts/0.jsonl").write_text(json.dumps(said_so, ensure_ascii=False) + "\n")
    [source] = read_sources([str(folder)])
    assert source.after[0].attempt.text == "one\u2028two\\x85three"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\r\nb", "a\nb"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("half \ud83d of a pair", "half \N{REPLACEMENT CHARACTER} of a pair"),
        ("whole 😀 é ‮", "whole 😀 é ‮"),
    ],
)
def test_what_has_no_shape_gets_a_visible_sign(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_bytes_that_are_no_utf8_do_not_stop_the_report(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {0: failures(True)})
    path = folder / "validation/transcripts/0.jsonl"
    path.write_bytes(path.read_bytes().replace(b"careless", b"care\xff\xfeless"))
    [source] = read_sources([str(folder)])
    assert source.after[0].reflection is not None and "care��less" in source.after[0].reflection.text


def test_transcripts_from_before_these_fields_were_written_can_be_read() -> None:
    older = line(True)
    del older["own_attempt"], older["attempt"]["token_ids"], older["retry_verdicts"], older["given_away"]
    read = ShownSession.of(Transcript.read(older))
    assert read.own_attempt is False and [verdict.passed for verdict in read.retry_verdicts] == [True]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ("not json", "0.jsonl, session 2, is not a transcript"),
        ('{"key": "u_0_0"}', "index: Field required"),
        ("[]", "0.jsonl, session 2, is not a transcript"),
        (json.dumps({**line(True), "condition": "guessed"}), "the condition is 'guessed', not one of reflect, blind"),
    ],
)
def test_a_line_that_is_no_transcript_is_named(tmp_path: Path, broken: str, fault: str) -> None:
    folder = write_run(tmp_path / "run", {0: failures(True)})
    path = folder / "validation/transcripts/0.jsonl"
    path.write_text(path.read_text() + broken + "\n")
    with pytest.raises(ValueError, match=r"session 2, is not a transcript") as refused:
        read_sources([str(folder)])
    assert fault in str(refused.value)


def test_folders_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no folder .*nowhere"):
        read_sources([str(tmp_path / "nowhere")])
    with pytest.raises(ValueError, match=r"has neither metrics\.jsonl nor"):
        read_sources([str(tmp_path)])
    write_run(tmp_path / "run", {0: failures(True)})
    (tmp_path / "run/validation/transcripts/0.jsonl").rename(tmp_path / "run/validation/transcripts/last.jsonl")
    with pytest.raises(ValueError, match=r"last.jsonl should be named after its step"):
        read_sources([str(tmp_path / "run")])


def test_a_number_that_was_not_finite_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 3, "data": {"a": null, "b": 2, "c": "text"}}\n')
    [logged] = read_metrics(path)
    assert (logged.step, logged.values) == (3, {"b": 2.0})
    path.write_text("epoch 1\n")
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 1, is not a line of verl's file logger"):
        read_metrics(path)


CONFIG = """
reflect: {reflection_prompt: Say why ., retry_prompt: 'Again: {task}', control: CONTROL, credit: reflection+retry}
algorithm: {adv_estimator: '${verl_reflect.estimator:${reflect.control}}', norm_adv_by_std_in_grpo: false}
trainer: {total_training_steps: 40}
"""


@pytest.mark.parametrize("place", [".hydra", "hydra/.hydra"])
def test_the_runs_configuration_is_read_from_hydras_copy(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "config.yaml").write_text(CONFIG.replace("CONTROL", "none"))
    settings = Settings.of(tmp_path)
    assert settings == Settings("Say why .", "Again: {task}", "reflection+retry", "grpo", False, 40)
    assert settings.trained_turns == ("reflection", "retry")
    (tmp_path / place / "config.yaml").write_text(CONFIG.replace("CONTROL", "shuffled"))
    assert Settings.of(tmp_path).estimator == "grpo_shuffled"
    (tmp_path / place / "config.yaml").write_text("trainer: {}")
    with pytest.raises(ValueError, match="is not the configuration of a run with a section reflect"):
        Settings.of(tmp_path)


def test_the_request_to_reflect_is_the_tasks_own_unless_set(tmp_path: Path) -> None:
    assert Settings().request("countdown/reflect").startswith("You tried solving the problem")
    assert Settings(reflection_prompt="Why ?").request("countdown") == "Why ?"
    assert Settings().request("a_task_of_somebody") == ""
