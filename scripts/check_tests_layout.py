"""Names every test file that does not stand where its module's tests are looked for.

The tests of `verl_reflect/<room>/<module>.py` are `tests/<room>/test_<module>.py`, or several files
`test_<module>_<what>.py`; those of `recipes/` are in `tests/recipes/`, where `test_<recipe>.py` may be about a whole
folder. `e2e/` and `repository/` hold what is about no single module, `helpers/` what tests share.

python scripts/check_tests_layout.py [ROOT]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ABOUT_NO_MODULE = ("e2e", "helpers", "repository")


def homeless(root: Path) -> Iterator[str]:
    """A sentence for each test file without a module."""
    for test in sorted((root / "tests").rglob("test_*.py")):
        place = test.relative_to(root / "tests")
        if place.parts[0] in ABOUT_NO_MODULE:
            continue
        room = place.parent if place.parts[0] == "recipes" else "verl_reflect" / place.parent
        name = place.stem.removeprefix("test_")
        if not any(name == each or name.startswith(f"{each}_") for each in tested(root / room)):
            yield f"tests/{place}: there is no {room / name}.py, nor a module that begins its name."


def tested(room: Path) -> set[str]:
    """The names of a room's modules, and of the recipes where they are the room."""
    modules = {path.stem for path in room.glob("*.py")}
    return modules | {path.name for path in room.iterdir() if path.is_dir()} if room.name == "recipes" else modules


def main() -> int:
    found = list(homeless(Path(sys.argv[1] if sys.argv[1:] else ".")))
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
