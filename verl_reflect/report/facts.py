"""What was run, for the head of the page: model, data, date, and the settings that a reader asks for first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from verl_reflect.report.reading import Origin, Subject
from verl_reflect.report.results import by_label
from verl_reflect.report.session import readable

MODEL, TRAINED_ON = "actor_rollout_ref.model.path", "data.train_files"
SHOWN: Mapping[str, str] = {
    "algorithm.adv_estimator": "{}",
    "reflect.credit": "credit {}",
    "reflect.control": "control {}",
    "reflect.first_attempt": "first attempts {}",
    "data.train_batch_size": "{} failures a step",
    "actor_rollout_ref.rollout.n": "{} sessions each",
    "actor_rollout_ref.actor.optim.lr": "learning rate {}",
    "actor_rollout_ref.rollout.temperature": "temperature {}",
}
"""Settings of a run, and how they are said."""
_SILENT = {"reflect.control": "none", "reflect.credit": "reflection"}
"""What goes without saying."""


@dataclass(frozen=True)
class Facts:
    """Of one label. What is not known is empty."""

    label: str
    model: str
    data: str
    began: str
    settings: str


def facts(sources: Sequence[Subject]) -> list[Facts]:
    """Of each label of which something is known."""
    found = [_facts(label, seeds[0]) for label, seeds in by_label(sources).items()]
    return [each for each in found if each.model or each.data or each.began]


def _facts(label: str, source: Subject) -> Facts:
    origin = source.origin
    said = ", ".join(_of_run(origin.settings) if source.is_run else _of_evaluation(origin.settings))
    model, data = _model(origin), ", ".join(_data(origin, source.is_run))
    date = origin.began[:16].replace("T", " ")
    return Facts(label, readable(model), readable(data), f"{date} UTC" if date else "", readable(said))


def _model(origin: Origin) -> str:
    path = PurePath(str(origin.model or origin.settings.get(MODEL) or ""))
    return path.name if path.is_absolute() else str(path) if path.name else ""


def _data(origin: Origin, is_run: bool) -> Iterator[str]:
    if is_run:
        files = origin.settings.get(TRAINED_ON) or ()
        yield from (PurePath(str(each)).name for each in ([files] if isinstance(files, str) else files))
    else:
        yield from (str(each["file"]) for each in origin.settings.get("data", ()))


def _of_run(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, words in SHOWN.items():
        value = settings.get(key)
        if value not in (None, _SILENT.get(key)) and "${" not in str(value):
            yield words.format(value)


def _of_evaluation(settings: Mapping[str, Any]) -> Iterator[str]:
    """Its choices, and how answers are drawn."""
    choices, sampling = settings.get("settings", {}), settings.get("sampling", {})
    if "samples" in choices:
        yield f"{choices['samples']} first attempts each"
    if choices.get("rounds", 1) > 1:
        yield f"up to {choices['rounds']} second tries"
    if "temperature" in sampling:
        yield f"temperature {sampling['temperature']}"
