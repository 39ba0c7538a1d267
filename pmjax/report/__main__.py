"""python -m pmjax.report --run DIR: rebuilds the report of a finished run without training."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pmjax.errors import UserError
from pmjax.report import build


def main(argv: Sequence[str] | None = None) -> int:
    """Builds the report and says where it lies; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pmjax.report", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished run, with results.json")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args(argv)
    try:
        page = build(arguments.run)
    except UserError as error:
        if arguments.debug:
            raise
        print(f"pmjax: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    print(f"pmjax: report: {page}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
