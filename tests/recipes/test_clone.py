from pathlib import Path

import pytest
from builders import ROOT as REPOSITORY

from recipes.clone import DOCS, README, ROOT, write_section


def test_it_is_the_clone_that_this_file_lies_in() -> None:
    assert ROOT == REPOSITORY and README.is_file() and (DOCS / "replication.md").is_file()


def test_what_is_between_the_marks_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb <!-- y -->kept<!-- /y -->\n")
    write_section(page, "x", "new")
    assert page.read_text() == "a\n<!-- x -->\nnew\n<!-- /x -->\nb <!-- y -->kept<!-- /y -->\n"
    with pytest.raises(ValueError, match="substring not found"):
        write_section(page, "z", "new")


@pytest.mark.parametrize("name", ["results", "comparison", "replication"])
def test_the_readme_has_a_place_for_each(name: str) -> None:
    text = README.read_text()
    assert text.count(f"<!-- {name} -->") == text.count(f"<!-- /{name} -->") == 1
