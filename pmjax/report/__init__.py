"""The report of a finished run: tables, figures and one HTML page, rebuilt from its directory without training."""

from pathlib import Path

from pmjax.errors import UserError
from pmjax.report.blocks import drawings_in, tables_in
from pmjax.report.page import render
from pmjax.report.run import read
from pmjax.report.sections import sections

__all__ = ["build"]


def build(run: Path) -> Path:
    """Writes tables/*.csv, figures/*.svg and report.html into the run directory; the same bytes each time.

    Returns:
        The path of the page.

    Raises:
        UserError: a file of the run is missing, unreadable, or the folder cannot be written.
    """
    content = read(run)
    story = sections(content)
    page = render(content, story)
    try:
        for section in story:
            for table in tables_in(section.blocks):
                _write(run / "tables" / f"{table.name}.csv", table.csv())
            for drawing in drawings_in(section.blocks):
                _write(run / "figures" / f"{drawing.name}.svg", drawing.svg)
        return _write(run / "report.html", page)
    except OSError as error:
        raise UserError(
            f"{run}: the report cannot be written ({error}); free some space or choose another folder"
        ) from error


def _write(path: Path, text: str) -> Path:
    """Writes so that `path` holds either the old or the whole new text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    return partial.replace(path)
