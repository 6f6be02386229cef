"""Tiny runs and evaluations on disk, with lines as the replay buffer writes them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from verl_reflect.evaluate.measures import results_by_source
from verl_reflect.evaluate.summary import FORMAT
from verl_reflect.records.transcripts import Episode, Judgement, Transcript, Utterance, line_of
from verl_reflect.rollout.episode import Outcome

PASS = Judgement(1.0, True, "none")
FAIL = Judgement(0.0, False, "missed_target")
Line = dict[str, Any]


def said(text: str) -> Utterance:
    """A turn with a token for each word and one for its end."""
    return Utterance(text, len(text.split()) + 1)


EPISODE = Episode(
    index=0,
    data_source="countdown/reflect",
    task="Make 29 from 3 5 8 .",
    attempt=said("( 3 + 5 ) * 8"),
    first_try=FAIL,
    reflection=said("I was careless ."),
    validate=True,
)


def line(*retries: bool, key: str = "uid_0_0", **changes: Any) -> Line:
    """One session: of EPISODE with changes, and with a retry for each verdict."""
    if not retries:
        changes = {"reflection": None, **changes}
    verdicts = tuple(PASS if passed else FAIL for passed in retries)
    episode = replace(EPISODE, retries=tuple(said("( 8 * 3 ) + 5") for _ in retries), retry_verdicts=verdicts)
    episode = replace(episode, **changes)
    return line_of(Transcript(**vars(episode), key=key, metrics=Outcome(episode).report()))


def failures(*passed: bool, **changes: Any) -> list[Line]:
    """Known failures number 0, 1, …, each with whether its retry passes."""
    return [line(each, index=index, **changes) for index, each in enumerate(passed)]


def blind(*passed: bool) -> list[Line]:
    """The same failures, retried without a reflection."""
    return failures(*passed, reflection=None, data_source="countdown/blind")


def group(*passed: bool, uid: str = "uid", says: Sequence[str] = ()) -> list[Line]:
    """Reflections on one failed attempt, in training."""
    texts = says or ["I was careless ."] * len(passed)
    return [
        line(each, key=f"{uid}_{session}_0", data_source="countdown", validate=False, reflection=said(text))
        for session, (each, text) in enumerate(zip(passed, texts, strict=True))
    ]


def write_run(
    folder: Path,
    validations: Mapping[int, Iterable[Line]] | None = None,
    rollouts: Mapping[int, Iterable[Line]] | None = None,
    metrics: Iterable[tuple[int, Mapping[str, Any]]] = (),
) -> Path:
    """A run's folder, which is returned."""
    for name, steps in (("validation", validations), ("rollout", rollouts)):
        for step, lines in (steps or {}).items():
            path = folder / name / "transcripts" / f"{step}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    folder.mkdir(parents=True, exist_ok=True)
    logged = "".join(json.dumps({"step": step, "data": dict(data)}) + "\n" for step, data in metrics)
    (folder / "metrics.jsonl").write_text(logged)
    return folder


def write_evaluation(folder: Path, sessions: Mapping[str, Iterable[Line]]) -> Path:
    """An evaluation's folder from the lines of each condition. The same item again is its next sample."""
    rows = [row for condition, lines in sessions.items() for row in _evaluated(condition, lines)]
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "transcripts.parquet")
    summary = {"format": FORMAT, "results": [asdict(each) for each in results_by_source(rows)]}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def _evaluated(condition: str, lines: Iterable[Line]) -> Iterable[Line]:
    """The rows with the columns that an evaluation adds."""
    samples: Counter[int] = Counter()
    for each in lines:
        item, passed, metrics = each["index"], each["first_try"]["passed"], each["metrics"]
        judged = not (passed or each.get("given_up") or metrics["verifier_error"]) and condition != "first_try"
        yield {
            **each,
            **{"item": item, "sample": samples[item], "condition": condition, "first_passed": float(passed)},
            **{"first_category": each["first_try"]["category"], "second_category": metrics["category"]},
            "passed_within": [metrics["second_try"]] if judged else None,
        }
        samples[item] += 1


HOSTILE = (
    "</script><script>alert('x')</script><!--<img src=x onerror=alert(1)>{{ 7 * 7 }} & \u2028 \ud83d \x1b[2J \u202e"
)
READ = HOSTILE.replace("\ud83d", "\N{REPLACEMENT CHARACTER}").replace("\x1b", "\\x1b")


def hostile_run(folder: Path) -> Path:
    said_so, fault = said(HOSTILE), Judgement(0.0, False, HOSTILE)
    session = dict(task=HOSTILE, attempt=said_so, first_try=fault, reflection=said_so, data_source=f"{HOSTILE}/x")
    lines = [line(False, index=index, **session) for index in range(2)]
    training = [{**each, "validate": False} for each in lines]
    return write_run(folder, {0: lines, 40: lines}, {1: training, 2: training})
