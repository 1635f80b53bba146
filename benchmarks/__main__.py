"""``python -m benchmarks``: start engines and the gateway, measure, print the table, write the file."""

import argparse
import contextlib
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import backups, deadlines, lists, searches, security, writes
from benchmarks.data import Address, fill_collection
from benchmarks.table import Row, save, table
from tests.support.engines import RunningEngine, milvus_lite, milvus_server
from tests.support.stack import RunningStack, running_stack

_ON_LITE = (searches.P1,)
_ON_MILVUS = (searches.P2, searches.P3, searches.P4, searches.P5, searches.P11)
_SETTLED_S = 11.0
"""A Redis that is new may have lost the times of writes: for ten seconds from the start all reads are strong."""
_SECURITY = (security.S1, security.S2)
_ALL = (*_ON_LITE, *_ON_MILVUS, *backups.ALL, *lists.ALL, *_SECURITY, deadlines.D1, writes.I1, writes.C1)
_IDS = [comparison.id for comparison in _ALL]


def main() -> None:
    asked = _options()
    logging.basicConfig(level=logging.ERROR)  # an engine that starts is asked until it answers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    rows: list[Row] = []
    for comparisons, engine in ((_ON_LITE, milvus_lite()), (_ON_MILVUS, milvus_server({}))):
        wanted = [comparison for comparison in comparisons if comparison.id in asked.only]
        on_milvus = comparisons is _ON_MILVUS
        inserts = on_milvus and writes.I1.id in asked.only
        secured = [comparison for comparison in _SECURITY if on_milvus and comparison.id in asked.only]
        files = [comparison for comparison in backups.ALL if on_milvus and comparison.id in asked.only]
        files.sort(key=lambda comparison: comparison is not backups.P9)  # before others take memory of that worker
        listed = [comparison for comparison in lists.ALL if on_milvus and comparison.id in asked.only]
        late = on_milvus and deadlines.D1.id in asked.only
        if not any((wanted, inserts, secured, files, listed, late)):
            continue
        _say("starting an engine and the gateway")
        with engine as running, gateway(running) as stack:
            address = Address.of(running)
            if wanted or secured or late:
                fill(stack, address, asked.rows if on_milvus else asked.rows // 2)
            for comparison in wanted:
                _say(comparison.what)
                rows.append(searches.measure(comparison, stack, address, rounds=asked.rounds, seconds=asked.seconds))
            if secured:
                with gateway(running, DJANGO_SETTINGS_MODULE="benchmarks.bare_settings") as bare:
                    for comparison in secured:
                        _say(comparison.what)
                        rows.append(
                            security.measure(comparison, stack, bare, rounds=asked.rounds, seconds=asked.seconds)
                        )
            if late:
                _say(deadlines.D1.what)
                rows.append(deadlines.measure(address, rounds=asked.rounds))
            for comparison in files:
                _say(comparison.what)
                rows.append(backups.measure(comparison, stack, address, rounds=asked.rounds, rows=asked.rows))
            if inserts:
                _say(writes.I1.what)
                rows.append(writes.measure_insert(stack, address, rounds=asked.rounds, rows=asked.rows // 5))
            if listed:
                _say(f"making {asked.collections} collections")
                lists.fill(stack, address, asked.collections)
            for comparison in listed:
                _say(comparison.what)
                rows.append(lists.measure(comparison, stack, asked.collections))
    if writes.C1.id in asked.only:
        _say(writes.C1.what)
        rows.append(writes.measure_codec(rounds=asked.rounds, rows=asked.rows // 5))
    rows.sort(key=lambda row: _IDS.index(row.id))
    print(table(rows))
    print(f"\nwritten to {save(rows, asked.results)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        default=100_000,
        help="rows of a collection (default 100,000); on Milvus Lite and of 768 dimensions half as many, of P9"
        " ten times, of I1 and C1 a fifth",
    )
    parser.add_argument("--collections", type=int, default=3_000, help="those of the lists (default 3,000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each with both sides (default 5)")
    parser.add_argument("--seconds", type=float, default=3, help="how long a side searches in a round (default 3)")
    parser.add_argument("--only", type=_ids, default=_IDS, metavar="P1,P4", help=f"some of {','.join(_IDS)}")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="folder of the file")
    return parser.parse_args()


def _ids(text: str) -> list[str]:
    ids = text.split(",")
    if unknown := set(ids) - set(_IDS):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(_IDS)}")
    return ids


@contextlib.contextmanager
def gateway(engine: RunningEngine, **more: str) -> Iterator[RunningStack]:
    """Everything as ``make run`` has it, except for the engine and the folder of the data."""
    variables: dict[str, Any] = {**engine.environment, **more}
    with (
        tempfile.TemporaryDirectory(prefix="vectorstore-benchmark-") as folder,
        running_stack(Path(folder), **variables) as stack,
    ):
        stack.wait_until_ready()
        time.sleep(_SETTLED_S)
        yield stack


def fill(stack: RunningStack, address: Address, rows: int) -> None:
    with contextlib.closing(address.client()) as client:
        fill_collection(client, searches.COLLECTION, rows)
    # The first question makes the gateway ask the engine what it can do, which takes seconds.
    path = f"/api/v1/collections/{searches.COLLECTION}/vectors/count/"
    found = stack.call(path, {}, stack.token(), timeout=120)["count"]
    if found != rows:
        raise RuntimeError(f"The collection has {found} rows instead of {rows}.")


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
