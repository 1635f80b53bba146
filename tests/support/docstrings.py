"""Docstrings of the standard library and of what is installed beside it: many real texts, read without importing."""

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(most: int) -> list[str]:
    """``most`` different ones at the most, the same for the same installation."""
    found: dict[str, None] = {}
    for place in ("stdlib", "purelib"):
        for path in sorted(Path(sysconfig.get_path(place)).rglob("*.py")):
            for text in _of(path):
                found.setdefault(text)
            if len(found) >= most:
                return list(found)[:most]
    return list(found)


def _of(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            text = ast.get_docstring(node)
            if text and len(text) > 30:
                yield f"{getattr(node, 'name', path.stem)}: {text[:4_000]}"
