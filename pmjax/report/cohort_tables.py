"""Tables of the cohort: who was studied, what is missing, how the outcomes differ."""

from typing import Any

from pmjax.report import labels
from pmjax.report.run import Run
from pmjax.report.tables import Table


def flow(run: Run) -> Table:
    """Counts from the source to the analysis."""
    rows = tuple((str(label), labels.count(n)) for label, n in run.cohort["flow"])
    return Table("flow", "Flow of patients", ("Step", "Patients"), rows)


def outcome(run: Run) -> Table:
    """Counts classes, or events and censored patients."""
    task, total = run.cohort["task"], run.cohort["patients"]
    if not run.survival:
        lines = run.cohort["rows"]
        rows = [(str(k), labels.count(n), labels.percent(n / lines)) for k, n in task["counts"].items()]
        return Table("outcome", "Outcome", ("Class", "Patients" if lines == total else "Rows", "Share"), tuple(rows))
    rows = [(k, labels.count(task[k]), labels.percent(task[k] / total)) for k in ("events", "censored")]
    follow = task["median_follow_up"]
    length = "not reached" if follow is None else f"{follow:g} {task['unit']}"
    note = f"Median follow-up: {length} (reverse Kaplan-Meier)."
    return Table("outcome", "Outcome", ("", "Patients", "Share"), tuple(rows), note)


def missingness(run: Run) -> Table:
    """Lists the columns with missing values, most first."""
    found = [
        (share, modality, feature)
        for modality, m in run.cohort["modalities"].items()
        for feature, share in m["missing"].items()
        if share > 0
    ]
    found.sort(key=lambda line: (-line[0], line[1], line[2]))
    rows = tuple((str(feature), str(modality), labels.percent(share)) for share, modality, feature in found)
    note = "Imputed inside each fold, from training rows alone." if rows else "No value is missing."
    return Table("missingness", "Missing values", ("Column", "Modality", "Missing"), rows, note)


def modalities(run: Run) -> Table:
    """Lists what was measured."""
    measured = run.cohort["modalities"]
    rows = tuple(
        (str(name), str(m["kind"]), " × ".join(str(s) for s in m["shape"]), labels.count(len(m["features"])))
        + ((labels.count(m["absent"]),) if some_lack(measured) else ())
        for name, m in measured.items()
    )
    columns = ("Modality", "Kind", "Shape", "Columns", *(("Lacked by",) if some_lack(measured) else ()))
    return Table("modalities", "Measurements", columns, rows)


def some_lack(measured: dict[str, Any]) -> bool:
    """Whether a patient lacks a whole modality."""
    return any(m["absent"] for m in measured.values())


def balance(run: Run) -> Table:
    """Compares every table column by outcome: mean (sd), and the largest standardised difference."""
    parts = list(next(iter(run.cohort["balance"].values()), {}))
    rows = tuple(
        (str(feature), *(_mean_sd(cells[p]) for p in parts), _standardised(cells, parts[1:]))
        for feature, cells in run.cohort["balance"].items()
    )
    note = "Mean (sd). Standardised difference: of means, over the root of the mean variance; largest pair of outcomes."
    columns = ("Column", *(p.capitalize() if p == "overall" else str(p) for p in parts), "Std. difference")
    return Table("balance", "Balance by outcome", columns, rows, note)


def groups(run: Run) -> Table:
    """Counts patients and events by demographic group, arm and site."""
    columns = {**run.cohort["groups"], "arm": run.cohort["arms"], "site": run.cohort["sites"]}
    rows = tuple(
        (str(column), str(level), labels.count(c["n"]), labels.count(c["events"]), labels.percent(c["events"] / c["n"]))
        for column, levels in columns.items()
        for level, c in levels.items()
    )
    return Table("groups", "Groups", ("Column", "Level", "Patients", "Events", "Events, share"), rows)


def _mean_sd(cell: list[float | None]) -> str:
    mean, sd = cell
    return labels.NONE if mean is None else f"{_short(mean)} ({labels.NONE if sd is None else _short(sd)})"


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", labels.MINUS) if abs(value) < 1000 else labels.count(round(value))


def _standardised(cells: dict[str, Any], parts: list[str]) -> str:
    known = [cells[p] for p in parts if None not in cells[p]]
    gaps = [
        abs(a[0] - b[0]) / spread
        for i, a in enumerate(known)
        for b in known[i + 1 :]
        if (spread := ((a[1] ** 2 + b[1] ** 2) / 2) ** 0.5) > 0
    ]
    return labels.number(max(gaps), 2) if gaps else labels.NONE
