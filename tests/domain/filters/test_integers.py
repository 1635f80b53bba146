import operator
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.filters.language import EXAMPLES, MAX, MIN, SCHEMA
from vectorstore.domain.filters import Node, check, tree

_OPS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _value(node: Node, x: int) -> int:
    """The value as Milvus calculates it, division going towards zero as in C."""
    match node:
        case tree.Literal(int(value)):
            return value
        case tree.FieldRef():
            return x
        case tree.Arithmetic(op, left, right):
            a, b = _value(left, x), _value(right, x)
            if op in ("/", "%"):
                quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
                return quotient if op == "/" else a - b * quotient
            return {"+": a + b, "-": a - b, "*": a * b}[op]
    raise AssertionError(node)


def _holds(node: Node, x: int) -> bool:
    match node:
        case tree.And(operands):
            return all(_holds(item, x) for item in operands)
        case tree.Or(operands):
            return any(_holds(item, x) for item in operands)
        case tree.Not(inner):
            return not _holds(inner, x)
        case tree.Compare(op, left, right):
            return _OPS[op](_value(left, x), _value(right, x))
        case tree.In(_, values, negated):
            return (x in values) != negated
    raise AssertionError(node)


_constants = st.one_of(st.integers(-6, 6), st.integers(MIN, MAX))
_factors = st.integers(-6, 6).filter(bool)
_calculated = st.recursive(
    st.just(tree.FieldRef("big")),
    lambda inner: st.one_of(
        st.builds(tree.Arithmetic, st.sampled_from("+-"), inner, _constants.map(tree.Literal)),
        st.builds(tree.Arithmetic, st.sampled_from("*/%"), inner, _factors.map(tree.Literal)),
        st.builds(tree.Arithmetic, st.sampled_from("+-"), _constants.map(tree.Literal), inner),
        st.builds(tree.Arithmetic, st.just("*"), _factors.map(tree.Literal), inner),
    ),
    max_leaves=4,
)
_comparisons = st.builds(tree.Compare, st.sampled_from(sorted(_OPS)), _calculated, _constants.map(tree.Literal))
_rows = st.one_of(st.integers(-40, 40), st.sampled_from([MIN, MIN + 1, MAX - 1, MAX]), st.integers(MIN, MAX))


@settings(max_examples=EXAMPLES * 3, deadline=None)
@given(_comparisons, st.lists(_rows, min_size=10), st.booleans())
def test_a_solved_comparison_finds_the_same_rows(node: Node, rows: list[int], negated: bool) -> None:
    asked = tree.Not(node) if negated else node
    solved = check(asked, SCHEMA)
    for x in rows:
        assert _holds(solved, x) == _holds(asked, x), (solved, x)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(_rows, st.just(MIN)), max_size=5), st.booleans(), st.lists(_rows, min_size=5))
def test_a_list_with_the_smallest_integer_finds_the_same_rows(values: list[int], out: bool, rows: list[int]) -> None:
    asked = tree.In(tree.FieldRef("big"), tuple(values), out)
    for x in (*rows, *values):
        assert _holds(check(asked, SCHEMA), x) == _holds(asked, x)


def _written_integers(node: Node) -> list[int]:
    own = [node.value] if isinstance(node, tree.Literal) and isinstance(node.value, int) else []
    own += [v for v in node.values if isinstance(v, int)] if isinstance(node, tree.In) else []
    return own + [value for below in tree.children(node) for value in _written_integers(below)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(_comparisons)
def test_the_bounds_of_a_solved_comparison_fit_in_64_bits(node: Node) -> None:
    solved = check(node, SCHEMA)
    if "Arithmetic" not in repr(solved):
        assert all(MIN < value <= MAX for value in _written_integers(solved))
