"""What a caller finds through the API, against brute force."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.api.client import Api
from tests.support.brute_force import nearest
from vectorstore.domain.models import Metric

ROWS, DIMENSION, QUERIES, TOP = 2_000, 32, 20, 10


@pytest.mark.parametrize("kind", ["FLAT", "AUTO"])
@pytest.mark.parametrize("metric", [Metric.L2, Metric.IP, Metric.COSINE])
def test_searches_equal_brute_force(api: Api, new_name: Callable[[], str], metric: Metric, kind: str) -> None:
    generator = np.random.default_rng(11)
    data = generator.normal(size=(ROWS, DIMENSION)).astype(np.float32)
    queries = generator.normal(size=(QUERIES, DIMENSION)).astype(np.float32)
    name = new_name()
    spec = {"name": name, "dimension": DIMENSION, "index": {"type": kind, "metric": metric}}
    assert api.post("collections/", spec).status_code == 201
    rows = [{"id": f"r{i}", "vector": vector.tolist()} for i, vector in enumerate(data)]
    assert api.post(f"collections/{name}/vectors/", {"vectors": rows}).json()["inserted"] == ROWS

    asked = {"vectors": queries.tolist(), "top_k": TOP}
    found = [[hit["id"] for hit in hits] for hits in api.post(f"collections/{name}/search/", asked).json()["results"]]
    wanted = [nearest(data, query, metric, TOP) for query in queries]
    if kind == "FLAT":
        assert found == wanted
    recall = np.mean([len(set(f) & set(w)) / TOP for f, w in zip(found, wanted, strict=True)])
    assert recall >= 0.95
    api.delete(f"collections/{name}/")
