"""The reference pages of the docs site, made from the code: settings, command line, configuration groups.

Each function gives Markdown. Nothing of it is committed: whenever the site is built, `scripts/docs_site.py` puts it
into the pages, between `<!-- reference: NAME -->` and `<!-- /reference -->`. So a default is spelled once, in the code.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "verl_reflect" / "config.py"
CONF = ROOT / "verl_reflect" / "conf"
GROUPS = ("recipe", "task", "hardware", "forgetting")
"""The groups that a command line chooses from, in the order in which people meet them."""


class Setting(NamedTuple):
    """One field of a dataclass, as a person overrides it."""

    key: str
    default: str
    words: str
    """What the code says under the field."""


def _members(name: str) -> Iterator[tuple[ast.stmt, str]]:
    """The statements of a class in config.py, each with the string under it. Read without importing it."""
    tree = ast.parse(CONFIG.read_text(encoding="utf-8"))
    [body] = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    for member, below in zip(body, [*body[1:], ast.Pass()], strict=True):
        words = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
        yield member, " ".join(str(words).split())


def settings_of(name: str) -> list[Setting]:
    """The fields of a dataclass in config.py."""
    return [
        Setting(member.target.id, _default(member.value), words)
        for member, words in _members(name)
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name)
    ]


def _default(node: ast.expr | None) -> str:
    """As it is written on a command line: `FirstAttempt.live` is live, None is null, an empty list []."""
    if isinstance(node, ast.Call):
        [factory] = [keyword.value for keyword in node.keywords if keyword.arg == "default_factory"]
        return "[]" if ast.unparse(factory) == "list" else "see below"
    if isinstance(node, ast.Attribute):
        return node.attr
    value = ast.literal_eval(node) if node else None
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def choices_of(name: str) -> list[tuple[str, str]]:
    """The members of an enumeration in config.py: how each is written, and what stands under it."""
    members = ((member, words) for member, words in _members(name) if isinstance(member, ast.Assign))
    return [(ast.literal_eval(member.value), words) for member, words in members]


def settings() -> str:
    """Every key of the section `reflect`, with its default and its reason."""
    parts = [
        _settings_table("ReflectConfig", "reflect."),
        "### What `reflect.first_attempt` can be",
        table(("value", ""), [(f"`{value}`", linked(words)) for value, words in choices_of("FirstAttempt")]),
        "### The section `reflect.penalties`",
        _settings_table("Penalties", "reflect.penalties."),
        "### Each entry of the list `reflect.guards`",
        _settings_table("Guard", ""),
    ]
    return "\n\n".join(parts)


def _settings_table(name: str, prefix: str) -> str:
    rows = [(f"`{prefix}{each.key}`", _code(each.default), linked(each.words)) for each in settings_of(name)]
    return table(("key", "default", "what it does, and why"), rows)


def _code(default: str) -> str:
    return default if default == "see below" else f"`{default}`" if default else "empty"


def groups() -> str:
    """Every choice of every configuration group, in the words at the head of its file."""
    return "\n\n".join(f"### `{group}`\n\n" + table(("choice", ""), list(_choices_of(group))) for group in GROUPS)


def _choices_of(group: str) -> Iterator[tuple[str, str]]:
    for path in sorted((CONF / group).glob("*.yaml")):
        yield f"[`{path.stem}`](../{path.relative_to(ROOT)})", linked(leading_comment(path))


def leading_comment(path: Path) -> str:
    """What a configuration file says of itself at its head, as one paragraph; an indented line there is a command."""
    said = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        words = line.removeprefix("#")
        if words.strip() and "@package" not in words:
            said.append(f"`{words.strip()}`." if words.startswith("   ") else words.strip())
    return " ".join(said)


def recipe() -> str:
    """What the recipe sets in verl: its file without the line that brings in the settings."""
    lines = (CONF / "recipe" / "any_engine" / "reflect_grpo.yaml").read_text(encoding="utf-8").splitlines()
    top = [number for number, line in enumerate(lines) if re.match(r"\w+:", line)]
    kept: list[str] = []
    for start, end in zip(top, [*top[1:], len(lines)], strict=True):
        kept += [] if lines[start].startswith("defaults:") else lines[start:end]
    return "```yaml\n" + "\n".join(kept).strip() + "\n```"


def command_line() -> str:
    """Every command of `verl-reflect`, its arguments and options, as `--help` has them."""
    from verl_reflect.cli.app import app

    return "\n\n".join(_commands(typer.main.get_command(app), "verl-reflect"))


def _commands(command: Any, name: str) -> Iterator[str]:
    """A command's section, or those of a group's commands. Typer has the types of click, its own or another's."""
    if subcommands := getattr(command, "commands", None):
        for word, each in subcommands.items():
            yield from _commands(each, f"{name} {word}")
        return
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [_parameter(each, context) for each in command.get_params(context) if "--help" not in each.opts]
    yield f"## `{name}`\n\n{command.help}\n\n```text\n{name} {usage}\n```\n\n" + table(("", ""), rows)


def _parameter(parameter: Any, context: typer.Context) -> tuple[str, str]:
    spelled, words = parameter.get_help_record(context)
    return f"`{spelled}`", words


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table. A bar in a cell would end the cell, so it is escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def linked(words: str) -> str:
    """With a link to each page that a docstring or comment names as a path."""
    return re.sub(r"docs/(\w+\.md)", r"[docs/\1](\1)", words)


PAGES: dict[str, Callable[[], str]] = {
    "settings": settings,
    "groups": groups,
    "recipe": recipe,
    "commands": command_line,
}
"""What `<!-- reference: NAME -->` stands for."""
