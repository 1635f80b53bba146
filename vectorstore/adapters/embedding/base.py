"""What every embedder offers, and how its options are read."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vectorstore.domain.errors import FieldError, InvalidRequest
from vectorstore.domain.vector import Floats

Matrix = npt.NDArray[np.float32]
"""float32 of shape (rows, dimension)."""


class Embedder(Protocol):
    """Turns text into dense vectors. Safe to use from several threads."""

    @property
    def dimension(self) -> int:
        """Components of each vector; an HTTP embedder may have to ask its server once."""
        ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """float32 of shape (len(texts), dimension); rows have length 1 where the model makes them so.

        Raises:
            EmbeddingFailed: the model or its server did not answer, or answered badly.
        """
        ...

    def embed_query(self, text: str) -> Floats:
        """One vector of shape (dimension,) to search with; some models embed queries in another way than rows.

        Raises:
            EmbeddingFailed: as ``embed``.
            InvalidRequest: the model can make nothing of the text.
        """
        ...


def read_options(
    options: Mapping[str, Any], *, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """The options of an embedder, checked.

    Raises:
        InvalidRequest: naming every option that is missing, unknown, empty or of the wrong type.
    """
    known = {**required, **(optional or {})}
    errors = []
    for name in [*required, *(name for name in options if name not in required)]:
        value = options.get(name)
        if name not in known:
            problem = f"there is no option {name[:64]!r}; there are {', '.join(known)}"
        elif value is None and name not in required:
            continue
        elif not isinstance(value, known[name]) or isinstance(value, bool):
            problem = f"the option {name} is {'a string' if known[name] is str else 'a whole number'}"
        elif value == "" or (isinstance(value, int) and value < 1):
            problem = f"the option {name} is {'not empty' if value == '' else 'at least 1'}"
        else:
            continue
        errors.append(FieldError(f"/embedding/options/{name[:64]}", "invalid", problem))
    if errors:
        raise InvalidRequest("; ".join(error.detail for error in errors[:3]), errors=tuple(errors))
    return {name: options[name] for name in known if options.get(name) is not None}
