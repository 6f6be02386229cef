"""What the page's transcript browser shows, as plain data for its script.

Held-out items, before against after, and training groups: the reflections on one failed attempt with their rewards and
advantages. A text is stored once and referred to by its number, since attempts and tasks recur.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from verl_reflect.report.advantage import advantages
from verl_reflect.report.measures import AFTER, headline
from verl_reflect.report.reading import Sessions, Subject
from verl_reflect.report.results import all_measures
from verl_reflect.report.session import ShownSession, ShownTurn, ShownVerdict

MAX_ITEMS = 10_000
MAX_GROUPS = 2_000
"""More would make the page slow to open: then every second, third, … is shown, and the page says so."""

Pair = tuple[ShownSession | None, ShownSession]


class Texts:
    """Numbers for texts, the same for the same text."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The text's place in `all`."""
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def all(self) -> list[str]:
        """Every text once."""
        return list(self._numbers)


@dataclass(frozen=True)
class Browser:
    """The data, and what had to be left out."""

    data: dict[str, Any]
    items: int
    """Of which `data["items"]` may be a part."""
    groups: int


def browser(sources: Sequence[Subject]) -> Browser:
    """Everything there is to browse in these sources."""
    texts = Texts()
    pairs = [(number, pair) for number, source in enumerate(sources) for pair in _pairs(source)]
    groups = [(number, step, group) for number, source in enumerate(sources) for step, group in _groups(source)]
    main = headline(all_measures(sources))
    data = {
        "sources": [_source(source) for source in sources],
        "first_kind": _kind(main.data_source, main.condition) if main else "",
        "items": [_item(texts, sources[number], number, pair) for number, pair in _thinned(pairs, MAX_ITEMS)],
        "groups": [
            _group(texts, sources[number], number, step, group) for number, step, group in _thinned(groups, MAX_GROUPS)
        ],
    }
    return Browser({**data, "texts": texts.all}, len(pairs), len(groups))


def _thinned(found: Sequence[Any], most: int) -> Sequence[Any]:
    """At most so many, evenly spread."""
    if len(found) <= most:
        return found
    return [found[place * len(found) // most] for place in range(most)]


def _source(source: Subject) -> dict[str, Any]:
    return {
        "name": source.name,
        "before": source.before_name,
        "after": source.after_name,
        "trained": list(source.settings.trained_turns),
        "shuffled": source.settings.estimator == "grpo_shuffled",
    }


def _kind(data_source: str, condition: str) -> str:
    how = AFTER.get(condition, "first try only")
    return f"{data_source}, {how}"


def _pairs(source: Subject) -> Iterable[Pair]:
    """Each session after with the one on the same item before, sample by sample."""
    before: dict[tuple[object, ...], list[ShownSession]] = defaultdict(list)
    for session in reversed(source.before):
        before[session.data_source, session.condition, session.item].append(session)
    for session in sorted(source.after, key=lambda each: (each.data_source, isinstance(each.item[0], str), each.item)):
        earlier = before[session.data_source, session.condition, session.item]
        yield (earlier.pop() if earlier else None), session


def status(before: ShownSession | None, after: ShownSession) -> str:
    """`fixed`, `broken`, `wrong` (still) or `solved`: in the end before training and after it.

    With nothing before: `solved` at the first try, `fixed` by the second, or `wrong`.
    """
    passed = after.in_the_end > 0
    was_right = after.passed if before is None else before.in_the_end > 0
    if was_right:
        return "solved" if passed else "broken"
    return "fixed" if passed else "wrong"


def _item(texts: Texts, source: Subject, number: int, pair: Pair) -> dict[str, Any]:
    before, after = pair
    return {
        "source": number,
        "kind": _kind(after.data_source, after.condition),
        "index": after.item[0],
        "status": status(before, after),
        "task": texts.number(after.task),
        **_words(texts, source, after),
        "before": _told(texts, before) if before else None,
        "after": _told(texts, after),
    }


def _words(texts: Texts, source: Subject, session: ShownSession) -> dict[str, int]:
    """What the model is told between its turns."""
    settings = source.settings
    return {
        "request": texts.number(settings.request(session.data_source)),
        "again": texts.number(settings.retry_prompt.replace("{task}", session.task)),
    }


def _told(texts: Texts, session: ShownSession) -> dict[str, Any]:
    return {
        "attempt": {**_turn(texts, session.attempt), **_verdict(session.first_verdict)},
        "passed": session.passed,
        "reflection": _turn(texts, session.reflection) if session.reflection else None,
        "retries": [
            {**_turn(texts, retry), **_verdict(verdict)}
            for retry, verdict in zip(session.retries, session.retry_verdicts, strict=True)
        ],
        "reward": session.second_try,
    }


def _turn(texts: Texts, turn: ShownTurn) -> dict[str, Any]:
    return {"text": texts.number(turn.text), "tokens": turn.tokens, "cut": turn.truncated}


def _verdict(verdict: ShownVerdict) -> dict[str, Any]:
    return {"passed": verdict.passed, "error": verdict.error, "detail": verdict.detail}


def _groups(source: Subject) -> Iterable[tuple[int, Sessions]]:
    """The groups of the first and the last training step."""
    for step in sorted({min(source.rollouts), max(source.rollouts)}) if source.rollouts else ():
        found: dict[str, list[ShownSession]] = defaultdict(list)
        for session in source.rollouts[step]:
            found[session.group].append(session)
        for group in found.values():
            yield step, group


def _lesson(group: Sessions) -> str:
    """`mixed` if some retries pass, `none` or `all`."""
    passed = {session.in_the_end for session in group}
    return "mixed" if len(passed) > 1 else "none" if passed == {0.0} else "all"


def _group(texts: Texts, source: Subject, number: int, step: int, group: Sessions) -> dict[str, Any]:
    first = group[0]
    rewards = [session.reward for session in group]
    known = source.settings.estimator == "grpo"
    pushes = advantages(rewards, source.settings.divides_by_std) if known else [None] * len(group)
    members = [
        {**_told(texts, session), "paid": session.reward, "push": push}
        for session, push in zip(group, pushes, strict=True)
    ]
    return {
        "source": number,
        "step": step,
        "index": first.item[0],
        "status": _lesson(group),
        "task": texts.number(first.task),
        **_words(texts, source, first),
        "shared": len({session.attempt for session in group}) == 1,
        "members": sorted(members, key=lambda member: -member["paid"]),
    }
