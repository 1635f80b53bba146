"""Collections and files for the tests of imports and exports."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from vectorstore.domain.models import DataType
from vectorstore.domain.requests import FieldSpec
from vectorstore.transfer.readers import Bounds

BOUNDS = Bounds(piece=10, rows=1000, size=10_000_000)

SCALARS = [
    FieldSpec(name="yes", type=DataType.BOOL),
    FieldSpec(name="tiny", type=DataType.INT8),
    FieldSpec(name="small", type=DataType.INT16),
    FieldSpec(name="middle", type=DataType.INT32),
    FieldSpec(name="big", type=DataType.INT64),
    FieldSpec(name="single", type=DataType.FLOAT),
    FieldSpec(name="double", type=DataType.DOUBLE),
    FieldSpec(name="text", type=DataType.VARCHAR, max_length=128),
    FieldSpec(name="json", type=DataType.JSON),
    FieldSpec(name="tags", type=DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=4, max_length=32),
    FieldSpec(name="numbers", type=DataType.ARRAY, element_type=DataType.INT64, max_capacity=4),
]
VECTORS = [FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=4)]


def row(number: int) -> dict[str, Any]:
    """A row of SCALARS and VECTORS, and dynamic fields."""
    return {
        "id": f"r{number:05d}",
        "yes": number % 2 == 0,
        "tiny": -128 + number % 200,
        "small": -number,
        "middle": number,
        "big": 2**62 + number,
        "single": float(np.float32(number / 3)),
        "double": number / 3,
        "text": "" if number % 5 == 0 else f"ünï, \"quoted\"\n'{number}'",
        "json": {} if number % 4 == 0 else {"n": [number, None, "x,y"], "b": 1.5},
        "tags": ["a", f"w{number}"][: number % 3],
        "numbers": [number, -(2**63)],
        "vector": [float(np.float32(number * 0.1)), -0.0, 1.0000000031710769e-30, float(number)],
        "more": f"dynamic {number}",
        "nested": {"deep": [number]},
    }


def simple(number: int, **more: Any) -> dict[str, Any]:
    """A row of the short form with 8 dimensions."""
    return {"id": f"s{number:05d}", "vector": [float(number)] * 8, "n": number, **more}


def ndjson(path: Path, rows: list[Any]) -> Path:
    path.write_bytes(b"".join(each if isinstance(each, bytes) else orjson.dumps(each) + b"\n" for each in rows))
    return path


def json_array(path: Path, rows: list[Any]) -> Path:
    path.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    return path


def csv_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = io.StringIO()
    names = list(dict.fromkeys(name for each in rows for name in each))
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for each in rows:
        cells = {
            name: orjson.dumps(value).decode() if isinstance(value, (list, dict)) else value
            for name, value in each.items()
        }
        writer.writerow(cells)
    path.write_text(text.getvalue(), newline="")
    return path


def parquet(path: Path, rows: list[dict[str, Any]], group: int = 7) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


WRITE = {"ndjson": ndjson, "json": json_array, "csv": csv_file, "parquet": parquet}
