"""What the parts of ``MilvusAdapter`` share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vectorstore.adapters.rpc import Endpoint, Rpc
from vectorstore.adapters.write_lock import write_lock


class Calls:
    """A part of the adapter: its methods go through ``rpc``.

    The flags are the engine's habits, set from its capabilities once they are known.
    """

    endpoint: Endpoint
    rpc: Rpc
    locks: Path
    single_writer: bool = False
    insert_replaces: bool = False
    reads_largest_int64: bool = True
    timestamps: bool = False
    wants_loaded: Callable[[str, str], bool] | None = None
    """Set for an engine that forgets what was loaded: whether a collection of a database should be."""
    exchanged: Callable[[str, str], bool] | None = None
    """Asked of a collection that is not there: waits while it is being exchanged, and says whether it should be."""

    @contextmanager
    def exclusive(self, database: str, name: str) -> Iterator[None]:
        """Nobody else changes that collection meanwhile, in any process, where the engine bears one writer only."""
        if not self.single_writer:
            yield
            return
        with write_lock(self.locks, f"{self.endpoint.host}:{self.endpoint.port}/{database}/{name}"):
            yield
