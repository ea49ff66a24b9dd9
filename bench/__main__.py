"""`make bench`: every measurement of docs/performance.md, as a table and as JSON."""

import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import backtest, books, decision_to_post, decoders, fanout, hot_path, journal_rate, pictures, startup, views
from bench.measure import Row

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "hot_path": hot_path.rows,
    "journal": journal_rate.rows,
    "decision": decision_to_post.rows,
    "startup": startup.rows,
    "fanout": fanout.rows,
    "views": views.rows,
    "backtest": backtest.rows,
    "decoders": decoders.rows,
    "books": books.rows,
    "pictures": pictures.rows,
}
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(names: list[str]) -> None:
    """Run the parts named, or all."""
    console = Console(width=150)
    found: list[Row] = []
    for name in names or PARTS:
        console.print(f"measuring {name} ...", style="dim")
        found += PARTS[name]()
    table = Table("what", "value", "beside", "ratio", "wanted", title=f"Python {platform.python_version()}")
    group = ""
    for row in found:
        if row.group != group:
            group = row.group
            table.add_section()
            table.add_row(f"[bold]{group}")
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.what, f"{row.value:,.3g} {row.unit}", row.against, ratio, row.limit)
    console.print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.with_suffix(".md").write_text(_markdown(found))
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    console.print(f"as JSON: {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}")


def _markdown(found: list[Row]) -> str:
    """The same table as it stands in docs/performance.md."""
    lines: list[str] = []
    group = ""
    for row in found:
        if row.group != group:
            group = row.group
            lines += [
                "",
                f"## {group.capitalize()}",
                "",
                "| what | value | beside | ratio | wanted |",
                "|---|---|---|---|---|",
            ]
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.what} | {row.value:,.3g} {row.unit} | {row.against} | {ratio} | {row.limit} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
