"""Page: sections into one self-contained HTML file, escaped, with style and figures inside."""

from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pmjax import __version__
from pmjax.evidence import Evidence
from pmjax.report import labels, summary
from pmjax.report.blocks import Section
from pmjax.report.run import Run


def render(run: Run, sections: tuple[Section, ...]) -> str:
    """Renders the page; the same text for the same run."""
    files = resources.files("pmjax.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    # matplotlib and ElementTree escaped what these hold; everything else is escaped by the template.
    environment.filters["svg"] = Markup
    environment.filters["estimate"] = labels.estimate
    environment.filters["bounds"] = labels.bounds
    environment.tests["evidence"] = lambda cell: isinstance(cell, Evidence)
    template = environment.from_string((files / "template.html").read_text(encoding="utf-8"))
    return template.render(
        study=run.study,
        cohort=run.cohort,
        sentences=summary.sentences(run),
        sections=sections,
        style=Markup((files / "style.css").read_text(encoding="utf-8")),
        version=__version__,
        sha256=run.sha256,
    )
