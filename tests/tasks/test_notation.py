# ruff: noqa: RUF001  (signs that look alike are what is read here)
"""One spelling for all that looks alike: what is undone, what stays, and that long texts take little time."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.notation import plain


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        # Blanks.
        ("  4 +\n\t5 ", "4 + 5"),
        (r"4\,+\;5\:-\ 6\quad+\qquad7~+\enspace8", "4 + 5 - 6 + 7 + 8"),
        (r"4\!5", "45"),
        ("4\u00a0+\u20095\u202f+\u30006\u200b", "4 + 5 + 6"),
        (r"4\hspace{2pt}+\phantom{9}5", "4 + 5"),
        (r"4+5\\", "4+5"),
        (r"4+5 \newline", "4+5"),
        # Wrappers.
        (r"\text{4+5}", "4+5"),
        (r"\textbf{\text{4}}+\mathbf{5}", "4 +5"),
        (r"\boldsymbol{4}\mathbin{+}\mathrm{5}", "4+5"),
        (r"\mathrm{\frac{4}{5}}", r"{\frac{4}{5}}"),
        (r"4\text{or}5", "4 or 5"),
        (r"4\text{ }", "4"),
        (r"\textcolor{blue}{4}+\color{red}5", "4 + 5"),
        (r"\boxed{4+5}", "4+5"),
        (r"\displaystyle 4+5", "4+5"),
        ("$4+5$", "4+5"),
        ("$$4+5$$", "4+5"),
        (r"\(4+5\)", "4+5"),
        (r"\[4+5\]", "4+5"),
        ("`4+5`", "4+5"),
        ("```\n4+5\n```", "4+5"),
        ("```python\n4+5\n```", "4+5"),
        ("**4+5**", "4+5"),
        ("**4*5**", "4*5"),
        ("4+5 = **9**", "4+5 = 9"),
        ("__9__", "9"),
        (r"\begin{aligned}4+5&=3+6\\&=9\end{aligned}", "4+5 =3+6 =9"),
        # Operators and other signs.
        ("4×5 ✕ 6", r"4\times 5 \times 6"),
        ("4·5⋅6", r"4\cdot 5\cdot 6"),
        ("4∗5＊6", "4*5*6"),
        ("4÷5", r"4\div 5"),
        ("4∕5／6⁄7", "4/5/6/7"),
        ("9–4−3－2‑1", "9-4-3-2-1"),
        ("4＋5＝9", "4+5=9"),
        ("x ≤ 4", r"x \le 4"),
        ("2π", r"2\pi"),
        ("∠ABC", r"\angle ABC"),
        ("40°", r"40^\circ"),
        # Brackets.
        ("（4＋5）×［6］", r"(4+5)\times [6]"),
        (r"\left( 4 \right)\bigl[5\bigr]\Big(6\Big)", "( 4 )[5](6)"),
        (r"\left.x\right|", "x|"),
        (r"\lbrack 4\rbrack", "[ 4]"),
        # Fractions.
        (r"\dfrac{4}{5}+\tfrac{4}{5}+\cfrac{4}{5}", r"\frac{4}{5}+\frac{4}{5}+\frac{4}{5}"),
        (r"\frac45", r"\frac{4}{5}"),
        (r"\frac 4 5", r"\frac{4}{5}"),
        (r"\frac4{5}", r"\frac{4}{5}"),
        (r"\frac{4}5", r"\frac{4}{5}"),
        (r"\frac ab", r"\frac{a}{b}"),
        (r"{4\over 5}", r"\frac{4}{5}"),
        ("½", r"\frac{1}{2}"),
        ("3½", r"3\frac{1}{2}"),
        ("⅝", r"\frac{5}{8}"),
        # Digits, powers, roots.
        ("４２", "42"),
        ("٤٢", "42"),
        ("x²", "x^{2}"),
        ("10⁻¹²", "10^{-12}"),
        ("a₁₀", "a_{10}"),
        ("√2", r"\sqrt{2}"),
        ("3√(x+1)", r"3\sqrt{x+1}"),
        ("42％", "42%"),
        ("42{,}000", "42,000"),
    ],
)
def test_what_looks_alike_is_spelled_alike(written: str, expected: str) -> None:
    assert plain(written) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(4 + 5) * 6 = 54",
        "4**5",
        "4**5+6**7",
        "`4` or `5`",
        "$4",
        r"\$4",
        r"4 \\ 5",
        r"\{1,2\}",
        "{4+5} * 6",
        "[4,5)",
        r"\frac{4}{5} + \sqrt{2}",
        r"\fraction",
        r"\textstyles",
        r"\overline{4}",
        "42 €",
        "42 元",
        "4 2",
        r"\mathbb{R}",
        r"\begin{pmatrix} 4 \end{pmatrix}",
    ],
)
def test_what_has_a_meaning_stays(text: str) -> None:
    assert plain(text) == text


PIECES = st.sampled_from(
    [*"{}()[]\\$`*_~45ax²½√＋ ", r"\text{", r"\frac", r"\left", r"\,", "**", "```", r"\over", "\\\\"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join) | st.text(st.characters(exclude_categories=())))
def test_any_text_is_read_and_no_digit_is_made_up(text: str) -> None:
    read = plain(text)
    assert read == " ".join(read.split())
    if text.isascii():
        assert re.findall("[0-9]", read) == re.findall("[0-9]", text)


FLOODS = ["{", "}", "\\", r"\text{", r"\frac", r"\frac{", r"{1\over", "*", "**", "**a", "__", "`", "$", r"\$", "~"]
FLOODS += ["√", "√(", "½", "²", r"\left", r"\,", r"\begin{aligned}", "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"]
FLOODS += [r"\\", r"\\ ", r"\newline", "&", r"\color{", r"\hspace{", " ", "\\ ", "a "]


@pytest.mark.parametrize("piece", FLOODS)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    for end in ("", "x", "}", "="):
        assert _fastest(piece * (10_000 // len(piece)) + end) < 0.1


def _fastest(text: str) -> float:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        plain(text)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
