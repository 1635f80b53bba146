"""Whether an embedding fits a collection's schema."""

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import EmbeddingSpec


def embedded_field(spec: EmbeddingSpec, collection: Collection) -> Field:
    """The vector field that the embedding fills.

    Raises:
        InvalidRequest: no such dense vector field.
    """
    dense = [field for field in collection.vector_fields if field.type is DataType.FLOAT_VECTOR]
    if spec.field is None and len(dense) == 1:
        return dense[0]
    found = next((field for field in dense if field.name == spec.field), None)
    if found is None:
        names = ", ".join(field.name for field in dense) or "none"
        raise InvalidRequest.at("/embedding/field", f"name a FLOAT_VECTOR field of the collection; it has {names}")
    return found


def check_embedding(spec: EmbeddingSpec, collection: Collection) -> None:
    """Raises InvalidRequest unless source and target are there; the embedder itself is asked when it is used."""
    embedded_field(spec, collection)
    source = collection.field(spec.source)
    if source is None and not collection.dynamic_fields:
        raise InvalidRequest.at("/embedding/source", f"the collection has no field {spec.source[:255]!r}")
    if source is not None and source.type is not DataType.VARCHAR:
        raise InvalidRequest.at("/embedding/source", "the source of an embedding is a VARCHAR or a dynamic field")
