"""Text embedded as a collection's ``EmbeddingSpec`` says."""

from vectorstore.adapters.embedding import get_embedder
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.requests import EmbeddingSpec, Row
from vectorstore.domain.vector import Floats
from vectorstore.service.embedding_rules import embedded_field
from vectorstore.service.operation import Service


class EmbeddingService(Service):
    """Used by the services that write and search rows, which have checked the caller's rights."""

    def embed_query(self, spec: EmbeddingSpec, text: str) -> Floats:
        """A vector of shape (dimension,) to search with.

        Raises:
            EmbeddingFailed: the model or its server failed.
            InvalidRequest: the specification is wrong, or the model can make nothing of the text.
        """
        return get_embedder(spec).embed_query(text)

    def fill(self, spec: EmbeddingSpec, collection: Collection, rows: list[Row]) -> None:
        """Give each row that has the source text but no vector its vector, in place.

        Rows with neither stay as they are: the check of the rows names what they lack.

        Raises:
            EmbeddingFailed, InvalidRequest: as ``embed_query``, or the model's dimension is not the field's.
        """
        field = embedded_field(spec, collection)
        lacking = [row for row in rows if isinstance(row, dict) and row.get(field.name) is None]
        lacking = [row for row in lacking if isinstance(text := row.get(spec.source), str) and text.strip()]
        if not lacking:
            return
        vectors = get_embedder(spec).embed([row[spec.source] for row in lacking])
        if vectors.shape[1] != field.dimension:
            raise InvalidRequest(
                f"the embedding gives {vectors.shape[1]} dimensions, the field {field.name} has {field.dimension}"
            )
        for row, vector in zip(lacking, vectors, strict=True):
            row[field.name] = vector
