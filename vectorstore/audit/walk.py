"""Along the chain, record by record, in bounded memory."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import DataError

from vectorstore.audit.chain import WITH_HASHES, link
from vectorstore.audit.verdict import Broken, Kind
from vectorstore.models import AuditRecord

Row = Mapping[str, Any]

CHUNK = 2_000
_UNREADABLE = (ValueError, TypeError, AttributeError, DataError)
"""What Django and the drivers raise on JSON or a time that somebody wrote by hand."""


def rows(until: int, chunk: int = CHUNK) -> Iterator[Row]:
    """The records up to ``until`` by ``seq``. One that cannot even be read has its ``seq`` and nothing else."""
    after: int | None = None
    while True:
        wanted = AuditRecord.objects.filter(seq__lte=until).order_by("seq")
        if after is not None:
            wanted = wanted.filter(seq__gt=after)
        try:
            found: list[Row] = list(wanted.values(*WITH_HASHES)[:chunk])
        except _UNREADABLE:
            found = [_one(seq) for seq in wanted.values_list("seq", flat=True)[:chunk]]
        if not found:
            return
        yield from found
        after = found[-1]["seq"]


def _one(seq: int) -> Row:
    try:
        return dict(AuditRecord.objects.values(*WITH_HASHES).get(seq=seq))
    except _UNREADABLE:
        return {"seq": seq}


def follow(row: Row, seq: int, before: str) -> str:
    """The hash of the record that should be ``seq`` and follow ``before``.

    Raises:
        Broken: it is another one, or not as it was written.
    """
    found = row["seq"]
    if found > seq:
        missing = f"record {seq} is" if found == seq + 1 else f"records {seq} to {found - 1} are"
        raise Broken(Kind.GAP, seq, f"{missing} missing")
    if found < seq:
        raise Broken(Kind.ALTERED, found, f"record {found} was inserted: the chain begins at {seq}")
    try:
        after = link(before, row)
    except (KeyError, *_UNREADABLE):
        raise Broken(Kind.ALTERED, seq, f"record {seq} holds what the gateway never writes") from None
    if row["prev_hash"] != before or row["hash"] != after:
        raise Broken(Kind.ALTERED, seq, f"record {seq} is not as it was written")
    return after
