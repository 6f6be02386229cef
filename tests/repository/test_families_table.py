"""The table of families is what the plugin finds in the tests' templates."""

import importlib.util
from types import ModuleType

import pytest
from builders import ROOT
from families import FAMILIES


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("families_table", ROOT / "scripts" / "families_table.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_table_as_it_is_made(script: ModuleType) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    assert page == script.written(), "run python scripts/families_table.py"
    assert page.count("\n| ") == len(FAMILIES) + 2
