import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from vectorstore.adapters.embedding import get_embedder
from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.requests import EmbeddingSpec


def spec(provider="openai", **options) -> EmbeddingSpec:
    return EmbeddingSpec(
        provider=provider, source="text", options={"base_url": "http://127.0.0.1:1/v1", "model": "m"} | options
    )


@pytest.fixture(autouse=True)
def allowed_host(data_dir, bound):
    bound.setenv("VECTORSTORE_EMBEDDING_HOSTS", "127.0.0.1")
    current.cache_clear()


def test_an_unknown_provider_is_refused_and_the_known_ones_are_named():
    with pytest.raises(InvalidRequest, match="there are openai, sentence_transformers, tfidf_svd") as raised:
        get_embedder(spec("word2vec"))
    assert raised.value.errors[0].pointer == "/embedding/provider"


def test_equal_specifications_share_an_embedder_and_others_do_not():
    assert get_embedder(spec(batch_size=2)) is get_embedder(spec(batch_size=2))
    assert get_embedder(spec(batch_size=2)) is not get_embedder(spec(batch_size=3))


def test_threads_that_ask_at_once_share_an_embedder():
    with ThreadPoolExecutor(16) as pool:
        assert len({id(made) for made in pool.map(lambda _: get_embedder(spec(batch_size=9)), range(64))}) == 1


def test_other_settings_make_another_embedder(bound):
    before = get_embedder(spec())
    bound.setenv("VECTORSTORE_EMBEDDING_API_KEY", "new")
    current.cache_clear()
    assert get_embedder(spec()) is not before


def test_an_embedder_that_was_not_asked_for_lately_is_let_go():
    first = get_embedder(spec(batch_size=1))
    for size in range(100, 120):
        get_embedder(spec(batch_size=size))
    assert get_embedder(spec(batch_size=1)) is not first


def test_a_child_process_makes_its_own():
    before = get_embedder(spec())
    child = os.fork()
    if child == 0:
        os._exit(0 if get_embedder(spec()) is not before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert get_embedder(spec()) is before


@pytest.mark.parametrize(
    "options", [{"batch_size": float("nan")}, {"x": {"y": [1]}}, {"batch_size": 10**30}, {"model": "\ud800", "x": 1}]
)
def test_odd_options_are_refused(options):
    with pytest.raises(InvalidRequest):
        get_embedder(spec(**options))
