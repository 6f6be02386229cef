"""What the README and docs/ say is so: commands parse or compose; paths, modules and settings exist.

A command is a line of a block of shell (```bash), or code within a sentence that starts with a program's name. A new
kind of command needs a check here: one that nobody reads fails the test.
"""

import importlib.util
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from builders import ROOT, compose_config
from hydra.errors import MissingConfigException

from verl_reflect.cli.app import app
from verl_reflect.config import CONTROLS, CREDITS, SAMPLERS, FirstAttempt, Guard, Penalties, ReflectConfig

sys.path.append(str(ROOT / "scripts"))
import docs_reference

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("recipes/*/README.md"), *ROOT.glob("patches/*.md")]
)
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CONF = ROOT / "verl_reflect" / "conf"
SHELL = ("bash", "sh", "shell", "console")
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
TOP = "docs|tests|recipes|benchmarks|patches|scripts|requirements|hydra_plugins|verl_reflect"
PATH = re.compile(rf"(?<![\w/.~-])(?:\.\./)?((?:{TOP})/[\w.*/-]*[\w*])(?![\w<*-])")
MODULE = re.compile(r"(?<![\w/.{-])((?:verl_reflect|recipes)(?:\.\w+)+(?::\w+)?)")
LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return FENCED.findall(page.read_text())


def outside_blocks(page: Path) -> str:
    return FENCED.sub("", page.read_text())


def commands(page: Path) -> Iterator[str]:
    """Every command of the page's blocks of shell, with its further lines, without comments."""
    for language, text in blocks(page):
        if language in SHELL:
            for line in re.sub(r"\\\n\s*", "", text).splitlines():
                yield from (part.strip() for part in re.split(r"\s&&\s", line) if part.strip())


def words_of(command: str) -> list[str]:
    """What the shell would make of a command, without variables set before it and without `...`."""
    words = [word for word in shlex.split(command, comments=True) if word != "..."]
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return words


# What is done with each program's commands. `whole` is false for one within a sentence, which may leave out arguments.


def check_our_command(arguments: list[str], whole: bool) -> None:
    command: Any = typer.main.get_command(app)
    while arguments and hasattr(command, "commands"):
        assert arguments[0] in command.commands or arguments[0].startswith("-"), f"there is no command {arguments[0]}"
        command, arguments = command.commands.get(arguments[0], command), arguments[1:]
    if arguments and not hasattr(command, "commands") and arguments != ["--help"]:
        try:
            parameters = command.make_context(command.name, list(arguments)).params
        except Exception as error:
            assert not whole and type(error).__name__ == "MissingParameter", f"{command.name}: {error}"
        else:
            check_overrides([*(parameters.get("overrides") or ())])


def check_overrides(overrides: list[str], name: str = "ppo_trainer") -> None:
    """The configuration composes, its section `reflect` can be read, and what is added with `+` is a group."""
    for group in (word[1:].partition("=")[0] for word in overrides if re.match(r"\+\w+=", word)):
        assert (CONF / group).is_dir(), f"there is no group {group}"
    if overrides:
        compose_once(name, *(word.replace("$PWD", str(ROOT / "recipes" / "own_task")) for word in overrides))


@cache
def compose_once(name: str, *overrides: str) -> None:
    config = compose_config(*overrides, name=name)
    if "reflect" in config:
        ReflectConfig.from_config(config)


def check_python(arguments: list[str], whole: bool) -> None:
    if arguments[0] == "-m":
        module, *rest = arguments[1:]
        assert starts(module) or module in OF_A_RELEASE, f"there is no module {module} to start"
        if module == "verl.trainer.main_ppo":
            named = [word.partition("=")[2] for word in rest if word.startswith("--config-name=")]
            check_overrides([word for word in rest if not word.startswith("--")], *named)
    else:
        assert (ROOT / arguments[0]).is_file(), f"there is no {arguments[0]}"


def starts(module: str) -> bool:
    """Whether `python -m` finds something to run."""
    spec = importlib.util.find_spec(module)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{module}.__main__")
    return spec is not None


def check_make(arguments: list[str], whole: bool) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {word for word in arguments if "=" not in word} <= set(targets)


def check_bash(arguments: list[str], whole: bool) -> None:
    script, *overrides = arguments
    assert (ROOT / script).is_file(), f"there is no {script}"
    check_overrides(["+recipe=reflect_grpo", "+task=countdown", *overrides])


def check_pip(arguments: list[str], whole: bool) -> None:
    """What is not published is installed from a clone, and its extras exist."""
    extras = re.findall(r"^(\w+) = \[", extras_section(), re.MULTILINE)
    for word in arguments[1:]:
        assert not word.startswith("verl-reflect") or arguments[0] == "uninstall", "it is on no package index yet"
        if match := re.fullmatch(r"\.\[([\w,]+)\]", word):
            assert set(match[1].split(",")) <= set(extras), f"there is no extra {match[1]}"


def extras_section() -> str:
    return (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2].partition("\n[")[0]


def test_every_extra_for_users_is_in_the_page_on_installing() -> None:
    extras = set(re.findall(r"^(\w+) = \[", extras_section(), re.MULTILINE)) - {"docs", "test"}
    assert set(re.findall(r'`pip install "\.\[(\w+)\]"`', (ROOT / "docs/install.md").read_text())) == extras


def nothing_to_check(arguments: list[str], whole: bool) -> None:
    """A program of the system, or of a release."""


OF_A_RELEASE = ("build", "twine")
PROGRAMS: dict[str, Callable[[list[str], bool], None]] = {
    "verl-reflect": check_our_command,
    "python": check_python,
    "make": check_make,
    "bash": check_bash,
    "pip": check_pip,
    **dict.fromkeys(("export", "unzip", "git", "patch", "pre-commit"), nothing_to_check),
}


def check(command: str, whole: bool = True) -> None:
    words = words_of(command)
    if words:
        program = words[0].removeprefix(".venv/bin/")
        assert program in PROGRAMS, f"no test reads the command {command}"
        if words[1:]:
            PROGRAMS[program](words[1:], whole)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_one_that_works(page: Path) -> None:
    for command in commands(page):
        check(command)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_in_a_sentence_is_one_that_works(page: Path) -> None:
    for code in INLINE.findall(outside_blocks(page)):
        if " " in code and re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:verl-reflect|python|make|bash|pip) ", code):
            check(code, whole=False)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_of_commands_says_that_it_is_one(page: Path) -> None:
    """Otherwise its commands would be read by nobody."""
    unnamed = [text for language, text in blocks(page) if not language]
    indented = re.findall(r"(?<=\n\n)    .*", outside_blocks(page))
    for text in [*unnamed, *indented]:
        assert text.split()[0] not in PROGRAMS, text


def test_a_command_that_does_not_work_is_found() -> None:
    broken = (
        *("verl-reflect nothing", "verl-reflect mine --no-such-option", "verl-reflect data custom --out x"),
        *("make nothing", "python -m recipes.nothing", "python nothing.py", "bash nothing.sh"),
        *("python -m verl.trainer.main_ppo +no_group=reflect_grpo", "verl-reflect doctor +tasks=countdown"),
        *("pip install verl-reflect", 'pip install ".[nothing]"', "nobody knows this"),
    )
    for command in broken:
        with pytest.raises(AssertionError):
            check(command)
    with pytest.raises(MissingConfigException, match="no_recipe"):
        check("python -m verl.trainer.main_ppo +recipe=no_recipe")
    with pytest.raises(ValueError, match=r"reflect\.credit"):
        check("python -m verl.trainer.main_ppo +recipe=reflect_grpo reflect.credit=nobody")


# Paths, modules and settings that pages, docstrings and comments name.

SOURCES = sorted(
    path
    for folder in ("verl_reflect", "recipes", "benchmarks", "scripts", "hydra_plugins", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".yaml", ".sh") and path.name not in ("test_docs.py", "test_patches.py")
)
"""Those of this repository. The two that are left out name files that are not there, one of them those of verl."""
WRITTEN_BY_A_RUN = ("docs/replication.json", "docs/results.json", "docs/comparison.json")


def there_is(path: str) -> bool:
    """A test of verl's, which a patch brings, is called `*_on_cpu.py`."""
    return bool([*ROOT.glob(path)]) or path in WRITTEN_BY_A_RUN or path.endswith("_on_cpu.py")


def defined(module: str) -> bool:
    """Whether a dotted name is a module, or something that the module before its last words speaks of."""
    words = re.split(r"[.:]", module)
    for length in range(len(words), 0, -1):
        path = ROOT.joinpath(*words[:length])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.is_file():
            rest = words[length:]
            return not rest or bool(re.search(rf"\b{rest[0]}\b", file.read_text())) or (path / rest[0]).exists()
    return False


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_and_module_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    assert [path for path in PATH.findall(text) if not there_is(path)] == []
    assert [module for module in MODULE.findall(text) if not defined(module)] == []
    links = LINK.findall(outside_blocks(page))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_path_that_code_names_exists() -> None:
    missing = {
        (name_of(source), path)
        for source in SOURCES
        for path in re.findall(
            rf"(?<![\w/.~-])((?:{TOP})/[\w./-]+\.(?:py|md|sh|yaml|patch|lock|txt))\b", text_of(source)
        )
        if not there_is(path)
    }
    assert missing == set()


@cache
def text_of(path: Path) -> str:
    return path.read_text()


def test_every_module_that_the_configuration_names_exists() -> None:
    """Hydra, verl and Ray import these by name, long after the command line was read."""
    for source in CONF.rglob("*.yaml"):
        named = re.findall(r"(?<!\$\{)\bverl_reflect(?:\.\w+)+", text_of(source))
        assert [module for module in named if not defined(module)] == [], source


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = {each.name for each in fields(ReflectConfig)}
    penalties = {each.name for each in fields(Penalties)}
    for key, inner in re.findall(r"`(?:\+\+?)?reflect\.(\w+)(?:\.(\w+))?[`=]", outside_blocks(page)):
        assert key in known, f"reflect.{key}"
        assert not inner or inner in penalties, f"reflect.{key}.{inner}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_every_choice_that_a_page_names_exists(page: Path) -> None:
    choices: dict[str, Collection[str]] = {"credit": CREDITS, "control": CONTROLS, "sampler": SAMPLERS}
    choices["first_attempt"] = FirstAttempt.__members__
    for key, value in re.findall(r"\b(?:reflect\.)?(\w+)=([\w+]+)", page.read_text()):
        assert key not in choices or value in choices[key], f"{key}={value}"
    for group, choice in re.findall(r"(?<![\w.])\+(\w+)=([\w.]+)", page.read_text()):
        [*known] = (
            path.stem for folder in (CONF, ROOT / "recipes" / "own_task") for path in (folder / group).glob("*")
        )
        assert choice in known, f"+{group}={choice}"


# The reference that is made from the code.


@pytest.mark.parametrize("kind", [ReflectConfig, Penalties, Guard])
def test_the_reference_has_every_setting_with_its_default_and_a_reason(kind: type) -> None:
    defaults = {each.name: getattr(kind(), each.name) for each in fields(kind)}
    settings = docs_reference.settings_of(kind.__name__)
    assert [setting.key for setting in settings] == list(defaults)
    for setting in settings:
        assert setting.words.endswith("."), setting.key
        assert setting.default == written(defaults[setting.key]), setting.key


def written(default: Any) -> str:
    """A default as it is written on a command line."""
    if isinstance(default, Penalties):
        return "see below"
    if isinstance(default, FirstAttempt):
        return default.value
    return "null" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def test_the_reference_has_every_choice_of_every_group() -> None:
    text = docs_reference.groups()
    for path in CONF.glob("*/*.yaml"):
        assert f"[`{path.stem}`](../{name_of(path)})" in text
        assert len(docs_reference.leading_comment(path)) > 20, f"{name_of(path)} says nothing at its head"


def test_the_reference_has_every_command_and_option() -> None:
    text = docs_reference.command_line()
    command: Any = typer.main.get_command(app)
    leaves = [each for group in command.commands.values() for each in getattr(group, "commands", {"": group}).values()]
    assert text.count("\n## ") + 1 == len(leaves)
    options = {option for leaf in leaves for parameter in leaf.params for option in parameter.opts}
    assert {option for option in options if option.startswith("-") and option not in text} == set()


def test_the_reference_leaves_the_section_reflect_to_the_settings() -> None:
    shown = yaml.safe_load(docs_reference.recipe().strip("`").removeprefix("yaml"))
    assert set(shown) == {"algorithm", "data", "actor_rollout_ref", "reward", "trainer", "hydra"}


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=name_of)
def test_a_page_asks_only_for_references_that_are_made(page: Path) -> None:
    text = page.read_text()
    assert set(re.findall(r"<!-- reference: (\w+) -->", text)) <= set(docs_reference.PAGES)
    assert text.count("<!-- reference: ") == text.count("<!-- /reference -->")
    readme = (ROOT / "README.md").read_text()
    assert all(f"<!-- /{name} -->" in readme for name in re.findall(r"<!-- README: (\w+) -->", text))


def test_the_site_shows_every_page() -> None:
    named = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert {name for name in named if "/" not in name} == {path.name for path in ROOT.glob("docs/*.md")}


# The same checks before a commit as in CI, and the same version everywhere.


def test_pre_commit_runs_what_make_lint_runs() -> None:
    [lint] = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {line.lstrip("\t@-") for line in lint.splitlines()} == {hook["entry"] for hook in repository["hooks"]}


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert f'version = "{citation["version"]}"' in (ROOT / "pyproject.toml").read_text()
    assert f"{citation['version']}" in (ROOT / "CHANGELOG.md").read_text()
