# ruff: noqa: RUF001, RUF002  (signs that look alike are what this file is about)
r"""Spells the signs of Unicode as LaTeX and ASCII do: `½` as `\frac{1}{2}`, `x²` as `x^{2}`, `３` and `٣` as `3`.

What no table names is left to NFKC, which knows full-width letters and the like. The tables come first, since NFKC
forgets what raises a digit: it makes `x²` into `x2`, and `3½` into `31⁄2`.
"""

import re
import unicodedata

_SIGNS = {
    **dict.fromkeys("‐‑‒–—―−➖", "-"),
    **dict.fromkeys("➕", "+"),
    **dict.fromkeys("∗⁎✱✲", "*"),
    **dict.fromkeys("∕⁄", "/"),
    **dict.fromkeys("×✕✖⨉⨯╳", r"\times"),
    **dict.fromkeys("·⋅∙•‧・", r"\cdot"),
    **dict.fromkeys("÷➗", r"\div"),
    **dict.fromkeys("≤⩽", r"\le"),
    **dict.fromkeys("≥⩾", r"\ge"),
    **dict.fromkeys("∅⌀", r"\emptyset"),
    **dict(zip("≠≈≡±∓∞", (r"\ne", r"\approx", r"\equiv", r"\pm", r"\mp", r"\infty"), strict=True)),
    **dict(zip("∈∉∪∩⊂⊆", (r"\in", r"\notin", r"\cup", r"\cap", r"\subset", r"\subseteq"), strict=True)),
    **dict(
        zip("∠△°→⇒∧∨", (r"\angle", r"\triangle", r"^\circ", r"\to", r"\Rightarrow", r"\wedge", r"\vee"), strict=True)
    ),
    **dict(zip("⌊⌋⌈⌉", (r"\lfloor", r"\rfloor", r"\lceil", r"\rceil"), strict=True)),
    **dict(zip("∑∏∫…", (r"\sum", r"\prod", r"\int", r"\ldots"), strict=True)),
    **{letter: rf"\mathbb{{{plain}}}" for letter, plain in zip("ℝℤℚℕℂ", "RZQNC", strict=True)},
}
_GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
_CAPITALS = "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
_GREEK_LETTERS = {
    unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}"): rf"\{name}"
    for size, names in (("SMALL", _GREEK), ("CAPITAL", _CAPITALS))
    for name in names.split()
}


def _fraction(sign: str) -> str:
    """One sign for a fraction: NFKC writes it with digits and a fraction slash."""
    top, _, bottom = unicodedata.normalize("NFKC", sign).partition("\N{FRACTION SLASH}")
    return rf"\frac{{{top}}}{{{bottom}}}"


_FRACTIONS = {sign: _fraction(sign) for sign in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞↉"}
_INVISIBLE = dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\ufe0e\ufe0f", "")
_TABLE = str.maketrans(
    # A command must not run into a letter after it.
    {
        sign: f"{text} " if text[-1:].isalpha() else text
        for sign, text in (_SIGNS | _GREEK_LETTERS | _FRACTIONS | _INVISIBLE).items()
    }
    | dict(zip("【】〔〕", "[][]", strict=True))
)

_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "₀₁₂₃₄₅₆₇₈₉"
_ON_THE_LINE = str.maketrans(_RAISED + _LOWERED, "0123456789+-n0123456789")
_ROOT = re.compile(r"√\s*(?:([0-9]+(?:\.[0-9]+)?|[a-zA-Z])|\(([^()√]*)\))")
_NORMALIZED = re.compile("[^\x00-\x7f\ufb1d-\ufdff]+")
"""All but the forms of Hebrew and Arabic letters, of which NFKC makes up to eighteen letters each."""
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")


def in_ascii(text: str) -> str:
    """The text without signs that have another spelling; letters of other scripts stay."""
    if text.isascii():
        return text
    text = re.sub(f"[{_RAISED}]+", lambda run: f"^{{{run[0].translate(_ON_THE_LINE)}}}", text)
    text = re.sub(f"[{_LOWERED}]+", lambda run: f"_{{{run[0].translate(_ON_THE_LINE)}}}", text)
    text = _NORMALIZED.sub(_normal, text.translate(_TABLE))
    # Once more, for what NFKC made: a full-width minus becomes a hyphen, a small one a minus.
    text = _OTHER_DIGIT.sub(_digit, text.translate(_TABLE))
    return _ROOT.sub(lambda root: rf"\sqrt{{{root[1] or root[2]}}}", text).replace("√", r"\sqrt ")


def _normal(run: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", run[0])


def _digit(letter: re.Match[str]) -> str:
    return str(unicodedata.decimal(letter[0]))
