"""Verdicts on answers as real models give them, kept in a data folder beside the checkout.

Each line of its `verdicts/cases.jsonl` is one verdict: `data_source`, `ground_truth`, `response`, what is `expected`,
and a `note`. A clone alone has no such folder; there the kinds of answers are tested one by one beside each verifier.
"""

import json
from collections import Counter
from typing import Any, NamedTuple

import pytest
from builders import ROOT

from verl_reflect.reward import compute_score

CASES = ROOT.parent / "shared" / "data" / "verdicts" / "cases.jsonl"
AGREEMENT = 0.98

DECIDED_OTHERWISE: dict[tuple[str, str, str], str] = {
    ("gsm8k", "42", "#### \uff14\uff12"): "digits of every script are digits, after hashes as in a box",
}
"""Data source, ground truth (text) and response of each case that the file expects to fail and that we let pass, with
the reason, which docs/verdicts.md gives too. Nothing else may pass that should fail."""

pytestmark = pytest.mark.skipif(
    not CASES.is_file(), reason=f"there are no cases beside this checkout ({CASES}); a clone alone goes without them"
)


class Case(NamedTuple):
    """One verdict and what it should be."""

    data_source: str
    ground_truth: Any
    response: str
    expected: int
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        truth = self.ground_truth
        return self.data_source, truth if isinstance(truth, str) else json.dumps(truth), self.response

    @property
    def passes(self) -> bool:
        return compute_score(self.data_source, self.response, self.ground_truth)["score"] == 1.0

    def __str__(self) -> str:
        wanted = "pass" if self.expected else "fail"
        return f"should {wanted}: {self.data_source}, {self.ground_truth!r}: {self.response!r} ({self.note})"


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case(**json.loads(line)) for line in CASES.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def disagreements(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case.passes != bool(case.expected)]


def listed(cases: list[Case], disagreements: list[Case]) -> str:
    """The disagreements a line each, after their count for each data source."""
    counts, wrong = (Counter(case.data_source for case in some) for some in (cases, disagreements))
    totals = [f"{source}: {counts[source] - wrong[source]} of {counts[source]} agree" for source in counts]
    return "\n".join(["", *totals, *map(str, disagreements)])


def test_nearly_all_verdicts_agree(cases: list[Case], disagreements: list[Case]) -> None:
    assert len(cases) > 100
    assert len(disagreements) <= (1 - AGREEMENT) * len(cases), listed(cases, disagreements)


def test_nothing_wrong_is_paid_but_what_was_decided_otherwise(disagreements: list[Case]) -> None:
    paid = [case for case in disagreements if not case.expected and case.key not in DECIDED_OTHERWISE]
    assert not paid, "\n".join(["", *map(str, paid)])


def test_what_was_decided_otherwise_is_still_so(cases: list[Case], disagreements: list[Case]) -> None:
    """A decision that no verdict follows any more goes from the list."""
    known, different = ({case.key for case in some} for some in (cases, disagreements))
    assert [key for key in DECIDED_OTHERWISE if key in known and key not in different] == []
