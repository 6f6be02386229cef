"""What a person is told of a mining: the path on stdout, all else on stderr, problems in one sentence each."""

from collections.abc import Sequence
from pathlib import Path

from verl_reflect.mine.command import Mined, Mining
from verl_reflect.mine.settings import MineSettings
from verl_reflect.serving.console import losses, run_and_tell, say
from verl_reflect.serving.start import configuration


def run_and_report(
    overrides: Sequence[str], settings: MineSettings, out: Path, data: Sequence[Path], in_flight: int
) -> int:
    """Mine, and return the exit code: 0, or 1 if it could not be done or queries were given up."""
    return run_and_tell(lambda: Mining(configuration(overrides), settings, out, data, in_flight)(), _tell)


def _tell(mined: Mined) -> int:
    for line in lines(mined):
        say(line)
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
    given_up = [f"row {lost.query}: {lost.error}" for lost in mined.given_up]
    return [*said, *losses(mined.dead_servers, "queries", given_up)]
