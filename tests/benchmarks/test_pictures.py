"""The chart of the benchmarks and the flame graph, from what was measured to the drawing."""

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import chart, flame

SVG = "{http://www.w3.org/2000/svg}"


def row(number: int, ratio: float, target: float | None, reached: bool | None) -> dict[str, Any]:
    figures = {"ours": 3.0, "peer": 1.0, "ratio": ratio, "spread": [ratio, ratio + 1]}
    return {"id": f"P{number}", "what": f"a < b {number}", **figures, "target": target, "reached": reached}


@pytest.mark.parametrize(
    ("ratio", "target", "reached", "targets"),
    [(3, 2, True, 1.5), (1, 2, False, 0.5), (0.05, 0.1, True, 2), (0.2, 0.1, False, 0.5), (-0.4, 1, True, 3)],
)
def test_a_bar_is_as_long_as_the_measure_in_targets(ratio: float, target: float, reached: bool, targets: float) -> None:
    text = chart.chart([row(1, ratio, target, reached), row(2, 1, None, None)])
    drawing = ElementTree.fromstring(text)  # noqa: S314 - our own drawing
    bars = [bar for bar in drawing.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    target_line = drawing.find(f"{SVG}line")
    assert target_line is not None
    one = float(target_line.attrib["x1"]) - float(bars[0].attrib["x"])
    assert [round(float(bar.attrib["width"]) / one, 2) for bar in bars] == [targets]


def test_the_table_names_the_commit_and_what_was_reached() -> None:
    found = {"commit": "abc1234", "machine": "2 cores", "rows": [row(1, 3, 2, True), row(2, 1, 2, False)]}
    text = chart.table(found)
    assert "| P1 | a < b 1 | 3 | 1 | 3 | 3 … 4 | 2 ✓ |" in text
    assert "| P2 | a < b 2 | 3 | 1 | 1 | 1 … 2 | 2 ✗ |" in text
    assert text.endswith("Commit abc1234; 2 cores.\n")


STACKS = [
    (["run (server.py:1)", "search (vectorstore/service/search.py:10)", "call (grpc/x.py:3)"], 60),
    (["run (server.py:1)", "search (vectorstore/service/search.py:12)"], 30),
    (["run (server.py:1)", "other (django/x.py:3)"], 10),
]


def test_a_flame_graph_is_as_wide_as_the_samples() -> None:
    root = flame.Frame("all")
    for names, samples in STACKS:
        root.add(names, samples)
    assert (root.samples, root.depth()) == (100, 4)
    widths = {}
    drawing = ElementTree.fromstring(flame.picture(root))  # noqa: S314 - our own drawing
    for group in drawing.iter(f"{SVG}g"):
        title, bar = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert bar is not None
        widths[str(title.text).partition(" ")[0]] = float(bar.attrib["width"])
    assert widths["run"] == widths["all:"]
    assert widths["call"] == pytest.approx(0.6 * widths["run"], abs=0.1)


def test_the_table_of_a_flame_graph_has_our_functions_with_and_without_what_they_call() -> None:
    assert "| `search (vectorstore/service/search.py)` | 90.0% | 30.0% |" in flame.table(STACKS)
    assert "grpc" not in flame.table(STACKS)
