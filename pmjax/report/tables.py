"""Tables: rows of text and evidence, as the page shows them and as CSV with full precision."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pmjax.evidence import Evidence
from pmjax.report import labels, paper
from pmjax.report.run import Run

Cell = str | Evidence | None
CLASSIFY = ("auroc", "calibration_slope", "calibration_intercept", "observed_expected", "brier", "auprc", "log_loss")
PAPER = ("accuracy", "precision", "recall", "specificity", "f1", "mcc")
TREAT_ALL = "treat-all"
OBSERVED = "kaplan-meier"
_LONG = ("model", "group", "metric", "estimate", "low", "high", "n", "events", "method")


@dataclass(frozen=True)
class Table:
    """One table. A cell of evidence shows estimate and interval; `missing` are the reasons of those without."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Why estimates or intervals are absent, each once."""
        cells = [c for row in self.rows for c in row if isinstance(c, Evidence)]
        absent = [c for c in cells if c.estimate is None or (c.low is None and c.metric != "logrank_p")]
        return tuple(dict.fromkeys(f"{labels.metric(c.metric)}, {labels.model(c.model)}: {c.method}" for c in absent))

    def csv(self) -> str:
        """Writes the cells as text; a table with evidence one line an estimate, unrounded."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        evidence = [c for row in self.rows for c in row if isinstance(c, Evidence)]
        if evidence:
            writer.writerow(_LONG)
            writer.writerows([getattr(e, name) for name in _LONG] for e in evidence)
        else:
            writer.writerow(self.columns)
            writer.writerows(self.rows)
        return stream.getvalue()


def metrics(run: Run, name: str, title: str, wanted: Sequence[str], models: Iterable[str], note: str = "") -> Table:
    """Lays out models by metrics; a metric that no model has is left out."""
    models = list(models)
    present = [m for m in wanted if any(run.find(model, m) for model in models)]
    rows = [(labels.model(model), *(run.find(model, m) for m in present)) for model in models]
    kept = tuple(row for row in rows if any(row[1:]))
    return Table(name, title, ("Model", *(labels.metric(m, unit(run)) for m in present)), kept, note)


def unit(run: Run) -> str:
    """Names the unit of time; empty for classes."""
    return str(run.cohort["task"]["unit"]) if run.survival else ""


def at_each(run: Run, base: str) -> list[str]:
    """Finds the metrics `base@…` of a study by growing threshold or horizon."""
    found = {e.metric for e in run.evidence if e.metric.startswith(f"{base}@") and e.metric.count("_difference") == 0}
    return sorted(found, key=lambda m: float(m.partition("@")[2]))


def differences(run: Run) -> Table:
    """Lays out every paired difference of a model to a baseline."""
    pairs = [f"{d} {labels.MINUS} {b}" for b in run.baselines for d in run.deep]
    found = dict.fromkeys(e.metric for e in run.evidence if e.metric.endswith("_difference"))
    order = sorted(found, key=lambda m: m != f"{run.headline}_difference")
    note = (
        "Model minus baseline on the same patients and the same resamples. Above zero favours the model for "
        "AUROC, accuracy and C; below zero favours it for Brier score and log-loss."
    )
    table = metrics(run, "differences", "Models against baselines, paired", order, pairs, note)
    return replace(table, columns=("Comparison", *table.columns[1:]))


def ceiling(run: Run) -> Table:
    """Lays out what every model reached of what the truth of a simulated cohort allows."""
    m = run.headline
    note = (
        "The oracle knows the truth of every simulated patient; no model can do better but by chance. Share: how far "
        "from chance (0.5) to the oracle a model went, on the same patients and the same resamples."
    )
    return metrics(run, "ceiling", "Ceiling", (m, f"{m}_share_of_ceiling"), run.models, note)


def published() -> Table:
    """Copies Table X of the paper."""
    rows = tuple((labels.model(name), *(labels.number(v, 2) for v in values)) for name, *values in paper.TABLE_X)
    columns = ("Family", "Accuracy", "Precision", "Recall", "F1")
    return Table(
        "paper-table-x-published", "The paper's own Table X: published, not reproduced", columns, rows, paper.NOTE
    )


def subgroups(run: Run, models: Sequence[str]) -> Table:
    """Lays out the headline metric of every level of every group, with its difference to the rest."""
    m = run.headline
    levels = dict.fromkeys(e.group for e in run.evidence if e.group != "all" and e.metric == m)
    rows = []
    for group in levels:
        for model in models:
            e = run.find(model, m, group)
            if e is not None:
                rest = run.find(model, f"{m}_difference_to_rest", group)
                rows.append(
                    (labels.group(group), labels.count(e.n), labels.count(e.events), labels.model(model), e, rest)
                )
    columns = ("Group", "Patients", "Events", "Model", labels.metric(m), "Difference to the rest")
    return Table("subgroups", "Subgroups", columns, tuple(rows))


def observed(run: Run) -> Table:
    """Lays out what was observed: Kaplan-Meier estimates by group, the log-rank test by column."""
    seen = [e for e in run.evidence if e.model == OBSERVED]
    names = list(dict.fromkeys(e.metric for e in seen if e.metric != "logrank_p"))
    rows = []
    for group in dict.fromkeys(e.group for e in seen if e.metric != "logrank_p"):
        found = {e.metric: e for e in seen if e.group == group}
        first = next(iter(found.values()))
        title = "All patients" if group == "all" else labels.group(group)
        rows.append((title, labels.count(first.n), labels.count(first.events), *(found.get(m) for m in names)))
    columns = ("Group", "Patients", "Events", *(labels.metric(m, unit(run)) for m in names))
    return Table("observed-survival", "Observed survival (Kaplan-Meier)", columns, tuple(rows))


def log_rank(run: Run) -> Table:
    """Lays out the log-rank tests."""
    tests = [e for e in run.evidence if e.metric == "logrank_p"]
    rows = tuple((e.group, e, e.method) for e in tests)
    return Table("log-rank", "Do groups differ? (log-rank)", ("Column", "p", "Test"), rows)
