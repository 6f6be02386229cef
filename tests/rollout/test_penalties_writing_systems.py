"""Which script a letter is of, and what share of a text left the task's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.rollout.penalties import foreign_share, writing_system

TASK, REQUEST = "Make 24 from 3 5 8 .", "Reflect on what went wrong ."


@pytest.mark.parametrize(
    ("character", "system"),
    [
        ("a", "LATIN"),
        ("é", "LATIN"),
        ("\N{FULLWIDTH LATIN SMALL LETTER X}", "LATIN"),
        ("\N{MATHEMATICAL BOLD SMALL X}", "LATIN"),
        ("\N{LATIN SMALL LIGATURE FI}", "LATIN"),
        ("ж", "CYRILLIC"),
        ("数", "CJK"),
        ("々", "CJK"),
        ("あ", "KANA"),
        ("ア", "KANA"),
        ("ー", "KANA"),
        ("한", "HANGUL"),
        ("7", None),
        ("+", None),
        ("\N{MODIFIER LETTER APOSTROPHE}", None),
        ("\ud800", None),
    ],
)
def test_the_writing_system_of_a_character(character: str, system: str | None) -> None:
    assert writing_system(character) == system


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("I should multiply .", 0.0),
        ("", 0.0),
        ("3 * 8 + 5", 0.0),
        ("我先算", 1.0),
        ("ab 乘法", 0.5),
        ("abc д", 0.25),
        ("Je me suis trompé", 0.0),
    ],
)
def test_the_foreign_share_is_of_the_letters(text: str, share: float) -> None:
    assert foreign_share(text, TASK, REQUEST) == share


def test_a_script_of_the_task_or_of_the_request_is_not_foreign() -> None:
    assert foreign_share("我先 multiply", "用 3 5 8 得到 24", REQUEST) == 0.0
    assert foreign_share("я думаю", "用 3 5 8 得到 24", REQUEST) == 1.0


def test_nothing_is_foreign_to_a_task_without_letters() -> None:
    assert foreign_share("abc", "3 5 8 = 24") == 0.0


@settings(deadline=None)
@given(st.text(), st.text())
def test_it_is_a_share_and_none_of_a_text_beside_itself(text: str, other: str) -> None:
    assert 0.0 <= foreign_share(text, other) <= 1.0
    assert foreign_share(text, other, text) == 0.0
