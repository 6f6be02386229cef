"""What a dialect is: the mark that opens its calls, the reader of what follows, and the mark that closes them.

A reader gets the text and the place after the opening mark. It gives the calls that start there and the place where
they end, and raises NotCalls where they are broken. It reads values by their own grammar, never up to the next closing
mark: a mark within an argument is the argument's text.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from verl_reflect.tasks.calls.call import Call, NotCalls

Read = tuple[list[Call], int]
Reader = Callable[[str, int], Read]

NAME = r"(?P<name>[\w.-]{1,256})"
"""Of a function, for regular expressions."""

_BLANKS = re.compile(r"\s*")


def after_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


class Dialect(NamedTuple):
    """One row of the table."""

    families: str
    opening: str
    read: Reader
    closing: str = ""
    """`""` where the calls go on to the end of the response: then nothing but more of the same may follow."""
    may_end: bool = False
    """Whether the closing mark may be left out at the end of the response."""
    meant: re.Pattern[str] | None = None
    """What must follow for the opening to be a mark at all, where its words are common."""
    kind: str = ""
    """Another dialect's opening, where the two belong together: then one's broken call spoils the other's."""

    def section(self, text: str, start: int) -> Read:
        """The calls between the marks, and where the text goes on. Raises NotCalls."""
        must_close = self.closing and not self.may_end
        if must_close and text.find(self.closing, start) < 0:
            raise NotCalls(f"{self.opening} without {self.closing}")
        calls, end = self.read(text, start)
        if not calls:
            raise NotCalls("a marker without a call")
        end = after_blanks(text, end)
        if self.closing and text.startswith(self.closing, end):
            return calls, end + len(self.closing)
        if must_close or not (end == len(text) or text.startswith(self.opening, end)):
            raise NotCalls("more than calls behind a marker")
        return calls, end
