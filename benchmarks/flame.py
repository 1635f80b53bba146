"""``python -m benchmarks.flame``: where the web server's time goes while 64 clients search, as a picture and a table.

py-spy samples the stacks of the server's process; those that wait for the network or a lock are left out.
"""

import argparse
import logging
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from benchmarks.__main__ import fill, gateway
from benchmarks.data import Address
from benchmarks.load import LoadProcess
from benchmarks.searches import searches
from tests.support.engines import milvus_server
from tests.support.stack import RunningStack

_PY_SPY = Path(sys.executable).parent / "py-spy"
_RATE = 200
_WIDTH, _ROW = 1200, 17
_LEAST_PX = 1.5
_CHARACTER_PX = 6.6
_TOP = 15
_OURS = "vectorstore/"


@dataclass(slots=True)
class Frame:
    """``samples`` in which ``name`` was called from what is above it."""

    name: str
    samples: int = 0
    calls: dict[str, "Frame"] = field(default_factory=dict)

    def add(self, stack: list[str], samples: int) -> None:
        self.samples += samples
        if stack:
            self.calls.setdefault(stack[0], Frame(stack[0])).add(stack[1:], samples)

    def depth(self) -> int:
        return 1 + max((called.depth() for called in self.calls.values()), default=0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the collection (default 20,000)")
    parser.add_argument("--seconds", type=int, default=20, help="how long to sample (default 20)")
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/images/flame.svg"))
    asked = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    with milvus_server({}) as engine, gateway(engine) as stack:
        fill(stack, Address.of(engine), asked.rows)
        lines = sampled(stack, asked.seconds)
    stacks = [(line.rpartition(" ")[0].split(";"), int(line.rpartition(" ")[2])) for line in lines]
    root = Frame("all")
    for names, samples in stacks:
        root.add([name for name in names if not name.startswith("process ")], samples)
    asked.picture.write_text(picture(root))
    print(table(stacks), f"\n\n{root.samples} samples; the picture is {asked.picture}")


def sampled(stack: RunningStack, seconds: int) -> list[str]:
    """Stacks, outermost first, and how often each was seen."""
    load = searches(stack, clients=64)
    with closing(LoadProcess(load)) as clients, tempfile.NamedTemporaryFile("r") as found:
        token = stack.token()
        busy = threading.Thread(target=lambda: clients.run(seconds + 3, token))
        busy.start()
        command = [_PY_SPY, "record", "--pid", str(worker(stack)), "--duration", str(seconds), "--rate", str(_RATE)]
        subprocess.run(
            [*map(str, command), "--gil", "--nonblocking", "--format", "raw", "--output", found.name], check=True
        )
        busy.join()
        return found.read().splitlines()


def worker(stack: RunningStack) -> int:
    """The process of the web server that answers: the child of the one that the supervisor started."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            of_parent = Path(f"/proc/{parent}/cmdline").read_bytes()
            mine = str(stack.folder).encode() in (entry / "environ").read_bytes()
        except (OSError, ValueError):
            continue
        if mine and b"granian" in command and b"granian" in of_parent:
            return int(entry.name)
    raise RuntimeError("There is no process of the web server.")


def table(stacks: list[tuple[list[str], int]]) -> str:
    """Our functions that take most, with all that they call and by themselves."""
    whole, own = Counter[str](), Counter[str]()
    for names, samples in stacks:
        for name in {name for name in names if _OURS in name}:
            whole[_function(name)] += samples
        if _OURS in names[-1]:
            own[_function(names[-1])] += samples
    total = sum(samples for _, samples in stacks)
    lines = ["| function | with what it calls | by itself |", "|---|---:|---:|"]
    for name, samples in whole.most_common(_TOP) + [item for item in own.most_common(_TOP) if item[0] not in whole]:
        lines.append(f"| `{name}` | {samples / total:.1%} | {own[name] / total:.1%} |")
    return "\n".join(lines)


def _function(frame: str) -> str:
    """``function (path:line)`` without the line."""
    return f"{frame.partition(' (')[0]} ({frame.partition(' (')[2].rpartition(':')[0]})"


def picture(root: Frame) -> str:
    """A flame graph: the width of a frame is its share of the samples, what it calls lies on it."""
    height = root.depth() * _ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'{head} font-family="monospace" font-size="11">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    _draw(root, 0.0, height - _ROW, _WIDTH / max(root.samples, 1), root.samples, parts)
    return "\n".join([*parts, "</svg>\n"])


def _draw(frame: Frame, x: float, y: float, scale: float, total: int, parts: list[str]) -> None:
    width = frame.samples * scale
    if width < _LEAST_PX:
        return
    colour = "#f4b183" if _OURS in frame.name else "#cfd8dc"
    text = escape(frame.name[: int((width - 4) / _CHARACTER_PX)]) if width > 30 else ""
    parts.append(
        f'<g><title>{escape(frame.name)}: {frame.samples / total:.1%}</title><rect x="{x:.1f}" y="{y}"'
        f' width="{width:.1f}" height="{_ROW - 1}" fill="{colour}"/>'
        f'<text x="{x + 2:.1f}" y="{y + 12}">{text}</text></g>'
    )
    for called in sorted(frame.calls.values(), key=lambda each: each.name):
        _draw(called, x, y - _ROW, scale, total, parts)
        x += called.samples * scale


if __name__ == "__main__":
    main()
