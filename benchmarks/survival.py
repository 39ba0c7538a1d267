"""Survival statistics against lifelines, scikit-survival and torchsurv: seconds a call, and how far they differ.

All tools see the same simulated rows: ten covariates, exponential survival, about half censored at random or by the end
of the study; `tied` counts time in weeks and rounds risks to a tenth. A peer is left out where its last size says that
the next would take more than `LIMIT` seconds, and where all its pairs would not fit into memory.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import measure, results, show
from pmjax import efron
from pmjax.evaluate import calibration, classification, survival
from pmjax.evaluate.intervals import resamples
from pmjax.evaluate.pool import Pool, Replicate
from pmjax.train.cox import cox_regression

TOOLS = ("pmjax", "lifelines", "scikit-survival", "torchsurv")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LIMIT = 6.0
RESAMPLES = 2_000
_BY_PEERS = 10
_QUICK = 0.3
_AGAIN = 1.0
_HORIZONS = 10


@dataclass(frozen=True)
class Rows:
    """Simulated patients: what happened, covariates (N, 10), a risk, and survival (N, H) at horizons (H,)."""

    time: np.ndarray
    event: np.ndarray
    x: np.ndarray
    risk: np.ndarray
    survival: np.ndarray
    horizons: np.ndarray


@lru_cache(maxsize=len(SIZES))
def simulate(n: int, tied: bool, seed: int = 0) -> Rows:
    """Draws `n` patients; time in days."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 10))
    log_hazard = x @ np.linspace(-0.5, 0.5, 10)
    failure = 1_000 * rng.exponential(np.exp(-log_hazard))
    censoring = np.minimum(rng.exponential(2_000, n), 1_800)
    time, event = np.minimum(failure, censoring), failure <= censoring
    risk = log_hazard + 0.5 * rng.normal(size=n)
    if tied:
        time, risk = 7 * np.ceil(time / 7), np.round(risk, 1)
    horizons = np.quantile(time, np.linspace(0.1, 0.8, _HORIZONS))
    return Rows(time, event, x, risk, np.exp(-np.exp(risk)[:, None] * horizons / 1_000), horizons)


Call = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Statistic:
    """A question that several tools answer.

    Attributes:
        name: as the tables show it.
        calls: by tool, (rows) → the call that is timed; inputs are brought into the tool's form before.
        tolerance: by how much the answer of each tool may differ from pmjax's, relative to its largest number.
        largest: rows that a tool can bear, where it holds all pairs of them.
        note: what is compared.
    """

    name: str
    calls: Mapping[str, Callable[[Rows], Call]]
    tolerance: Mapping[str, float]
    largest: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


def _step(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.append(1.0, values)[np.searchsorted(times, at, side="right")]


def _structured(time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Outcomes as scikit-survival takes them."""
    return np.rec.fromarrays([event, time], names="event,time")


def _tensors(*arrays: np.ndarray) -> list[Any]:
    import torch

    return [torch.from_numpy(array) for array in arrays]


def _km_pmjax(rows: Rows) -> Call:
    one = np.ones((1, len(rows.time)))
    return lambda: survival.survival_at(*survival.product_limit(rows.time, rows.event, one), rows.horizons)[0]


def _km_lifelines(rows: Rows) -> Call:
    from lifelines import KaplanMeierFitter

    return lambda: KaplanMeierFitter().fit(rows.time, rows.event).survival_function_at_times(rows.horizons).to_numpy()


def _km_sksurv(rows: Rows) -> Call:
    from sksurv.nonparametric import kaplan_meier_estimator

    return lambda: _step(*kaplan_meier_estimator(rows.event, rows.time), rows.horizons)


def _km_torchsurv(rows: Rows) -> Call:
    from torchsurv.stats.kaplan_meier import KaplanMeierEstimator

    event, time, at = _tensors(rows.event, rows.time, rows.horizons)

    def call() -> np.ndarray:
        curve = KaplanMeierEstimator()
        curve(event, time)
        return curve.predict(at).numpy()

    return call


def _loss_pmjax(rows: Rows) -> Call:
    def call() -> np.ndarray:
        sets = efron.risk_sets(None, rows.time, rows.event)
        value, within = efron.log_likelihood(sets, rows.risk)
        return np.append(efron.expected_events(sets, rows.risk, within) - rows.event, -value / rows.event.sum())

    return call


def _loss_torchsurv(rows: Rows) -> Call:
    from torchsurv.loss.cox import neg_partial_log_likelihood

    event, time, risk = _tensors(rows.event, rows.time, rows.risk)

    def call() -> np.ndarray:
        leaf = risk.detach().clone().requires_grad_()
        loss = neg_partial_log_likelihood(leaf, event, time, reduction="sum")
        loss.backward()
        return np.append(leaf.grad.numpy(), loss.item() / rows.event.sum())

    return call


def _fit_pmjax(rows: Rows) -> Call:
    return lambda: cox_regression(rows.x, None, rows.time, rows.event)[0]


def _fit_lifelines(rows: Rows) -> Call:
    from lifelines import CoxPHFitter

    frame = pd.DataFrame(rows.x).rename(columns=str).assign(time=rows.time, event=rows.event)
    return lambda: CoxPHFitter().fit(frame, "time", "event").params_.to_numpy()


def _fit_sksurv(rows: Rows) -> Call:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    truth = _structured(rows.time, rows.event)
    return lambda: CoxPHSurvivalAnalysis(ties="efron").fit(rows.x, truth).coef_


def _c_pmjax(rows: Rows) -> Call:
    zero, one = np.zeros(len(rows.time)), np.ones((1, len(rows.time)))
    return lambda: survival.harrell_c(zero, rows.time, rows.event, rows.risk, zero.astype(int), one)


def _c_lifelines(rows: Rows) -> Call:
    from lifelines.utils import concordance_index

    return lambda: np.array([concordance_index(rows.time, -rows.risk, rows.event)])


def _c_sksurv(rows: Rows) -> Call:
    from sksurv.metrics import concordance_index_censored

    return lambda: np.array([concordance_index_censored(rows.event, rows.time, rows.risk)[0]])


def _c_torchsurv(rows: Rows) -> Call:
    from torchsurv.metrics.cindex import ConcordanceIndex

    tensors = _tensors(rows.risk, rows.event, rows.time)
    return lambda: np.array([ConcordanceIndex()(*tensors).item()])


def _integrate(scores: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    return np.array([np.trapezoid(scores, horizons) / np.ptp(horizons)])


def _brier_pmjax(rows: Rows) -> Call:
    one = np.ones((1, len(rows.time)))
    arguments = rows.time, rows.event, rows.survival, rows.horizons, one
    return lambda: _integrate(survival.brier_curve(*arguments)[0], rows.horizons)


def _brier_sksurv(rows: Rows) -> Call:
    from sksurv.metrics import integrated_brier_score

    truth = _structured(rows.time, rows.event)
    return lambda: np.array([integrated_brier_score(truth, truth, rows.survival, rows.horizons)])


STATISTICS = (
    Statistic(
        "Kaplan-Meier",
        {"pmjax": _km_pmjax, "lifelines": _km_lifelines, "scikit-survival": _km_sksurv, "torchsurv": _km_torchsurv},
        tolerance={"lifelines": 1e-9, "scikit-survival": 1e-9, "torchsurv": 1e-4},
        note="Kaplan-Meier: survival at ten horizons. lifelines' time holds its intervals too.",
    ),
    Statistic(
        "Cox loss and gradient",
        {"pmjax": _loss_pmjax, "torchsurv": _loss_torchsurv},
        tolerance={"torchsurv": 1e-4},
        note="Cox loss: Efron's ties, sorting included; torchsurv's sum, divided by events as ours is (its own mean "
        "divides by distinct times of events where there are ties). lifelines and scikit-survival offer no loss.",
    ),
    Statistic(
        "Cox fit",
        {"pmjax": _fit_pmjax, "lifelines": _fit_lifelines, "scikit-survival": _fit_sksurv},
        tolerance={"lifelines": 1e-4, "scikit-survival": 1e-4},
        note="Cox fit: ten coefficients, Efron's ties, no penalty; each tool stops by its own rule.",
    ),
    Statistic(
        "Harrell's C",
        {"pmjax": _c_pmjax, "lifelines": _c_lifelines, "scikit-survival": _c_sksurv, "torchsurv": _c_torchsurv},
        tolerance={"lifelines": 1e-12, "scikit-survival": 1e-12, "torchsurv": 1e-6},
        largest={"scikit-survival": 10_000, "torchsurv": 10_000},
        note="Harrell's C: tied risks half, tied times of events not compared.",
    ),
    Statistic(
        "Integrated Brier score",
        {"pmjax": _brier_pmjax, "scikit-survival": _brier_sksurv},
        tolerance={"scikit-survival": 1e-12},
        note="Integrated Brier score: Graf's weights from the same rows, trapezoids over ten horizons.",
    ),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the suite, writes what it found, and exits with an error where tools disagree."""
    options = results.parser("survival", __doc__).parse_args(argv)
    sizes = SIZES[:1] if options.quick else SIZES
    warnings.filterwarnings("ignore", "Ties in `time` detected")  # torchsurv says so at every call
    cells = [cell for tied in (False, True) for one in STATISTICS for cell in compare(one, sizes, tied, options.quick)]
    drawn = [resample(one, n, options.quick) for one in BOOTSTRAPS for n in sizes[:2]]
    tables = [_table(cells, tied) for tied in (False, True)] + [_bootstrap_table(drawn)]
    results.write("survival", tables, {"statistics": cells, "bootstrap": drawn}, options.out)
    apart = [cell for cell in (*cells, *drawn) if not cell["agrees"]]
    if apart:
        raise SystemExit(f"survival: tools disagree: {', '.join(_place(cell) for cell in apart)}")


def compare(statistic: Statistic, sizes: Sequence[int], tied: bool, quick: bool) -> list[dict[str, Any]]:
    """Times a statistic by all tools at growing sizes, and compares their answers."""
    found: list[dict[str, Any]] = []
    for n in sizes:
        rows = simulate(n, tied)
        calls, reasons = {}, {}
        for tool in TOOLS:
            reason = _reason(statistic, tool, n, found)
            try:
                if not reason:
                    calls[tool] = statistic.calls[tool](rows)
            except ImportError:
                reason = "not installed"
            if reason:
                reasons[tool] = reason
        answers: dict[str, np.ndarray] = {}
        seconds, foreign = _clock(calls, answers, quick)
        ours = answers["pmjax"]
        peers = {tool: answer for tool, answer in answers.items() if tool != "pmjax"}
        apart = {tool: float(np.abs(answer - ours).max() / np.abs(ours).max()) for tool, answer in peers.items()}
        agrees = all(difference <= statistic.tolerance[tool] for tool, difference in apart.items())
        found.append(
            {"name": statistic.name, "n": n, "tied": tied, "seconds": seconds, "foreign": foreign, "left_out": reasons}
            | {"difference": apart, "agrees": agrees}
        )
    return found


def _reason(statistic: Statistic, tool: str, n: int, found: list[dict[str, Any]]) -> str:
    """Why a tool is left out at n rows; empty where it runs."""
    if tool not in statistic.calls:
        return "has none"
    if n > statistic.largest.get(tool, n):
        return "all pairs in memory"
    if any(tool in cell["left_out"] for cell in found):
        return "slower still"
    past = [(cell["n"], cell["seconds"][tool]) for cell in found]
    if past:
        (size, last), growth = past[-1], 1.0
        if len(past) > 1:
            growth = max(1.0, np.log(last / past[-2][1]) / np.log(size / past[-2][0]))
        expected = last * (n / size) ** growth
        if expected > LIMIT:
            return f"about {show.seconds(expected)}"
    return ""


def _clock(calls: Mapping[str, Call], answers: dict[str, np.ndarray], quick: bool) -> tuple[dict[str, float], float]:
    """Seconds by tool, and the largest share of a core that others took: quick calls in turns, slow ones once."""
    seconds, foreign = {}, 0.0

    def keep(tool: str) -> None:
        answers[tool] = calls[tool]()

    for tool in calls:
        seconds[tool], others = measure.once(partial(keep, tool))
        if seconds[tool] >= _QUICK:
            seconds[tool], others = measure.once(calls[tool]) if seconds[tool] < _AGAIN else (seconds[tool], others)
            foreign = max(foreign, others)
    short = {tool: call for tool, call in calls.items() if seconds[tool] < _QUICK}
    if short:
        times = measure.in_turns(short, rounds=1 if quick else 3, turn=0.02)
        foreign = max(foreign, times.foreign)
        seconds |= {tool: times.median(tool) for tool in short}
    return seconds, foreign


@dataclass(frozen=True)
class Bootstrap:
    """Metrics of many resamples at once, and a peer's loop over resampled rows.

    Attributes:
        name: as the table shows it.
        metrics: (rows, counts (S, n)) → (S,) by name.
        peer: (rows of one resample) → the same numbers.
        by: what the peer uses.
        tolerance: of the absolute difference.
    """

    name: str
    metrics: Callable[[Mapping[str, np.ndarray], np.ndarray], dict[str, np.ndarray]]
    peer: Callable[[Mapping[str, np.ndarray]], Sequence[float]]
    by: str
    tolerance: float = 1e-9


_AT = 700.0
"""Days at which resampled survival is judged."""


def _columns(rows: Rows) -> dict[str, np.ndarray]:
    """The rows as a study's predictions hold them, and a class with its probability beside."""
    rng, n = np.random.default_rng(1), len(rows.time)
    p = 1 / (1 + np.exp(-rows.risk))
    label = (rng.random(n) < 1 / (1 + np.exp(0.2 - 0.8 * rows.risk))).astype(int)
    columns = {"start": np.zeros(n), "time": rows.time, "event": rows.event, "fold": np.zeros(n, int)}
    columns |= {"risk": rows.risk, "survival": np.exp(-np.exp(rows.risk) * _AT / 1_000)}
    return columns | {"label": label, "probability": np.stack([1 - p, p], axis=1)}


def _classes_pmjax(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    label, probability = r["label"], r["probability"]
    values = {"auroc": classification.auroc(label == 1, probability[:, 1], weight)}
    values["brier"] = classification.brier(label, probability, weight)
    return values | calibration.calibration(label, probability, weight)


def _classes_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from scipy.optimize import brentq
    from scipy.special import expit, logit
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, roc_auc_score

    label, p = r["label"], r["probability"][:, 1]
    x = logit(p)
    slope = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky").fit(x[:, None], label).coef_[0, 0]
    intercept = brentq(lambda a: label.sum() - expit(a + x).sum(), -5, 5, xtol=1e-13)
    return roc_auc_score(label, p), brier_score_loss(label, p), slope, intercept, label.sum() / p.sum()


def _c_resampled(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    return {"c": survival.harrell_c(*(r[k] for k in ("start", "time", "event", "risk", "fold")), weight)}


def _c_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from lifelines.utils import concordance_index

    return [concordance_index(r["time"], -r["risk"], r["event"])]


def _km_resampled(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    curve = survival.product_limit(r["time"], r["event"], weight)
    return {"survival": survival.survival_at(*curve, np.array([_AT]))[:, 0]}


def _km_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from lifelines import KaplanMeierFitter

    return [KaplanMeierFitter().fit(r["time"], r["event"]).predict(_AT)]


def _brier_resampled(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    return {"brier": survival.brier_at(r["time"], r["event"], r["survival"], _AT, weight)}


def _brier_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from sksurv.metrics import brier_score

    truth = _structured(r["time"], r["event"])
    return brier_score(truth, truth, r["survival"][:, None], np.array([_AT]))[1]


BOOTSTRAPS = (
    Bootstrap(
        "AUROC, Brier score, calibration (slope, intercept, O/E)",
        _classes_pmjax,
        _classes_peer,
        "scikit-learn, SciPy",
        tolerance=1e-5,
    ),
    Bootstrap("Harrell's C", _c_resampled, _c_peer, "lifelines"),
    Bootstrap("Kaplan-Meier at a horizon", _km_resampled, _km_peer, "lifelines"),
    Bootstrap("Brier score at a horizon", _brier_resampled, _brier_peer, "scikit-survival"),
)


def resample(bootstrap: Bootstrap, n: int, quick: bool) -> dict[str, Any]:
    """Times all resamples at once, drawn beforehand, against a few by the peer one after the other."""
    columns = _columns(simulate(n, tied=False))
    counts = resamples(np.arange(n).astype(str), RESAMPLES, seed=0)
    pool = Pool("", "", pd.DataFrame(), {"model": (Replicate(np.arange(n), columns),)}, counts)
    first = [np.repeat(np.arange(n), count) for count in counts[: 2 if quick else _BY_PEERS]]
    theirs: list[Sequence[float]] = []

    def ours() -> dict[str, np.ndarray]:
        return pool.measure("model", bootstrap.metrics)

    def peer() -> None:
        theirs[:] = [bootstrap.peer({k: v[rows] for k, v in columns.items()}) for rows in first]

    values = np.stack(list(ours().values()), axis=1)
    times = measure.in_turns({"pmjax": ours}, rounds=1 if quick else 3)
    cell = {"name": bootstrap.name, "n": n, "tied": False, "by": bootstrap.by, "agrees": True, "difference": {}}
    cell |= {"seconds": {"pmjax": times.median("pmjax")}, "foreign": times.foreign}
    try:
        peer()
    except ImportError:
        return cell
    took, foreign = measure.once(peer)
    worst = float(np.abs(np.array(theirs) - values[: len(first)]).max())
    cell["seconds"] |= {"peer": took * RESAMPLES / len(first)}
    return cell | {
        "foreign": max(foreign, times.foreign),
        "difference": {bootstrap.by: worst},
        "agrees": worst <= bootstrap.tolerance,
    }


def _table(cells: Sequence[dict[str, Any]], tied: bool) -> results.Table:
    rows = []
    for cell in (cell for cell in cells if cell["tied"] == tied):
        shown = [show.seconds(cell["seconds"][t]) if t in cell["seconds"] else "–" for t in TOOLS]
        reasons = (f"{t}: {why}" for t, why in cell["left_out"].items() if why != "has none")
        rows.append([cell["name"], show.count(cell["n"]), *shown, _difference(cell), "; ".join(reasons)])
    disturbed = sum(cell["foreign"] > measure.FOREIGN for cell in cells)
    notes = [one.note for one in STATISTICS]
    notes.append(
        f"Inputs are brought into each tool's form before; float64, but torchsurv takes float32 for sums. "
        f"Cells in which others took a tenth of a core or more: {disturbed}."
    )
    title = "Survival statistics, " + ("time in weeks and risks of one decimal" if tied else "no ties")
    columns = ["", "n", *TOOLS, "differs from pmjax by", "left out"]
    return results.Table(title, columns, rows, notes if tied else notes[-1:])


def _bootstrap_table(cells: Sequence[dict[str, Any]]) -> results.Table:
    rows = []
    for cell in cells:
        ours, peer = (cell["seconds"].get(who) for who in ("pmjax", "peer"))
        times = [show.seconds(ours), "–", "–"] if peer is None else [show.seconds(ours), show.seconds(peer)]
        times += [] if peer is None else [f"{peer / ours:.0f} ×"]
        rows.append([cell["name"], show.count(cell["n"]), *times, cell["by"], _difference(cell)])
    note = f"The peer's loop ran over {_BY_PEERS} of them, and its time is that of {RESAMPLES:,}."
    columns = ["", "n", "pmjax", "a loop over a peer", "", "the peer", "differs by at most"]
    return results.Table(f"Bootstrap: {RESAMPLES:,} resamples of patients", columns, rows, [note])


def _difference(cell: Mapping[str, Any]) -> str:
    return ", ".join(f"{tool} {apart:.0e}" for tool, apart in cell["difference"].items()) or "–"


def _place(cell: Mapping[str, Any]) -> str:
    return f"{cell['name']} at n = {show.count(cell['n'])}{', tied' * cell['tied']} ({_difference(cell)})"


if __name__ == "__main__":
    main()
