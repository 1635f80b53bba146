"""Text as weighted terms: the words that a document is about, and how much.

Written for technical prose and for identifiers: ``parsedate_tz``, ``NamedTemporaryFile`` and "parses a date"
share terms. A document may begin with a title line; where that line is a name such as
``datetime.date.today()``, the last part of the name counts most.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from vectorstore.adapters.embedding.stems import STOP_WORDS, stem

Compounds = Mapping[str, list[str]]
"""Words written together and their parts, as ``{"parsedate": ["parse", "date"]}``."""

# Weights and limits are chosen by trying: see ``tests/service/test_demo_answers.py`` for what has to be found.
_TITLE, _PATH, _LEAD, _BODY = 8.0, 2.0, 4.0, 1.0
_BODY_CHARACTERS = 400
_DAMPING = 0.7

_WORD = re.compile(r"\w+")
_SEAM = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_NAME = re.compile(r"((?:[^\W\d]\w*\.)*)([^\W\d]\w*)(\(.*)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")

_COMMON, _RARE = 8, 80  # documents: a part of a compound is in at least so many, a compound in at most so many
_SHORTEST_PART = 3


def weighted_terms(text: str, compounds: Compounds) -> dict[str, float]:
    """Terms and their weights; the weights of one text matter only in proportion to each other."""
    weights: dict[str, float] = {}
    for part, weight in _parts(text):
        for term in _terms(part, compounds):
            weights[term] = weights.get(term, 0.0) + weight
    return {term: weight**_DAMPING for term, weight in weights.items()}


def learn_compounds(texts: Iterable[str]) -> dict[str, list[str]]:
    """Rare words that are common words written together, found in the texts themselves."""
    prose: Counter[str] = Counter()
    candidates: set[str] = set()
    for text in texts:
        title, _, rest = text.partition("\n")
        words = set(_plain_words(rest))
        prose.update(words)
        candidates |= words
        candidates.update(_plain_words(title))
    known = {
        word: count
        for word, count in prose.items()
        if count >= _COMMON and len(word) >= _SHORTEST_PART and word not in STOP_WORDS - {"for", "from"}
    }
    found = ((word, _split(word, known)) for word in sorted(candidates) if prose[word] <= _RARE)
    return {word: parts for word, parts in found if 2 <= len(parts) <= 3}


def _parts(text: str) -> Iterator[tuple[str, float]]:
    """The text in parts with the weight of each: title, what stands below it, first sentence, the rest."""
    head, _, rest = text.strip().partition("\n\n")
    title, _, below = head.partition("\n")
    name = _NAME.fullmatch(title.strip())
    if name:
        path, own, call = name.groups()
        yield own, _TITLE
        yield " ".join(dict.fromkeys(path.split("."))), _PATH
        yield call or "", _BODY
    elif rest or not below:
        yield title, _TITLE
    else:  # a paragraph of several lines is no title
        below, rest = "", head
    yield below, _BODY
    rest = rest.strip()
    end = _SENTENCE_END.search(rest)
    cut = end.start() if end else len(rest)
    yield rest[:cut], _LEAD
    yield rest[cut : cut + _BODY_CHARACTERS], _BODY


def _terms(text: str, compounds: Compounds) -> Iterator[str]:
    for word in _WORD.findall(text):
        pieces = [piece.lower() for piece in _SEAM.split(word) if piece]
        for piece in pieces:
            for term in (piece, *compounds.get(piece, ())):
                if term not in STOP_WORDS and (len(term) > 1 or not term.isascii()):
                    yield stem(term)
        if len(pieces) > 1:
            yield "=" + "".join(pieces)


def _plain_words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        for piece in _SEAM.split(word):
            if piece.isascii() and piece.isalpha():
                yield piece.lower()


def _split(word: str, known: Mapping[str, int]) -> list[str]:
    """The fewest known words that make up ``word``; of several ways the one whose rarest part is commonest."""
    ways = []
    for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        first, rest = word[:cut], word[cut:]
        if first in known:
            tail = [rest] if rest in known else _split(rest, known)
            if tail:
                ways.append([first, *tail])
    return min(ways, key=lambda way: (len(way), -min(known[part] for part in way)), default=[])
