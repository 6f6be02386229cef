"""A number is read with its scale and beside its unit; whatever else stands there makes it none."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verl_reflect.tasks.maths.written_number import read_number

NUMBER = st.decimals(-(10**9), 10**9, places=2, allow_nan=False)
SPELLINGS = st.sampled_from(
    ["{}", r"\text{{{} pears}}", r"{}~\text{{km}}", "US\\${}", "{} \N{EURO SIGN}", "**{}**", "{}.", "x = {}"]
)
DIGITS = st.sampled_from(
    ["0123456789", "".join(map(chr, range(0xFF10, 0xFF1A))), "".join(map(chr, range(0x660, 0x66A)))]
)


@given(NUMBER, SPELLINGS, DIGITS)
def test_a_number_keeps_its_value_in_every_spelling(number: Fraction, spelling: str, digits: str) -> None:
    text = str(number).translate(str.maketrans("0123456789", digits))
    assert read_number(spelling.format(text)) == Fraction(number)


@given(st.integers(1000, 10**9), st.sampled_from([",", r"\,", "~", r"\ ", "{,}", " ", "\N{NARROW NO-BREAK SPACE}"]))
def test_thousands_are_grouped_in_many_ways(number: int, separator: str) -> None:
    assert read_number(f"{number:,}".replace(",", separator)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (r"\text{17 pears}", 17),
        (r"17~\text{km}", 17),
        ("17\N{CJK UNIFIED IDEOGRAPH-5143}", 17),
        (r"US\$17", 17),
        ("USD 17", 17),
        ("17 USD", 17),
        ("Rs. 17", 17),
        (r"\pounds 17", 17),
        (r"\text{\$}17", 17),
        ("\N{MINUS SIGN}17", -17),
        ("\N{EM DASH}17", -17),
        (r"\approx 17", 17),
        (r"17^{\circ}C", 17),
        ("17\N{DEGREE SIGN}F", 17),
        ("17 12-ounce cans", 17),
        (r"17 \text{ days } \text{ (about)}", 17),
        ("17 m / s", 17),
        ("17 pears or plums", 17),
        ("17 or so", 17),
        ("17 times", 17),
        ("17 years older", 17),
        ("17,", 17),
        ("|-17|", 17),
        ("(17)", 17),
        (r"\{17\}", 17),
        ("17_{10}", 17),
        ("12,34,567", 1234567),
        ("1.7e1", 17),
        (r"1.7 \times 10", 17),
        (r"1.7 \times 10^{3}", 1700),
        (r"17 \cdot 10^0", 17),
        (r"0.1\overline{6}", "1/6"),
        ("\N{VULGAR FRACTION ONE HALF}", "1/2"),
        ("2\N{VULGAR FRACTION ONE HALF}", "5/2"),
        ("^3/_4", "3/4"),
        ("1.7 million", 1_700_000),
        ("1.7 Million dollars", 1_700_000),
        ("1.7M", 1_700_000),
        (r"1.7\text{M}", 1_700_000),
        (r"\$17K", 17_000),
        ("17k", 17_000),
        ("17 bn", 17_000_000_000),
        ("17 lakh", 1_700_000),
        ("17 hundred thousand", 1_700_000),
        ("17\N{CJK UNIFIED IDEOGRAPH-4E07}", 170_000),
        ("1 half", "1/2"),
        ("3 quarters", "3/4"),
        ("3 quarters of an hour", "3/4"),
        ("17 m", 17),
        ("17 dozen", 17),
    ],
)
def test_what_is_a_number(text: str, number: int | str) -> None:
    assert read_number(text) == Fraction(number)


@pytest.mark.parametrize(
    "text",
    [
        *("17 and a half", "17 or eighteen", "17 or more", "17 or none", "17 minus one", "17 squared", "17 times two"),
        *(
            "17 is wrong",
            "17 maybe",
            "17 less than x",
            "17 to one",
            "17 out of twenty",
            "17 in twenty",
            "17 pi",
            "17th",
        ),
        *(
            "17x",
            "17 x",
            "17i",
            "17ab",
            "17'",
            "17...",
            "17!",
            "17?",
            "17:30",
            "17/none",
            "17 - 1",
            "17-18",
            "17 feet six",
        ),
        *("~17", r"\sim 17", r"\ge 17", "> 17", "not 17", "not = 17", "it is not true that x is 17", "half of 17"),
        *(r"17\text{ or }18", r"17\text{ is not it, 18 is}", r"17\\18", r"17\quad 18", r"1\,7", r"17\pi", r"17\ldots"),
        *(
            "34/2",
            r"\frac{34}{2}",
            "17/1",
            r"\frac{6}{8}",
            "1 5/4",
            "17*10",
            r"17 \times 10",
            "(1,700)",
            "17,00",
            "17 1",
        ),
        *("2 hours 30 minutes", "17. Check", "17) Check", "1e999", r"1 \times 10^{999}", "", "pears"),
    ],
)
def test_what_is_none(text: str) -> None:
    assert read_number(text) is None


def test_the_gold_fraction_of_a_data_set_may_be_one_that_can_be_reduced() -> None:
    assert read_number("6/8", lowest=False) == Fraction(3, 4)
