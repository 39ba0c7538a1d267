"""Summary: the sentences at the head of a page, composed from evidence and from nothing else."""

from pmjax.evidence import Evidence
from pmjax.predictions import ORACLE
from pmjax.report import labels
from pmjax.report.run import Run


def sentences(run: Run) -> list[str]:
    """Says which model discriminates best, and whether a deep model does better than the best baseline."""
    ranked = run.ranked((*run.deep, *run.baselines))
    if not ranked:
        return [f"No model has an estimate of {labels.metric(run.headline)}; see the evidence for the reasons."]
    best, e = ranked[0]
    said = [
        f"{labels.model(best)} has the highest {labels.metric(run.headline)} on held-out patients: "
        f"{labels.interval(e)}, {labels.count(e.n)} patients, {labels.count(e.events)} {_events(run)}."
    ]
    baselines = run.ranked(run.baselines)
    if run.deep and baselines:
        name, estimate = baselines[0]
        if name != best:
            said.append(f"The best baseline is {labels.inline(name)}: {labels.interval(estimate)}.")
        said += _against(run, name)
    return [*said, *_reached(run, best)]


def _reached(run: Run, best: str) -> list[str]:
    ceiling, share = run.find(ORACLE, run.headline), run.find(best, f"{run.headline}_share_of_ceiling")
    if ceiling is None or share is None:
        return []
    return [
        f"The patients are simulated: an oracle that knows the truth reaches {labels.interval(ceiling)}, and "
        f"{labels.inline(best)} went {labels.interval(share)} of the way from chance to it."
    ]


def _events(run: Run) -> str:
    if run.survival:
        return "events"
    classes = run.cohort["task"]["classes"]
    return f"of class “{classes[1]}”" if len(classes) == 2 else "of the rarest class"


def _against(run: Run, baseline: str) -> list[str]:
    found = [run.find(f"{d} {labels.MINUS} {baseline}", f"{run.headline}_difference") for d in run.deep]
    pairs = [e for e in found if e is not None and e.low is not None and e.high is not None]
    name = f"{labels.inline(baseline)}, the best baseline"
    if not pairs:
        return [f"No paired difference with an interval to {name} could be computed."]
    better = [e for e in pairs if (e.low or 0) > 0]
    worse = [e for e in pairs if (e.high or 0) < 0]
    said = []
    if better:
        said.append(f"Better than {name}, with a paired interval above zero: {_listed(better)}.")
    else:
        said.append(f"No deep model is shown to discriminate better than {name}: no paired interval lies above zero.")
    if worse:
        said.append(f"Worse than it, with a paired interval below zero: {_listed(worse)}.")
    return said


def _listed(pairs: list[Evidence]) -> str:
    return "; ".join(f"{labels.model(e.model.split(f' {labels.MINUS} ')[0])} by {labels.interval(e)}" for e in pairs)
