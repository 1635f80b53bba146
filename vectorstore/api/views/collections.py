"""``collections/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key, Pages, refined
from vectorstore.api.schemas.collections import (
    CollectionBody,
    RenameRequest,
    StatsBody,
    collection_body,
    stats_body,
)
from vectorstore.api.views.base import EngineView
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.requests import CollectionChanges, CollectionSpec
from vectorstore.service import CollectionService

ORDERING: dict[str, Key] = {"name": str}
"""By name alone: any other order would ask Milvus about every collection to show one page."""


class _CollectionView(EngineView):
    tag = "Collections"

    @property
    def service(self) -> CollectionService:
        return CollectionService(self.scope)


class CollectionsView(_CollectionView):
    @operation("List collections", answer=CollectionBody, order=ORDERING)
    def get(self) -> dict[str, Any]:
        """Collections made elsewhere in the same Milvus are listed too."""
        names = refined(self.service.names(), self.request, str, ORDERING)
        return Pages().envelope(names, self.request, self._bodies)

    def _bodies(self, names: list[str]) -> list[CollectionBody]:
        found = []
        for item in self.service.listed(names).values():
            if isinstance(item, VectorStoreError):
                raise item
            found.append(collection_body(item))
        return found

    @operation("Create a collection", body=CollectionSpec, answer=CollectionBody, status=201)
    def post(self, body: CollectionSpec) -> CollectionBody:
        """The short form gives ``dimension`` and ``metric``, the full form ``fields`` and ``index``."""
        return collection_body(self.service.create(body))


class CollectionView(_CollectionView):
    @operation("Describe a collection", answer=CollectionBody)
    def get(self, name: str) -> CollectionBody:
        return collection_body(self.service.describe(name))

    @operation("Change a collection", body=CollectionChanges, answer=CollectionBody)
    def patch(self, body: CollectionChanges, name: str) -> CollectionBody:
        """What is left out or null stays as it is."""
        return collection_body(self.service.update(name, body))

    @operation("Drop a collection", status=204, query=("confirm",))
    def delete(self, name: str) -> None:
        """A protected one is dropped only with its name as ``confirm``, and is kept for some days under another name:
        ``<name>__dropped_<time>``. Renaming it back undoes the drop.
        """
        self.service.drop(name, self.request.query_params.get("confirm"))


class LoadView(_CollectionView):
    @operation("Load a collection", answer=CollectionBody)
    def post(self, name: str) -> CollectionBody:
        return collection_body(self.service.load(name))


class ReleaseView(_CollectionView):
    @operation("Release a collection", answer=CollectionBody)
    def post(self, name: str) -> CollectionBody:
        return collection_body(self.service.release(name))


class FlushView(_CollectionView):
    @operation("Flush a collection", answer=CollectionBody)
    def post(self, name: str) -> CollectionBody:
        return collection_body(self.service.flush(name))


class CompactView(_CollectionView):
    @operation("Compact a collection", answer=CollectionBody)
    def post(self, name: str) -> CollectionBody:
        return collection_body(self.service.compact(name))


class TruncateView(_CollectionView):
    @operation("Truncate a collection", answer=CollectionBody)
    def post(self, name: str) -> CollectionBody:
        """Every row goes; the schema stays."""
        return collection_body(self.service.truncate(name))


class RenameView(_CollectionView):
    @operation("Rename a collection", body=RenameRequest, answer=CollectionBody)
    def post(self, body: RenameRequest, name: str) -> CollectionBody:
        return collection_body(self.service.rename(name, body.new_name))


class StatsView(_CollectionView):
    @operation("Collection statistics", answer=StatsBody)
    def get(self, name: str) -> StatsBody:
        return stats_body(self.service.stats(name))
