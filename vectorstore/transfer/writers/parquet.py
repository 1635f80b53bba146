"""Parquet with the columns of ``domain.arrow``."""

from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from vectorstore.domain.arrow import arrow_schema, to_arrow
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection

_GROUP_BYTES = 32 * 1024 * 1024


class ParquetFormat:
    media = "application/vnd.apache.parquet"

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._schema = arrow_schema(collection)

    def part(self, file: IO[bytes]) -> "_Part":
        return _Part(self._writer(file), self._collection)

    def join(self, parts: list[Path], file: IO[bytes]) -> None:
        writer = self._writer(file)
        try:
            for part in parts:
                with pq.ParquetFile(part, pre_buffer=False) as source:
                    for group in range(source.metadata.num_row_groups):
                        writer.write_table(source.read_row_group(group, use_threads=False))
        finally:
            writer.close()

    def _writer(self, file: IO[bytes]) -> Any:
        vectors = {field.name for field in self._collection.vector_fields}
        packed = [name for name in self._schema.names if name not in vectors]  # vectors hardly repeat a number
        return pq.ParquetWriter(file, self._schema, compression="zstd", use_dictionary=packed)


class _Part:
    def __init__(self, writer: Any, collection: Collection) -> None:
        self._writer, self._collection = writer, collection
        self._waiting: list[pa.RecordBatch] = []
        self._size = 0

    def write(self, batch: Batch) -> int:
        rows = to_arrow(batch, self._collection)
        self._waiting.append(rows)
        self._size += rows.nbytes
        if self._size >= _GROUP_BYTES:
            self._flush()
        return int(rows.nbytes)

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting, self._size = [], 0
