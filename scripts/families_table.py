"""Writes the table of docs/families.md from the templates that the tests have: `python scripts/families_table.py`.

A row says what the plugin itself finds: nothing in it is written by hand.
"""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "families.md"
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from families import FAMILIES, Family  # noqa: E402  (beside the tests)

from verl_reflect.rollout.chat import Chat  # noqa: E402
from verl_reflect.rollout.open_thought import closing_of_open_thought  # noqa: E402
from verl_reflect.rollout.turn_markers import several_messages  # noqa: E402
from verl_reflect.tasks.thought import said  # noqa: E402

HEAD = ("family", "a turn ends with", "plain", "system message", "functions", "thinking")
PLACES = {
    "template": "shown by the template",
    "message": "`tools` of the system message",
    "text": "listed in words",
}
MARKS = re.compile("(<!-- table of families -->\n).*(\n<!-- /table -->)", re.DOTALL)


def table() -> str:
    """In Markdown."""
    rows = [HEAD, tuple("---" for _ in HEAD), *map(row, FAMILIES.values())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(family: Family) -> tuple[str, ...]:
    """What is found of one family."""
    chat: Any = Chat(family.tokenizer, family.arguments, family.eos_ids)
    end = f"`{family.tokenizer.convert_ids_to_tokens(chat.end_of_turn)}`".replace("|", "\\|")
    if several_messages(chat.template):
        return family.name, end, "refused: a turn can be several messages", "", "", ""
    system = "works" if chat.opening.system_role else "in front of the first user turn"
    return family.name, end, "works", system, PLACES[chat.opening.place_of_tools], thinking(chat)


def thinking(chat: Chat) -> str:
    """What becomes of a thought."""
    opening = chat.template.pieces.opening
    if closing_of_open_thought(opening, "A word"):
        return "opened by the prompt; closed before a stored text"
    return "an empty one in the prompt stays" if said(f"a{opening}") != f"a{opening}" else "as the model writes it"


def written() -> str:
    """The page with the table as it is now."""
    return MARKS.sub(lambda marks: f"{marks[1]}\n{table()}\n{marks[2]}", PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
