"""The digest depends on the rows alone: not on their order, batches, or the way their values are written down."""

import hashlib
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backup.made import EVERYTHING, NARROW, everything, row, rows_of
from vectorstore.domain.arrow import PARTITION, arrow_schema
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.digest import WIDTH, RowHasher, RunningDigest, digest_of, row_hashes
from vectorstore.domain.models import DataType


def _digest(*rows: dict[str, Any]) -> str:
    return digest_of([rows_of(list(rows))], EVERYTHING).hex


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(9)), st.lists(st.integers(0, 9), max_size=4))
def test_order_and_batches_do_not_count(order: list[int], cuts: list[int]) -> None:
    whole = everything(9)
    mixed = pa.Table.from_batches([whole]).take(order).combine_chunks().to_batches()[0]
    edges = sorted({0, 9, *cuts})
    parts = [mixed.slice(start, end - start) for start, end in pairwise(edges)]
    assert digest_of(parts, EVERYTHING) == digest_of([whole], EVERYTHING)


_FORMS = {"BOOL": "B", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "FLOAT": "f", "DOUBLE": "d"}


def _slow(rows: pa.RecordBatch, collection: Collection) -> tuple[int, str]:
    """The canonical form as its description says, value by value."""
    fields = sorted(collection.fields, key=lambda field: (not field.primary, field.name))
    layout = [f"{each.name} {'json' if each.type == 'JSON' else rows.schema.field(each.name).type}" for each in fields]
    person = hashlib.blake2b("\n".join([*layout, "$meta json"]).encode(), digest_size=16).digest()
    total = 0
    for values in rows.to_pylist():
        fixed = rest = b""
        for name, kind, element in [(each.name, each.type, each.element_type) for each in fields] + [
            ("$meta", "JSON", None)
        ]:
            value, variable = values[name], None
            fixed += bytes([value is not None])
            if kind in _FORMS:
                fixed += struct.pack("<" + _FORMS[kind], value or 0)
            elif kind == "BINARY_VECTOR":
                fixed += value
            elif kind == "SPARSE_FLOAT_VECTOR":
                pairs = sorted(zip(value["indices"], value["weights"], strict=True))
                variable = b"".join(struct.pack("<If", *pair) for pair in pairs)
            elif kind.endswith("VECTOR"):
                fixed += struct.pack(f"<{len(value)}f", *value)
            elif kind == "ARRAY" and element == "VARCHAR":
                variable = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in value or ())
            elif kind == "ARRAY":
                variable = struct.pack(f"<{len(value or ())}{_FORMS[element]}", *(value or ()))
            elif kind == "JSON":
                variable = b"" if value is None else orjson.dumps(orjson.loads(value), option=orjson.OPT_SORT_KEYS)
            else:
                variable = (value or "").encode()
            if variable is not None:
                fixed, rest = fixed + struct.pack("<I", len(variable)), rest + variable
        total += int.from_bytes(hashlib.blake2b(fixed + rest, digest_size=16, person=person).digest(), "little")
    return rows.num_rows, f"{total % 2**128:032x}"


def test_the_digest_is_that_of_its_description() -> None:
    found = digest_of([everything(50)], EVERYTHING)
    assert (found.rows, found.hex) == _slow(everything(50), EVERYTHING)


def test_the_digest_stays_what_it_was() -> None:
    # Sets and ledgers that are kept hold digests: to change the canonical form is to make a new format.
    found = digest_of([everything(5)], EVERYTHING)
    assert (found.rows, found.hex) == (5, "e27a467f7811e02ca121b5dc2c37f2d2")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("yes", False),
        ("yes", None),
        ("tiny", -127),
        ("small", None),
        ("small", 0),
        ("middle", 8),
        ("single", 0.10000001),
        ("double", 0.1 + 2**-55),
        ("text", None),
        ("text", ""),
        ("json", None),
        ("json", {"b": [1, None, 2**63 - 1], "a": 1}),
        ("tags", ["ab", "c"]),
        ("tags", ["a", "bc", ""]),
        ("truths", [True, True]),
        ("truths", None),
        ("truths", []),
        ("numbers", [2**63 - 1]),
        ("dense", [0.1, 0.0, 1e-45]),
        ("half", [0.5, 2.5]),
        ("brain", [1.0, 2.0]),
        ("bits", [255, 0]),
        ("sparse", {7: 0.25, 4: -1.0}),
        ("sparse", {}),
        ("more", "other"),
    ],
)
def test_every_value_counts(field: str, value: Any) -> None:
    assert _digest(row(4, **{field: value})) != _digest(row(4))


def test_null_of_sql_and_of_json_stay_apart() -> None:
    rows = rows_of([row(1)])
    place, kind = rows.schema.get_field_index("json"), rows.schema.field("json")
    null, nothing = (rows.set_column(place, kind, pa.array([value], pa.string())) for value in ("null", None))
    assert digest_of([null], EVERYTHING) != digest_of([nothing], EVERYTHING)


def test_the_order_of_keys_and_the_spaces_of_json_do_not_count() -> None:
    rows = rows_of([row(1, json={"a": {"y": 1, "x": [2]}, "b": 3}, more=1)])
    place, last = rows.schema.get_field_index("json"), len(rows.schema) - 1
    other = rows.set_column(place, rows.schema.field("json"), pa.array(['{ "b":3, "a":{"x":[ 2 ],"y":1}}']))
    other = other.set_column(last, rows.schema.field(last), pa.array(['{"more" : 1}']))
    assert digest_of([other], EVERYTHING) == digest_of([rows], EVERYTHING)


def test_text_that_is_no_json_counts_as_it_stands() -> None:
    rows = rows_of([row(1)])
    last = len(rows.schema) - 1
    one, other = (rows.set_column(last, rows.schema.field(last), pa.array([text])) for text in ("{NaN", "{NaN "))
    assert digest_of([one], EVERYTHING) != digest_of([other], EVERYTHING)


def test_the_order_within_a_sparse_vector_does_not_count() -> None:
    rows = rows_of([row(1, sparse={3: 1.0, 7: 2.0, 9: 3.0}), row(2, sparse={1: 1.0})])
    place = rows.schema.get_field_index("sparse")
    kind = rows.schema.field("sparse")
    values = [{"indices": [9, 3, 7], "weights": [3.0, 1.0, 2.0]}, {"indices": [1], "weights": [1.0]}]
    assert digest_of([rows.set_column(place, kind, pa.array(values, kind.type))], EVERYTHING) == digest_of(
        [rows], EVERYTHING
    )


def test_what_lies_under_a_null_does_not_count() -> None:
    holder = Collection(
        name="h",
        fields=(
            Field("id", DataType.INT64, primary=True),
            Field("v", DataType.FLOAT_VECTOR, dimension=2, nullable=True),
            Field("bits", DataType.BINARY_VECTOR, dimension=8, nullable=True),
        ),
        dynamic_fields=False,
    )

    def rows(junk: float, byte: bytes) -> pa.RecordBatch:
        flat = pa.array([junk, junk, 1, 2], pa.float32())
        vectors = pa.FixedSizeListArray.from_arrays(flat, 2, mask=pa.array([True, False]))
        valid = pa.py_buffer(bytes([0b10]))
        bits = pa.Array.from_buffers(pa.binary(1), 2, [valid, pa.py_buffer(byte + b"z")])
        return pa.RecordBatch.from_arrays([pa.array([1, 2]), vectors, bits], schema=arrow_schema(holder))

    assert digest_of([rows(0, b"a")], holder) == digest_of([rows(9, b"b")], holder)


def test_the_order_of_fields_does_not_count_but_their_names_do() -> None:
    rows = rows_of([{"id": "a", "dense": [1, 2], "note": "n"}], NARROW)
    turned = Collection(name="other", fields=(NARROW.fields[2], NARROW.fields[0], NARROW.fields[1]))
    assert digest_of([rows], turned) == digest_of([rows], NARROW)
    renamed = Collection(name="narrow", fields=(*NARROW.fields[:2], Field("text", DataType.VARCHAR, nullable=True)))
    other = pa.RecordBatch.from_arrays(rows.columns, schema=arrow_schema(renamed).set(2, pa.field("text", pa.string())))
    assert digest_of([other], renamed) != digest_of([rows], NARROW)


def test_partitions_count_only_if_asked_for() -> None:
    rows = rows_of([{"id": "a", "dense": [1, 2]}], NARROW)
    here, there = (rows.append_column(PARTITION, pa.array([name])) for name in ("here", "there"))
    assert digest_of([here], NARROW) == digest_of([there], NARROW) == digest_of([rows], NARROW)
    assert digest_of([here], NARROW, partitions=True) != digest_of([there], NARROW, partitions=True)
    unnamed, default = (rows.append_column(PARTITION, pa.array([name])) for name in ("", "_default"))
    assert digest_of([unnamed], NARROW, partitions=True) == digest_of([default], NARROW, partitions=True)


def test_rows_can_be_added_and_taken_away_one_by_one() -> None:
    hashes = RowHasher(EVERYTHING).hashes(everything(5))
    assert len(hashes) == 5 * WIDTH
    digest = RunningDigest()
    for each in row_hashes(hashes):
        digest.add(each)
    assert digest == digest_of([everything(5)], EVERYTHING)
    digest.subtract(hashes[2 * WIDTH :])
    assert digest == digest_of([everything(2)], EVERYTHING)
    digest.subtract(hashes[: 2 * WIDTH])
    assert digest == RunningDigest(0, 0)


def test_the_sum_wraps_at_128_bits() -> None:
    digest = RunningDigest()
    digest.add(b"\xff" * 16 + (2).to_bytes(16, "little"))
    assert digest == RunningDigest(2, 1)


def test_a_batch_larger_than_a_slice_has_the_digest_of_its_parts() -> None:
    wide = Collection(
        name="wide",
        fields=(Field("id", DataType.INT64, primary=True), Field("v", DataType.FLOAT_VECTOR, dimension=512)),
        dynamic_fields=False,
    )
    flat = pa.array(np.arange(6000 * 512, dtype=np.float32))
    columns = [pa.array(np.arange(6000)), pa.FixedSizeListArray.from_arrays(flat, 512)]
    rows = pa.RecordBatch.from_arrays(columns, schema=arrow_schema(wide))
    assert digest_of([rows], wide) == digest_of([rows.slice(at, 1000) for at in range(0, 6000, 1000)], wide)
