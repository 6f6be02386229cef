# ruff: noqa: RUF002  (full-width signs are what is read here)
r"""Gives what an answer says in one spelling: LaTeX and ASCII, one space for many, and nothing that is for the looks.

    （3＋5）⋅2, $\left(3+5\right)\,\cdot\,2$, **(3+5) \cdot 2**, \text{(3+5)}\cdot 2    ->    (3+5) \cdot 2

What has a meaning stays: operators under their own names, the kind of a bracket, words, `\$`, a line break between two
lines, braces around anything with braces within. Takes time linear in the text.
"""

import re

from verl_reflect.tasks.symbols import in_ascii

_TEXT = r"text(?:bf|it|rm|tt|sf|normal|up|md)?|mbox|hbox|emph"
_MATHS = r"math(?:bf|rm|it|sf|tt|normal|bin|rel|ord|op)|bm|boldsymbol|pmb|ensuremath|underline|boxed|fbox"
_WRAPPER = re.compile(rf"\\(?:{_TEXT}|textcolor|{_MATHS})\s*(?=\{{)")
_WRAPPED_TEXT = re.compile(rf"\\(?:{_TEXT})\s*\{{([^{{}}]*)\}}")
_WRAPPED_MATHS = re.compile(rf"\\(?:{_MATHS})\s*\{{([^{{}}]*)\}}")
MAX_WRAPPERS = 4
"""Wrappers within wrappers that are unwrapped by their kind: around text there is a blank, `4\text{or}5`."""

_ALIGNED = r"align(?:ed|\*)?|split|gather(?:ed|\*)?|equation\*?|math|displaymath"
_WITH_ARGUMENT = re.compile(
    rf"\\(?:color|[hmv]space\*?|[hv]?phantom)\s*\{{[^{{}}]*\}}|\\(?:begin|end)\s*\{{(?:{_ALIGNED})\}}"
)
_TEXTCOLOR = re.compile(r"\\textcolor\s*\{[^{}]*\}\s*(?=\{)")
_BEFORE_EQUALS = re.compile(r"\\\\\s*&?\s*(?==)|&\s*(?==)")
"""In a chain that is written over several lines."""

_COMMAND = re.compile(r"\\(?:[a-zA-Z]+|.)|~", re.DOTALL)
_BLANKS = [r"\,", r"\;", r"\:", r"\>", r"\ ", r"~", r"\space", r"\nobreakspace", r"\hfill", r"\quad", r"\qquad"]
_BLANKS += [rf"\{size}space" for size in ("en", "thin", "med", "thick")]
_DELIMITERS = [r"\(", r"\)", r"\[", r"\]"]
_STYLES = [rf"\{size}style" for size in ("display", "text", "script")] + [r"\limits", r"\nolimits"]
_STYLES += [r"\bf", r"\rm", r"\it", r"\bfseries", r"\mathstrut", r"\strut"]
_SIZES = [rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")]
_PLAIN = {
    **dict.fromkeys([*_BLANKS, *_DELIMITERS, *_STYLES], " "),
    **dict.fromkeys([r"\left", r"\right", r"\middle", r"\!", r"\negthinspace", *_SIZES], ""),
    **dict.fromkeys([r"\dfrac", r"\tfrac", r"\cfrac", r"\nicefrac", r"\sfrac"], r"\frac"),
    **{r"\lbrack": "[", r"\rbrack": "]", r"\lparen": "(", r"\rparen": ")"},
}
_NO_BRACKET = re.compile(r"\\(?:left|right)\s*\.")
_FRACTIONS = [
    (re.compile(r"\\frac(?:\s*([0-9])|\s+([a-zA-Z]))"), r"\\frac{\1\2}"),
    (re.compile(r"\\frac\s*\{([^{}]*)\}\s*([0-9a-zA-Z])"), r"\\frac{\1}{\2}"),
]
_OVER = re.compile(r"\{([^{}\\]*?)\s*\\over(?![a-zA-Z])\s*([^{}\\]*)\}")
_IN_BRACES = re.compile(r"\{([,:.])\}")
_BOLD = re.compile(r"(?:^|(?<=[\s=(]))(\*\*|__)(?=[^\s*_])((?:[^*_]|\*(?!\*)|_(?!_))*)\1(?=$|[\s.,;:=)])")
_FENCE = re.compile(r"\A```(?:[a-zA-Z]{0,12}\s)?(.*?)```\Z|\A(`{1,2})([^`]*)\2\Z", re.DOTALL)
_LAST_BREAK = re.compile(r"\\(?:\\|newline|linebreak)\s*\Z")
_DOLLAR = re.compile(r"(\\.)|\$", re.DOTALL)


def plain(text: str) -> str:
    """The text in one spelling. Of what is no answer, such as half a command, nothing is repaired."""
    text = _without_markdown(" ".join(in_ascii(text).split()))
    if "$" in text:
        text = _without_dollars(text)
    if "\\" in text or "~" in text or "{" in text:
        text = _without_looks(text)
    return " ".join(text.split())


def _without_markdown(text: str) -> str:
    r"""Without a fence around it all, and without bold type; `2**3` stands for a power."""
    if text.startswith("`") and (fenced := _FENCE.match(text)):
        text = (fenced[1] or fenced[3] or "").strip()
    return _BOLD.sub(r" \2 ", text) if "**" in text or "__" in text else text


def _without_dollars(text: str) -> str:
    """Without those around maths, which come in pairs; a single one is money."""
    count = _DOLLAR.findall(text).count("")
    return text if count % 2 else _DOLLAR.sub(lambda found: found[1] or " ", text)


def _without_looks(text: str) -> str:
    if _WRAPPER.search(text):
        text = _unwrapped(text)
    text = _NO_BRACKET.sub("", _WITH_ARGUMENT.sub(" ", text))
    text = _COMMAND.sub(_plain_command, _BEFORE_EQUALS.sub(" ", text) if "&" in text or r"\\" in text else text)
    text = _LAST_BREAK.sub("", text)
    return _with_braces(text) if "{" in text or r"\frac" in text else text


def _unwrapped(text: str) -> str:
    text = _TEXTCOLOR.sub(r"\\text", text)
    for _ in range(MAX_WRAPPERS):
        unwrapped = _WRAPPED_MATHS.sub(r"\1", _WRAPPED_TEXT.sub(r" \1 ", text))
        if unwrapped == text:
            break
        text = unwrapped
    return _WRAPPER.sub("", text)


def _plain_command(command: re.Match[str]) -> str:
    return _PLAIN.get(command[0], command[0])


def _with_braces(text: str) -> str:
    r"""Fractions with braces around both parts, and no others around a comma: `12{,}000`."""
    if r"\frac" in text:
        for fraction, braced in _FRACTIONS:
            text = fraction.sub(braced, text)
    if r"\over" in text:
        text = _OVER.sub(r"\\frac{\1}{\2}", text)
    return _IN_BRACES.sub(r"\1", text)
