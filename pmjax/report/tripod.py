"""TRIPOD+AI (Collins et al., BMJ 2024;385:e078378): its items, filled in where the code knows the answer.

Items are named in our own short words; the statement itself says in full what each asks for.
"""

from pmjax.report import labels
from pmjax.report.run import Run
from pmjax.report.tables import Table

OPEN = "open"
_ITEMS = (
    ("1", "Title"),
    ("2", "Abstract"),
    ("3a–c", "Background: context, intended use, known inequalities"),
    ("4", "Objectives"),
    ("5a–b", "Data: sources, dates"),
    ("6a–c", "Participants: setting, eligibility, treatments"),
    ("7", "Data preparation"),
    ("8a–c", "Outcome: definition, assessment, blinding"),
    ("9a–c", "Predictors: choice, definition, assessment"),
    ("10", "Sample size"),
    ("11", "Missing data"),
    ("12a–g", "Analysis: partition, models, tuning, performance"),
    ("13", "Class imbalance"),
    ("14", "Fairness"),
    ("15", "Model output"),
    ("16", "Training against evaluation data"),
    ("17", "Ethical approval"),
    ("18a–f", "Open science: funding, interests, protocol, registration, data, code"),
    ("19", "Patient and public involvement"),
    ("20a–c", "Participants: flow, characteristics, comparison"),
    ("21", "Numbers in each analysis"),
    ("22", "Model specification"),
    ("23a–b", "Performance, with intervals and subgroups"),
    ("24", "Model updating"),
    ("25", "Interpretation"),
    ("26", "Limitations"),
    ("27a–c", "Usability in current care"),
)


def items(run: Run) -> Table:
    """Lists the 27 items: what this run states, or `open` for a person to write."""
    known = _known(run)
    rows = tuple((number, title, known.get(number, OPEN)) for number, title in _ITEMS)
    left = sum(row[2] == OPEN for row in rows)
    note = f"{len(rows) - left} of {len(rows)} items are answered at least in part by the run; the others need people."
    return Table("tripod-ai", "TRIPOD+AI", ("Item", "Asks for", "This run"), rows, note)


def _known(run: Run) -> dict[str, str]:
    c, splits = run.cohort, run.config["splits"]
    known = {
        "5a–b": f"In part: {c['citation']} Dates: open.",
        "7": "Transforms are fitted on training rows alone, inside each fold.",
        "8a–c": f"In part: {c['task']['name']}; definition and blinding as in the source.",
        "9a–c": f"In part: {labels.count(sum(len(m['features']) for m in c['modalities'].values()))} columns, "
        "all that the source gives.",
        "10": f"In part: {labels.count(c['patients'])} patients, all available; no calculation beforehand.",
        "11": "Shares of missing values are listed; imputed inside the fold.",
        "12a–g": f"Splits: {', '.join(f'{k} {v}' for k, v in splits.items())}. Settings chosen on validation rows.",
        "15": "Risk score and event-free probability." if run.survival else "Probability of each class.",
        "16": "Training, validation and test rows of one cohort; no external data.",
        "20a–c": "Flow, outcome and balance tables above.",
        "21": "Patients and events stand beside every estimate in results.json.",
        "22": "In part: config.json names every architecture and setting; checkpoints/ hold deep models' weights.",
        "23a–b": "95 % intervals on every estimate" + (", by subgroup." if _has_groups(run) else "; subgroups: open."),
        "26": "See the limits below; those of the source: open.",
        "18a–f": "In part: data licence, config and commit are stated; the rest: open.",
    }
    if not run.survival:
        known["13"] = (
            "Class weights in the loss." if run.config["train"]["class_weight"] else "No reweighting or resampling."
        )
    if _has_groups(run):
        known["14"] = "Subgroup estimates with differences to the rest."
    return known


def _has_groups(run: Run) -> bool:
    return any(e.group != "all" and e.metric == run.headline for e in run.evidence)
