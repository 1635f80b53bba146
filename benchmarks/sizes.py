"""``python -m benchmarks.sizes``: how long an import, a backup and a restore take, and how large a set is, as a table.

Milvus of the wheel and the whole gateway on one machine; once for each number of rows, 128 dimensions, no other side.
"""

import argparse
import logging
import sys
from contextlib import closing

from benchmarks.__main__ import gateway
from benchmarks.backups import Jobs, file_of, make, workers
from benchmarks.data import DIMENSION, Address
from tests.support.engines import milvus_server
from tests.support.memory import peak_mb

_HEAD = """| rows | raw MB | import s | backup s | set MB | restore s | worker's peak MB |
|---:|---:|---:|---:|---:|---:|---:|"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizes", description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[100_000, 1_000_000])
    asked = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    lines = []
    for rows in asked.rows:
        with milvus_server({}) as engine, gateway(engine) as stack, closing(Address.of(engine).client()) as client:
            jobs = Jobs(stack)
            name = make(jobs, DIMENSION)
            print(f"… {rows} rows", file=sys.stderr, flush=True)
            imported = jobs.seconds(jobs.upload(name, file_of(stack.folder / "rows.parquet", rows, DIMENSION)))
            job = jobs.call("backups/", {"collections": [name]})
            saved = jobs.seconds(job)
            backup = jobs.wait(job)["result"]["backup"]
            size = jobs.call(f"backups/{backup}/")["size_bytes"]
            restored = jobs.seconds(jobs.call("restores/", {"backup": backup, "target_name": f"{name}_restored"}))
            peak = max(peak_mb(pid) for pid in workers(stack))
            client.drop_collection(f"{name}_restored")
            raw = rows * (4 * DIMENSION + 8) / 1e6
            figures = f"{raw:,.0f} | {imported:.1f} | {saved:.1f} | {size / 1e6:,.0f} | {restored:.1f} | {peak}"
            lines.append(f"| {rows:,} | {figures} |")
    print(_HEAD, *lines, sep="\n")


if __name__ == "__main__":
    main()
