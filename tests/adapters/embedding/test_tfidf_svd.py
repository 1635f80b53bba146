import os
import pickle
import threading

import numpy as np
import pytest

from vectorstore.adapters.embedding.tfidf_svd import TfidfSvdEmbedder, fit
from vectorstore.config.settings import current
from vectorstore.domain.errors import EmbeddingFailed, InvalidRequest

TOPICS = {
    "animal": ["cat", "dog", "horse", "mouse", "bird", "fish"],
    "metal": ["iron", "copper", "silver", "gold", "tin", "zinc"],
    "music": ["violin", "flute", "drum", "piano", "harp", "oboe"],
}
TEXTS = [
    f"{topic}: {word} and {other}"
    for topic, words in TOPICS.items()
    for word in words
    for other in words
    if word != other
]


@pytest.fixture
def model(data_dir) -> TfidfSvdEmbedder:
    return fit(TEXTS, "topics", 8)


def test_rows_have_length_one_and_the_fitted_dimension(model):
    vectors = model.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), model.dimension) == (90, 8)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_of_one_topic_are_nearer_than_others(model):
    scores = model.embed(["violin flute", "copper tin"]) @ model.embed_query("drum and piano")
    assert scores[0] > scores[1]


def test_words_that_share_company_are_nearer_than_others(data_dir):
    # One dimension a topic: the singular values after the third are equal, so any basis of theirs is as good.
    cat, mouse, zinc = fit(TEXTS, "company", 3).embed(["cat", "mouse", "zinc"])
    assert cat @ mouse > 0.99
    assert cat @ zinc < 0.1


def test_a_text_embeds_the_same_alone_and_in_a_batch(model):
    assert np.array_equal(model.embed(TEXTS[:5])[3], model.embed([TEXTS[3]])[0])


def test_no_texts_give_no_rows(model):
    assert model.embed([]).shape == (0, 8)


def test_a_row_of_unknown_words_is_zero_and_such_a_query_is_refused(model):
    assert not model.embed(["xylograph"]).any()
    with pytest.raises(InvalidRequest, match="knows none of the words"):
        model.embed_query("xylograph")


def test_fitting_twice_gives_the_same_model(model):
    before = model.embed(TEXTS)
    assert np.allclose(fit(TEXTS, "topics", 8).embed(TEXTS), before, atol=1e-5)


def test_the_model_is_found_by_its_name(model):
    found = TfidfSvdEmbedder.from_options({"model": "topics"}, current())
    assert np.array_equal(found.embed_query("cat"), model.embed_query("cat"))


@pytest.mark.parametrize("name", ["other", "../topics", "topics.npz", "/etc/passwd", "Topics", "a\x00b"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_named(model, name):
    with pytest.raises(InvalidRequest, match="there is topics") as raised:
        TfidfSvdEmbedder.from_options({"model": name}, current())
    assert raised.value.errors[0].pointer == "/embedding/options/model"


def test_a_new_model_is_noticed(model):
    assert model.dimension == 8
    fit(TEXTS, "topics", 4)
    assert model.dimension == 4


def test_replacing_a_model_never_shows_half_of_it(model, data_dir):
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                assert model.embed(["cat", "iron"]).any(axis=1).all()
            except BaseException as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for dimension in (4, 6, 8, 5, 7):
        fit(TEXTS, "topics", dimension)
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert [path.name for path in (data_dir / "models").iterdir()] == ["topics.npz"]


class _Bomb:
    def __reduce__(self):
        return os.mkdir, ("bomb-went-off",)


def _with_objects(path):
    bomb = np.array([_Bomb()], dtype=object)
    with path.open("wb") as file:
        np.savez(file, words=bomb, idf=bomb, components=bomb)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no model"),
        lambda path: path.write_bytes(pickle.dumps(_Bomb())),
        lambda path: path.write_bytes(path.read_bytes()[:-2000]),
        _with_objects,
        lambda path: np.savez(
            path,
            words=np.frombuffer(b'{"format": 0, "vocabulary": ["x"], "compounds": {}}', np.uint8),
            idf=[1.0],
            components=[[1.0]],
        ),
        lambda path: path.unlink(),
    ],
)
def test_a_file_that_is_no_model_is_an_error_and_runs_no_code(model, data_dir, monkeypatch, spoil):
    monkeypatch.chdir(data_dir)
    model.embed(["cat"])
    spoil(data_dir / "models" / "topics.npz")
    with pytest.raises(EmbeddingFailed, match="cannot be read; fit it again"):
        model.embed(["cat"])
    assert not (data_dir / "bomb-went-off").exists()


@pytest.mark.parametrize(("texts", "dimension"), [([], 1), (["one two three"], 1), (TEXTS, 21), (TEXTS[:8], 8)])
def test_too_little_text_for_the_dimension_is_refused(data_dir, texts, dimension):
    with pytest.raises(InvalidRequest, match=f"{dimension} dimensions need more"):
        fit(texts, "small", dimension)


@pytest.mark.parametrize("name", ["", "../x", "A", "x" * 65, "a.b"])
def test_a_bad_name_is_refused(data_dir, name):
    with pytest.raises(InvalidRequest, match="the name of a model"):
        fit(TEXTS, name, 4)


def test_a_failed_write_leaves_the_old_model(model, data_dir, monkeypatch):
    before = model.embed_query("cat")
    monkeypatch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        fit(TEXTS, "topics", 4)
    assert np.array_equal(model.embed_query("cat"), before)
    assert [path.name for path in (data_dir / "models").iterdir()] == ["topics.npz"]
