import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore.adapters.embedding.terms import learn_compounds, weighted_terms

NOTHING: dict[str, list[str]] = {}


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("parse_date_tz", {"pars", "dat", "tz"}),
        ("NamedTemporaryFile", {"nam", "temporary", "fil"}),
        ("HTTPServer", {"http", "serv"}),
        ("b64encode", {"64", "encod"}),
    ],
)
def test_identifiers_are_split_and_kept_whole(identifier, words):
    terms = weighted_terms(identifier, NOTHING)
    assert words <= set(terms)
    assert "=" + identifier.replace("_", "").lower() in terms


def test_the_last_part_of_a_name_weighs_most():
    terms = weighted_terms("shutil.rmtree(path)\nshutil: tools\n\nDelete everything below. Then more words.", NOTHING)
    order = sorted(terms, key=lambda term: -terms[term])
    assert order[0] == "rmtre"
    assert terms["delet"] > terms["shutil"] > terms["mor"]
    assert terms["mor"] == terms["path"] == terms["tool"]


def test_a_line_of_prose_weighs_evenly():
    assert len(set(weighted_terms("sort the numbers", NOTHING).values())) == 1


def test_stop_words_do_not_count():
    assert weighted_terms("to be or not to be", NOTHING) == {}


def test_a_paragraph_of_several_lines_has_no_title():
    terms = weighted_terms("one thing leads\nto another thing", NOTHING)
    assert terms["anoth"] == terms["lead"]


def test_words_written_together_are_learnt_from_the_texts():
    texts = [f"name{i}\n\nparse something with a date" for i in range(10)] + ["parsedate\n\nparses it"]
    compounds = learn_compounds(texts)
    assert compounds["parsedate"] == ["parse", "date"]
    assert {"pars", "dat"} <= set(weighted_terms("parsedate", compounds))


def test_common_words_are_not_taken_apart():
    texts = [f"name{i}\n\nthe con text of the context is text, con" for i in range(100)]
    assert "context" not in learn_compounds(texts)


@given(st.text())
def test_any_text_has_finite_weights(text):
    assert all(0 < weight < 1e6 for weight in weighted_terms(text, NOTHING).values())
