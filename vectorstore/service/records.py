"""The rows that record collections, as ``CollectionService`` keeps them."""

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from vectorstore.adapters.collection_calls import EngineCollection
from vectorstore.domain.collection import Collection
from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import AlreadyExists
from vectorstore.domain.models import IndexSpec
from vectorstore.domain.requests import CollectionChanges, CollectionSpec, IndexRequest
from vectorstore.models import CollectionRecord, IndexRecord
from vectorstore.service.catalogue import PENDING, schema_as_json
from vectorstore.service.context import Scope

_LONGEST = timedelta(minutes=3)
"""Longer than making a collection can take; a record pending for longer has lost its maker."""


def begin(scope: Scope, spec: CollectionSpec, collection: Collection, replicas: int) -> CollectionRecord:
    """Record a collection before Milvus makes it, so that no crash forgets what only the record knows.

    Raises:
        AlreadyExists: another request is making it now.
    """
    where = {"cluster": scope.cluster, "database": scope.database, "name": collection.name}
    at_work = Q(engine_id=PENDING, created_at__gt=timezone.now() - _LONGEST)
    CollectionRecord.objects.filter(~at_work, **where).delete()  # dropped elsewhere, or its maker crashed
    try:
        with transaction.atomic():
            return CollectionRecord.objects.create(
                **where,
                engine_id=PENDING,
                description=collection.description,
                schema=schema_as_json(collection),
                defaults={field.name: field.default for field in collection.fields if field.default is not None},
                auto_id=collection.auto_id,
                expected_rows=spec.expected_rows,
                replicas=replicas,
                protected=spec.protected,
                embedding=asdict(spec.embedding) if spec.embedding else None,
                owner_id=scope.actor.user_id,
            )
    except IntegrityError:
        raise AlreadyExists(f"The collection {collection.name!r} is being made by another request.") from None


def finish(record: CollectionRecord, made: EngineCollection, indexes: list[IndexSpec], spec: CollectionSpec) -> None:
    """Milvus has made it."""
    with transaction.atomic():
        record.engine_id = made.engine_id
        record.schema["shards"] = made.schema.shards  # Milvus Lite makes one, whatever was asked for
        record.save(update_fields=["engine_id", "schema", "updated_at"])
        asked = spec.index or IndexRequest()
        for index in indexes:
            record_index(record.pk, index, str(asked.type))


def record_index(collection_id: int, index: IndexSpec, requested: str) -> None:
    """What was asked for and what was built."""
    values: dict[str, Any] = {
        "requested": requested,
        "kind": str(index.kind),
        "metric": str(index.metric),
        "params": index.params,
    }
    IndexRecord.objects.update_or_create(collection_id=collection_id, field=index.field, defaults=values)


def change(record_id: int, changes: CollectionChanges) -> None:
    """Apply the given changes and move the generation."""
    values: dict[str, Any] = {
        name: value
        for name in ("description", "replicas", "protected", "cache_enabled", "cache_ttl_s")
        if (value := getattr(changes, name)) is not None
    }
    if changes.embedding is not None:
        values["embedding"] = asdict(changes.embedding)
    CollectionRecord.objects.filter(pk=record_id).update(**values, generation=F("generation") + 1)


def rename(record_id: int, new_name: str) -> None:
    """Whoever gives a collection a name means to keep it."""
    found = CollectionRecord.objects.filter(pk=record_id)
    found.update(name=new_name, generation=F("generation") + 1, aside_at=None)


def set_aside(uid: str, kept: str) -> None:
    """It is kept under that name for some days."""
    found = CollectionRecord.objects.filter(uid=uid)
    found.update(name=kept, generation=F("generation") + 1, aside_at=timezone.now())


def restored(scope: Scope, definition: Definition, made: EngineCollection, name: str) -> CollectionRecord:
    """The record of a collection that was made from a definition, whose ``uid`` it has; it has the name alone."""
    owner = User.objects.filter(username=definition.owner).first() if definition.owner else None
    schema = replace(definition.schema, name=name, shards=made.schema.shards)
    values: dict[str, Any] = {
        "engine_id": made.engine_id,
        "description": definition.schema.description,
        "schema": schema_as_json(schema),
        "defaults": {field.name: field.default for field in schema.fields if field.default is not None},
        "auto_id": definition.schema.auto_id,
        "expected_rows": definition.expected_rows,
        "replicas": definition.replicas,
        "loaded": definition.loaded and bool(definition.indexes),
        "protected": definition.protected,
        "cache_enabled": definition.cache_enabled,
        "cache_ttl_s": definition.cache_ttl_s,
        "embedding": definition.embedding,
        "owner": owner,
        "adopted": False,
    }
    where = {"cluster": scope.cluster, "database": scope.database, "name": name}
    with transaction.atomic():
        CollectionRecord.objects.filter(**where).exclude(uid=definition.uid).delete()
        record, _ = CollectionRecord.objects.update_or_create(uid=definition.uid, defaults=values | where)
    for index in definition.indexes:
        record_index(record.pk, index, definition.requested.get(index.field, str(index.kind)))
    return record
