"""Blocks: what a section is made of; the template draws each by its `kind`."""

from dataclasses import dataclass
from typing import ClassVar

from pmjax.report.canvas import Drawing
from pmjax.report.tables import Table


@dataclass(frozen=True)
class Text:
    """A paragraph; `style` is a class of style.css."""

    text: str
    style: str = ""
    kind: ClassVar = "text"


@dataclass(frozen=True)
class Listing:
    """Points, one a line."""

    points: tuple[str, ...]
    kind: ClassVar = "listing"


@dataclass(frozen=True)
class Code:
    """A command as it is typed."""

    text: str
    kind: ClassVar = "code"


@dataclass(frozen=True)
class Sheet:
    """A table."""

    table: Table
    kind: ClassVar = "table"


@dataclass(frozen=True)
class Gallery:
    """Figures side by side where the screen is wide, one below the other where it is narrow."""

    drawings: tuple[Drawing, ...]
    heading: str = ""
    kind: ClassVar = "gallery"


@dataclass(frozen=True)
class Fold:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: "tuple[Block, ...]"
    kind: ClassVar = "fold"


Block = Text | Listing | Code | Sheet | Gallery | Fold


@dataclass(frozen=True)
class Section:
    """A heading and its blocks; `anchor` is where the contents lead to."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


def tables_in(blocks: tuple[Block, ...]) -> list[Table]:
    """Collects every table, in order."""
    found = []
    for block in blocks:
        if isinstance(block, Sheet):
            found.append(block.table)
        elif isinstance(block, Fold):
            found += tables_in(block.blocks)
    return found


def drawings_in(blocks: tuple[Block, ...]) -> list[Drawing]:
    """Collects every drawing, in order."""
    found: list[Drawing] = []
    for block in blocks:
        if isinstance(block, Gallery):
            found += block.drawings
        elif isinstance(block, Fold):
            found += drawings_in(block.blocks)
    return found
