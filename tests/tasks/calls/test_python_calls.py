"""Calls in Python's syntax: read as Python would, without Python's parser."""

import ast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.calls.python_calls import NotPythonCalls, read_python_calls


def value(text: str) -> object:
    [(name, arguments)] = read_python_calls(f"f(a={text})")
    assert (name, list(arguments)) == ("f", ["a"])
    return arguments["a"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1",
            "-5",
            "+5",
            "1.5e-3",
            ".5",
            "5.",
            "1e5",
            "1E+5",
            "0x1F",
            "0b11",
            "0o17",
            "1_000",
            "True",
            "False",
            "None",
        ),
        *("'x'", '"x"', "''", "'it\\'s'", '"a\\"b"', "u'x'", "r'\\d+'", "R'\\n'", "'a' \"b\" 'c'", "'é'"),
        *("'''tri'ple'''", '"""a\nb"""', '"""x"y""z"""', "'\\n\\t\\\\\\x41\\u00e9\\U0001F600\\101\\q\\\nx'", "'\\0'"),
        *("[]", "[1, 2,]", "()", "(1,)", "(1)", "(1, 2)", "{}", "{'a': [1, {'b': (2,)}], 3: None,}", "[[[]]]"),
    ],
)
def test_reads_literals_as_python_does(text: str) -> None:
    expected = ast.literal_eval(text)
    assert (value(text), type(value(text))) == (expected, type(expected))


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(2), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(LITERALS)
@example("\ud800'\"\\\n")
def test_reads_back_what_python_prints(literal: object) -> None:
    assert repr(value(repr(literal))) == repr(literal)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("f()", ["f"]),
        ("[f()]", ["f"]),
        ("[f(), g.h()]", ["f", "g.h"]),
        (" f(a=1) ,\n g(b=2) ", ["f", "g"]),
        ("[f(a=1),]", ["f"]),
        ("f (a = 1)", ["f"]),
        ("[]", []),
        ("f(from=1)", ["f"]),
    ],
)
def test_reads_calls_with_and_without_brackets(text: str, names: list[str]) -> None:
    assert [name for name, _ in read_python_calls(text)] == names


def test_a_variable_stands_for_its_name_or_text() -> None:
    assert value("x") == "x"
    assert value("true") == "true"
    assert value("data['sales']") == "data['sales']"
    assert value('data["it\'s"]') == 'data["it\'s"]'
    assert value("data[0]") == "data[0]"


@pytest.mark.parametrize(
    "text",
    [
        *("text", "f", "f(", "f(a", "f(a=", "f(a=1", "f(a=1))", "[f(a=1)", "f(a=1)]", "[[f(a=1)]]", "f(a=1) and more"),
        *("f(5)", "f(a=1, 5)", "f(*x)", "f(**x)", "f(a=1, a=1)", "f(,)", "f(a=1,,)", "f(a=)", "f(a.b=1)", "f(a=1);g()"),
        *("f(a=2*3)", "f(a=g(1))", "f(a=g(x=1))", "f(a=x.y)", "f(a=lambda: 1)", "f(a=[x for x in y])", "f(a={1, 2})"),
        *(
            "f(a=--5)",
            "f(a=-True)",
            "f(a=not x)",
            "f(a=1j)",
            "f(a=007)",
            "f(a=1__0)",
            "f(a=...)",
            "f(a=0x)",
            "f(a=1.2.3)",
        ),
        *(
            "f(a=b'x')",
            "f(a=f'x')",
            "f(a='x)",
            "f(a=\"x')",
            "f(a='x\ny')",
            "f(a='''x')",
            "f(a='\\x4')",
            "f(a='\\N{DOT}')",
        ),
        *("f(a={'a': 1, 'a': 1})", "f(a={[]: 1})", "f(a={'a'})", "f(a={**x})", "f(a=[,])", "f(a=[1 2])", "f(a=(,))"),
        *("f(a=٣)", "f(a=1٣)", "f(a='\\U00110000')", "f(a=data['x'][0])", "f(a=data[x])", "1(a=1)", "(f)(a=1)"),
        "f(a=" + "[" * 21 + "]" * 21 + ")",
        "f(a='" + "x" * 8_000 + "')",
        "f(a=[" + "1," * 2_000 + "])",
        "f(a=" + "9" * 5_000 + ")",
    ],
)
def test_refuses_what_is_not_calls_of_literals(text: str) -> None:
    with pytest.raises(NotPythonCalls):
        read_python_calls(text)


def test_reads_brackets_to_a_depth_of_twenty() -> None:
    assert value("[" * 20 + "]" * 20) == ast.literal_eval("[" * 20 + "]" * 20)


PIECES = [
    "f",
    "(",
    ")",
    "a=",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "'",
    '"',
    "\\",
    "1",
    ".",
    "-",
    " ",
    "\n",
    "r",
    "'''",
    "True",
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map(lambda pieces: "f(a=" + "".join(pieces) + ")"))
def test_what_is_read_is_what_python_reads(text: str) -> None:
    """Whatever is accepted, and holds no variable, means the same to Python."""
    try:
        calls = read_python_calls(text)
    except NotPythonCalls:
        return
    body = ast.parse(text.strip(), mode="eval").body
    if isinstance(body, ast.Call) and sum(isinstance(node, ast.Name) for node in ast.walk(body)) == 1:
        expected = {keyword.arg: ast.literal_eval(keyword.value) for keyword in body.keywords}
        assert calls == [("f", expected)]
