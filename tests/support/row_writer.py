"""A process that inserts one row after another until it is killed.

``python -m tests.support.row_writer DATABASE COLLECTION``
"""

import sys

from tests.support.audit_writer import start


def main(database: str, collection: str) -> None:
    start(database)
    from vectorstore.service import VectorService

    for number in range(1_000_000):
        VectorService().insert(collection, [{"vector": [0.0] * 8}])
        if number == 0:
            print("writing", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
