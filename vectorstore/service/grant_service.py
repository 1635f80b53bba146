"""Grants: listed, given, changed, taken away."""

import builtins
import re
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.utils import timezone

from vectorstore.access.delegation import lacking, place_covers
from vectorstore.access.rights import Place, held
from vectorstore.access.roles import ROLES
from vectorstore.domain.access_requests import GrantChanges, GrantRequest
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import InvalidFilter, InvalidRequest, NotFound, PermissionDenied
from vectorstore.domain.models import DataType
from vectorstore.domain.row_filter import VARIABLE, RowFilter
from vectorstore.models import CollectionRecord, Grant, ServiceAccount
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul

_PATTERN = re.compile(r"[A-Za-z0-9_*?]{1,255}")
_PLACE_NAME = re.compile(r"\*|[A-Za-z0-9_-]{1,64}")
_DATABASE_NAME = re.compile(r"\*|[A-Za-z_][A-Za-z0-9_]{0,254}")
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


class GrantService(Service):
    def list(self) -> QuerySet[Grant]:
        """The grants in the places where the caller may view grants."""
        if not self.rights.somewhere("grant.view"):
            self._refuse("grant.view")
        with self.listing("grant.view"):
            return self._in_reach("grant.view")

    def reachable(self) -> "QuerySet[Grant]":
        """As ``list``, for a page that shows several; the page's own request is what is recorded."""
        return self._in_reach("grant.view")

    def _in_reach(self, action: str) -> QuerySet[Grant]:
        rows = Grant.objects.select_related("user", "group", "service_account")
        if self.rights.decide(action).allowed:
            return rows
        now = timezone.now()
        places = [grant.place for grant in self.rights.grants if grant.gives(action, now)]
        found = [row.pk for row in rows if any(place_covers(place, _place(row)) for place in places)]
        return rows.filter(pk__in=found)

    def _refuse(self, action: str) -> None:
        """Raises PermissionDenied, recorded as any refusal is."""
        with self.operation(action):
            pass

    def get(self, grant_id: int) -> Grant:
        """Raises NotFound: there is none, or it is out of the caller's reach."""
        with self.listing("grant.view"):
            return self._reachable(grant_id, "grant.view")

    def create(self, request: GrantRequest) -> Grant:
        """Give a right.

        Raises:
            InvalidRequest: a value is wrong, or a row filter does not fit the collections it is for.
            PermissionDenied: it is more than the caller holds.
        """
        with self.operation("grant.manage", request.collections[:255]) as act:
            row = self._row(request)
            act.parameters = _summary(row)
            self._check(row)
            row.save()
            act.parameters = {**act.parameters, "grant": row.pk}
        return row

    def check(self, request: GrantRequest) -> None:
        """Raises what ``create`` would, and gives nothing."""
        self._check(self._row(request))

    def _row(self, request: GrantRequest) -> Grant:
        refuse_nul(request)
        return Grant(
            **_subject(request),
            **{name: value for name, value in _values(request).items() if value is not None},
            created_by=self.scope.actor.name,
        )

    def update(self, grant_id: int, changes: GrantChanges) -> Grant:
        """Change when and whether a grant holds.

        Raises:
            NotFound, InvalidRequest, PermissionDenied: as ``get`` and ``create``.
        """
        refuse_nul(changes)
        row = self._reachable(grant_id, "grant.manage")
        with self.operation("grant.manage", row.collections) as act:
            for name, value in asdict(changes).items():
                if value is not None:
                    setattr(row, name, value)
            act.parameters = {**_summary(row), "grant": row.pk}
            if changes.enabled or changes.expires_at is not None:  # to take away needs no right of one's own
                self._check(row)
            _check_values(row)
            row.save()
        return row

    def delete(self, grant_id: int) -> None:
        """Take a right away.

        Raises:
            NotFound: there is none, or it is out of the caller's reach.
        """
        row = self._reachable(grant_id, "grant.manage")
        with self.operation("grant.manage", row.collections) as act:
            act.parameters = {**_summary(row), "grant": row.pk, "deleted": True}
            row.delete()

    def _reachable(self, grant_id: int, action: str) -> Grant:
        if not self.rights.somewhere(action):
            self._refuse(action)
        row = self._in_reach(action).filter(pk=grant_id).first()
        if row is None:
            absent = "There is no such grant."
            if Grant.objects.filter(pk=grant_id).exists():
                self.hidden(action, "", absent)
            raise NotFound(absent)
        return row

    def _check(self, row: Grant) -> None:
        _check_values(row)
        given = held(row, {})
        lacks = lacking(self.rights, given) or ("" if self._manages(row) else "you do not manage grants there")
        if lacks:
            raise PermissionDenied(f"You cannot give this: {lacks}.")
        if row.row_filter:
            _check_row_filter(row)

    def _manages(self, row: Grant) -> bool:
        if self.rights.decide("grant.manage").allowed:
            return True
        now = timezone.now()
        return any(
            grant.gives("grant.manage", now) and place_covers(grant.place, _place(row)) for grant in self.rights.grants
        )


def _place(row: Grant) -> Place:
    return Place(row.cluster, row.database, row.collections)


def _values(request: GrantRequest) -> dict[str, Any]:
    values = asdict(request)
    return {name: values[name] for name in values if name not in ("user", "group", "service_account")}


def _subject(request: GrantRequest) -> dict[str, Any]:
    given = {name: getattr(request, name) for name in ("user", "group", "service_account")}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) != 1:
        raise InvalidRequest.at("", "give exactly one of user, group and service_account")
    ((kind, name),) = given.items()
    found: Any
    if kind == "user":
        found = User.objects.filter(username=name).first()
    elif kind == "group":
        found = Group.objects.filter(name=name).first()
    else:
        found = ServiceAccount.objects.filter(name=name).first()
    if found is None:
        raise InvalidRequest.at(f"/{kind}", f"there is no {kind.replace('_', ' ')} of that name")
    return {kind: found}


def _summary(row: Grant) -> dict[str, Any]:
    """What is recorded of a grant: all of it but the values of its row filter."""
    return {
        "subject": row.subject,
        "role": row.role,
        "cluster": row.cluster,
        "database": row.database,
        "collections": row.collections,
        "row_filter": {name: row.row_filter.get(name) for name in ("field", "op")} if row.row_filter else None,
        "denied_fields": builtins.list(row.denied_fields),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "enabled": row.enabled,
        "reason": row.reason,
    }


def _check_values(row: Grant) -> None:
    if row.role not in ROLES:
        raise InvalidRequest.at("/role", f"role is one of {', '.join(ROLES)}")
    for value, rule, pointer in (
        (row.cluster, _PLACE_NAME, "/cluster"),
        (row.database, _DATABASE_NAME, "/database"),
        (row.collections, _PATTERN, "/collections"),
    ):
        if not rule.fullmatch(value):
            detail = "a name, or a pattern with * and ?" if pointer == "/collections" else "a name, or *"
            raise InvalidRequest.at(pointer, f"{pointer[1:]} is {detail}")
    if len(row.reason) > 500:
        raise InvalidRequest.at("/reason", "the reason has at most 500 characters")
    for name in ("valid_from", "expires_at"):
        value = getattr(row, name)
        if value is not None and timezone.is_naive(value):
            raise InvalidRequest.at(f"/{name}", "give the time with its offset, such as 2030-01-31T00:00:00Z")
    if row.expires_at is not None and row.expires_at <= row.valid_from:
        raise InvalidRequest.at("/expires_at", "a grant expires after it has become valid")
    if len(row.denied_fields) > 64 or not all(_FIELD_NAME.fullmatch(name) for name in row.denied_fields):
        raise InvalidRequest.at("/denied_fields", "denied_fields are at most 64 names of fields")
    if row.row_filter is not None:
        RowFilter.read(row.row_filter)


def _check_row_filter(row: Grant) -> None:
    """Against every collection on record that the grant is for: a filter that fits none of its fields is a mistake."""
    records = CollectionRecord.objects.all()
    if row.cluster != "*":
        records = records.filter(cluster=row.cluster)
    if row.database != "*":
        records = records.filter(database=row.database)
    rows = RowFilter.read(row.row_filter or {})
    place = _place(row)
    for record in records.only("cluster", "database", "name", "schema"):
        if place.holds(record.cluster, record.database, record.name):
            _fit(rows, record)


def _fit(rows: RowFilter, record: CollectionRecord) -> None:
    fields = tuple(
        Field(
            name=item["name"],
            type=DataType(item["type"]),
            primary=item.get("primary", False),
            element_type=DataType(item["element_type"]) if item.get("element_type") else None,
        )
        for item in record.schema.get("fields", ())
    )
    if not fields:
        return
    schema = Collection(record.name, fields, dynamic_fields=record.schema.get("dynamic_fields", True))
    known = tuple(value for value in rows.values if not (isinstance(value, str) and value.startswith(VARIABLE)))
    try:
        probe = RowFilter(rows.field, "in", known or _any_value(schema, rows.field))
        probe.condition(schema)
    except InvalidFilter as error:
        detail = f"it does not fit the collection {record.name}: {error.detail}"
        raise InvalidRequest.at("/row_filter", detail) from None


def _any_value(schema: Collection, name: str) -> tuple[Any, ...]:
    """A value of the field's type, to see that rows can be told apart by the field at all."""
    field = schema.field(name)
    if field is None or field.type is DataType.VARCHAR:
        return ("",)
    return (True,) if field.type is DataType.BOOL else (0,)
