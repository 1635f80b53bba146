"""What the demo's embedding has to find, compared exactly: the vectors are what is tested, not an index."""

import numpy as np
import pytest

from vectorstore.adapters.embedding.tfidf_svd import fit
from vectorstore.config.settings import current
from vectorstore.service.demo.rows import harvest
from vectorstore.service.demo_service import DIMENSION

FIRST_FIVE = {
    "parse a date from a string": ("datetime.datetime.strptime", "email.utils.parsedate"),
    "sort a list": ("builtins.list.sort", "builtins.sorted"),
    "compress a file": ("gzip.compress", "bz2.compress"),
    "read csv": ("csv.reader",),
    "hash a password": ("hashlib.scrypt",),
    "url encode a query": ("urllib.parse.urlencode",),
    "create a temporary file": ("tempfile.TemporaryFile", "tempfile.NamedTemporaryFile"),
    "run a subprocess with timeout": ("subprocess.call",),
    "join path components": ("os.path.join", "pathlib.PurePath.joinpath"),
    "count elements of a list": ("collections.Counter", "builtins.list.count"),
    "delete a directory tree": ("shutil.rmtree",),
    "encode bytes as base64": ("base64.b64encode",),
    "square root": ("math.sqrt", "cmath.sqrt"),
    "median of numbers": ("statistics.median",),
    "walk a directory recursively": ("os.walk",),
    "current working directory": ("os.getcwd",),
    "unique identifier uuid": ("uuid.uuid4",),
    "greatest common divisor": ("math.gcd",),
    "shuffle a list": ("random.shuffle",),
    "connect to a sqlite database": ("sqlite3.connect",),
    "print stack trace of exception": ("traceback.print_exception",),
    "sleep for some seconds": ("time.sleep",),
    "decompress gzip data": ("gzip.decompress",),
    "command line argument parser": ("argparse.ArgumentParser",),
    "datetime.datetime.strptime": ("datetime.datetime.strptime",),
    "strptime": ("time.strptime", "datetime.datetime.strptime"),
    "NamedTemporaryFile": ("tempfile.NamedTemporaryFile",),
    "parsedate_tz": ("email.utils.parsedate_tz",),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """A function that gives the names of the ten nearest rows of a query."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VECTORSTORE_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        current.cache_clear()
        rows = harvest()
        texts = [row["text"] for row in rows]
        embedder = fit(texts, "python_docs", DIMENSION)
        vectors = embedder.embed(texts)
        yield lambda query: [rows[i]["id"] for i in np.argsort(-(vectors @ embedder.embed_query(query)))[:10]]
    current.cache_clear()


@pytest.mark.parametrize(("query", "expected"), FIRST_FIVE.items())
def test_the_first_five_answers_hold_what_was_meant(answers, query, expected):
    assert set(expected) <= set(answers(query)[:5])


def test_the_usual_way_to_run_a_program_is_among_the_ten(answers):
    assert "subprocess.run" in answers("run a subprocess with timeout")


def test_dates_from_strings_are_found_in_several_modules(answers):
    found = answers("parse a date from a string")
    assert found[0] == "datetime.datetime.strptime"
    assert {name.split(".")[0] for name in found} == {"datetime", "email"}


def test_nearly_every_object_is_found_by_its_qualified_name(answers):
    names = [row["id"] for row in harvest()[::40]]
    found = [name for name in names if name in answers(name)]
    assert len(found) / len(names) > 0.9
