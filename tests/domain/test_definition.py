"""A definition survives the way through JSON; what cannot be read says so."""

import json

import pytest

from tests.domain.test_arrow import EVERYTHING
from vectorstore.domain.definition import Definition, from_json, to_json
from vectorstore.domain.models import IndexKind, IndexSpec, Metric

FULL = Definition(
    uid="5f0c",
    cluster="default",
    database="default",
    schema=EVERYTHING,
    indexes=(IndexSpec("dense", IndexKind.HNSW, Metric.L2, {"M": 16}),),
    requested={"dense": "AUTO"},
    aliases=("other",),
    partitions=("north",),
    embedding={"provider": "tfidf", "source": "text", "field": "dense", "options": {}},
)


def test_a_definition_comes_back_from_json() -> None:
    assert from_json(json.loads(json.dumps(to_json(FULL)))) == FULL


@pytest.mark.parametrize("change", [{"format": 2}, {"format": None}, {"schema": {}}, {"surprise": 1}])
def test_what_is_no_definition_of_a_known_format_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="definition"):
        from_json(json.loads(json.dumps(to_json(FULL))) | change)
