"""Puts the pages of `results/<device>/` into README.md, between `<!-- benchmarks: NAME -->` and `<!-- end -->`.

NAME is `<device>/<benchmark>`: the table of a benchmark as a device measured it.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import FOLDER
from pmjax.errors import UserError

_BLOCK = re.compile(r"(<!-- benchmarks: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def included(text: str, results: Path = FOLDER) -> str:
    """The text with each block's page as it lies below `results`.

    Raises:
        UserError: a block names a page that is not there.
    """

    def block(match: re.Match[str]) -> str:
        page = results / f"{match[2]}.md"
        if not page.is_file():
            raise UserError(f"README.md: no page {match[2]!r} in {results.name}/; run that benchmark, or mend the name")
        return f"{match[1]}\n{page.read_text(encoding='utf-8').strip()}\n\n{match[3]}"

    return _BLOCK.sub(block, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrites README.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme", description=__doc__)
    parser.add_argument("--readme", type=Path, default=FOLDER.parents[1] / "README.md")
    path = parser.parse_args(arguments).readme
    path.write_text(included(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"benchmarks.readme: {error}")
