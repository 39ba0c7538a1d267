"""Cox regression by Newton-Raphson: Efron's ties, ridge penalty, late entry; O(n p²) an iteration in NumPy."""

import numpy as np
from jaxtyping import Bool, Float

from pmjax import efron
from pmjax.efron import RiskSets
from pmjax.errors import UserError

_STEPS = 50
_HALVINGS = 30
# Newton's estimate of what is left to gain in log-likelihood, at which the last step is taken.
_TOLERANCE = 1e-9
# Share of a column's information that those before it must leave.
_COLLINEAR = 1e-10
# Log-hazards of a fit that has a maximum do not come near to this apart; float64 ends at e**709, and squares are taken.
_APART = 300.0

PerRow = Float[np.ndarray, " N"]
Columns = Float[np.ndarray, "F N"]
Coefficients = Float[np.ndarray, " F"]


def cox_regression(
    x: Float[np.ndarray, "N F"],
    start: PerRow | None,
    time: PerRow,
    event: Bool[np.ndarray, " N"],
    penalizer: float = 0.0,
) -> tuple[Coefficients, float]:
    """Fit log-hazards x·β and return β and the log-likelihood, less the penalty.

    The penalty is that of lifelines: N · penalizer / 2 · Σ β², β of columns scaled to unit variance.

    Args:
        x: columns that vary.
        start: None where all rows are at risk from the beginning.
        time, event: what was observed.
        penalizer: at least 0.

    Raises:
        UserError: no event, or no single maximum: collinear columns, or such as tell who fails before whom.
    """
    if not event.any():
        raise UserError("Cox regression: there is no event")
    order = np.argsort(time)
    sets = efron.risk_sets(None if start is None else start[order], time[order], event[order])
    scale = x.std(axis=0, ddof=1)
    z, turn = np.ascontiguousarray(((x[order] - x.mean(axis=0)) / scale).T), None
    if len(z) > len(x):  # more columns than rows: a ridge penalty is the same in the space of the rows
        turn, z = np.linalg.qr(z)
    beta, value = _newton(sets, z, event[order], penalizer * len(x))
    return (beta if turn is None else turn @ beta) / scale, value


def _newton(sets: RiskSets, z: Columns, event: np.ndarray, ridge: float) -> tuple[Coefficients, float]:
    beta = np.zeros(len(z))
    value, within = _penalised(sets, z, beta, ridge)
    for _ in range(_STEPS):
        risk = beta @ z
        if np.ptp(risk) > _APART:
            raise UserError("Cox regression: there is no maximum, columns tell exactly who fails before whom")
        gradient, information = _derivatives(sets, z, event, risk, within)
        gradient, information = gradient - ridge * beta, information + ridge * np.eye(len(beta))
        step = _solve(information, gradient)
        gain = gradient @ step / 2
        for _ in range(_HALVINGS):
            new, within = _penalised(sets, z, beta + step, ridge)
            if new >= value or gain < _TOLERANCE:
                break
            step = step / 2
        else:
            break
        beta, value = beta + step, new
        if gain < _TOLERANCE:
            return beta, value
    raise UserError("Cox regression: Newton's steps do not converge")


def _penalised(sets: RiskSets, z: Columns, beta: Coefficients, ridge: float) -> tuple[float, np.ndarray]:
    value, within = efron.log_likelihood(sets, beta @ z)
    return value - ridge / 2 * float(beta @ beta), within


def _derivatives(
    sets: RiskSets, z: Columns, event: np.ndarray, risk: PerRow, within: np.ndarray
) -> tuple[Coefficients, Float[np.ndarray, "F F"]]:
    """Compute gradient and information of the likelihood, rows in order of time.

    The information is Σ over failures of the variance of z within the risk set, weighted by hazards. Second moments add
    up to each row's expected events times z zᵀ. The mean at a failure is (S − f T) / W, with S summed over the risk
    set, T over those who fail at the time, f and W of Efron: squares add up over the failures of a time first.
    """
    expected = efron.expected_events(sets, risk, within)
    weighted = np.exp(risk - risk.max()) * z
    S = _tails(np.add.reduceat(weighted, sets.tail, axis=1))
    if len(sets.late):
        S -= np.pad(_tails(weighted[:, sets.late]), ((0, 0), (0, 1)))[:, sets.late_tail]
    square = np.exp(risk.max() - within) ** 2
    means = (S * np.add.reduceat(square, sets.first)) @ S.T
    if len(sets.first) < len(sets.failing):
        T = np.add.reduceat(weighted[:, sets.failing], sets.first, axis=1)
        cross = (S * np.add.reduceat(sets.fraction * square, sets.first)) @ T.T
        means += (T * np.add.reduceat(sets.fraction**2 * square, sets.first)) @ T.T - cross - cross.T
    return z @ (event - expected), (expected * z) @ z.T - means


def _tails(values: Columns) -> Columns:
    """Sum each column of numbers and all behind it."""
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]


def _solve(information: Float[np.ndarray, "F F"], gradient: Coefficients) -> Coefficients:
    try:
        left = np.diag(np.linalg.cholesky(information)) ** 2 / np.diag(information)
    except np.linalg.LinAlgError:
        left = np.zeros(1)
    if not (left > _COLLINEAR).all():
        raise UserError("Cox regression: columns are collinear, or as many as there are events")
    return np.linalg.solve(information, gradient)
