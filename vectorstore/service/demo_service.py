"""The demo collection: made once, mended after an interrupted attempt, and left alone otherwise."""

import secrets
import sys
from collections.abc import Callable
from enum import StrEnum

from vectorstore.adapters.embedding import get_embedder
from vectorstore.adapters.embedding.tfidf_svd import fit
from vectorstore.domain.errors import Conflict, NotFound, VectorStoreError
from vectorstore.domain.models import DataType, Metric
from vectorstore.domain.requests import CollectionChanges, CollectionSpec, EmbeddingSpec, FieldSpec, IndexRequest, Row
from vectorstore.service.collection_service import CollectionService
from vectorstore.service.demo.marker import Marker, only_one, read_marker, write_marker
from vectorstore.service.demo.rows import harvest
from vectorstore.service.operation import Service
from vectorstore.service.representations import CollectionView
from vectorstore.service.vector_service import VectorService

NAME = "python_docs"
EMBEDDING = EmbeddingSpec(provider="tfidf_svd", source="text", field="vector", options={"model": NAME})

DIMENSION = 384
_CHUNK_ROWS = 500
_BUILD = "vectorstore.demo.build"
"""A property that tells our collection from a namesake. Every engine keeps it; Milvus Lite loses descriptions."""

Progress = Callable[[str, int, int], None]
"""Called with a step, how much of it is done and how much there is of it."""


class Outcome(StrEnum):
    BUILT = "built"
    COMPLETE = "complete"
    FOREIGN = "foreign"


class DemoService(Service):
    def load(self, progress: Progress, *, force: bool = False) -> Outcome:
        """Make the demo collection unless it is there. What is there is rebuilt with ``force``, or if it was left
        half-made; FOREIGN is a collection of that name which this installation did not make: nothing is changed.

        Raises:
            Conflict: another process is at it; or the model is lost and rows were added or deleted since.
            VectorStoreError: what Milvus or the harvest said.
        """
        with only_one():
            marker, view = read_marker(), self._view()
            if view is not None:
                if marker is None or not _is_ours(view, marker):
                    return Outcome.FOREIGN
                if not force and marker.complete and self._is_whole(view, marker):
                    return Outcome.COMPLETE
                CollectionService(self.scope).drop(NAME)
            self._build(progress)
            return Outcome.BUILT

    def _view(self) -> CollectionView | None:
        try:
            return CollectionService(self.scope).describe(NAME)
        except NotFound:
            return None

    def _is_whole(self, view: CollectionView, marker: Marker) -> bool:
        """Whether the collection can be searched by text; its record may be younger than the collection."""
        try:
            get_embedder(EMBEDDING).embed([])
        except VectorStoreError:
            rows = view.row_count
            if rows is None:  # not loaded, so not counted
                rows = CollectionService(self.scope).load(NAME).row_count
            if rows != marker.rows:
                raise Conflict(
                    f"The embedding model of {NAME} is lost, and rows were added or deleted since it was made;"
                    " load_demo --force makes both anew."
                ) from None
            return False
        if view.embedding is None:
            CollectionService(self.scope).update(NAME, CollectionChanges(embedding=EMBEDDING))
        return True

    def _build(self, progress: Progress) -> None:
        # Written first: whatever exists under this mark and is not complete was left by a crash.
        build = secrets.token_hex(4)
        write_marker(Marker(build))
        progress("reading docstrings", 0, 1)
        rows = harvest()
        progress("reading docstrings", 1, 1)
        progress("fitting the model", 0, 1)
        fit([row["text"] for row in rows], NAME, DIMENSION)
        progress("fitting the model", 1, 1)
        CollectionService(self.scope).create(_spec(build, len(rows)))
        self._insert(rows, progress)
        # Sealed before it counts as complete: an engine that is killed may lose what it holds only in memory.
        CollectionService(self.scope).flush(NAME)
        write_marker(Marker(build, complete=True, rows=len(rows)))

    def _insert(self, rows: list[Row], progress: Progress) -> None:
        service = VectorService(self.scope)
        progress("inserting rows", 0, len(rows))
        for start in range(0, len(rows), _CHUNK_ROWS):
            chunk = rows[start : start + _CHUNK_ROWS]
            service.insert_batch(NAME, chunk)  # the rows have text only: the services embed it
            progress("inserting rows", start + len(chunk), len(rows))


def _spec(build: str, rows: int) -> CollectionSpec:
    return CollectionSpec(
        name=NAME,
        description=f"Docstrings of the standard library of Python {sys.version.split()[0]}",
        fields=[
            FieldSpec(name="id", type=DataType.VARCHAR, primary=True, max_length=256, description="qualified name"),
            FieldSpec(name="name", type=DataType.VARCHAR, max_length=256, description="name within the module"),
            FieldSpec(name="module", type=DataType.VARCHAR, max_length=256),
            FieldSpec(
                name="kind",
                type=DataType.VARCHAR,
                max_length=16,
                description="module, class, function, method or property",
            ),
            FieldSpec(name="signature", type=DataType.VARCHAR, max_length=1024),
            FieldSpec(name="text", type=DataType.VARCHAR, max_length=16_000),
            FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=DIMENSION),
        ],
        index=IndexRequest(field="vector", metric=Metric.COSINE),
        expected_rows=rows,
        properties={_BUILD: build},
        embedding=EMBEDDING,
    )


def _is_ours(view: CollectionView, marker: Marker) -> bool:
    return view.collection.properties.get(_BUILD) == marker.build
