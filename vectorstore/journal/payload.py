"""What frames carry: rows as an Arrow stream compressed with zstd, keys as one column, definitions as JSON."""

from collections.abc import Sequence

import pyarrow as pa

from vectorstore.domain.collection import Field
from vectorstore.domain.models import DataType, RowId

_OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))


def pack_rows(rows: pa.RecordBatch) -> bytes:
    """Rows by ``domain.arrow.arrow_schema``."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_OPTIONS) as stream:
        stream.write_batch(rows)
    return bytes(sink.getvalue())


def unpack_rows(payload: bytes) -> pa.RecordBatch:
    """
    Raises:
        pyarrow.ArrowInvalid: these are no rows.
    """
    with pa.ipc.open_stream(payload) as stream:
        return stream.read_next_batch()


def pack_keys(keys: Sequence[RowId], primary: Field) -> bytes:
    kind = pa.int64() if primary.type is DataType.INT64 else pa.string()
    return pack_rows(pa.RecordBatch.from_arrays([pa.array(keys, kind)], names=[primary.name]))


def unpack_keys(payload: bytes) -> list[RowId]:
    keys: list[RowId] = unpack_rows(payload).column(0).to_pylist()
    return keys
