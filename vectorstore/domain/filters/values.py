"""How fields, paths, calculations and constants are written."""

from vectorstore.domain.filters.dialect import Dialect
from vectorstore.domain.filters.failures import invalid, unsupported
from vectorstore.domain.filters.literals import write_number, write_string
from vectorstore.domain.filters.operands import is_plain_name
from vectorstore.domain.filters.tree import (
    META,
    Arithmetic,
    ArrayLength,
    FieldRef,
    Literal,
    Node,
    Path,
    Scalar,
    Source,
)


def write_value(node: Node, dialect: Dialect) -> str:
    """The operand of a condition."""
    match node:
        case Literal(value):
            return write_constant(value)
        case FieldRef(name):
            return _name(name, node.source)
        case Path(name, keys):
            inner = "".join(f"[{write_string(key) if isinstance(key, str) else key}]" for key in keys)
            return (META if name == META else _name(name, node.source)) + inner
        case ArrayLength(array):
            if isinstance(array, Path) and not dialect.array_length_path:
                raise unsupported(node.source, "the connected engine has array_length of whole fields only")
            return f"array_length({write_value(array, dialect)})"
        case Arithmetic():
            return _calculation(node, dialect)
    raise invalid(node.source, "a condition is no value; compare fields and constants")


def _name(name: str, source: Source) -> str:
    if not is_plain_name(name):
        raise invalid(source, f"{name[:255]!r} is no name of a field")
    return name


def _calculation(node: Arithmetic, dialect: Dialect) -> str:
    if node.op == "%" and not dialect.modulo:
        raise unsupported(node.source, "the connected engine has no remainder operator %")
    if not isinstance(node.left, (FieldRef, Path)) or not isinstance(node.right, Literal):
        refuse_free_arithmetic(node.source, dialect)
    left, right = (
        f"({write_value(side, dialect)})" if isinstance(side, Arithmetic) else write_value(side, dialect)
        for side in (node.left, node.right)
    )
    return f"{left} {node.op} {right}"


def refuse_free_arithmetic(source: Source, dialect: Dialect) -> None:
    """For all calculations but that of a field and a constant."""
    if not dialect.free_arithmetic:
        raise unsupported(source, "the connected engine calculates with one field and one constant after it only")


def write_constant(value: Scalar) -> str:
    """A constant, which cannot end before its last character."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return write_string(value) if isinstance(value, str) else write_number(value)


def write_list(values: tuple[Scalar, ...]) -> str:
    return f"[{', '.join(write_constant(value) for value in values)}]"
