"""The docs site's hook (mkdocs.yml): the pages of docs/ as they are, and what they point to.

The pages are written for a reader of the repository, so they link to files outside docs/. Here every file that is
linked becomes a page of the site, in which its own links are followed. Nothing of it is committed.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from docs_reference import PAGES, ROOT
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?P<text>\]\()(?P<target>(?!\w+:)[^\s)#]+)(?P<rest>[^\s)]*\))")
"""A link of Markdown to another file: what is before, the file, and its anchor."""
REFERENCE = re.compile(r"^<!-- reference: (\w+) -->$.*?^<!-- /reference -->$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^<!-- README: (\w+) -->$.*?^<!-- /README -->$", re.MULTILINE | re.DOTALL)
"""Where a page has something else for a reader of the repository: what is between the marks."""
FENCE = re.compile(r"^(`{3,}).*?^\1$", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".sh": "bash", ".cff": "yaml", ".toml": "toml", ".patch": "diff"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every file that is linked from a page, as long as there are any."""
    waiting = [f"docs/{file.src_uri}" for file in files.documentation_pages()] + _named_in(config.nav)
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if not path.startswith("docs/"):
            files.append(File.generated(config, site_path(path), content=_content(path)))
        if path.endswith(".md"):
            waiting += [target for target in links(path) if not target.startswith("docs/")]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is made from the code, and turn links out of docs/ into links to the pages made for them."""
    here = repository_path(page.file.src_uri)
    if not here.endswith(".md"):
        return markdown

    def moved(found: re.Match[str]) -> str:
        target = site_path(_resolved(here, found["target"]))
        return found["text"] + posixpath.relpath(target, posixpath.dirname(page.file.src_uri) or ".") + found["rest"]

    return outside_code(filled_in(markdown), lambda text: LINK.sub(moved, text))


def links(path: str) -> list[str]:
    """The files and folders of the repository that a page points to, by their paths in the repository."""
    text = FENCE.sub("", filled_in((ROOT / path).read_text(encoding="utf-8")))
    return [_resolved(path, found["target"]) for found in LINK.finditer(text)]


def filled_in(markdown: str) -> str:
    """With the reference and the README's measured sections in place of their marks, and of what is between these."""
    return SECTION.sub(lambda mark: _readme_section(mark[1]), REFERENCE.sub(lambda mark: PAGES[mark[1]](), markdown))


def _readme_section(name: str) -> str:
    """What stands between two marks in the README, with its links as a page of docs/ would have them."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(rf"^<!-- {name} -->\n(.*?)^<!-- /{name} -->$", readme, re.MULTILINE | re.DOTALL)
    return str(section).replace("](docs/", "](")


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """The same text with everything but its fenced code changed."""
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [change(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(markdown[end:])])


def _resolved(page: str, target: str) -> str:
    """A link of a page, as a path in the repository."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    if not (ROOT / path).exists():
        raise PluginError(f"{page} links to {target}, and there is no {path}.")
    return path


def site_path(path: str) -> str:
    """The page of the site for a file of the repository."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}.md"


def repository_path(page: str) -> str:
    """The other way round."""
    return page.removeprefix("source/").removesuffix(".md") if page.startswith("source/") else f"docs/{page}"


def _named_in(nav: object) -> list[str]:
    """The pages of files outside docs/ that the navigation names."""
    if isinstance(nav, str):
        return [repository_path(nav)] if nav.startswith("source/") else []
    inner = nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else []
    return [path for each in inner for path in _named_in(each)]


def _content(path: str) -> str:
    """The page of a file outside docs/: Markdown as it is, code as code, a folder as a list of what is in it."""
    file = ROOT / path
    if path.endswith(".md"):
        return file.read_text(encoding="utf-8")
    shown = _listing(file) if file.is_dir() else _code(file)
    return f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n{shown}\n"


def _code(file: Path) -> str:
    return f"````{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text(encoding='utf-8').rstrip()}\n````"


def _listing(folder: Path) -> str:
    """What is in a folder, each with the first paragraph of its docstring."""
    inside = (each for each in sorted(folder.iterdir()) if not each.name.startswith(("_", ".")))
    return "\n".join(f"- `{each.name}`{_said_of(each)}" for each in inside)


def _said_of(path: Path) -> str:
    module = path / "__init__.py" if path.is_dir() else path
    text = module.read_text(encoding="utf-8") if module.suffix == ".py" and module.is_file() else ""
    said = re.match(r'"""(.*?)(?:\n\n|""")', text, re.DOTALL)
    return f": {' '.join(said[1].split())}" if said else ""
