"""Tables for a terminal and for a model card."""

from verl_reflect.evaluate.table import Grid, name_of, p_value


def test_words_and_numbers_of_the_tables() -> None:
    assert name_of("reflect", 2) == "reflect, retry x2" and name_of("first_try") == "first try"
    assert (p_value(0.0499), p_value(0.0001), p_value(1)) == ("0.050", "< 0.001", "1.000")
    grid = Grid("A|B", ("", "x"), [("a|b", "1")])
    assert grid.markdown() == "**A|B**\n\n|  | x |\n| --- | --- |\n| a\\|b | 1 |\n"
