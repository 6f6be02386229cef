"""What a person is told of a mining: the path on stdout, all else on stderr, problems in one sentence each."""

import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException

from verl_reflect.checks.run import UnfitError
from verl_reflect.mine.command import Mined, Mining, StartError, configuration
from verl_reflect.mine.settings import MineSettings
from verl_reflect.records.journal import JournalError
from verl_reflect.serving.fleet import NoServerError

SHOWN = 5


def run_and_report(
    overrides: Sequence[str], settings: MineSettings, out: Path, data: Sequence[Path], in_flight: int
) -> int:
    """Mine, and return the exit code: 0, or 1 if it could not be done or queries were given up."""
    try:
        mined = Mining(configuration(overrides), settings, out, data, in_flight)()
    except NoServerError as error:
        return _say(f"{error} What is done is kept; the same command goes on.", 1)
    except (HydraException, UnfitError, JournalError, StartError, ValueError) as error:
        return _say(" ".join(str(error).split()), 1)
    for line in lines(mined):
        _say(line)
    print(mined.path)
    return 1 if mined.given_up else 0


def lines(mined: Mined) -> list[str]:
    """What is worth knowing of the result."""
    counts = mined.counts
    said = [
        f"{counts['rows']} failures of {counts['queries']} queries: {counts['never_passed']} never passed, "
        f"{counts['sometimes_passed']} sometimes, {counts['always_passed']} always."
    ]
    if counts["too_long"]:
        said.append(f"{counts['too_long']} queries are longer than data.max_prompt_length and were not asked.")
    if counts["answers_without_verdict"]:
        said.append(f"{counts['answers_without_verdict']} answers have no verdict: {mined.why_unjudged}")
    said += [f"The server {name} died; others did its work." for name in mined.dead_servers]
    if mined.given_up:
        said.append(f"{len(mined.given_up)} queries were given up; the same command tries them again. They are:")
        said += [f"  row {outcome.query}: {outcome.error}" for outcome in mined.given_up[:SHOWN]]
        said += ["  ..."] * (len(mined.given_up) > SHOWN)
    return said


def _say(line: str, code: int = 0) -> int:
    print(line if line.startswith(" ") else f"verl-reflect: {line}", file=sys.stderr)
    return code
