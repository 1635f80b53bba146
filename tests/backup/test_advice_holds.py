"""What advice promises is what the applied index does, on vectors of real texts."""

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.support.backups import carried_out, store_at
from tests.support.clustered import collection
from tests.support.docstrings import docstrings
from tests.support.engines import RunningEngine
from vectorstore.adapters.embedding.tfidf_svd import fit
from vectorstore.backup.reindex_service import ReindexService
from vectorstore.domain.models import IndexKind, Metric
from vectorstore.domain.requests import AdviceRequest, ApplyAdviceRequest, IndexRequest, SearchRequest
from vectorstore.models import IndexAdvice
from vectorstore.optimization.nearest import Nearest
from vectorstore.service import IndexService, SearchService
from vectorstore.service.advice_service import AdviceService

log = logging.getLogger(__name__)

QUERIES = 300


@pytest.mark.parametrize("rows", [5_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_the_recommended_index_has_the_promised_recall_once_it_is_applied(
    rows: int,
    engine: RunningEngine,
    transactional_db: None,
    tmp_path: Path,
    bound: pytest.MonkeyPatch,
) -> None:
    store_at(bound, tmp_path / "backups")
    texts = docstrings(rows + QUERIES)
    assert len(texts) == rows + QUERIES
    embedded = fit(texts[:: max(1, len(texts) // 10_000)], "advice", 128).embed(texts)
    embedded = embedded[np.random.default_rng(11).permutation(len(embedded))]
    queries, vectors = embedded[:QUERIES], embedded[QUERIES:]
    today = IndexRequest(type=IndexKind.IVF_SQ8, params={"nlist": 128})
    with collection(vectors, today, Metric.COSINE) as name:
        job = carried_out(AdviceService().start(name, AdviceRequest(recall_target=0.95)))
        assert job.state == "succeeded", job.error
        advice = IndexAdvice.objects.get()
        assert advice.recommended in advice.front
        assert advice.meets_recall
        chosen = advice.recommended
        if advice.points[chosen]["today"]:  # nothing would be built: the best of the others is as good a proof
            others = [at for at, point in enumerate(advice.points) if not point["today"]]
            chosen = max(others, key=lambda at: advice.points[at]["recall"])
        promised = advice.points[chosen]
        job = carried_out(ReindexService().apply(name, ApplyAdviceRequest(point=chosen)))
        assert job.state == "succeeded", job.error
        assert IndexService().get(name, "vector").spec.kind == promised["kind"]
        exact, right = Nearest(queries, vectors, Metric.COSINE, 10), []
        for number, query in enumerate(queries):
            request = SearchRequest(vector=query.tolist(), top_k=10, params=promised["search"])
            found = [int(hit.id) for hit in SearchService().search(name, request).results]
            right.append(exact.right(number, found))
        measured = float(np.mean(right))
    log.info("%d rows: %s; applied: recall %.4f. %s", rows, promised, measured, advice.reasons)
    assert measured == pytest.approx(promised["recall"], abs=0.02)
