"""When two values of JSON are the same: the exact match that the paper's verifier asks for.

- Numbers by what they are worth: `1` is `1.0`, compared exactly at any size. Truth values are no numbers.
- Text by its characters after Unicode's composition (NFC): Qwen's tokenizer composes what a prompt says, so the model
  cannot know how its source spelled an `é`. Case, blanks and digits within text count: `"1"` is not `1`.
- A value whose format tells no type by what it may mean: `3` between tags is 3 where 3 is wanted, and "3" where "3" is.
- Lists item by item, and Python's tuples as lists; objects key by key in any order, keys spelled exactly.
"""

from unicodedata import normalize

from verl_reflect.tasks.calls.untyped import Untyped

MAX_COMPOSED_CHARS = 1_000
"""Longer text is compared as it stands: composing a long run of accents takes quadratic time."""


def same_value(left: object, right: object) -> bool:
    """Whether the two are the same. The depth of either bounds the recursion."""
    if type(right) is Untyped:
        return any(same_value(left, reading) for reading in right.readings())
    if isinstance(left, str):
        return isinstance(right, str) and (left == right or _composed_alike(left, right))
    if isinstance(left, dict):
        return (
            isinstance(right, dict) and left.keys() == right.keys() and all(same_value(left[k], right[k]) for k in left)
        )
    if isinstance(left, list):
        return isinstance(right, list | tuple) and len(left) == len(right) and all(map(same_value, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _composed_alike(left: str, right: str) -> bool:
    if (left.isascii() and right.isascii()) or max(len(left), len(right)) > MAX_COMPOSED_CHARS:
        return False
    return normalize("NFC", left) == normalize("NFC", right)
