"""Collections exchanged for others, cut off in the middle of the swap."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.work import LedgerWork
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.backup.run_restore import run_restore
from vectorstore.service import catalogue
from vectorstore.service.context import Scope


def restore_until_rename(number: int, ledger: dict[str, dict[str, Any]], asked: dict[str, Any]) -> None:
    """Run the restore ``asked`` for; its process dies as in ``until_rename``."""
    until_rename(number, lambda: run_restore(LedgerWork(ledger), Scope(), asked))


def until_rename(number: int, run: Callable[[], Any]) -> None:
    """``run`` in a process that dies once Milvus has done that many renames, counted from 1."""
    real, done = MilvusAdapter.rename_collection, 0

    def rename(*arguments: Any) -> None:
        nonlocal done
        real(*arguments)
        done += 1
        if done == number:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MilvusAdapter, "rename_collection", rename)
        with pytest.raises(KeyboardInterrupt):
            run()
    catalogue.forget(Scope())
