"""The demo on the Milvus server; what it does in odd situations is tested on Milvus Lite."""

import pytest

from tests.conftest import bind
from vectorstore.config.settings import current
from vectorstore.domain.requests import SearchRequest
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService, Scope, SearchService
from vectorstore.service.catalogue import forget
from vectorstore.service.demo_service import NAME, DemoService, Outcome


@pytest.mark.django_db(transaction=True)
@pytest.mark.real_milvus
def test_it_is_built_found_complete_and_searched(real_milvus_server, redis_url, bound, tmp_path):
    bind(real_milvus_server, redis_url, bound)
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path))
    current.cache_clear()
    assert DemoService().load(lambda *step: None) is Outcome.BUILT
    CollectionRecord.objects.all().delete()
    forget(Scope())
    assert DemoService().load(lambda *step: None) is Outcome.COMPLETE
    answer = SearchService().text(NAME, SearchRequest(text="parse a date from a string", top_k=5))
    assert "datetime.datetime.strptime" in [hit.id for hit in answer.results]
    CollectionService().drop(NAME)
