"""The filter language: Milvus's boolean expressions and the object form, as one checked tree.

serialise(check(parse("price < 10 and section == 'x'"), schema), dialect)
"""

from vectorstore.domain.filters.check import check, everything, ids_in
from vectorstore.domain.filters.dialect import Dialect
from vectorstore.domain.filters.objects import from_object
from vectorstore.domain.filters.parser import parse
from vectorstore.domain.filters.rewrite import rewrite
from vectorstore.domain.filters.serialise import serialise
from vectorstore.domain.filters.tree import Compare, FieldRef, Literal, Node, conjunction

__all__ = [
    "Compare",
    "Dialect",
    "FieldRef",
    "Literal",
    "Node",
    "check",
    "conjunction",
    "everything",
    "from_object",
    "ids_in",
    "parse",
    "rewrite",
    "serialise",
]
