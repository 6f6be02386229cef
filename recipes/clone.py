"""The clone that the recipes lie in, whose README and documents they write their numbers into."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"


def write_section(page: Path, name: str, section: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`. Raises ValueError if they are not there.

    So nobody copies measured numbers by hand.
    """
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    start = text.index(begin) + len(begin)
    page.write_text(f"{text[:start]}\n{section}\n{text[text.index(end) :]}", encoding="utf-8")
