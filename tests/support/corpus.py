"""Real texts of this machine's Python, embedded: what the recall of searches is measured on."""

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vectorstore.adapters.embedding.tfidf_svd import fit
from vectorstore.domain.vector import Floats

_LEAST, _MOST = 40, 2_000
_FITTED = 6_000


def embedded(count: int, dimension: int) -> Floats:
    """``count`` different vectors of length 1, shape (count, dimension), in random order, the same in each run.

    They are docstrings and their sentences, of the standard library and then of installed packages.
    """
    dice = np.random.default_rng(7)
    found: dict[str, None] = {}
    for text in _texts():
        found[text] = None
        if len(found) >= 1.2 * count + 200:
            break
    texts = list(found)
    texts = [texts[place] for place in dice.permutation(len(texts))]
    embedder = fit(texts[:_FITTED], "recall-tests", dimension)
    rows, seen = [], set()
    for start in range(0, len(texts), 1_000):
        for row in embedder.embed(texts[start : start + 1_000]):
            if row.any() and (key := row.tobytes()) not in seen:
                seen.add(key)
                rows.append(row)
        if len(rows) >= count:
            return np.stack(rows[:count])
    raise AssertionError(f"only {len(rows)} different texts were found, and {count} are needed")


def _texts() -> Iterator[str]:
    for file in sorted(path for name in ("stdlib", "purelib") for path in Path(sysconfig.get_path(name)).rglob("*.py")):
        try:
            parsed = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(parsed):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.Module)):
                text = (ast.get_docstring(node) or "")[:_MOST]
                yield from (part.strip() for part in (text, *text.split(". ")) if len(part.strip()) >= _LEAST)
