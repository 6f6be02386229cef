"""The tokens of a text in their order, for the parsers of `arithmetic` and `python_calls`."""

from collections.abc import Iterable

END = ""
"""Stands after the last token."""


class TokenStream:
    """Hands out tokens one by one. `fault` is what it raises where another token was expected."""

    fault: type[ValueError]

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = [*tokens, END]
        self.position = 0

    def take(self) -> str:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def expect(self, wanted: str) -> None:
        found = self.take()
        if found != wanted:
            raise self.fault(f"{found[:20] or 'the end'!r} where {wanted or 'the end'!r} was expected")
