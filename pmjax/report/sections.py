"""Sections: the story of a page, in the order in which a clinical reader asks."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pmjax.predictions import ORACLE
from pmjax.report import cohort_tables, labels, tables, tripod
from pmjax.report.blocks import Block, Code, Fold, Gallery, Listing, Section, Sheet, Text
from pmjax.report.curves import Curves
from pmjax.report.run import Run
from pmjax.report.tables import Table

_OPEN = 12  # a longer list of groups hides what follows it

REFERENCES = (
    "Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for reporting clinical prediction "
    "models that use regression or machine learning methods. BMJ 2024; 385: e078378.",
    "Van Calster B, Collins GS, Vickers AJ, et al. Evaluation of performance measures in predictive artificial "
    "intelligence models to support medical decisions. Lancet Digital Health 2025.",
    "Vickers AJ, Elkin EB. Decision curve analysis. Medical Decision Making 2006; 26: 565–574.",
    "Ahmad R. The Future of Patient Care: Revolutionizing Treatment Plans through Deep Learning and Precision "
    "Medicine.",
)


def sections(run: Run) -> tuple[Section, ...]:
    """Builds every section of the page; one without content is left out."""
    curves = Curves(run)
    story = [
        Section("audit", "Audit", tuple(_audit(run))),
        Section("cohort", "Cohort", tuple(_cohort(run))),
        Section("clinical", "Performance for a clinical reader", tuple(_clinical(run, curves))),
        Section("paper", "The paper’s metrics", tuple(_paper(run))),
        Section("baselines", "Models against baselines", tuple(_baselines(run, curves))),
        Section("ceiling", "Against the truth", tuple(_ceiling(run))),
        Section("subgroups", "Subgroups", tuple(_subgroups(run))),
        Section("observed", "Observed survival", tuple(_observed(run, curves))),
        Section("training", "Training", tuple(_training(run, curves))),
        Section("environment", "Environment", tuple(_environment(run))),
        Section("limits", "Limits", _limits(run)),
        Section("tripod", "Reporting checklist", (Sheet(tripod.items(run)),)),
        Section("rebuild", "How to rebuild", _rebuild()),
        Section("references", "References", (Listing((run.cohort["citation"], *REFERENCES)),)),
    ]
    return tuple(s for s in story if s.blocks)


def leaders(run: Run) -> list[str]:
    """Names the best deep model and the best baseline: those whose figures stand open."""
    return [found[0][0] for found in (run.ranked(run.deep), run.ranked(run.baselines)) if found]


def _audit(run: Run) -> Iterator[Block]:
    if not run.findings:
        yield Text("The audit found neither leakage, duplicates nor a shortage of patients.")
        return
    rows = tuple((f.severity + (" (allowed)" if f.allowed else ""), f.check, f.message) for f in run.findings)
    yield Sheet(Table("findings", "What the audit found", ("Severity", "Check", "Finding"), rows))
    if any(f.allowed for f in run.findings):
        yield Text("A finding marked “allowed” would have stopped the study; its config accepts it by name.", "warn")


def _cohort(run: Run) -> Iterator[Block]:
    c = run.cohort
    yield Text(f"{c['title']}. {labels.count(c['patients'])} patients in {labels.count(c['rows'])} rows. "
               f"Licence: {str(c['licence']).rstrip('.')}.")  # fmt: skip
    yield Sheet(cohort_tables.flow(run))
    yield Sheet(cohort_tables.outcome(run))
    yield Sheet(cohort_tables.modalities(run))
    missing = cohort_tables.missingness(run)
    yield Sheet(missing) if missing.rows else Text(missing.note)
    groups = cohort_tables.groups(run)
    if groups.rows:
        sheet = Sheet(groups)
        yield sheet if len(groups.rows) <= _OPEN else Fold(f"Groups, {len(groups.rows)} levels", (sheet,))
    balance = cohort_tables.balance(run)
    if balance.rows:
        yield Fold(f"Balance by outcome, {len(balance.rows)} columns", (Sheet(balance),))
    if c["notes"]:
        yield Listing(tuple(str(n) for n in c["notes"]))


def _clinical(run: Run, curves: Curves) -> Iterator[Block]:
    yield Text(
        "Every estimate is computed on patients that neither trained nor tuned the model, averaged over seeds, with "
        "the 95 % bootstrap interval over patients beneath."
    )
    yield Gallery((curves.forest(),))
    if run.survival:
        wanted = ["harrell_c", *tables.at_each(run, "brier"), *tables.at_each(run, "observed_expected")]
        note = "C: pairs inside a fold."
        if len(wanted) > 1:
            note += " Brier score: weighted for censoring. Well calibrated: observed / expected 1."
    else:
        wanted = list(tables.CLASSIFY)
        note = "Well calibrated: slope 1, intercept 0, observed / expected 1."
    yield Sheet(
        tables.metrics(run, "clinical", "Discrimination, calibration and overall error", wanted, run.models, note)
    )
    worth = tables.metrics(
        run, "net-benefit", "Net benefit", tables.at_each(run, "net_benefit"), (*run.models, tables.TREAT_ALL),
        "True positives less harm-weighted false positives, per patient. Treating none has net benefit 0.",
    )  # fmt: skip
    if worth.rows and not run.survival:
        yield Sheet(worth)
    if curves.pool.classes > 2:
        yield Text("Calibration plots and decision curves are drawn for two classes; this task has more.")
    first = leaders(run)
    yield from _figures(run, curves, first)
    rest = tuple(_figures(run, curves, [m for m in run.models if m not in first]))
    if rest:
        yield Fold("The same figures of the other models", rest)


def _figures(run: Run, curves: Curves, models: list[str]) -> Iterator[Block]:
    for model in models:
        drawn = curves.survival(model) if run.survival else curves.clinical(model)
        if drawn:
            yield Gallery(tuple(drawn), labels.model(model))


def _paper(run: Run) -> Iterator[Block]:
    ours = tables.metrics(
        run, "paper-metrics", "Ours", tables.PAPER, run.models,
        f"At threshold {run.config['evaluate']['threshold']}. These depend on the threshold; read those above first.",
    )  # fmt: skip
    if not run.survival and ours.rows:
        yield Sheet(ours)
        yield Sheet(tables.published())


def _baselines(run: Run, curves: Curves) -> Iterator[Block]:
    drawing = curves.differences()
    if drawing is not None:
        yield Text(
            "Baselines were tuned on the same folds. A model is called better only where its interval excludes zero."
        )
        yield Gallery((drawing,))
        yield Sheet(tables.differences(run))


def _ceiling(run: Run) -> Iterator[Block]:
    truth = run.cohort["truth"]
    if not truth:
        return
    if ORACLE in run.models:
        yield Sheet(tables.ceiling(run))
    if truth["ceiling"]:
        facts = {labels.metric(k, tables.unit(run)): labels.number(v) for k, v in truth["ceiling"].items()}
        yield Sheet(_pairs("population-ceiling", "What the truth allows in the population", facts))
    if truth["planted"]:
        facts = {name: ", ".join(features) for name, features in truth["planted"].items()}
        yield Sheet(_pairs("planted", "What carries the outcome", facts))
    yield Listing(tuple(truth["notes"]))


def _subgroups(run: Run) -> Iterator[Block]:
    table = tables.subgroups(run, leaders(run))
    if table.rows:
        yield Sheet(table)
        yield Text(
            "Every model’s subgroup estimates are in results.json. Intervals are not corrected for their number."
        )
    else:
        yield Text("No subgroup was asked for: config.evaluate.groups is empty, or the cohort has no groups.")


def _observed(run: Run, curves: Curves) -> Iterator[Block]:
    if run.survival:
        drawn = tuple(curves.by_group())
        if drawn:
            yield Gallery(drawn)
        for table in (tables.observed(run), tables.log_rank(run)):
            if table.rows:
                yield Sheet(table)


def _training(run: Run, curves: Curves) -> Iterator[Block]:
    drawn = curves.learning()
    if drawn:
        yield Gallery(tuple(drawn), "Learning curves")
        yield Text("Thin lines: folds at their chosen setting. Thick: their mean, as long as every fold still trains.")
    tried = curves.settings()
    if tried:
        yield Gallery(tuple(tried), "Settings tried")
        yield Text("A dot is a fold, filled where that setting was chosen there; the bar is the mean.")
    choice = curves.choice
    rows: list[tuple[str, ...]] = []
    for key, lines in choice.groupby(["model", "setting"], sort=False):
        model, setting = map(str, cast(tuple[str, str], key))
        loss = float(lines["validation_loss"].mean())
        text = labels.NONE if loss != loss else labels.number(loss)  # NaN: one setting, nothing to choose by
        rows.append((labels.model(model), setting, text, f"{int(lines['chosen'].sum())} of {len(lines)}"))
    columns = ("Model", "Setting", "Mean validation loss", "Chosen in folds")
    yield Fold("Every setting", (Sheet(Table("settings", "Settings tried", columns, tuple(rows))),))


def _environment(run: Run) -> Iterator[Block]:
    e = run.environment
    facts = {
        "Python": e["python"],
        "Platform": e["platform"],
        "Devices": ", ".join(map(str, e["devices"])),
        "Commit": e["git"] or "not from a checkout",
        "Config sha256": run.sha256,
        **e["packages"],
    }
    yield Fold("Versions and devices", (Sheet(_pairs("environment", "Environment", facts)),))
    if run.data:
        yield Fold("Input files", (Sheet(_pairs("inputs", "Input files, sha256", run.data)),))
    yield Text("Clock times and peak memory are in timing.json, since they differ from run to run.")


def _pairs(name: str, title: str, facts: Mapping[str, Any]) -> Table:
    return Table(name, title, ("", ""), tuple((str(k), str(v)) for k, v in facts.items()))


def _limits(run: Run) -> tuple[Block, ...]:
    points = (
        "Research use only. Nothing here shows that a model is fit for the care of patients.",
        "Validated on the sites named above and no others: further hospitals, devices and times may differ."
        if run.config["splits"]["scheme"] in ("site", "external")
        else "One cohort, validated internally: other hospitals, devices, times and populations may differ.",
        "The best of several models is named after seeing its result; its estimate is optimistic to that degree.",
        "Intervals reflect the sampling of patients, not the choice of folds, settings or cohort.",
        "An association is no effect: no treatment can be recommended from this page.",
    )
    simulated = ("The patients are simulated; no number here describes a person.",) if run.cohort["simulated"] else ()
    return (Listing((*simulated, *points)),)


def _rebuild() -> tuple[Block, ...]:
    return (
        Text("This page, its tables and figures come from the stored predictions; no training is needed:"),
        Code("python -m pmjax.report --run DIR"),
        Text("The whole study, from the same data to the same results.json:"),
        Code("python -m pmjax.launch --config=FILE --workdir=DIR"),
        Text("config.json holds the config, results.json every estimate, tables/ and figures/ what is shown here."),
    )
