"""Print the documented objects of the standard library, one JSON object a line, and then the count.

A program of its own, run by ``rows.harvest`` in a child process: importing every standard module prints,
warns, patches and occasionally ends the process, and none of that may reach the server. It therefore
imports nothing of this project and keeps the real standard output to itself.

Each line is ``{"id", "name", "module", "kind", "signature", "text"}``; the last is ``{"rows": <count>}``, by
which the reader knows that nothing was cut off. A text begins with the name and signature and, in the second
line, what its module is for.
"""

import functools
import importlib
import inspect
import io
import json
import os
import pkgutil
import re
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

SKIPPED = frozenset(
    {
        "__future__",
        "antigravity",  # opens a browser
        "distutils",  # removed in Python 3.12, and it hides better answers
        "idlelib",
        "lib2to3",
        "genericpath",
        "msilib",
        "nt",
        "ntpath",
        "nturl2path",
        "posix",
        "posixpath",  # known as os.path
        "pydoc_data",
        "test",
        "this",  # prints
        "tkinter",  # needs a display
        "turtle",
        "turtledemo",
        "winreg",
        "winsound",
    }
)
SKIPPED_PART = re.compile(r"(^|\.)(_.*|tests?|test_.*|idle_test)(\.|$)|^encodings\.")
PUBLIC_HOMES = {"posix": "os", "posixpath": "os.path", "genericpath": "os.path"}
"""Modules whose objects people know under another name."""

SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")

ID_BYTES, SIGNATURE_BYTES, TEXT_BYTES = 256, 1024, 16_000
DEFAULT_LENGTH = 60
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
BOILERPLATE = ("Alias for field number ", "An enumeration.")


def main() -> None:
    """Harvest to the real standard output, which the imports cannot reach."""
    out = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), encoding="utf-8", newline="\n")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    warnings.simplefilter("ignore")
    count = 0
    for row in rows():
        count += 1
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
    out.write(json.dumps({"rows": count}) + "\n")
    out.flush()
    # Some modules leave threads or exit handlers behind; there is nothing left to tidy up.
    os._exit(0)


def rows() -> Iterator[dict[str, str]]:
    """Every documented public object once, ordered by id."""
    modules = dict(sorted((name, module) for name in module_names() if (module := load(name))))
    found: dict[str, dict[str, str]] = {}
    for name, module in modules.items():
        add(found, module, name, "", "module")
    seen: set[int] = set()
    # Functions first: random.randint is a method of a hidden object, and is not to be known as one.
    for home, path, item in sorted(top_level(modules), key=lambda entry: (isinstance(entry[2], type), *entry[:2])):
        if isinstance(item, type) and id(item) not in seen:
            add_class(found, item, home, path, seen)
        elif not isinstance(item, type) and id(function := getattr(item, "__func__", item)) not in seen:
            seen.add(id(function))
            add(found, item, home, path, "function")
    return (found[key] for key in sorted(found))


def module_names() -> Iterator[str]:
    """Public module names, packages walked without importing what is skipped."""
    for name in sorted(sys.stdlib_module_names - SKIPPED):
        if not SKIPPED_PART.search(name):
            yield name
            yield from submodules(name)
    yield "os.path"


def submodules(package: str) -> Iterator[str]:
    for info in pkgutil.iter_modules(getattr(load(package), "__path__", None) or []):
        name = f"{package}.{info.name}"
        if not SKIPPED_PART.search(name):
            yield name
            if info.ispkg:
                yield from submodules(name)


def load(name: str) -> types.ModuleType | None:
    try:
        return importlib.import_module(name)
    except BaseException:  # a module may raise anything, SystemExit too, where it does not fit the platform
        return None


def top_level(modules: dict[str, types.ModuleType]) -> Iterator[tuple[str, str, Any]]:
    """``(module, name, object)`` of the functions and classes, each under the module that is its home."""
    homes: dict[int, tuple[tuple[bool, bool, int, str], str, str, Any]] = {}
    for module_name, module in modules.items():
        exported = getattr(module, "__all__", ())
        for name, item in sorted(vars(module).items()):
            if name.startswith("_") or not (isinstance(item, type) or inspect.isroutine(item)):
                continue
            defined_in = str(getattr(item, "__module__", None) or module_name)
            home = PUBLIC_HOMES.get(defined_in, defined_in)
            foreign = home != module_name
            if foreign and (getattr(modules.get(home), item.__name__, None) is item or is_alien(home)):
                continue
            # Of several public modules that show an object of a private one, the best is the one that
            # exports it, then its namesake (heapq for _heapq), then the shortest name.
            rank = (name not in exported, home.lstrip("_") != module_name, len(module_name), module_name + "." + name)
            entry = (rank, module_name, name, item)
            if id(item) not in homes or rank < homes[id(item)][0]:
                homes[id(item)] = entry
    return ((module, name, item) for _, module, name, item in homes.values())


def is_alien(home: str) -> bool:
    return home.split(".")[0] not in sys.stdlib_module_names


def add_class(found: dict[str, dict[str, str]], item: type, home: str, path: str, seen: set[int]) -> None:
    """The class, and what it defines itself: methods, properties, nested classes."""
    seen.add(id(item))
    add(found, item, home, path, "class")
    for name, value in sorted(vars(item).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, type):
            if value.__qualname__.startswith(item.__qualname__ + ".") and id(value) not in seen:
                add_class(found, value, home, f"{path}.{name}", seen)
        elif isinstance(value, property):
            add(found, value, home, f"{path}.{name}", "property")
        elif inspect.isroutine(value) or isinstance(value, (classmethod, staticmethod)):
            routine = getattr(value, "__func__", value)
            if id(routine) not in seen:
                seen.add(id(routine))
                add(found, routine, home, f"{path}.{name}", "method")


def add(found: dict[str, dict[str, str]], item: Any, module: str, path: str, kind: str) -> None:
    text = documentation(item)
    key = f"{module}.{path}" if path else module
    if not text or text.startswith(BOILERPLATE) or len(key.encode()) > ID_BYTES:
        return
    signature, text = ("", text) if kind in ("module", "property") else signature_of(item, path, text)
    title = f"{key}{signature}"
    if path and (purpose := summary(module)):
        title += f"\n{module}: {purpose}"
    found[key] = {
        "id": key,
        "name": path or module,
        "module": module,
        "kind": kind,
        "signature": cut(signature, SIGNATURE_BYTES),
        "text": cut(f"{title}\n\n{text}".rstrip(), TEXT_BYTES),
    }


@functools.cache
def summary(module: str) -> str:
    """The first sentence of a module's documentation, in one line."""
    text = documentation(sys.modules[module])
    return " ".join(SENTENCE_END.split(text, maxsplit=1)[0].split())[:300]


def documentation(item: Any) -> str:
    """The docstring that the object has itself; classes and modules made in C may have odd ones."""
    try:
        text = vars(item).get("__doc__") if isinstance(item, type) else item.__doc__
    except Exception:
        return ""
    return ADDRESS.sub("", inspect.cleandoc(text)).strip() if isinstance(text, str) else ""


def signature_of(item: Any, path: str, text: str) -> tuple[str, str]:
    """``(signature, text)``; functions written in C often have theirs in the first line of the text."""
    name = re.escape(path.rsplit(".", 1)[-1])
    first, _, rest = text.partition("\n")
    written = re.match(rf"(?:[A-Za-z_]\w*\.)*{name}(\(.*\)(?:\s*->\s*\S.*)?)$", first.strip())
    try:
        made = " ".join(ADDRESS.sub("", str(plain(inspect.signature(item)))).split())
    except Exception:  # ValueError and TypeError by contract; wrapped objects raise others
        made = ""
    if written and rest.strip():
        return made or written[1], rest.strip()
    return made, text


class Elided:
    """Stands for a default in a signature."""

    def __repr__(self) -> str:
        return "..."


def plain(signature: inspect.Signature) -> inspect.Signature:
    """Without defaults that are more than a plain value (one is the whole environment) or a path of this machine."""
    parameters = [
        parameter if is_plain(parameter.default) else parameter.replace(default=Elided())
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


def is_plain(default: Any) -> bool:
    simple = default is None or isinstance(default, (bool, int, float, str, bytes, tuple, type))
    return simple and len(repr(default)) <= DEFAULT_LENGTH and sys.base_prefix not in repr(default)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` UTF-8 bytes, whole characters; what UTF-8 cannot hold is replaced."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


if __name__ == "__main__":
    main()
