"""What `reflect.penalties` weigh: faults of a reflection, each a quantity between 0 and 1.

`Outcome.metrics` counts them for every session, penalised or not. The paper has no penalties: it pays success of the
retry and nothing else. They change what is optimised, so a run with one of them is no replication.

Language drift is whether a reflection leaves the writing systems of what it answers to. Python's `unicodedata` has no
script property, so the first word of a letter's Unicode name stands for it (`LATIN`, `CYRILLIC`, `CJK`, `HANGUL`).
Languages that share a script are not told apart: French after an English task is no drift here, and neither is Chinese
after a Japanese one.
"""

import unicodedata
from collections import Counter
from functools import lru_cache

_ONE_SYSTEM = {"HIRAGANA": "KANA", "KATAKANA": "KANA", "KATAKANA-HIRAGANA": "KANA", "IDEOGRAPHIC": "CJK"}
_SHARED = ("", "MODIFIER")
"""First words of names that say nothing: no name at all, and marks that many systems use."""


@lru_cache(maxsize=2**16)
def writing_system(character: str) -> str | None:
    """Such as `LATIN`; None if the character is no letter. Bold, wide or joined letters are what they stand for."""
    if not character.isalpha():
        return None
    name = unicodedata.name(unicodedata.normalize("NFKC", character)[0], "").partition(" ")[0]
    return None if name in _SHARED else _ONE_SYSTEM.get(name, name)


@lru_cache(maxsize=1024)
def writing_systems(text: str) -> frozenset[str]:
    """All that occur in a text."""
    return frozenset(system for character in set(text) if (system := writing_system(character)))


def foreign_share(text: str, *asked: str) -> float:
    """Share (0 to 1) of a text's letters whose writing system occurs in none of the texts `asked`.

    0 if the text has no letters, or if `asked` has none: then there is nothing to drift from.
    """
    known = frozenset[str]().union(*map(writing_systems, asked))
    letters = Counter({c: count for c, count in Counter(text).items() if writing_system(c)})
    if not known or not letters:
        return 0.0
    foreign = sum(count for letter, count in letters.items() if writing_system(letter) not in known)
    return foreign / letters.total()


def too_long(tokens: int, expected: float, limit: int) -> float:
    """0 for up to `expected` tokens, 1 for `limit`, a line between them."""
    return min(max((tokens - expected) / (limit - expected), 0.0), 1.0)
