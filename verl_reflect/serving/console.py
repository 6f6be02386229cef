"""What a person is told by a command that asks servers: on stderr, problems in one sentence each, and an exit code."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from hydra.errors import HydraException

from verl_reflect.checks.run import UnfitError
from verl_reflect.records.journal import JournalError
from verl_reflect.serving.fleet import NoServerError
from verl_reflect.serving.start import StartError

SHOWN = 5
"""Of what was given up."""
Done = TypeVar("Done")


def run_and_tell(command: Callable[[], Done], tell: Callable[[Done], int]) -> int:
    """Run a command, tell what came of it, and return the exit code: `tell`'s, or 1 if it could not be done."""
    try:
        done = command()
    except NoServerError as error:
        return say(f"{error} What is done is kept; the same command goes on.", 1)
    except (HydraException, UnfitError, JournalError, StartError, ValueError, OSError) as error:
        return say(" ".join(str(error).split()), 1)
    return tell(done)


def losses(dead_servers: Sequence[str], what: str, given_up: Sequence[str]) -> Iterator[str]:
    """What was lost on the way, in lines.

    Args:
        what: What was given up, in the plural.
        given_up: Each of them, with the reason.
    """
    yield from (f"The server {name} died; others did its work." for name in dead_servers)
    if given_up:
        yield f"{len(given_up)} {what} were given up; the same command tries them again. They are:"
        yield from (f"  {lost}" for lost in given_up[:SHOWN])
    if len(given_up) > SHOWN:
        yield "  ..."


def say(line: str, code: int = 0) -> int:
    """Say a line, and return the exit code that goes with it."""
    print(line if line.startswith(" ") else f"verl-reflect: {line}", file=sys.stderr)
    return code
