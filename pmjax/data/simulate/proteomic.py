"""Proteomic: a factor model with batches, planted markers and a detection limit that hides low values.

The class y is 0 or 1 with chance 1/2. A patient has q latent factors z ~ N(0, I) and a batch b, uniform. Protein j has

    x_j = shift_bj + scale_bj (abundance_j + λ_j · z + y δ_j + ψ ε_j),   ε_j ~ N(0, 1),

a log2 intensity, with δ_j = 0 but for the markers. It is recorded where x_j >= LIMIT and missing else: not at random,
and as half of the markers lie near the limit, a missing value itself tells of the class. Given z, y and b the proteins
are independent. With O the recorded ones, C the missing ones, u_j = (x_j − shift_bj) / scale_bj − abundance_j − y δ_j,
and l_j the same of LIMIT, the likelihood of what is seen is, up to a factor without y,

    L(y) = ∫ N(z; 0, I) Π_O N(u_j; λ_j · z, ψ²) Π_C Φ((l_j − λ_j · z) / ψ) dz.

The first two factors are Gaussian in z: their integral, and the law N(centre, V) of z given O, have a closed form.
Under that law the mean of the third is a Gauss–Hermite sum. The recorded proteins make V small, Π_C is smooth on its
scale, and the sum converges fast: with 7 nodes a factor log L is within 1e-9 at 500 proteins, within 1e-4 at 20. So the
posterior is exact, to the error of quadrature, given the values, what is missing, and the batch.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from scipy.special import log_ndtr, logsumexp, softmax

from pmjax.cohort import Cohort, Modality
from pmjax.data.simulate import BLOCK, Rows, blocks, gather, keys, patient_ids, simulated
from pmjax.data.simulate.ceiling import classification_ceiling
from pmjax.errors import UserError
from pmjax.task import Classify
from pmjax.truth import Truth
from pmjax.types import AnyArray, HostArray

LIMIT = 20.0
"""log2 intensity below which a protein is not detected."""
NOISE = 0.8
"""ψ: standard deviation of a protein beside the factors, log2."""
NODES = 7
"""Gauss–Hermite nodes a factor."""


class Assay(NamedTuple):
    """The population's parameters: F proteins, q factors, S batches."""

    abundance: AnyArray  # (F,) mean log2 intensity of class 0
    loadings: AnyArray  # (F, q)
    effect: AnyArray  # (F,) δ, zero but for the markers
    shift: AnyArray  # (S, F)
    scale: AnyArray  # (S, F)


def simulate_proteomic(
    n: int = 5_000,
    features: int = 500,
    seed: int = 0,
    first: int = 0,
    batches: int = 5,
    factors: int = 2,
    markers: int = 10,
    effect: float = 0.6,
) -> Cohort:
    """Simulate n patients' log2 intensities, float32 (N, F) with NaN below detection, from row `first` on.

    `effect` is the size of every marker's δ, in log2 units; its sign is random. The site is the batch.

    Raises:
        UserError: for options that cannot be, or no rows.
    """
    assay = draw_assay(keys(seed)[0], features, batches, factors, markers, effect)
    rows = gather(proteomic_rows(assay, seed, first, n), n)
    names = tuple(f"P{j:04d}" for j in range(1, features + 1))
    return Cohort(
        name="simulated_proteomic",
        patient=patient_ids(first, n),
        modalities={"table": Modality("table", rows["values"], names)},
        task=Classify("disease", rows["label"], ("healthy", "diseased")),
        source=simulated(
            "proteomics: factors, batches, planted markers, values missing below detection",
            "Batches as in W. E. Johnson, C. Li, A. Rabinovic. Adjusting batch effects in microarray expression data "
            "using empirical Bayes methods. Biostatistics 8, 118–127, 2007.",
            f"A value is missing where the log2 intensity is below {LIMIT:g}.",
        ),
        site=np.array([f"batch {b + 1}" for b in range(batches)])[rows["batch"]],
        flow=(("simulated", n), ("analysed", n)),
        truth=Truth(
            probability=rows["probability"],
            planted={"table": tuple(names[j] for j in np.flatnonzero(assay.effect))},
            ceiling=classification_ceiling(rows["probability"]),
            notes=("Exact posterior given the values, which of them are missing, and the batch.",),
        ),
    )


def draw_assay(key: Key[Array, ""], features: int, batches: int, factors: int, markers: int, effect: float) -> Assay:
    """Draw a population; abundances spread from below the limit to far above it, those of every other marker near it.

    Raises:
        UserError: for sizes that cannot be.
    """
    if not (1 <= markers <= features <= 50_000 and batches >= 1 and effect > 0):
        raise UserError(
            f"markers={markers} must be 1 to features={features}, batches={batches} at least 1, effect={effect} above 0"
        )
    if not 1 <= factors <= 3:
        raise UserError(f"factors={factors}: use 1 to 3, the exact posterior integrates over them")
    of_abundance, of_loadings, of_markers, of_sign, of_shift, of_scale = jax.random.split(key, 6)
    abundance = np.array(jax.random.uniform(of_abundance, (features,), minval=LIMIT - 0.5, maxval=LIMIT + 8))
    chosen = np.asarray(jax.random.permutation(of_markers, features)[:markers])
    near = chosen[::2]
    abundance[near] = LIMIT + np.linspace(-0.5, 1.0, len(near))
    delta = np.zeros(features)
    delta[chosen] = effect * np.asarray(jax.random.rademacher(of_sign, (markers,), jnp.float32))
    return Assay(
        abundance,
        np.asarray(jax.random.normal(of_loadings, (features, factors))) * np.sqrt(0.5 / factors),
        delta,
        0.5 * np.asarray(jax.random.normal(of_shift, (batches, features))),
        np.exp(0.1 * np.asarray(jax.random.normal(of_scale, (batches, features)))),
    )


def proteomic_rows(assay: Assay, seed: int, first: int, n: int) -> Iterator[Rows]:
    """Yield blocks of rows with values (B, F), label (B,), batch (B,), factors (B, q) and probability (B, 2)."""

    def draw(key: Key[Array, ""]) -> Rows:
        rows = {name: np.asarray(column) for name, column in _draw(key, assay).items()}
        return rows | {"probability": proteomic_posterior(rows["values"], rows["batch"], assay)}

    return blocks(draw, keys(seed)[1], first, n)


@jax.jit
def _draw(key: Key[Array, ""], assay: Assay) -> dict[str, Array]:
    batches, features = assay.shift.shape
    of_label, of_batch, of_factors, of_noise = jax.random.split(key, 4)
    label = jax.random.bernoulli(of_label, 0.5, (BLOCK,)).astype(jnp.int32)
    batch = jax.random.randint(of_batch, (BLOCK,), 0, batches)
    factors = jax.random.normal(of_factors, (BLOCK, assay.loadings.shape[1]))
    level = assay.abundance[None] + factors @ assay.loadings.T + label[:, None] * assay.effect[None]
    level += NOISE * jax.random.normal(of_noise, (BLOCK, features))
    intensity = assay.shift[batch] + assay.scale[batch] * level
    values = jnp.where(intensity >= LIMIT, intensity, jnp.nan)
    return {"values": values, "label": label, "batch": batch, "factors": factors}


def proteomic_posterior(
    values: Float[np.ndarray, "N F"], batch: Int[np.ndarray, " N"], assay: Assay, nodes: int = NODES
) -> Float[np.ndarray, "N 2"]:
    """Compute the chance of each class given the recorded values, the missing ones and the batch, in float64."""
    return softmax(class_log_likelihood(values, batch, assay, nodes), axis=1)


def class_log_likelihood(
    values: Float[np.ndarray, "N F"], batch: Int[np.ndarray, " N"], assay: Assay, nodes: int = NODES
) -> Float[np.ndarray, "N 2"]:
    """Compute log L(y), see the module, up to a constant of the row."""
    shift, scale = assay.shift[batch], assay.scale[batch]
    missing = np.isnan(values)
    base = (np.where(missing, LIMIT, values) - shift) / scale - assay.abundance  # u (or, where missing, l) of class 0
    u = np.stack([base, base - assay.effect], axis=1)
    recorded = np.where(missing, 0.0, 1 / NOISE**2)
    q = assay.loadings.shape[1]
    outer = np.einsum("fq,fr->fqr", assay.loadings, assay.loadings).reshape(-1, q * q)
    V = np.linalg.inv(np.eye(q) + (recorded @ outer).reshape(-1, q, q))
    pull = (u * recorded[:, None]) @ assay.loadings
    centre = np.einsum("nqr,nyr->nyq", V, pull)
    gaussian = (np.einsum("nyq,nyq->ny", pull, centre) - np.einsum("nyf,nf->ny", u**2, recorded)) / 2
    grid, log_weight = _hermite(q, nodes)
    z = centre[:, :, None] + np.einsum("nqr,kr->nkq", np.linalg.cholesky(V), grid)[:, None]
    hidden = np.zeros(z.shape[:3])
    for j in np.flatnonzero(missing.any(axis=0)):
        rows = missing[:, j]
        hidden[rows] += log_ndtr((u[rows, :, j, None] - z[rows] @ assay.loadings[j]) / NOISE)
    return gaussian + logsumexp(hidden + log_weight, axis=2)


def _hermite(q: int, nodes: int) -> tuple[HostArray, HostArray]:
    """Return points (K, q) and log weights (K,) of the standard normal in q dimensions, K = nodes^q."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    points = np.stack(np.meshgrid(*[x] * q, indexing="ij"), axis=-1).reshape(-1, q)
    weights = np.stack(np.meshgrid(*[np.log(w / w.sum())] * q, indexing="ij"), axis=-1).reshape(-1, q)
    return points, weights.sum(axis=1)
