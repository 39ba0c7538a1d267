"""Named cohorts: python -m pmjax.data [NAME ...] [flags]

  NAME ...             describe these cohorts: loads each where its files are at hand
  --fetch NAME ...     get the files of these cohorts, verify them by sha256 and say where they lie
  --measure [NAME ...] shape, balance, seconds and peak memory of these (default: all real ones at hand), each loaded
                       in a process of its own
  --debug              print a traceback when something fails
  --help               this text

Without a name: lists every cohort that ships with our packages, is public or is simulated, with its licence and whether
it is at hand. Files of public cohorts are read from PMJAX_DATA, else from pmjax/data in the user's cache folder
(XDG_CACHE_HOME). Exit codes: 0 done, 2 an error that one line explains. Research use only.
"""

import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_FLAGS = ("--fetch", "--measure", "--debug")
_NO_TERMINAL = 160  # columns, so that a file or a pipe gets whole lines


def main(arguments: Sequence[str]) -> int:
    """List, describe, fetch or measure; returns the exit code."""
    if {"--help", "-h"} & set(arguments):
        print(__doc__, end="")  # noqa: T201
        return 0
    from pmjax.errors import UserError

    try:
        _run(arguments)
    except UserError as error:
        if "--debug" in arguments:
            traceback.print_exc()
        print(f"pmjax: error: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def _run(arguments: Sequence[str]) -> None:
    from rich.console import Console

    from pmjax.errors import UserError

    flags, names = ([a for a in arguments if a.startswith("-") == flag] for flag in (True, False))
    unknown = [flag for flag in flags if flag not in _FLAGS]
    if unknown:
        raise UserError(f"flag {unknown[0]} is unknown; choose from {', '.join(_FLAGS)}, --help")
    if {"--fetch", "--measure"} <= set(flags):
        raise UserError("give --fetch or --measure, not both")
    console = Console(width=None if sys.stdout.isatty() else _NO_TERMINAL, highlight=False)
    if "--fetch" in flags:
        _fetch(console, names)
    elif "--measure" in flags:
        _measure(console, names)
    elif names:
        for name in names:
            _describe(console, name)
    else:
        _list(console)
    console.print("Research use only.")


def _list(console: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    from pmjax.data.catalogue import catalogue

    table = Table("cohort", "kind", "holds", "licence", "at hand", title="pmjax.data", title_justify="left", box=None)
    for line in catalogue():
        at_hand = Text(line.missing, "dim") if line.missing else Text("yes", "green")
        table.add_row(line.name, line.kind, Text(line.about), Text(line.licence), at_hand)
    console.print(table)
    console.print("Your own files are read by format; see README.md.")


def _fetch(console: "Console", names: Sequence[str]) -> None:
    from pmjax.data.public import REGISTRY
    from pmjax.data.public.fetch import files
    from pmjax.errors import UserError

    unknown = [name for name in names if name not in REGISTRY]
    if unknown or not names:
        told = f"cohort {unknown[0]!r} has no files to fetch" if unknown else "--fetch needs a name"
        raise UserError(f"{told}; choose from {', '.join(REGISTRY)}")
    for name in names:
        for path in files(REGISTRY[name]).values():
            console.print(f"{name}: {path}", soft_wrap=True)


def _measure(console: "Console", names: Sequence[str]) -> None:
    from rich.table import Table

    from pmjax.data.catalogue import catalogue
    from pmjax.data.measure import measure_apart

    names = names or [line.name for line in catalogue() if not line.missing and line.kind != "simulated"]
    table = Table("cohort", "shape", "balance", box=None)
    for head in ("seconds", "peak MiB", "before"):
        table.add_column(head, justify="right")
    for one in measure_apart(names):
        table.add_row(one.name, one.shape, one.balance, f"{one.seconds:.2f}", str(one.peak), str(one.before))
    console.print(table)
    console.print("peak: of the whole process, libraries included; before: the same before the cohort was loaded.")


def _describe(console: "Console", name: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from pmjax.data.description import describe

    table = Table("", "", title=name, title_justify="left", box=None, show_header=False)
    for what, told in describe(name):
        table.add_row(Text(what, "bold"), Text(told))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
