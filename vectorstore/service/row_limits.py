"""Rows that a caller writes, kept within what its grants give."""

from vectorstore.domain.errors import FieldError, InvalidRequest
from vectorstore.domain.requests import Row
from vectorstore.domain.rows import MAX_REPORTED
from vectorstore.service.catalogue import KnownCollection


def keep_within(known: KnownCollection, rows: list[Row]) -> None:
    """Check each row against the caller's row filters and denied fields, in place.

    A row without the filter's field gets its value where there is only one that it may have.

    Raises:
        InvalidRequest: naming each value that lies outside; nothing was written.
    """
    errors: list[FieldError] = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):  # refused by the check of the rows, which names it
            continue
        for name in known.denied & row.keys():
            errors.append(FieldError(f"/vectors/{index}/{name}", "unknown_field", "there is no field of that name"))
        _stamp(known, row)
        if known.rows and not any(rows.admits(row.get(rows.field)) for rows in known.rows):
            names = " or ".join(dict.fromkeys(rows.field for rows in known.rows))
            detail = f"your grant gives you rows by their {names}, and this is not one of them"
            errors.append(FieldError(f"/vectors/{index}/{known.rows[0].field}", "outside_row_filter", detail))
    if errors:
        raise InvalidRequest(
            f"{len(errors)} values of {len(rows)} rows are outside your grant; nothing was written",
            errors=tuple(errors[:MAX_REPORTED]),
        )


def _stamp(known: KnownCollection, row: Row) -> None:
    if len(known.rows) != 1:
        return
    (rows,) = known.rows
    if row.get(rows.field) is None and rows.only_value is not None:
        row[rows.field] = rows.only_value
