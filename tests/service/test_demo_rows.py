import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from vectorstore.domain.errors import VectorStoreError
from vectorstore.service.demo import rows as rows_module
from vectorstore.service.demo.rows import harvest


@pytest.fixture(scope="module")
def rows():
    return harvest()


@pytest.fixture(scope="module")
def by_id(rows):
    return {row["id"]: row for row in rows}


def test_there_are_several_thousand_rows_of_every_kind(rows):
    kinds = Counter(row["kind"] for row in rows)
    assert set(kinds) == {"module", "class", "function", "method", "property"}
    assert 4_000 < len(rows) < 20_000
    assert min(kinds.values()) > 50


def test_every_row_has_every_field_within_the_limits_of_the_collection(rows):
    limits = {"id": 256, "name": 256, "module": 256, "kind": 16, "signature": 1024, "text": 16_000}
    for row in rows:
        assert row.keys() == limits.keys()
        assert all(len(row[name].encode()) <= limit for name, limit in limits.items()), row["id"]


def test_no_object_is_there_twice_and_the_order_is_fixed(rows, by_id):
    assert len(by_id) == len(rows)
    assert list(by_id) == sorted(by_id)
    for same in (("random.randint", "random.Random.randint"), ("json.loads", "json.decoder.loads")):
        assert sum(name in by_id for name in same) == 1


def test_two_harvests_are_equal(rows):
    assert harvest() == rows


@pytest.mark.parametrize(
    "name",
    [
        "builtins.sorted",
        "builtins.str.split",
        "collections.OrderedDict",
        "csv.reader",
        "datetime.datetime.strptime",
        "datetime.date.fromisoformat",
        "email.utils.parsedate",
        "heapq.heappush",  # made in C, in a module that nobody imports
        "json",
        "os.getcwd",
        "os.path.join",
        "pathlib.PurePath.suffix",
        "random.randint",
        "subprocess.run",
        "xml.etree.ElementTree.parse",
    ],
)
def test_objects_have_the_names_that_people_know(by_id, name):
    assert name in by_id


def test_what_is_no_library_for_programs_is_left_out(by_id):
    tops = {name.split(".")[0] for name in by_id}
    assert not tops & {"test", "idlelib", "lib2to3", "this", "antigravity", "turtledemo", "tkinter", "posix", "ntpath"}
    assert not any(part.startswith("_") for name in by_id for part in name.split("."))


def test_a_text_begins_with_the_name_and_says_what_the_module_is_for(by_id):
    row = by_id["shutil.copyfile"]
    assert row["signature"] == "(src, dst, *, follow_symlinks=True)"
    assert row["text"].splitlines()[:3] == [
        "shutil.copyfile(src, dst, *, follow_symlinks=True)",
        "shutil: Utility functions for copying and archiving files and directory trees.",
        "",
    ]
    assert (row["name"], row["module"], row["kind"]) == ("copyfile", "shutil", "function")


def test_a_signature_written_into_the_docstring_is_found(by_id):
    row = by_id["time.strptime"]
    assert row["signature"] == "(string, format) -> struct_time"
    assert "\n\nParse a string to a time tuple" in row["text"]


def test_no_memory_address_is_left(rows):
    assert not any(" at 0x" in row["text"] or " at 0x" in row["signature"] for row in rows)


def test_neither_the_environment_nor_the_working_folder_changes_the_harvest(rows, monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text('"""Not the standard library."""')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    monkeypatch.setenv("DISPLAY", ":0")
    assert harvest() == rows


def test_the_environment_is_not_in_the_rows(monkeypatch):
    monkeypatch.setenv("VECTORSTORE_ADMIN_PASSWORD", "only-for-my-eyes")
    assert not any("only-for-my-eyes" in value for row in harvest() for value in row.values())


def test_a_default_that_is_more_than_a_value_is_left_out(by_id):
    assert "basedir=..." in by_id["pydoc.Doc.getdocloc"]["signature"]


def test_no_path_of_this_machine_is_left(rows):
    assert not any(sys.base_prefix in row["signature"] for row in rows)


def test_imports_that_print_or_warn_do_not_reach_the_output(rows):
    command = [sys.executable, "-S", "-W", "error", str(rows_module._PROGRAM)]
    done = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": "1"})
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == b""
    assert lines[-1] == {"rows": len(rows)}


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import sys; sys.exit(3)", "could not be read"),
        ("import time; time.sleep(30)", "could not be read"),
        ("", "only in part"),
        ("print('{\"id\": 1}')", "only in part"),
        ("print('{\"id\": 1}'); print('{\"rows\": 2}')", "only in part"),
        ("print('not json')", "could not be read"),
    ],
)
def test_a_harvest_that_fails_or_ends_early_is_an_error(tmp_path, monkeypatch, program, problem):
    path = tmp_path / "program.py"
    path.write_text(program)
    monkeypatch.setattr(rows_module, "_PROGRAM", path)
    monkeypatch.setattr(rows_module, "_LONGEST", 2)
    with pytest.raises(VectorStoreError, match=problem):
        harvest()
