"""Treatment: two benchmarks of causal inference in which the outcome under both arms is known."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Truth
from pmjax.data.packaged import band
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import source_of
from pmjax.data.readers.archive import gunzip
from pmjax.data.readers.delimited import read_delimited
from pmjax.data.readers.source import decode
from pmjax.data.readers.tables import read_table
from pmjax.errors import UserError
from pmjax.types import HostArray

_IHDP = (
    "2bdc8b94fdf2f669b1d3d49325fd9359d88418566545003867841312a1653411",
    "36db2f3d002250bc95e5214477718c939fbe7dfe8df573c4050d8b246d314042",
    "bd792ce0642468195b2c3f0cd4c521378d7d52d044f153e844d151a87e067518",
    "ac04602a2f052af1211347bcaff87f7bab356a4a7f42f8c6a81edede51549006",
    "8f9b3ef4b66e8f9dd240c9851233f4fb483c73c25b6d23c6459c666edb9cd691",
)
IHDP = Entry(
    name="ihdp",
    title="Infant Health and Development Program, simulated outcomes, replicates 1 to 5",
    citation="J. L. Hill. Bayesian nonparametric modeling for causal inference. J Comput Graph Stat 20, 217–240, 2011. "
    "Files: C. Louizos et al. Causal effect inference with deep latent-variable models. NeurIPS 2017.",
    licence="none stated; covariates of a public trial",
    files=tuple(File(f"ihdp/ihdp_npci_{i}.csv", sha256) for i, sha256 in enumerate(_IHDP, start=1)),
    loader="pmjax.data.public.treatment:ihdp",
    protocol="63 / 27 / 10 % at random per replicate; root of PEHE, error of the average effect",
    published="root of PEHE in sample: TARNet .88, CFR-Wass .71 (published, unverified)",
    how="github.com/AMLab-Amsterdam/CEVAE, datasets/IHDP/csv",
)

TWINS = Entry(
    name="twins",
    title="Twin births in the USA, mortality of both twins in the first year",
    citation="D. Almond, K. Y. Chay, D. S. Lee. The costs of low birth weight. Q J Econ 120, 1031–1083, 2005. File: "
    "J. Yoon, J. Jordon, M. van der Schaar. GANITE: estimation of individualized treatment effects using generative "
    "adversarial nets. ICLR 2018.",
    licence="public-use file of the US National Center for Health Statistics",
    files=(File("twins/Twin_data.csv.gz", "0128e5dfdeb468e85fd2818330beff49d4d433b7f7d56d3eb678f87ab15b00a9"),),
    loader="pmjax.data.public.treatment:twins",
    protocol="arm by a simulated propensity; root of PEHE, error of the average effect",
    published="GANITE: root of PEHE .297 under its own propensity (published, unverified)",
    how="github.com/jsyoon0823/GANITE, data/Twin_data.csv.gz",
)

ENTRIES = (IHDP, TWINS)

IHDP_ARMS = ("control", "treated")
TWIN_ARMS = ("lighter twin", "heavier twin")
_HEAD = ("treatment", "y_factual", "y_cfactual", "mu0", "mu1")
_SURVIVED = 9999  # days to death of a twin who lived through the year
_NOT_ASKED = 8  # of a risk factor that the certificate of the state did not list


def ihdp(replicate: int = 1) -> Cohort:
    """Load 747 infants, 139 treated: 25 covariates and the arm in `table`, the true outcomes in `truth`.

    The outcome is a number, and no task of this library is: the task asks whether it is above its median, of which
    `truth.probability` is exact, since the outcome is normal around mu0 or mu1 with variance 1. `truth.outcomes`
    (747, 2) holds mu0 and mu1 themselves.

    Raises:
        UserError: `replicate` is not 1 to 5.
    """
    from scipy.special import ndtr

    if replicate not in range(1, len(IHDP.files) + 1):
        raise UserError(f"ihdp: replicate must be 1 to {len(IHDP.files)}, got {replicate!r}")
    names = (*_HEAD, *(f"x{i}" for i in range(1, 26)))
    frame = read_table(list(files(IHDP).values())[replicate - 1], columns=names)
    covariates = frame.drop(columns=list(_HEAD))
    treated = frame["treatment"].to_numpy(int)
    outcomes = frame[["mu0", "mu1"]].to_numpy(np.float64)
    factual = frame["y_factual"].to_numpy(np.float64)
    median = float(np.median(factual))
    above = ndtr(outcomes[np.arange(len(frame)), treated] - median)
    return Cohort(
        name=IHDP.name,
        patient=np.arange(1, len(frame) + 1).astype(str),
        modalities={"table": _with_arm(covariates, treated, IHDP_ARMS)},
        task=Classify("outcome above the median", (factual > median).astype(int), ("no", "yes")),
        source=source_of(
            IHDP,
            f"Replicate {replicate}: covariates and arms are of real infants, outcomes are simulated (Hill's response "
            "surface B).",
            f"The outcome is a number; the task is whether it is above the median of {median:.4f} in this replicate. "
            "Effects are to be judged by truth.outcomes, on the scale of the number.",
            "Treated infants of non-white mothers were taken out of a randomised trial, so arms are confounded and the "
            "propensity is not known.",
            simulated=True,
        ),
        arm=np.asarray(IHDP_ARMS)[treated],
        flow=(("infants in the source", len(frame)), ("analysed", len(frame))),
        truth=Truth(
            probability=np.column_stack([1 - above, above]),
            outcomes=outcomes,
            arms=IHDP_ARMS,
            notes=("outcomes are of the number itself; probability is that of the task, given covariates and arm.",),
        ),
    )


def twins(seed: int = 0, confounding: float = 0.3) -> Cohort:
    """Load 11,400 pairs, of which one twin is seen: 30 covariates and the arm in `table`, death in the first year.

    `seed` draws the weights of the propensity, uniform in ± `confounding` on the standardised covariates, and then the
    twin who is seen; `truth` holds the propensity and what happened to both (11400, 2).

    Raises:
        UserError: `confounding` is below 0.
    """
    if not 0 <= confounding < np.inf:
        raise UserError(f"twins: confounding must be a number from 0, got {confounding!r}")
    (path,) = files(TWINS).values()
    frame = read_delimited(decode(gunzip(path), str(path)), str(path))
    frame.columns = [name.strip("'’") for name in frame.columns]
    days = frame[[f"outcome(t={t})" for t in (0, 1)]].to_numpy()
    died = (days < _SURVIVED).astype(np.float64)
    covariates = frame.iloc[:, :-2].apply(_risk_factor)
    treated, propensity = assign(covariates.to_numpy(), seed, confounding)
    return Cohort(
        name=TWINS.name,
        patient=np.arange(1, len(frame) + 1).astype(str),
        modalities={"table": _with_arm(covariates, treated, TWIN_ARMS)},
        task=Classify(
            "death in the first year", died[np.arange(len(frame)), treated].astype(int), ("survived", "died")
        ),
        source=source_of(
            TWINS,
            f"Which twin is seen is simulated (seed {seed}, confounding {confounding:g}); births and deaths are real.",
            "The arm is to be the heavier twin, which nobody can choose: a benchmark of methods, no question of care.",
            "Pairs below 2 kg without missing features, as the paper of the file says (unverified). The pair is the "
            "patient.",
            "Risk factors are 1 for yes, 0 for no (2 in the source) and missing where a state's certificate did not "
            "list them (8).",
        ),
        groups=pd.DataFrame({"age of the mother": band(frame["dmage"].to_numpy(), (20, 30, 40))}),
        arm=np.asarray(TWIN_ARMS)[treated],
        flow=(("pairs in the source", len(frame)), ("analysed", len(frame))),
        truth=Truth(
            outcomes=died,
            arms=TWIN_ARMS,
            propensity=propensity,
            notes=("outcomes are what happened to each twin, 0 or 1, not a probability.",),
        ),
    )


def assign(covariates: HostArray, seed: int, confounding: float) -> tuple[HostArray, HostArray]:
    """Draw who gets the second arm: (N,) 0 or 1, and the propensity (N, 2) of both arms.

    The log-odds are linear in the standardised covariates, a missing one counting as its mean.
    """
    rng = np.random.default_rng(seed)
    scale = np.nanstd(covariates, axis=0)
    scaled = np.nan_to_num((covariates - np.nanmean(covariates, axis=0)) / np.where(scale > 0, scale, 1))
    second = 1 / (1 + np.exp(-scaled @ rng.uniform(-confounding, confounding, scaled.shape[1])))
    return (rng.random(len(second)) < second).astype(int), np.column_stack([1 - second, second])


def _risk_factor(column: pd.Series) -> pd.Series:
    """Make 1 yes, 0 no and NaN not asked of a column of codes 1, 2 and 8; leave another as it is."""
    if not column.isin([1, 2, _NOT_ASKED]).all() or column.name == "dmar":
        return column
    return column.map({1: 1.0, 2: 0.0})


def _with_arm(covariates: pd.DataFrame, treated: HostArray, arms: tuple[str, ...]) -> Modality:
    values = np.column_stack([covariates.to_numpy(np.float64), treated])
    return Modality("table", values, (*covariates.columns, f"arm: {arms[1]}"))
