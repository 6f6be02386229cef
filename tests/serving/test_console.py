"""What both commands say, and the exit code that goes with it."""

from collections.abc import Callable

import pytest

from verl_reflect.checks.run import UnfitError
from verl_reflect.records.journal import JournalError
from verl_reflect.serving.console import losses, run_and_tell
from verl_reflect.serving.fleet import NoServerError
from verl_reflect.serving.start import StartError


def failing(error: Exception) -> Callable[[], str]:
    def command() -> str:
        raise error

    return command


def never(done: str) -> int:
    raise AssertionError("there is nothing to tell")


@pytest.mark.parametrize("kind", [UnfitError, JournalError, StartError, ValueError])
def test_what_cannot_be_done_is_said_in_one_line(kind: type[Exception], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_and_tell(failing(kind("There is\n  no such file.")), never) == 1
    assert capsys.readouterr() == ("", "verl-reflect: There is no such file.\n")


def test_without_a_server_the_same_command_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_and_tell(failing(NoServerError("No server is left; one died.")), never) == 1
    assert capsys.readouterr().err == (
        "verl-reflect: No server is left; one died. What is done is kept; the same command goes on.\n"
    )


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        run_and_tell(failing(KeyError("seed")), never)
    with pytest.raises(ValueError, match="of telling"):
        run_and_tell(lambda: "of telling", lambda done: failing(ValueError(done))().count(""))


def test_what_is_told_decides_the_exit_code() -> None:
    for code in (0, 1):
        assert run_and_tell(lambda code=code: code, lambda done: done) == code  # type: ignore[misc]


@pytest.mark.parametrize(("count", "more"), [(1, []), (5, []), (6, ["  ..."])])
def test_the_first_losses_are_named(count: int, more: list[str]) -> None:
    said = list(losses(["10.0.0.1:80"], "queries", [f"row {n}: 3 requests failed" for n in range(count)]))
    assert said == [
        "The server 10.0.0.1:80 died; others did its work.",
        f"{count} queries were given up; the same command tries them again. They are:",
        *(f"  row {n}: 3 requests failed" for n in range(min(count, 5))),
        *more,
    ]
    assert list(losses([], "queries", [])) == []
