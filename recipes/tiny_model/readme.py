"""Writes measured numbers into the README, between marks, so that nobody copies them by hand."""

from pathlib import Path


def write_section(readme: Path, name: str, section: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`. Raises ValueError if they are not there."""
    text = readme.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    start = text.index(begin) + len(begin)
    readme.write_text(f"{text[:start]}\n{section}\n{text[text.index(end) :]}", encoding="utf-8")
