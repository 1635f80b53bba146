import pytest

from vectorstore.adapters.embedding.stems import stem


@pytest.mark.parametrize(
    "words",
    [
        ("parse", "parses", "parsed", "parsing", "parser", "parsers"),
        ("compress", "compressed", "compresses", "compression"),
        ("copy", "copies", "copied"),
        ("create", "created", "creating", "creation"),
        ("run", "running"),
        ("hash", "hashes", "hashing"),
        ("recursive", "recursively"),
        ("serialize", "serialization"),
    ],
)
def test_forms_of_a_word_meet(words):
    assert len({stem(word) for word in words}) == 1


@pytest.mark.parametrize(("one", "other"), [("string", "str"), ("class", "clash"), ("date", "data"), ("list", "less")])
def test_different_words_stay_apart(one, other):
    assert stem(one) != stem(other)


@pytest.mark.parametrize("word", ["", "a", "os", "csv", "größen", "日本"])
def test_short_and_foreign_words_stay_as_they_are(word):
    assert stem(word) == word
