from pathlib import Path

import numpy as np
import pytest

from vectorstore.adapters.embedding.tfidf_svd import fit
from vectorstore.config.settings import current
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import EmbeddingSpec
from vectorstore.service.embedding_service import EmbeddingService

SPEC = EmbeddingSpec(provider="tfidf_svd", source="body", options={"model": "colours"})
TEXTS = [
    f"{one} with {other}" for one in ("red", "green", "blue", "black") for other in ("wine", "grass", "sky", "ink")
]


def collection(dimension: int = 3) -> Collection:
    return Collection(
        name="c",
        fields=(
            Field("id", DataType.VARCHAR, primary=True, max_length=8),
            Field("body", DataType.VARCHAR, max_length=99),
            Field("vector", DataType.FLOAT_VECTOR, dimension=dimension),
        ),
    )


@pytest.fixture(autouse=True)
def _model(bound: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path))
    current.cache_clear()
    fit(TEXTS, "colours", 3)


def test_rows_get_the_vector_of_their_text_and_are_found_by_it():
    rows = [{"id": str(i), "body": text} for i, text in enumerate(TEXTS)]
    EmbeddingService().fill(SPEC, collection(), rows)
    query = EmbeddingService().embed_query(SPEC, "green grass")
    scores = [row["vector"] @ query for row in rows]
    assert query.shape == (3,)
    assert rows[int(np.argmax(scores))]["body"] == "green with grass"


@pytest.mark.parametrize("given", [[1.0, 2.0, 3.0], "AAAA", []])
def test_a_vector_that_was_given_stays(given):
    rows = [{"id": "a", "body": "red wine", "vector": given}]
    EmbeddingService().fill(SPEC, collection(), rows)
    assert rows == [{"id": "a", "body": "red wine", "vector": given}]


@pytest.mark.parametrize(
    "row", [{"id": "a"}, {"body": ""}, {"body": " \n"}, {"body": 3}, {"body": None}, "no row", None]
)
def test_what_has_no_text_stays_as_it_is_for_the_check_of_the_rows(row):
    rows = [row, {"body": "blue sky"}]
    EmbeddingService().fill(SPEC, collection(), rows)
    assert rows[0] == row
    assert rows[1]["vector"].shape == (3,)


def test_a_null_vector_counts_as_lacking():
    rows = [{"body": "blue sky", "vector": None}]
    EmbeddingService().fill(SPEC, collection(), rows)
    assert rows[0]["vector"].shape == (3,)


def test_a_model_of_another_dimension_is_refused():
    with pytest.raises(InvalidRequest, match="gives 3 dimensions, the field vector has 4"):
        EmbeddingService().fill(SPEC, collection(dimension=4), [{"body": "blue sky"}])


def test_no_embedder_is_asked_for_where_nothing_lacks():
    spec = EmbeddingSpec(provider="no such provider", source="body")
    EmbeddingService().fill(spec, collection(), [{"vector": [1, 2, 3]}])
    with pytest.raises(InvalidRequest, match="no embedding provider"):
        EmbeddingService().fill(spec, collection(), [{"body": "blue sky"}])
