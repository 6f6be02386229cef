"""What the transcript browser shows of a session."""

from dataclasses import replace
from pathlib import Path

from report_folders import FAIL, PASS, line, write_run

from verl_reflect.report.browser import browser
from verl_reflect.report.reading import read_sources

WHY = "the city is wrong"


def test_every_try_is_shown_with_its_own_verdict_and_what_the_verifier_said_of_it(tmp_path: Path) -> None:
    wrong = replace(FAIL, category="parameter", detail=WHY)
    session = line(True, False, index=1, first_try=wrong, retry_verdicts=(PASS, wrong))
    [subject] = read_sources([str(write_run(tmp_path / "run", {0: [session], 40: [session]}))])
    [item] = browser([subject]).data["items"]
    shown = item["after"]
    tries = [shown["attempt"], *shown["retries"]]
    assert [(each["passed"], each["error"], each["detail"]) for each in tries] == [
        (False, "parameter", WHY),
        (True, "none", ""),
        (False, "parameter", WHY),
    ]
