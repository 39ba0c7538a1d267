"""Labels: how models, metrics and numbers are written, in one place for every table, figure and sentence."""

from pmjax.evidence import Evidence
from pmjax.predictions import ORACLE, RECALIBRATED

_MODELS = {
    "cnn": "CNN",
    "rnn": "RNN",
    "dnn": "DNN",
    "hybrid": "CNN+RNN",
    "logistic": "Logistic regression",
    "boosting": "Gradient boosting",
    "cox": "Cox regression",
    "kaplan-meier": "Kaplan-Meier",
    "treat-all": "Treat all",
    "kmer": "k-mer logistic regression",
    "fusion": "Fusion",
    ORACLE: "Oracle (the truth)",
}
_METRICS = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall (sensitivity)",
    "specificity": "Specificity",
    "f1": "F1",
    "mcc": "MCC",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "log_loss": "Log-loss",
    "brier": "Brier score",
    "calibration_slope": "Calibration slope",
    "calibration_intercept": "Calibration intercept",
    "observed_expected": "Observed / expected",
    "net_benefit": "Net benefit",
    "harrell_c": "Harrell's C",
    "survival": "Event-free",
    "logrank_p": "Log-rank p",
}
_HEADS = {"cox": "Cox", "hazard": "discrete hazard"}
MINUS = "−"
NONE = "–"


def model(name: str) -> str:
    """Writes a model's name; a difference `a − b` part by part."""
    return f" {MINUS} ".join(_one(part) for part in name.split(f" {MINUS} "))


def inline(name: str) -> str:
    """Writes a model's name inside a sentence: "logistic regression", but "CNN" and "Cox regression"."""
    text = model(name)
    return text if name == "cox" or text[1:2].isupper() or name not in _MODELS else text[:1].lower() + text[1:]


def metric(name: str, unit: str = "") -> str:
    """Writes a metric's name, `net_benefit@0.1` as "Net benefit at 0.1"; `unit` is that of survival horizons."""
    if name.endswith("_share_of_ceiling"):
        return f"{metric(name.removesuffix('_share_of_ceiling'))}, share of the ceiling"
    difference = name.endswith("_difference")
    base, _, at = name.removesuffix("_difference").partition("@")
    text = _METRICS.get(base, base.replace("_", " "))
    if base == "median_survival":
        return f"Median survival ({unit})"
    if at:
        text += f" at {at} {unit}".rstrip()
    return text + (" difference" if difference else "")


def group(name: str) -> str:
    """Writes `sex=female` as "sex: female"."""
    return name.replace("=", ": ", 1)


def short(text: str, most: int) -> str:
    """Cuts a long name to `most` characters for a figure, whose alternative text holds the whole."""
    return text if len(text) <= most else text[: most - 1] + "…"


def number(value: float | None, digits: int = 3) -> str:
    """Writes a number with a true minus sign; an absent one as a dash."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def estimate(evidence: Evidence) -> str:
    """Writes an estimate alone, with the digits of its kind: times none, p-values never as zero."""
    if evidence.metric == "logrank_p" and evidence.estimate is not None and evidence.estimate < 0.001:
        return "< 0.001"
    return number(evidence.estimate, _digits(evidence))


def bounds(evidence: Evidence) -> str:
    """Writes the interval alone: "(0.989 to 0.998)", or why there is none."""
    if evidence.low is None or evidence.high is None:
        return "(no interval)"
    low, high = (number(side, _digits(evidence)) for side in (evidence.low, evidence.high))
    return f"({low} to {high})"


def interval(evidence: Evidence | None) -> str:
    """Writes an estimate with its interval: "0.994 (0.989 to 0.998)"."""
    if evidence is None or evidence.estimate is None:
        return NONE
    return f"{estimate(evidence)} {bounds(evidence)}"


def percent(value: float) -> str:
    """Writes a share as a percentage with one decimal."""
    return f"{100 * value:.1f} %"


def count(value: int) -> str:
    """Writes a count with narrow no-break spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def _one(name: str) -> str:
    """Writes `dnn_cox`, a family with its head, as "DNN (Cox)", and says what was recalibrated."""
    if name.endswith(RECALIBRATED):
        return f"{_one(name.removesuffix(RECALIBRATED))}, recalibrated"
    family, _, head = name.partition("_")
    if family in _MODELS and head in _HEADS:
        return f"{_MODELS[family]} ({_HEADS[head]})"
    return _MODELS.get(name, name)


def _digits(evidence: Evidence) -> int:
    return 0 if evidence.metric == "median_survival" else 3
