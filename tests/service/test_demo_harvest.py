"""The program that harvests, on modules that are safe to import here; ``test_demo_rows`` runs it as a program."""

import sys

import pytest

from vectorstore.service.demo import harvest

SAFE = {
    "datetime",
    "heapq",
    "_heapq",
    "json",
    "os",
    "posix",
    "posixpath",
    "random",
    "shutil",
    "time",
    "nowhere",
    "this",
}


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(sys, "stdlib_module_names", frozenset(SAFE))
    return {row["id"]: row for row in harvest.rows()}


def test_only_public_modules_that_can_be_imported_are_harvested(found):
    modules = {row["module"] for row in found.values()}
    assert {"datetime", "heapq", "json", "json.decoder", "os", "os.path", "random", "shutil", "time"} <= modules
    assert {name.split(".")[0] for name in modules} <= {"datetime", "heapq", "json", "os", "random", "shutil", "time"}


def test_each_object_stands_under_its_best_name(found):
    assert {"heapq.heappush", "os.getcwd", "os.path.join", "random.randint", "json.decoder.JSONDecoder"} <= set(found)
    assert not {"json.JSONDecoder", "posix.getcwd", "posixpath.join", "random.Random.randint"} & set(found)


def test_kinds_are_told_apart(found):
    kinds = {name: found[name]["kind"] for name in ("json", "json.dumps", "datetime.date", "datetime.date.today")}
    assert kinds == {
        "json": "module",
        "json.dumps": "function",
        "datetime.date": "class",
        "datetime.date.today": "method",
    }


SECRET = {"password": "secret"}


class Outer:
    """Outside."""

    class Inner:
        """Inside."""

        def method(self, password: object = SECRET, plain: str = "x", path: str = sys.base_prefix) -> None:
            """Does. And more."""

    alias = Inner

    @property
    def width(self) -> int:
        """How wide."""
        return 1

    def bare(self) -> None:
        pass

    def _hidden(self) -> None:
        """Hidden."""


def test_a_class_gives_its_own_documented_public_members(monkeypatch):
    monkeypatch.setattr(harvest, "summary", lambda module: "About.")
    rows: dict[str, dict[str, str]] = {}
    harvest.add_class(rows, Outer, "module", "Outer", set())
    assert {name: row["kind"] for name, row in rows.items()} == {
        "module.Outer": "class",
        "module.Outer.Inner": "class",
        "module.Outer.Inner.method": "method",
        "module.Outer.width": "property",
    }
    assert rows["module.Outer.Inner.method"]["signature"] == (
        "(self, password: object = ..., plain: str = 'x', path: str = ...) -> None"
    )
    assert rows["module.Outer.width"]["text"] == "module.Outer.width\nmodule: About.\n\nHow wide."


class Broken:
    """Raises whenever it is looked at."""

    @property
    def __doc__(self):
        raise RuntimeError

    @property
    def __signature__(self):
        raise RuntimeError


def test_objects_that_raise_when_looked_at_are_passed_over():
    assert harvest.documentation(Broken()) == ""
    assert harvest.signature_of(Broken(), "x", "Text.") == ("", "Text.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(a, b) -> int\n\nAdds.", ("(a, b) -> int", "Adds.")),
        ("module.f(a)\nAdds.", ("(a)", "Adds.")),
        ("f(a)", ("", "f(a)")),
        ("g(a)\n\nAdds.", ("", "g(a)\n\nAdds.")),
    ],
)
def test_a_signature_in_the_first_line_is_taken_from_the_text(text, expected):
    assert harvest.signature_of(Broken(), "f", text) == expected


def test_text_is_cut_at_a_whole_character():
    assert harvest.cut("aéé", 4) == "aé"
    assert harvest.cut("\ud800x", 9) == "?x"
