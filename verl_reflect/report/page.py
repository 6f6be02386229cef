"""Puts the page together: one HTML file with its style, its script and its data inside.

Jinja escapes every value. The data of the browser are JSON that Jinja makes safe for a `script` element, and the page's
script puts them on the screen as text, never as HTML. Should a value slip through, the page's content policy lets no
script run but its own, and nothing be fetched.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from verl_reflect import __version__
from verl_reflect.report.browser import browser
from verl_reflect.report.cost import costs
from verl_reflect.report.curves import Curve, reflection_curves, top_of, training_curves, validation_curves
from verl_reflect.report.errors import error_counts
from verl_reflect.report.facts import facts
from verl_reflect.report.looks import SVG_DASHES, need_matplotlib
from verl_reflect.report.reading import Subject, remarks
from verl_reflect.report.results import by_label, comparisons, evaluation_grids, rows
from verl_reflect.report.sayings import Saying, sayings
from verl_reflect.report.story import story
from verl_reflect.statistics import Estimate


def page(sources: Sequence[Subject]) -> str:
    """The whole report as HTML."""
    environment = Environment(
        loader=PackageLoader("verl_reflect.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "change": _change, "points": _points, "unbroken": _unbroken}
    environment.tests |= {"sure": _sure}
    script, style = _file("page.js"), _file("page.css")
    labels, found = list(by_label(sources)), rows(sources)
    compared = any(row.before for row in found)
    return environment.get_template("page.html.j2").render(
        version=__version__,
        sources=sources,
        labels=labels,
        several=len(labels) > 1,
        dashes=SVG_DASHES,
        style=Markup(style),
        script=Markup(script),
        script_hash=_hash(script),
        facts=facts(sources),
        remarks=remarks(sources),
        story=story(sources),
        rows=_by_measure(found),
        compared=compared,
        seeded=any(row.seeds for row in found),
        after="After" if compared else "Success",
        comparisons=comparisons(sources),
        evaluations=list(evaluation_grids(sources)),
        success_plots=_plots([*validation_curves(sources), *training_curves(sources)], labels),
        reflection_plots=_plots(reflection_curves(sources), labels),
        errors=_by_measure(error_counts(sources)),
        sayings=_sayings(sources),
        costs=costs(sources),
        browser=browser(sources),
    )


def _file(name: str) -> str:
    return files("verl_reflect.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _by_measure(found: Iterable[Any]) -> list[tuple[Any, list[Any]]]:
    return [(measure, list(same)) for measure, same in groupby(found, key=attrgetter("measure"))]


def _plots(curves: Sequence[Curve], labels: Sequence[str]) -> list[tuple[Curve, Markup]]:
    if not curves:
        return []
    need_matplotlib()
    from verl_reflect.report.plots import inline_svg

    top = top_of(curves)
    return [(curve, Markup(inline_svg(curve, labels, top))) for curve in curves]


def _sayings(sources: Sequence[Subject]) -> list[tuple[str, str, list[Saying]]]:
    """Label, when, and the commonest wordings; of the label's seeds together."""
    told = []
    for label, seeds in by_label(sources).items():
        before = [session for seed in seeds for session in seed.before]
        after = [session for seed in seeds for session in seed.after]
        told += [(label, "before", sayings(before)), (label, "after", sayings(after))]
    return [each for each in told if each[2]]


def _percent(estimate: Estimate | None) -> str:
    """Such as `41.0 (36.3 to 45.9)`."""
    return estimate.percent() if estimate else "—"


def _change(estimate: Estimate | None) -> str:
    """Such as `+23.5 (+17.7 to +29.3)`."""
    return estimate.percent("+").replace("-", "−") if estimate else "—"


def _sure(estimate: Estimate | None) -> bool:
    """A change whose interval leaves out zero."""
    return estimate is not None and (estimate.low > 0 or estimate.high < 0)


_UNIT = re.compile(r"(?<=[\d)]) (?=%|points|\(|to [+−]?\d)|(?<=\d to) (?=[+−]?\d)")


def _unbroken(text: str) -> str:
    """The text with no-break spaces inside numbers with their intervals and units."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def _points(estimate: Estimate) -> str:
    """Such as `+23.5`."""
    return f"{100 * estimate.value:+.1f}".replace("-", "−")
