"""``python -m benchmarks.chart RESULTS``: the Markdown table of a run and its chart, for the README.

A bar is how far the measure is beyond its target: 1 is the target itself, longer is better.
"""

import argparse
import sys
from html import escape
from pathlib import Path
from typing import Any

import orjson

_WIDTH, _ROW, _LABEL, _ONE = 900, 26, 60, 260
_LONGEST = 3.0
"""In targets; a bar that would be longer is cut, and its label says how long it is."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chart", description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/images/benchmarks.svg"))
    asked = parser.parse_args()
    found = orjson.loads(asked.results.read_bytes())
    asked.picture.write_text(chart(found["rows"]))
    sys.stdout.write(table(found))


def table(found: dict[str, Any]) -> str:
    lines = ["| | work | ours | peer | measure | rounds | target |", "|---|---|---:|---:|---:|---:|---:|"]
    for row in found["rows"]:
        least, most = row["spread"]
        target = "" if row["target"] is None else f"{row['target']:g} {'✓' if row['reached'] else '✗'}"
        figures = f"{row['ours']:g} | {row['peer']:g} | {row['ratio']:g} | {least:g} … {most:g}"
        lines.append(f"| {row['id']} | {row['what']} | {figures} | {target} |")
    return "\n".join(lines) + f"\n\nCommit {found['commit']}; {found['machine']}.\n"


def chart(rows: list[dict[str, Any]]) -> str:
    shown = [row for row in rows if row["target"]]
    height = _ROW * (len(shown) + 1)
    one = _LABEL + _ONE
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'{head} font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<line x1="{one}" y1="0" x2="{one}" y2="{height}" stroke="#555" stroke-dasharray="4"/>',
        f'<text x="{one + 4}" y="{height - 8}" fill="#555">target</text>',
    ]
    for number, row in enumerate(shown):
        beyond = _beyond(row)
        y, width = number * _ROW, min(max(beyond, 0.02), _LONGEST) * _ONE
        colour = "#4c9f70" if row["reached"] else "#d1803a"
        parts += [
            f'<text x="4" y="{y + 18}">{escape(row["id"])}</text>',
            f'<rect x="{_LABEL}" y="{y + 4}" width="{width:.0f}" height="{_ROW - 8}" fill="{colour}">'
            f"<title>{escape(row['what'])}</title></rect>",
            f'<text x="{_LABEL + width + 6:.0f}" y="{y + 18}">{row["ratio"]:g}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])


def _beyond(row: dict[str, Any]) -> float:
    """The measure in targets; where at most the target is wanted, the other way round."""
    at_most = row["reached"] == (row["ratio"] <= row["target"])
    if not at_most:
        return float(row["ratio"] / row["target"])
    return float(row["target"] / row["ratio"]) if row["ratio"] > 0 else _LONGEST


if __name__ == "__main__":
    main()
