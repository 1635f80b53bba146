import importlib.util
import sys

import numpy as np
import pytest

from vectorstore.adapters.embedding.transformers import TransformersEmbedder
from vectorstore.config.settings import current
from vectorstore.domain.errors import EmbeddingFailed, InvalidRequest

# The package weighs gigabytes and its models come from the network; this stands in for the parts that we call.
LIBRARY = """
import numpy as np

class SentenceTransformer:
    loads = 0

    def __init__(self, name, *, device, trust_remote_code, model_kwargs):
        assert trust_remote_code is False and model_kwargs == {"use_safetensors": True}
        if name == "no/model":
            raise OSError("token hf_secret is wrong")
        type(self).loads += 1

    def get_sentence_embedding_dimension(self):
        return 4

    def encode(self, texts, *, normalize_embeddings, convert_to_numpy, show_progress_bar):
        assert normalize_embeddings and convert_to_numpy and not show_progress_bar
        if "break" in texts:
            raise RuntimeError("CUDA out of memory")
        return np.array([[len(text), 0, 0, 1] for text in texts], dtype=np.float64)
"""
NEWER = (
    LIBRARY.replace("get_sentence_embedding", "get_embedding").replace("def encode(", "def encode_document(")
    + """
    def encode_query(self, texts, **options):
        return -self.encode_document(texts, **options)

    encode = None
"""
)


@pytest.fixture(params=[LIBRARY, NEWER], ids=["before 5", "since 5.4"])
def library(request, tmp_path, monkeypatch):
    (tmp_path / "sentence_transformers.py").write_text(request.param)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
    yield request.param
    sys.modules.pop("sentence_transformers", None)


@pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is not None, reason="sentence_transformers is installed"
)
def test_without_the_package_the_error_says_what_to_install():
    with pytest.raises(InvalidRequest, match=r"pip install vectorstore\[transformers\]"):
        TransformersEmbedder("some/model").embed(["text"])


def test_texts_become_float32_rows(library):
    embedder = TransformersEmbedder("some/model")
    vectors = embedder.embed(["a", "bcd"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 0, 0, 1], [3, 0, 0, 1]]
    assert embedder.embed([]).shape == (0, embedder.dimension) == (0, 4)


def test_a_query_is_encoded_as_a_query_where_the_model_tells_them_apart(library):
    expected = [-2, 0, 0, -1] if library is NEWER else [2, 0, 0, 1]
    assert TransformersEmbedder("some/model").embed_query("ab").tolist() == expected


def test_the_model_is_loaded_once(library):
    embedder = TransformersEmbedder("some/model")
    for _ in range(3):
        embedder.embed(["x"])
    assert sys.modules["sentence_transformers"].SentenceTransformer.loads == 1


def test_a_model_that_cannot_be_loaded_is_an_error_without_the_reason(library):
    with pytest.raises(EmbeddingFailed, match="'no/model' cannot be loaded") as raised:
        TransformersEmbedder("no/model").embed(["x"])
    assert "hf_secret" not in raised.value.detail


def test_a_model_that_fails_is_an_error(library):
    with pytest.raises(EmbeddingFailed, match="failed to embed"):
        TransformersEmbedder("some/model").embed(["break"])


@pytest.mark.parametrize("name", ["/etc", "../models/x", "a/b/c", "./x", "a b", "https://x/y"])
def test_a_model_is_named_never_a_path(name):
    with pytest.raises(InvalidRequest, match="owner/name"):
        TransformersEmbedder.from_options({"model": name}, current())


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "intfloat/multilingual-e5-small", "BAAI/bge-base-en-v1.5"])
def test_names_of_the_hub_are_taken(name):
    assert TransformersEmbedder.from_options({"model": name, "device": "cpu"}, current())
