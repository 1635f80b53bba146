"""Bodies of ``partitions/``."""

from dataclasses import dataclass
from typing import TypedDict

from vectorstore.service.representations import PartitionView


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRequest:
    name: str


class PartitionBody(TypedDict):
    """``row_count`` is null while the partition is not loaded."""

    name: str
    row_count: int | None


def partition_body(view: PartitionView) -> PartitionBody:
    return {"name": view.name, "row_count": view.row_count}
