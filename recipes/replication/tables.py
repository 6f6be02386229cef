"""The tables of docs/replication.md: one for each question, in the order in which issue and paper ask them."""

import math
from collections.abc import Iterator

from recipes.replication.findings import START, TITLES, Findings, Setting, difference
from recipes.replication.language import WORLDS
from verl_reflect.records.markdown import markdown_table
from verl_reflect.statistics import Estimate

FRESH = 4
PAPER = (
    ("paper: Qwen2-1.5B, function calls", "32.6", "48.6", "+16.0", "34.8", "52.9", "+18.1"),
    ("paper: Qwen2-7B, function calls", "66.4", "72.2", "+5.8", "", "77.3", ""),
    ("paper: Llama-3.1-8B, function calls", "64.9", "68.7", "+3.8", "", "", ""),
    ("paper: Qwen2.5-1.5B, Countdown", "6.0", "34.9", "+28.9", "10.2", "45.0", "+34.8"),
    ("paper: Qwen2.5-7B, Countdown", "31.7", "41.6", "+9.9", "", "", ""),
    ("paper: Llama-3.1-8B, Countdown", "2.2", "8.8", "+6.6", "", "", ""),
)
"""arXiv 2505.24726, as readers have noted its numbers; empty where we have none."""


def first_and_second(findings: Findings) -> str:
    """First and second tries at new problems before and after training, above the paper's."""
    header = ("", "1st try before", "after", "Δ", "2nd try before", "after", "Δ")
    rows = [(setting.title, *_before_and_after(findings, setting)) for setting in findings.all_settings]
    return markdown_table(header, [*rows, *PAPER])


def _before_and_after(findings: Findings, setting: Setting) -> Iterator[str]:
    for measure in ("first_try", "within_two_tries"):
        for trained in (START, "method"):
            yield findings.share(setting, trained, measure).percent()
        yield bold(findings.gain(setting, "method", measure))


def whose_reflections(findings: Findings) -> str:
    """Second tries at the start's failures: after its own reflections, and after those of the trained model."""
    header = ("", "the start", "trained", "Δ", "the start retries, trained model's reflections", "Δ")
    return markdown_table(header, [_whose(findings, setting) for setting in findings.all_settings])


def _whose(findings: Findings, setting: Setting) -> tuple[str, ...]:
    handed_over = findings.values(setting, "method", "start_retries")
    return (
        setting.title,
        findings.share(setting, START, "after_reflection").percent(),
        findings.share(setting, "method", "after_reflection").percent(),
        bold(findings.gain(setting, "method", "after_reflection")),
        findings.share(setting, "method", "start_retries").percent(),
        bold(difference(findings.values(setting, START, "after_reflection"), handed_over)),
    )


def against_larger(findings: Findings) -> str:
    """The trained small model beside the untrained one ten times its size, on new problems."""
    if not findings.settings("large"):
        return "Not run: `verl-reflect replicate` without `--small`."
    header = ("", "small, trained: 1st / 2nd try", "large, untrained: 1st / 2nd try", "difference of 2nd tries")
    return markdown_table(header, [_against(findings, setting) for setting in findings.settings("small")])


def _against(findings: Findings, small: Setting) -> tuple[str, ...]:
    large = Setting(small.architecture, "large", small.world)
    second = findings.values(large, START, "within_two_tries"), findings.values(small, "method", "within_two_tries")
    return (
        small.label,
        _pair(findings, small, "method"),
        _pair(findings, large, START),
        bold(difference(*second)),
    )


def _pair(findings: Findings, setting: Setting, trained: str) -> str:
    measures = ("first_try", "within_two_tries")
    return " / ".join(findings.share(setting, trained, measure).percent() for measure in measures)


def summary(findings: Findings) -> str:
    """The README's table: second tries of the small models at the failures of their starts."""
    header = (
        *("small models, second tries", "the start", "reflections trained", "Δ"),
        *("the start, after the trained model's reflections", "trained, without reflecting", "trained, one fresh try"),
    )
    return markdown_table(header, [_summary(findings, setting) for setting in findings.settings("small")])


def _summary(findings: Findings, setting: Setting) -> tuple[str, ...]:
    others = ("start_retries", "blind_retry", "fresh@1")
    return (
        setting.label,
        findings.share(setting, START, "after_reflection").percent(),
        findings.share(setting, "method", "after_reflection").percent(),
        bold(findings.gain(setting, "method", "after_reflection")),
        *(findings.share(setting, "method", measure).percent() for measure in others),
    )


CONTROLS = {
    START: "nothing",
    "method": "reflections: the method",
    "shuffled": "reflections, rewards shuffled",
    "grpo": "first attempts: plain GRPO",
    "all": "all tokens",
}


def controls(findings: Findings) -> str:
    """The small models, trained in every way."""
    header = (
        *("", "trained", "1st try", "2nd try after reflecting", "2nd try without (blind)"),
        *("the start retries after its reflections", "tokens generated a step"),
    )
    rows = (
        _control(findings, setting, trained, label)
        for setting in findings.settings("small")
        for trained, label in CONTROLS.items()
    )
    return markdown_table(header, rows)


def _control(findings: Findings, setting: Setting, trained: str, label: str) -> tuple[str, ...]:
    measures = ("first_try", "after_reflection", "blind_retry", "start_retries")
    tokens = "" if trained == START else f"{findings.mean(setting, trained, 'generated_tokens'):,.0f}"
    return (setting.label, label, *(findings.share(setting, trained, m).percent() for m in measures), tokens)


def resampling(findings: Findings) -> str:
    """Second tries at the start's failures beside fresh attempts that cost as many generated tokens."""
    header = (
        *("", "model", "2nd try after reflecting", "tokens", "one fresh try"),
        *("fresh tries for the same tokens", "any of them passes", "reflecting minus these"),
    )
    rows = (
        _resampled(findings, setting, trained) for setting in findings.all_settings for trained in (START, "method")
    )
    return markdown_table(header, rows)


def _resampled(findings: Findings, setting: Setting, trained: str) -> tuple[str, ...]:
    tokens = _mean(findings, setting, trained, "reflection_tokens") + _mean(findings, setting, trained, "retry_tokens")
    tries = min(FRESH, math.ceil(tokens / _mean(findings, setting, trained, "fresh_tokens")))
    fresh = findings.values(setting, trained, f"fresh@{tries}")
    return (
        setting.title,
        "untrained" if trained == START else "trained",
        findings.share(setting, trained, "after_reflection").percent(),
        f"{tokens:.0f}",
        findings.share(setting, trained, "fresh@1").percent(),
        str(tries),
        findings.share(setting, trained, f"fresh@{tries}").percent(),
        bold(difference(fresh, findings.values(setting, trained, "after_reflection"))),
    )


def _mean(findings: Findings, setting: Setting, trained: str, measure: str) -> float:
    values = findings.values(setting, trained, measure)
    return sum(values) / len(values)


def elsewhere(findings: Findings) -> str:
    """The task that was not trained: first tries (forgetting), and second tries after reflecting (transfer)."""
    header = (
        *("", "examined on", "1st try before", "after", "Δ"),
        *("2nd try after reflecting, before", "after", "Δ", "the start retries after its reflections, Δ"),
    )
    rows = (_elsewhere(findings, setting) for setting in findings.all_settings)
    return markdown_table(header, rows)


def _elsewhere(findings: Findings, setting: Setting) -> tuple[str, ...]:
    other = next(world for world in WORLDS if world != setting.world)
    handed_over = findings.values(setting, "method", "start_retries", other)
    cells = [
        text
        for measure in ("first_try", "after_reflection")
        for text in (
            findings.share(setting, START, measure, other).percent(),
            findings.share(setting, "method", measure, other).percent(),
            bold(findings.gain(setting, "method", measure, other)),
        )
    ]
    before = findings.values(setting, START, "after_reflection", other)
    return (setting.title, TITLES[other], *cells, bold(difference(before, handed_over)))


def bold(estimate: Estimate) -> str:
    """A difference, in bold if its interval leaves out zero."""
    text = estimate.percent("+")
    return f"**{text}**" if estimate.low > 0 or estimate.high < 0 else text


TABLES = {
    "first and second tries": first_and_second,
    "whose reflections": whose_reflections,
    "against the larger": against_larger,
    "controls": controls,
    "resampling": resampling,
    "elsewhere": elsewhere,
}
"""By the name of the place in docs/replication.md where each goes."""
