"""English words reduced to a common form, just enough that "parsing", "parsed" and "parser" meet."""

import functools
import re

_STOP = """
    a an and are as at be been but by can could did do does for from had has have how i if in into is it its may me
    might my no not of on or our shall should so such than that the their them then there these they this those to
    was we were what when where which while who will with would you your
"""
STOP_WORDS = frozenset(_STOP.split())

# The first ending that leaves a stem of three letters with a vowel is replaced; longer endings stand first.
_ENDINGS = (
    ("izations", "iz"),
    ("ization", "iz"),
    ("ations", "at"),
    ("ation", "at"),
    ("ators", "at"),
    ("ator", "at"),
    ("ively", "iv"),
    ("ings", ""),
    ("ing", ""),
    ("ions", ""),
    ("ion", ""),
    ("ies", "y"),
    ("ied", "y"),
    ("ers", ""),
    ("ors", ""),
    ("er", ""),
    ("or", ""),
    ("ed", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("ss", "ss"),
    ("us", "us"),
    ("s", ""),
)
_VOWEL = re.compile("[aeiouy]")


@functools.lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """The stem of a lower-case word; what is short or not ASCII stays as it is."""
    if len(word) < 4 or not word.isascii():
        return word
    for ending, replacement in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and _VOWEL.search(rest):
            word = rest + replacement
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word
