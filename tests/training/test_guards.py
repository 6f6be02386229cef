"""Guards: when they warn, when they stop, and what they remember."""

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.config import Guard
from verl_reflect.training.guards import FILE, GuardCrossedError, Watch

UNIQUE = "reflect/unique_reflections"
WARN = Guard(UNIQUE, below=0.1, steps=3)
STOP = Guard(UNIQUE, below=0.1, steps=3, action="stop")


def look(watch: Watch, values: list[float], first: int = 1) -> None:
    for step, value in enumerate(values, start=first):
        watch.look(step, {UNIQUE: value})


def test_a_warning_is_one_line_after_so_many_steps_in_a_row(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        look(Watch([WARN], tmp_path), [0.05, 0.05, 0.5, 0.05, 0.05])
        assert caplog.messages == []
        look(Watch([WARN], tmp_path), [0.04, 0.03, 0.02], first=6)
    assert caplog.messages == [
        "verl-reflect: reflect/unique_reflections was below 0.1 for 3 training steps in a row; now it is 0.04."
    ]


def test_a_warning_comes_again_after_the_metric_recovered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        look(Watch([Guard(UNIQUE, above=0.9)], tmp_path), [0.95, 0.95, 0.5, 0.95])
    assert len(caplog.messages) == 2 and "above 0.9 for a training step; now it is 0.95" in caplog.messages[0]


def test_a_stop_names_the_metric_the_limit_and_how_long(tmp_path: Path) -> None:
    watch = Watch([STOP], tmp_path)
    look(watch, [0.05, 0.04])
    with pytest.raises(GuardCrossedError) as error:
        look(watch, [0.031], first=3)
    assert str(error.value) == (
        "reflect/unique_reflections was below 0.1 for 3 training steps in a row; now it is 0.031. "
        "A guard in reflect.guards ends the run."
    )


def counted(folder: Path) -> list[int]:
    """What the last step left behind: steps in a row of each guard that is crossed."""
    return list(json.loads((folder / FILE).read_text().splitlines()[-1])["crossed"].values())


def test_the_limit_itself_is_not_crossed(tmp_path: Path) -> None:
    look(Watch([STOP, Guard(UNIQUE, above=0.1, action="stop")], tmp_path), [0.1] * 5)
    assert counted(tmp_path) == []


def test_warnings_of_a_step_are_logged_before_another_guard_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop, warn = Guard(UNIQUE, below=0.1, action="stop"), Guard(UNIQUE, below=0.2)
    with pytest.raises(GuardCrossedError), caplog.at_level(logging.WARNING):
        look(Watch([stop, warn], tmp_path), [0.05])
    assert len(caplog.messages) == 1


def test_a_resumed_run_goes_on_counting_where_its_checkpoint_was(tmp_path: Path) -> None:
    look(Watch([STOP], tmp_path), [0.5, 0.05, 0.05])
    with pytest.raises(GuardCrossedError):
        look(Watch([STOP], tmp_path), [0.05], first=4)
    resumed_from_step_2 = Watch([STOP], tmp_path)
    look(resumed_from_step_2, [0.05], first=3)
    with pytest.raises(GuardCrossedError):
        look(resumed_from_step_2, [0.05], first=4)


def test_the_latest_count_of_a_step_holds(tmp_path: Path) -> None:
    look(Watch([STOP], tmp_path), [0.05, 0.05])
    look(Watch([STOP], tmp_path), [0.5], first=2)
    look(Watch([STOP], tmp_path), [0.05, 0.05], first=3)
    assert counted(tmp_path) == [2]


def test_a_new_run_in_an_old_folder_and_one_without_the_file_count_anew(tmp_path: Path) -> None:
    look(Watch([STOP], tmp_path), [0.05, 0.05])
    look(Watch([STOP], tmp_path), [0.05, 0.05])
    look(Watch([STOP], tmp_path / "another"), [0.05, 0.05], first=3)
    assert counted(tmp_path) == counted(tmp_path / "another") == [2]


def test_a_line_that_a_dying_process_left_half_written_is_passed_over(tmp_path: Path) -> None:
    look(Watch([STOP], tmp_path), [0.05, 0.05])
    with open(tmp_path / FILE, "a") as file:
        file.write('{"step": 3, "cro')
    with pytest.raises(GuardCrossedError):
        look(Watch([STOP], tmp_path), [0.05], first=3)


def test_another_limit_starts_its_own_count(tmp_path: Path) -> None:
    look(Watch([STOP], tmp_path), [0.05, 0.05])
    look(Watch([Guard(UNIQUE, below=0.2, steps=2, action="stop")], tmp_path), [0.05], first=3)
    assert counted(tmp_path) == [1]


def test_without_guards_nothing_is_written(tmp_path: Path) -> None:
    look(Watch([], tmp_path), [0.0])
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("guard", "sentence"),
    [
        (Guard(UNIQUE), "The guard of reflect/unique_reflections in reflect.guards needs either below or above."),
        (Guard(UNIQUE, below=0.1, above=0.9), "needs either below or above"),
        (Guard(UNIQUE, below=0.1, action="halt"), "unique_reflections below 0.1 is halt; choose one of warn, stop."),
        (Guard(UNIQUE, above=0.1, steps=0), "unique_reflections above 0.1 are 0; it must be at least 1."),
    ],
)
def test_a_guard_that_could_not_work_is_one_sentence(guard: Guard, sentence: str) -> None:
    with pytest.raises(ValueError) as error:
        guard.validate()
    assert sentence in str(error.value)


@settings(deadline=None)
@given(values=st.lists(st.sampled_from([0.0, 1.0]), max_size=30), steps=st.integers(1, 5), cut=st.integers(0, 30))
def test_it_stops_at_the_end_of_the_first_long_enough_row_whenever_the_process_is_replaced(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], steps: int, cut: int
) -> None:
    folder, guard = tmp_path_factory.mktemp("run"), Guard(UNIQUE, below=0.5, steps=steps, action="stop")
    expected = "".join("x" if value == 0.0 else "-" for value in values).find("x" * steps)
    reached, stopped = 0, None
    try:
        for start, part in ((1, values[:cut]), (1 + cut, values[cut:])):
            watch = Watch([guard], folder)
            for step, value in enumerate(part, start=start):
                reached = step
                watch.look(step, {UNIQUE: value})
    except GuardCrossedError:
        stopped = reached
    assert stopped == (expected + steps if expected >= 0 else None)
