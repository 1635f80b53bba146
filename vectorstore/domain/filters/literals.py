"""Reading and writing the constants of the language: strings, numbers, lists."""

import re

from vectorstore.domain.filters.failures import LIST_LIMIT, invalid
from vectorstore.domain.filters.tree import Scalar, Source

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_SIMPLE = {
    "\\": "\\",
    '"': '"',
    "'": "'",
    "?": "?",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_WRITTEN = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
"""The only escapes that every engine reads alike; all other characters are sent as they are."""

_ITEM = re.compile(
    r"\s*+(?:([+-]?)\s*+([0-9.][0-9A-Za-z_.]*(?:(?<=[eE])[+-][0-9]+)?)"
    r"""|("(?:[^"\\\r\n]++|\\[^\r\n])*+"|'(?:[^'\\\r\n]++|\\[^\r\n])*+')"""
    r"|(true|false))\s*+(?:,|(?=\]))",
    re.IGNORECASE,
)
"""Possessive throughout: a list of blanks that ends badly is given up at once."""
_BASED = re.compile(r"0x[0-9a-f]+|0b[01]+", re.IGNORECASE)
_FLOAT = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def read_string(text: str, column: int) -> str:
    """The value of a quoted string whose opening quote is at ``column``."""
    body = text[1:-1]
    if "\\" not in body:
        return body

    def replace(match: re.Match[str]) -> str:
        short, long, byte, octal, simple = match.groups()
        if simple is not None:
            if simple in _SIMPLE:
                return _SIMPLE[simple]
            raise invalid(column + 1 + match.start(), f"there is no escape sequence \\{simple} in a string")
        code = int(octal, 8) if octal else int(short or long or byte, 16)
        if code > (0x7F if octal or byte else 0x10FFFF):
            # To Milvus these are single bytes, which need not be text at all.
            raise invalid(column + 1 + match.start(), f"write {match[0]} as \\u and four hexadecimal digits")
        return chr(code)

    value = _ESCAPE.sub(replace, body)
    if _SURROGATE.search(value):
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise invalid(column, "the string has half of a surrogate pair, which is not text") from None
    return value


def write_string(value: str, source: Source = None) -> str:
    """The string in double quotes; no character of it can end the quotes."""
    refuse_surrogates(value, source)
    return f'"{value.translate(_WRITTEN)}"'


def refuse_surrogates(value: str, source: Source) -> None:
    """Half a surrogate pair has no UTF-8 form, so it can be neither sent nor stored."""
    if not value.isascii() and _SURROGATE.search(value):
        raise invalid(source, "the string has half of a surrogate pair, which is not text")


def read_number(text: str, column: int, sign: str = "") -> int | float:
    """A decimal, hexadecimal or binary integer, or a float."""
    if text.isdigit() and text.isascii():
        if len(text) > 1 and text[0] == "0":
            raise invalid(column, "a number with a leading zero is octal to some engines; write it in decimal")
        return _whole(text, 10, sign, column)
    if _BASED.fullmatch(text):
        return _whole(text[2:].lstrip("0") or "0", 16 if text[1] in "xX" else 2, sign, column)
    if not _FLOAT.fullmatch(text):
        raise invalid(column, f"{text[:40]!r} is not a number")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise invalid(column, f"{text[:40]} is beyond the range of a 64-bit float")
    return -value if sign == "-" else value


def _whole(digits: str, base: int, sign: str, column: int) -> int:
    # Python refuses very long decimals by an error of its own, so the length is looked at first.
    value = int(digits, base) if len(digits) <= 64 else INT64_MAX + 2
    if sign == "-":
        value = -value
    if not INT64_MIN <= value <= INT64_MAX:
        raise invalid(column, "the integer does not fit in 64 bits")
    return value


def write_number(value: int | float) -> str:
    """Floats by repr, so that reading them gives the same bits."""
    return repr(value)


def read_list(text: str, column: int) -> tuple[Scalar, ...]:
    """The values of ``[…]`` whose bracket is at ``column``; a comma may follow the last one."""
    values: list[Scalar] = []
    position, end = 1, len(text) - 1
    if not text[1:-1].strip():
        return ()
    while position < end:
        match = _ITEM.match(text, position)
        if match is None:
            if not text[position:end].strip():
                break
            at = column + position + len(text[position:end]) - len(text[position:end].lstrip())
            raise invalid(at, "a list holds numbers, quoted strings or booleans, separated by commas")
        sign, number, string, boolean = match.groups()
        if number is not None:
            values.append(read_number(number, column + match.start(2), sign))
        elif string is not None:
            values.append(read_string(string, column + match.start(3)))
        else:
            values.append(boolean.lower() == "true")
        if len(values) > LIST_LIMIT:
            raise invalid(column, f"the list has more than {LIST_LIMIT} values")
        position = match.end()
    return tuple(values)
