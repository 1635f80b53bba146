"""Text to tree."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import cast

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from vectorstore.domain.filters.build import Builder
from vectorstore.domain.filters.failures import DEPTH_LIMIT, PART_LIMIT, invalid, refuse_deep, too_large
from vectorstore.domain.filters.tree import Node

TEXT_LIMIT = 65_536
"""Characters of one filter."""

_WORDS = {
    "NAME": "a field",
    "META": "a field",
    "NUMBER": "a number",
    "STRING": "a quoted string",
    "BOOLEAN": "true or false",
    "LIST": "a list in brackets",
    "COMPARE": "a comparison (== != < <= > >=)",
    "_AND": "and",
    "_OR": "or",
    "NOT": "not",
    "EXISTS": "exists",
    "_IN": "in",
    "_LIKE": "like",
    "_IS": "is",
    "_NULL": "null",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": ",",
    "$END": "the end",
}
_OPERATORS = {"PLUS", "MINUS", "TIMES", "OVER", "MODULO"}
_HINTS = {
    "=": "a comparison is written ==",
    "&": "a conjunction is written and",
    "|": "a disjunction is written or",
    '"': "this string is not closed on its line",
    "'": "this string is not closed on its line",
    "[": "this list is not closed or holds something else than constants",
    "$": "only $meta starts with a dollar sign",
}
_STRING = r"""(?:"(?:[^"\\\r\n]++|\\[^\r\n])*+"|'(?:[^'\\\r\n]++|\\[^\r\n])*+')"""
_PART = re.compile(rf"""{_STRING}|\[(?:{_STRING}|[^\[\]"'])*+\]|[\w.$]++|[^\s\w]""")
_building = Lock()


def parse(text: str) -> Node:
    """The tree of a filter in Milvus's expression language.

    Raises:
        InvalidFilter: naming the column (1-based, in characters) and what was expected there.
    """
    if len(text) > TEXT_LIMIT:
        raise invalid(TEXT_LIMIT + 1, f"the filter is longer than {TEXT_LIMIT} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise invalid(error.start + 1, "half of a surrogate pair is not text") from None
    _refuse_large(text)
    with _building:
        reader = _parser()
    try:
        # The transformer in the parser makes our nodes where Lark's signature promises its own trees.
        node = cast(Node, reader.parse(text))
    except UnexpectedToken as error:
        found = error.token
        at = len(text) + 1 if found.type == "$END" else (found.start_pos or 0) + 1
        what = "the filter ends too early" if found.type == "$END" else f"{str(found)[:40]!r} is not expected here"
        raise invalid(at, f"{what}; expected {_expected(error.expected)}") from None
    except UnexpectedCharacters as error:
        position = error.pos_in_stream or 0
        at = position + 1
        character = text[position]
        hint = _HINTS.get(character, f"{character!r} is not expected here")
        raise invalid(at, f"{hint}; expected {_expected(error.allowed or ())}") from None
    except UnexpectedInput:
        raise invalid(1, "the filter cannot be read") from None
    refuse_deep(node)
    return node


def _refuse_large(text: str) -> None:
    """Ahead of the parser, which takes half a second to read 64 KB of parentheses."""
    depth = 0
    for number, match in enumerate(_PART.finditer(text), start=1):
        if number > PART_LIMIT:
            raise too_large(match.start() + 1)
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth > DEPTH_LIMIT:
            raise invalid(match.start() + 1, f"the filter is nested more than {DEPTH_LIMIT} levels deep")


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    parser = Lark(grammar, parser="lalr", lexer="contextual", transformer=Builder())
    parser.parse("a == 1")  # compiles the lexer's expressions before threads share them
    return parser


def _expected(terminals: Iterable[str]) -> str:
    words = {"an operator" if name in _OPERATORS else _WORDS[name] for name in terminals if name in _WORDS}
    return ", ".join(sorted(words)) or "nothing"
