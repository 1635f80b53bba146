"""Which column of a file is which field."""

from collections.abc import Mapping as AnyMapping
from typing import Any

from vectorstore.domain.arrow import DYNAMIC
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import FieldError, InvalidRequest


class Mapping:
    """Columns by the names of their fields: renamed where ``names`` says so, left out where ``drop`` does."""

    def __init__(self, names: AnyMapping[str, str], drop: list[str]) -> None:
        self._names, self._drop = dict(names), frozenset(drop)
        self._columns = {field: column for column, field in names.items()}

    def field(self, column: str) -> str | None:
        """The field of a column; None where it is left out."""
        return None if column in self._drop else self._names.get(column, column)

    def column(self, field: str) -> str:
        """The column of a field, for messages."""
        return self._columns.get(field, field)

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row by fields.

        Raises:
            ValueError: two columns of the row are one field.
        """
        if not self._names and not self._drop:
            return dict(row)
        found: dict[str, Any] = {}
        for column, value in row.items():
            field = self.field(column)
            if field is None:
                continue
            if field in found:
                raise ValueError(f"two columns are the field {field[:255]!r}")
            found[field] = value
        return found

    def check(
        self, collection: Collection, columns: tuple[str, ...] | None, made: frozenset[str] = frozenset()
    ) -> None:
        """Look at the names against the schema and, where the file tells them, its columns.

        ``made`` are the fields that the gateway fills where the file has none of them.

        Raises:
            InvalidRequest: naming each wrong one.
        """
        errors = [*self._check_names(collection)]
        if columns is not None:
            errors += self._check_columns(collection, columns, made)
        if errors:
            raise InvalidRequest("; ".join(error.detail for error in errors[:10]), errors=tuple(errors[:100]))

    def _check_names(self, collection: Collection) -> list[FieldError]:
        errors = []
        fields = list(self._names.values())
        for column, field in self._names.items():
            if collection.field(field) is None and not self._may_be_dynamic(collection, field):
                errors.append(_error(f"/mapping/{column}", f"the collection has no field {field[:255]!r}"))
            elif fields.count(field) > 1:
                errors.append(_error(f"/mapping/{column}", f"two columns are the field {field[:255]!r}"))
            elif column in self._drop:
                errors.append(_error(f"/mapping/{column}", f"the column {column[:255]!r} is left out"))
        return errors

    def _check_columns(
        self, collection: Collection, columns: tuple[str, ...], made: frozenset[str]
    ) -> list[FieldError]:
        errors = [
            _error(f"/mapping/{name}", f"the file has no column {name[:255]!r}")
            for name in self._names
            if name not in columns
        ]
        errors += [
            _error("/drop", f"the file has no column {name[:255]!r}")
            for name in sorted(self._drop)
            if name not in columns
        ]
        fields = [(column, field) for column in columns if (field := self.field(column)) is not None]
        for column, field in fields:
            known = collection.field(field) is not None or self._may_be_dynamic(collection, field)
            if not known and not (field == DYNAMIC and collection.dynamic_fields):
                errors.append(
                    _error("", f"the collection has no field {field[:255]!r}; map or drop the column {column[:255]!r}")
                )
        names = [field for _, field in fields]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            errors.append(_error("", f"two columns are the field {name[:255]!r}"))
        for missing in collection.fields:
            filled = missing.nullable or missing.default is not None or (missing.primary and collection.auto_id)
            if missing.name not in names and not filled and missing.name not in made:
                errors.append(_error("", f"the file has no column for the field {missing.name!r}"))
        return errors

    @staticmethod
    def _may_be_dynamic(collection: Collection, field: str) -> bool:
        return collection.dynamic_fields and bool(field) and not field.startswith("$")


def _error(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer, "invalid", detail)
