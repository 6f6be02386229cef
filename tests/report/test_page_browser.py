"""The page in a real browser: it opens, filters, follows the keyboard, and fits a phone."""

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report_folders import PASS, READ, Line, blind, group, hostile_run, line, said, write_evaluation, write_run
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from verl_reflect.report.browser import MAX_ITEMS
from verl_reflect.report.page import page
from verl_reflect.report.reading import read_sources

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="there is no chromium and chromedriver (Debian: chromium chromium-driver)"
    ),
]
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1280,900"),
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


class Page:
    """A report in the browser, as its reader sees and uses it."""

    def __init__(self, driver: webdriver.Chrome, path: Path):
        self.driver, self.path = driver, path
        driver.get_log("browser")  # what other pages left
        self.open()

    def open(self, state: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Performance.enable", {})
        self.driver.get(f"{self.path.as_uri()}{state}")

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def items(self, css: str) -> WebElement:
        return self.find(f"[data-browser=items] {css}")

    @property
    def detail(self) -> str:
        return self.items(".detail").text

    @property
    def count(self) -> str:
        return self.items("[role=status]").text

    @property
    def tasks(self) -> list[str]:
        return [entry.text.split("\n")[-1] for entry in self.all("[data-browser=items] .entries button")]

    def choose_status(self, status: str, browser: str = "items") -> None:
        self.find(f"[data-browser={browser}] .chips input[value='{status}']").click()

    def press(self, *keys: str) -> None:
        for key in keys:
            webdriver.ActionChains(self.driver).send_keys(key).perform()

    def ask(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    @property
    def thread_seconds(self) -> float:
        """What the page has cost its thread. What else the machine does makes no difference, as it would to a clock."""
        found = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(each["value"] for each in found if each["name"] == "ThreadTime")

    def width(self, pixels: int) -> None:
        size = {"width": pixels, "height": 740, "deviceScaleFactor": 1, "mobile": pixels < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


Opened = Callable[..., Page]


@pytest.fixture
def opened(chromium: webdriver.Chrome, tmp_path: Path) -> Iterator[Opened]:
    """Opens the report of some folders; afterwards nothing may have been written to the console."""

    def opened(*folders: str | Path) -> Page:
        path = tmp_path / "report.html"
        path.write_text(page(read_sources(map(str, folders))), encoding="utf-8")
        return Page(chromium, path)

    yield opened
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert chromium.get_log("browser") == []


def known(*passed: bool) -> list[Line]:
    """Known failures with tasks of their own."""
    return [line(each, index=index, task=f"Make {index} .") for index, each in enumerate(passed)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Of its items 0 is fixed, 1 broken, 2 and 3 still wrong, 4 solved."""
    before, after = known(False, True, False, False, True), known(True, False, False, False, True)
    after[0]["reflection"]["text"] = "First I will add 3 and 5 ."
    rollouts = {
        1: [*group(True, False, uid="a", says=["pays", "does not"]), *group(False, False, uid="b")],
        40: group(True, True, uid="c"),
    }
    return write_run(tmp_path / "run", {0: before, 40: [*after, *blind(True)]}, rollouts)


def test_an_item_shows_both_conversations_and_what_is_rewarded(opened: Opened, run: Path) -> None:
    shown = opened(run)
    assert shown.count == "1 of 5", "it opens on all outcomes"
    shown.choose_status("fixed")
    assert shown.count == "1 of 1" and shown.tasks == ["Make 0 ."]
    assert [each.text for each in shown.all("[data-browser=items] h4")] == [
        "before training (step 0)",
        "after training (step 40)",
    ]
    trained = shown.all("[data-browser=items] .turn.trained pre")
    assert [each.text for each in trained] == ["I was careless . end", "First I will add 3 and 5 . end"]
    told = shown.detail
    order = ["user, the task", "first attempt", "You tried solving", "only these tokens are rewarded", "the task again"]
    assert [told.index(each) for each in order] == sorted(told.index(each) for each in order)
    assert "Reward of the reflection: 0, because the retry failed." in told
    assert "Reward of the reflection: 1, because the retry passed." in told
    assert told.count("first attempt") == 1, "what both sides share is shown once"
    assert told.count("You tried solving") == 1


@pytest.mark.parametrize(
    ("status", "tasks"),
    [
        ("fixed", ["Make 0 ."]),
        ("broken", ["Make 1 ."]),
        ("wrong", ["Make 2 .", "Make 3 ."]),
        ("solved", ["Make 4 ."]),
        ("", [f"Make {index} ." for index in range(5)]),
    ],
)
def test_the_outcome_filters_the_list(opened: Opened, run: Path, status: str, tasks: list[str]) -> None:
    shown = opened(run)
    shown.choose_status(status)
    assert shown.tasks == tasks and shown.count == f"1 of {len(tasks)}"
    chips = [chip.text for chip in shown.all("[data-browser=items] .chips span")]
    assert chips == ["all 5", "fixed 1", "broken 1", "still wrong 2", "solved 1"]


def test_search_and_the_other_filters(opened: Opened, run: Path) -> None:
    shown = opened(run)
    shown.choose_status("")
    shown.items("input[type=search]").send_keys("FIRST i will")
    assert shown.tasks == ["Make 0 ."]
    shown.items("input[type=search]").send_keys(" nowhere")
    assert shown.tasks == [] and shown.count == "none" and "Nothing matches" in shown.detail
    shown.press(*[Keys.BACKSPACE] * len("FIRST i will nowhere"))
    assert shown.count == "1 of 5"
    Select(shown.all("[data-browser=items] select")[1]).select_by_visible_text("countdown/blind, without reflecting")
    assert shown.count == "1 of 1" and "this is the control" in shown.detail


def test_everything_works_without_a_mouse(opened: Opened, run: Path) -> None:
    shown = opened(run)
    shown.choose_status("fixed")
    shown.find("h1").click()
    reached = []
    for _ in range(40):
        shown.press(Keys.TAB)
        reached.append(shown.ask("document.activeElement.className || document.activeElement.tagName"))
    assert {"skip", "A", "INPUT", "SELECT", "BUTTON", "detail"} <= set(reached)
    shown.items(".chips input:checked").send_keys(Keys.ARROW_LEFT)  # from fixed to all
    assert shown.count == "1 of 5"
    shown.press("j", "j", "k")
    assert shown.count == "2 of 5" and "Make 1 ." in shown.detail
    shown.items("[aria-current]").send_keys(Keys.ARROW_DOWN)
    assert shown.count == "3 of 5" and shown.ask("document.activeElement.innerText.includes('Make 2')")
    shown.press(Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_UP)
    assert shown.count == "1 of 5"
    shown.items("select").send_keys("j")
    assert shown.count == "1 of 5", "a letter that is typed into a control moves nothing"


def test_the_address_keeps_what_is_shown(opened: Opened, run: Path) -> None:
    shown = opened(run)
    shown.choose_status("wrong")
    shown.press("j")
    state = shown.ask("location.hash")
    assert "Make 3 ." in shown.detail and "items.status=wrong" in state
    shown.open(state)
    assert "Make 3 ." in shown.detail and shown.count == "2 of 2"
    shown.driver.execute_script("location.hash = 'items.status=broken'")
    assert shown.count == "1 of 1" and "Make 1 ." in shown.detail
    shown.driver.execute_script("location.hash = 'items.q=Make'")
    assert shown.count == "1 of 5" and "Make 0 ." in shown.detail, "what an address does not say is as at the start"
    shown.driver.execute_script("location.hash = 'items.at=999&items.source=77'")
    assert shown.count == "none", "an address that fits another report does not break this one"


def test_a_group_shows_who_is_pushed_up_and_who_down(opened: Opened, run: Path) -> None:
    shown = opened(run)
    members = [each.text.split("\n") for each in shown.all("[data-browser=groups] .member")]
    assert [each[:3] for each in members] == [
        ["model, reflection", "trained · 2 tokens", "pays end"],
        ["model, reflection", "trained · 3 tokens", "does not end"],
    ]
    assert members[0][3:6] == ["reward 1", "advantage +0.71", "▲ more likely"]
    assert members[1][3:6] == ["reward 0", "advantage −0.71", "▼ less likely"]
    shown.choose_status("none", "groups")
    assert "none passes, so nothing is learned" in shown.find("[data-browser=groups] .detail").text
    shown.choose_status("all", "groups")
    assert "training step 40" in shown.find("[data-browser=groups] .detail").text


def test_an_evaluation_alone_has_no_sides(opened: Opened, tmp_path: Path) -> None:
    solved = line(index=9, first_try=PASS, own_attempt=True)
    folder = write_evaluation(tmp_path / "eval", {"reflect": [*known(True, False), solved]})
    shown = opened(folder)
    assert shown.all("[data-browser=items] h4") == [] and "because the retry passed" in shown.detail
    shown.choose_status("solved")
    assert "Passed at the first try: there is nothing to reflect on." in shown.detail
    assert "no transcripts of training" in shown.find("#groups-section").text


def test_what_a_model_says_stays_text(opened: Opened, tmp_path: Path) -> None:
    shown = opened(hostile_run(tmp_path / "run"))
    shown.choose_status("")
    assert READ in [each.get_property("textContent") for each in shown.all("[data-browser=items] pre")]
    assert shown.all("[data-browser] img, [data-browser] script") == []
    assert shown.ask("document.scripts.length") == 2


@pytest.mark.parametrize("pixels", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(opened: Opened, tmp_path: Path, run: Path, pixels: int) -> None:
    endless = [line(False, index=7, attempt=said("x" * 3000), reflection=said("y" * 3000), task="z" * 3000)]
    write_run(tmp_path / "long", {0: endless, 40: endless}, {1: [{**each, "validate": False} for each in endless]})
    shown = opened(f"{'w' * 60}={tmp_path / 'long'}", run)
    shown.width(pixels)
    for status in ("", "none"):
        shown.choose_status(status, "items" if status == "" else "groups")
    assert shown.ask("document.documentElement.scrollWidth") <= pixels


def test_a_long_turn_is_folded_until_it_is_asked_for(opened: Opened, tmp_path: Path) -> None:
    long = [line(False, reflection=said("a thought " * 400), attempt=said("a word"))]
    shown = opened(write_run(tmp_path / "run", {0: long, 40: long}))
    [folded, *_] = shown.all("[data-browser=items] .folded")
    height = folded.size["height"]
    shown.all("[data-browser=items] .unfold")[0].click()
    assert len(shown.all("[data-browser=items] .unfold")) == 2, "of the two reflections, and of nothing that is short"
    assert folded.size["height"] > 2 * height and "Show less" in shown.detail


@pytest.mark.parametrize("pixels", [390, 1280])
def test_the_navigation_stays_in_reach(opened: Opened, run: Path, pixels: int) -> None:
    shown = opened(run)
    shown.width(pixels)
    shown.driver.execute_script("document.getElementById('notes').scrollIntoView()")
    assert shown.ask("document.querySelector('nav').getBoundingClientRect().top") == 0
    top = shown.ask("document.getElementById('notes').getBoundingClientRect().top")
    assert top >= shown.find("nav").size["height"], "and hides no heading"


@pytest.mark.parametrize("pixels", [390, 800, 1280])
@pytest.mark.parametrize("sources", [1, 2, 3])
def test_the_grid_of_plots_has_no_hole(opened: Opened, tmp_path: Path, pixels: int, sources: int) -> None:
    lines = [line(True, data_source=f"source {number}") for number in range(sources)]
    shown = opened(write_run(tmp_path / "run", {0: lines, 40: lines}))
    shown.width(pixels)
    edges = [(each.rect["y"], each.rect["x"] + each.rect["width"]) for each in shown.all("#learning ~ .plots figure")]
    right = {max(x for y, x in edges if y == row) for row in {y for y, _ in edges}}
    assert len(edges) == sources and max(right) - min(right) < 2, "each row ends where the others do"


def test_what_can_be_tapped_is_large_enough_on_a_phone(opened: Opened, run: Path) -> None:
    shown = opened(run)
    shown.width(360)
    sizes = {each.text or each.tag_name: each.size for each in shown.all("button, select, input, nav a")}
    assert {name: size for name, size in sizes.items() if min(size.values()) < 24} == {}, "WCAG 2.2, 2.5.8"


def test_every_control_has_a_name_and_headings_do_not_skip(opened: Opened, run: Path) -> None:
    shown = opened(run)
    nameless = [
        each.get_attribute("outerHTML") for each in shown.all("button, select, input") if not each.accessible_name
    ]
    assert nameless == []
    levels = [int(each.tag_name[1]) for each in shown.all("h1, h2, h3, h4")]
    assert levels[0] == 1 and all(after <= before + 1 for before, after in pairwise(levels))
    assert shown.ask("[...document.querySelectorAll('section')].every((each) => each.ariaLabelledByElements?.length)")


def test_a_dark_page_for_dark_rooms(opened: Opened, run: Path, chromium: webdriver.Chrome) -> None:
    shown = opened(run)
    for mode, colour in (("dark", "rgb(23, 24, 26)"), ("light", "rgb(255, 255, 255)")):
        emulated = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
        assert shown.ask("getComputedStyle(document.body).backgroundColor") == colour


def test_ten_thousand_items_open_in_two_seconds(opened: Opened, tmp_path: Path) -> None:
    attempt, reflection = said("a first attempt of some length " * 20), said("a reflection of some length " * 10)
    lines = [
        line(index % 3 == 0, index=index, task=f"Make {index} .", attempt=attempt, reflection=reflection)
        for index in range(MAX_ITEMS)
    ]
    for each in lines:  # as different as a model's answers are
        each["attempt"]["text"] += str(each["index"])
        each["reflection"]["text"] += str(each["index"])
    shown = opened(write_run(tmp_path / "run", {0: lines, 40: lines}))
    assert shown.items(".chips").text.startswith("all 10,000")
    seconds = shown.thread_seconds
    assert 0.05 < seconds < 2.0, f"{os.path.getsize(shown.path) / 1e6:.0f} MB took {seconds:.2f} s"
