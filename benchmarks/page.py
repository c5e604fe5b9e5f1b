"""The page people read, and the file machines read."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from benchmarks.figures import Figure, Measured

PAGE, RESULTS = "README.md", "results.json"

_HEAD = """# Benchmarks

Written by `make bench` (`python -m benchmarks`); do not edit. A budget is a promise of the design: *kept* or **missed**.
Figures without one are there to read the others by. Each part says when and on what it was measured; all of it runs on one
machine, the storage emulator and the simulated service included, which take their share of its cores.
"""


def keep(folder: Path, measured: Iterable[Measured]) -> list[Measured]:
    """Put new results in the place of older ones of the same part, and write both files; gives all results."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {found.part: found for found in _known(folder / RESULTS)}
    known |= {found.part: found for found in measured}
    everything = list(known.values())
    content = msgspec.json.format(msgspec.json.encode(everything), indent=1)
    (folder / RESULTS).write_bytes(content + b"\n")
    (folder / PAGE).write_text(render(everything), encoding="utf-8")
    return everything


def _known(path: Path) -> list[Measured]:
    return msgspec.json.decode(path.read_bytes(), type=list[Measured]) if path.exists() else []


def render(everything: Iterable[Measured]) -> str:
    """Write the page."""
    parts = list(everything)
    table = ["| what | measured | budget | |", "|---|---:|---:|---|"]
    for found in parts:
        table += [f"| **{found.title}** | | | |", *map(_row, found.figures)]
    methods = [_method(found) for found in parts]
    return "\n".join([_HEAD, *table, "", "## How it is measured", "", *methods])


def _row(figure: Figure) -> str:
    budget = f"{figure.budget.bound} {shown(figure.budget.limit)}" if figure.budget else ""
    verdict = ("**missed**" if figure.missed else "kept") if figure.budget else ""
    remarks = "; ".join(remark for remark in (verdict, figure.note) if remark)
    value = "not measured" if figure.value is None else f"{shown(figure.value)} {figure.unit}".strip()
    return f"| {figure.name} | {value} | {budget} | {remarks} |"


def _method(found: Measured) -> str:
    return f"**{found.title}.** {found.method}\n*{found.at}, {found.seconds:.0f} s, {found.machine}.*\n"


def shown(value: float) -> str:
    """Give a number with three digits that matter, thousands parted."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
