"""The page: one file, nothing fetched, nothing of a model's ever taken for HTML, colours that can be told apart."""

import json
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest
from report_folders import READ, blind, failures, group, hostile_run, write_evaluation, write_run
from typer.testing import CliRunner

from verl_reflect.cli.app import app
from verl_reflect.evaluate.summary import Summary
from verl_reflect.evaluate.table import success_grids
from verl_reflect.report.looks import SERIES
from verl_reflect.report.page import page
from verl_reflect.report.reading import read_sources


class Elements(HTMLParser):
    """Counts elements, and collects attributes and the text of scripts."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._in_script = tag == "script"
        self.scripts += [""] * self._in_script

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data

    @property
    def data(self) -> dict[str, object]:
        return json.loads(self.scripts[0])


def a_run(folder: Path) -> Path:
    return write_run(
        folder,
        {0: [*failures(False, False), *blind(False, False)], 40: [*failures(True, False), *blind(False, True)]},
        {1: group(True, False), 40: group(True, True)},
        [(step, {"reflect/acc": step / 40, "timing_s/step": 1.0}) for step in range(1, 41)],
    )


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runs")
    return page(read_sources([str(a_run(folder / "trained-1")), str(a_run(folder / "trained-2"))]))


def test_what_a_model_says_is_never_html(tmp_path: Path) -> None:
    label = "<script>alert(1)<|script> \udcff"
    html = page(read_sources([f"{label}={hostile_run(tmp_path / 'run')}"]))
    found = Elements(html)
    assert found.tags["script"] == 2 and found.tags["img"] == 0
    assert not any(name.startswith("on") for _, name, _ in found.attributes)
    assert READ in found.data["texts"]  # type: ignore[operator]
    assert "<script>alert" not in html and "49 &amp;" not in html
    html.encode("utf-8")


def test_nothing_is_fetched(html: str) -> None:
    found = Elements(html)
    assert not {"iframe", "object", "embed", "base", "form"} & found.tags.keys()
    for tag, name, value in found.attributes:
        if name in ("src", "href", "action", "xlink:href"):
            assert value.startswith(("#", "data:,")), (tag, name, value)
    assert not re.search(r"@import|url\((?!#)", html)
    assert "default-src 'none'" in html


def test_every_id_is_there_once_and_every_link_has_its_place(html: str) -> None:
    attributes = Elements(html).attributes
    ids = Counter(value for _, name, value in attributes if name == "id")
    assert [value for value, count in ids.items() if count > 1] == []
    targets = {value.removeprefix("#") for _, name, value in attributes if name in ("href", "xlink:href")} - {"data:,"}
    targets |= {value for _, name, value in attributes if name == "aria-labelledby"}
    assert targets <= ids.keys()


def test_the_same_runs_make_the_same_bytes(html: str, tmp_path: Path) -> None:
    again = page(read_sources([str(a_run(tmp_path / "trained-1")), str(a_run(tmp_path / "trained-2"))]))
    assert again == html


def test_each_section_says_what_is_missing_when_there_is_nothing_to_show(tmp_path: Path) -> None:
    html = page(read_sources([str(write_run(tmp_path / "run", metrics=[(1, {"reflect/acc": 0.5})]))]))
    for sentence in (
        "There are no validations or evaluations in these folders.",
        "so there are no curves",
        "there are no held-out items to show",
        "There are no transcripts of training",
        "Every try passed, or none was recorded.",
        "too few reflections",
        "Cost is counted from the transcripts of training",
    ):
        assert sentence in " ".join(html.split())


def cells(html: str, label: str) -> list[str]:
    return re.findall(rf'<td class="([^"]*)" data-label="{label}">', html)


def test_a_change_is_bold_only_where_its_interval_leaves_out_zero(tmp_path: Path) -> None:
    before, rose, hardly = (failures(*[True] * passed, *[False] * (40 - passed)) for passed in (0, 30, 1))
    bold = page(read_sources([str(write_run(tmp_path / "rose", {0: before, 40: rose}))]))
    plain = page(read_sources([str(write_run(tmp_path / "hardly", {0: before, 40: hardly}))]))
    assert cells(bold, "Δ") == ["number strong"] and cells(plain, "Δ") == ["number"]


def test_one_run_needs_no_column_of_its_name(html: str, tmp_path: Path) -> None:
    alone = page(read_sources([str(a_run(tmp_path / "alone"))]))
    other = page(read_sources([f"ours={a_run(tmp_path / 'x')}", f"theirs={a_run(tmp_path / 'y')}"]))
    for text in ('<td data-label="">', '<th scope="col">Training</th>'):
        assert text not in alone and text in other
    assert '<th scope="col">Training</th>' in html, "of two seeds each has its cost"


def test_a_number_is_not_parted_from_its_interval_and_unit(html: str) -> None:
    told = html.replace("\n", " ")
    assert re.search(r"went from [\d.]+\u00a0% to [\d.]+\u00a0%", told)
    assert re.search(r"\u00a0\([+−][\d.]+\u00a0to\u00a0[+−][\d.]+\)\u00a0points", told)


def test_a_plot_is_told_in_words_too(html: str) -> None:
    labels = [value for tag, name, value in Elements(html).attributes if name == "aria-label" and "steps." in value]
    assert len(labels) == 5
    assert (
        "Second try after reflecting, countdown/reflect, over training steps. trained: 0 % at step 0, 50 % at step 40."
        in labels
    )


def test_the_tables_of_an_evaluation_are_shown_as_it_printed_them(tmp_path: Path) -> None:
    first, second = failures(True, False, own_attempt=True), failures(True, True, own_attempt=True)
    again = [*failures(False, False, own_attempt=True, reflection=None)] * 2
    folder = write_evaluation(tmp_path / "eval", {"reflect": [*first, *second], "blind": again})
    html = page(read_sources([str(folder)]))
    for grid in success_grids(Summary.read(folder).results[0]):
        assert f"as <code>verl-reflect eval</code> counted it. {grid.title}</caption>" in html
        table = html[html.index(grid.title) :].partition("</table>")[0]
        cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*)</tr>", table)]
        assert [[cell.replace("−", "-").replace("&lt;", "<") for cell in row] for row in cells] == [
            list(row) for row in grid.rows
        ]
    assert "pass@k" in html and "k = 2" in html


def test_the_command_writes_page_plots_and_table(tmp_path: Path) -> None:
    a_run(tmp_path / "trained-1")
    out = ["--out", f"{tmp_path}/r.html", "--plots", f"{tmp_path}/plots", "--markdown", f"{tmp_path}/t.md"]
    result = CliRunner().invoke(app, ["report", str(tmp_path / "trained-1"), *out])
    assert result.exit_code == 0, result.output
    written = [Path(each) for each in result.stdout.splitlines()]
    assert [each.name for each in written[:2]] == ["r.html", "t.md"]
    assert {each.suffix for each in written[2:]} == {".png", ".svg"} and len(written) == 12
    assert all(each.stat().st_size > 500 for each in written)
    assert written[2].read_bytes().startswith(b"\x89PNG") and "training step" in written[3].read_text()


def test_the_command_refuses_in_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(tmp_path / "nowhere"), "--out", str(tmp_path / "r.html")])
    assert result.exit_code == 2 and not (tmp_path / "r.html").exists()
    assert result.stderr == (
        f"verl-reflect: There is no folder {tmp_path}/nowhere; name the folder of a run or an evaluation.\n"
    )


WITHOUT_MATPLOTLIB = "import sys; sys.modules['matplotlib'] = None; from verl_reflect.cli.app import app; app()"


@pytest.mark.parametrize("more", [[], ["--plots", "plots"]])
def test_without_matplotlib_one_sentence_says_what_to_install(tmp_path: Path, more: list[str]) -> None:
    a_run(tmp_path / "run")
    command = [sys.executable, "-c", WITHOUT_MATPLOTLIB, "report", "run", *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not (tmp_path / "report.html").exists()
    assert done.stderr.splitlines()[-1] == (
        "verl-reflect: Curves are drawn by matplotlib, which is not installed; pip install verl-reflect[plot]."
    )
    assert "Traceback" not in done.stderr


def test_a_page_without_curves_needs_no_matplotlib(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "eval", {"reflect": failures(True, False)})
    command = [sys.executable, "-c", WITHOUT_MATPLOTLIB, "report", "eval"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "so there are no curves" in (tmp_path / "report.html").read_text()


def palettes() -> dict[str, dict[str, str]]:
    """The colours of the light and the dark page, by name."""
    css = files("verl_reflect.report").joinpath("page.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    read = [dict(re.findall(r"--([\w-]+): (#\w{6});", part)) for part in (light, dark)]
    return {"light": read[0], "dark": read[0] | read[1]}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: 1 for the same colour, 21 for black on white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # the known lightest grey for text


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_can_be_read(mode: str) -> None:
    colours = palettes()[mode]
    pairs = [*product(("ink", "quiet", "passed", "failed", "link"), ("paper", "panel")), ("ink", "trained")]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_lines_edges_and_bars_can_be_seen(mode: str) -> None:
    colours = palettes()[mode]
    series = [f"series-{number}" for number in range(1, len(SERIES) + 1)]
    ratios = {name: contrast(colours[name], colours["paper"]) for name in (*series, "trained-edge")}
    ratios["bar"] = contrast(colours["bar"], colours["panel"])
    assert {name: ratio for name, ratio in ratios.items() if ratio < 2.5 or (name != "bar" and ratio < 3)} == {}


def test_the_plots_that_are_saved_have_the_light_pages_colours() -> None:
    light = palettes()["light"]
    assert [light[f"series-{number}"] for number in range(1, len(SERIES) + 1)] == list(SERIES)
