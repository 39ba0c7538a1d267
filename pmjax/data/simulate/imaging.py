"""Imaging: a lesion of known profile, its place and contrast unknown, in correlated noise.

The class y is 0 (healthy) or 1 (lesion) with chance 1/2. An image is x = g + y a s_p: noise g, and a Gaussian profile s
(height 1, standard deviation `width` pixels) centred at the place p, uniform on a known lattice, times the contrast a,
uniform on `contrasts`. The noise is Gaussian, stationary and periodic, with the power spectrum
P(f) ∝ (f0² + f²)^(−β/2), the power law of mammograms (Burgess et al. 2001), over white detector noise, and variance 1 a
pixel: contrasts are in standard deviations of a pixel.

The two-dimensional Fourier transform diagonalises the noise, so the likelihood ratio is a prewhitened matched filter
at every place, t_p = s_pᵀ K⁻¹ x, with the same energy E = s_pᵀ K⁻¹ s_p everywhere, summed over what is not known:

    L(1) / L(0) = mean over p and a of exp(a t_p − a² E / 2).

Ideal observer: H. H. Barrett, K. J. Myers. Foundations of Image Science. Wiley, 2004, ch. 13. Power law: A. E. Burgess,
F. L. Jacobson, P. F. Judy. Human observer detection experiments with mammograms and power-law noise. Med Phys 28,
419–437, 2001.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.special import expit, logsumexp

from pmjax.cohort import Cohort, Modality
from pmjax.data.simulate import BLOCK, Rows, blocks, gather, keys, patient_ids, simulated
from pmjax.data.simulate.ceiling import classification_ceiling
from pmjax.errors import UserError
from pmjax.task import Classify
from pmjax.truth import Truth
from pmjax.types import HostArray

EXPONENT = 3.0
"""β of the power law of the background."""
CORNER = 1 / 32
"""f0, cycles a pixel: below it the power levels off."""
FLOOR = 0.05
"""White noise, as a share of a pixel's variance."""


@dataclass(frozen=True)
class Scene:
    """What an image shows: see the module. Lengths in pixels; places lie `stride` apart, `margin` off every edge."""

    size: int = 64
    width: float = 2.0
    contrasts: tuple[float, ...] = (2.5, 3.5)
    stride: int = 4
    margin: int = 8

    def __post_init__(self) -> None:
        if self.size < 2 or self.size > 256 or self.stride < 1 or not 0 <= 2 * self.margin < self.size:
            raise UserError(
                f"size {self.size} must be 2 to 256, stride {self.stride} at least 1, margin {self.margin} below half"
            )
        if not self.width > 0 or not self.contrasts or not all(a > 0 for a in self.contrasts):
            raise UserError(f"width {self.width} and contrasts {self.contrasts} must be above 0")

    @property
    def places(self) -> HostArray:
        """(P, 2) int, row and column of every centre that a lesion may have."""
        line = np.arange(self.margin, self.size - self.margin, self.stride)
        return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def profile(self) -> Float[np.ndarray, "H W"]:
        """The lesion at contrast 1 centred at pixel (0, 0), periodic."""
        offset = np.fft.fftfreq(self.size, 1 / self.size)
        line = np.exp(-(offset**2) / (2 * self.width**2))
        return np.outer(line, line)

    @property
    def spectrum(self) -> Float[np.ndarray, "H V"]:
        """The variance of the noise at each frequency of `rfft2` under norm="ortho"; its mean over all is 1."""
        f = np.fft.fftfreq(self.size)
        power = (CORNER**2 + f[:, None] ** 2 + f**2) ** (-EXPONENT / 2)
        return ((1 - FLOOR) * power / power.mean() + FLOOR)[:, : self.size // 2 + 1]


def simulate_imaging(
    n: int = 8_000,
    size: int = 64,
    seed: int = 0,
    first: int = 0,
    width: float = Scene.width,
    contrasts: Sequence[float] = Scene.contrasts,
    stride: int = Scene.stride,
    margin: int = Scene.margin,
) -> Cohort:
    """Simulate n grey images, float32 (N, size, size, 1), from row `first` on.

    Raises:
        UserError: for a scene that cannot be, or no rows.
    """
    scene = Scene(size, width, tuple(contrasts), stride, margin)
    rows = gather(imaging_rows(scene, seed, first, n), n)
    return Cohort(
        name="simulated_imaging",
        patient=patient_ids(first, n),
        modalities={"image": Modality("image", rows["image"], ("intensity",))},
        task=Classify("lesion", rows["label"], ("healthy", "lesion")),
        source=simulated(
            "images: a lesion in correlated noise",
            "Ideal observer: H. H. Barrett, K. J. Myers. Foundations of Image Science. Wiley, 2004. Power law: A. E. "
            "Burgess, F. L. Jacobson, P. F. Judy. Med Phys 28, 419–437, 2001.",
            f"A lesion lies at one of {len(scene.places)} places, with one of {len(scene.contrasts)} contrasts.",
        ),
        flow=(("simulated", n), ("analysed", n)),
        truth=Truth(
            probability=rows["probability"],
            planted={"image": ("lesion",)},
            ceiling=classification_ceiling(rows["probability"]),
            notes=("Exact posterior given the pixels: the ideal observer, summed over places and contrasts.",),
        ),
    )


def imaging_rows(scene: Scene, seed: int, first: int, n: int) -> Iterator[Rows]:
    """Yield blocks of rows with image (B, H, W, 1), label (B,), place (B, 2), contrast (B,) and probability (B, 2).

    Contrast is 0 where there is no lesion; place is where it is, or would be.
    """

    def draw(key: Key[Array, ""]) -> Rows:
        rows = {name: np.asarray(column) for name, column in _draw(key, scene).items()}
        return rows | {"probability": ideal_observer(rows["image"][..., 0], scene)}

    return blocks(draw, keys(seed)[1], first, n)


@partial(jax.jit, static_argnames="scene")
def _draw(key: Key[Array, ""], scene: Scene) -> dict[str, Array]:
    of_label, of_place, of_contrast, of_noise = jax.random.split(key, 4)
    label = jax.random.bernoulli(of_label, 0.5, (BLOCK,)).astype(jnp.int32)
    place = jax.random.choice(of_place, jnp.asarray(scene.places), (BLOCK,))
    contrast = label * jax.random.choice(of_contrast, jnp.asarray(scene.contrasts), (BLOCK,))
    white = jax.random.normal(of_noise, (BLOCK, scene.size, scene.size))
    shaped = jnp.fft.rfft2(white) * jnp.sqrt(jnp.asarray(scene.spectrum, jnp.float32))[None]
    noise = jnp.fft.irfft2(shaped, s=(scene.size, scene.size))
    at = jax.vmap(lambda p: jnp.roll(jnp.asarray(scene.profile, jnp.float32), p, axis=(0, 1)))
    image = noise + contrast[:, None, None] * at(place)
    return {"image": image[..., None], "label": label, "contrast": contrast, "place": place}


def ideal_observer(image: Float[np.ndarray, "N H W"], scene: Scene) -> Float[np.ndarray, "N 2"]:
    """Compute the chance of each class given the pixels, in float64."""
    log_odds = log_likelihood_ratio(image, scene)
    return np.stack([expit(-log_odds), expit(log_odds)], axis=1)


def log_likelihood_ratio(image: Float[np.ndarray, "N H W"], scene: Scene) -> Float[np.ndarray, " N"]:
    """Compute log L(1) / L(0), see the module."""
    matched = np.fft.rfft2(scene.profile) / scene.spectrum  # of K⁻¹ s; real, as the profile is even
    shape = (scene.size, scene.size)
    energy = float((np.fft.irfft2(matched, s=shape) * scene.profile).sum())
    filtered = np.fft.irfft2(np.fft.rfft2(image.astype(np.float64)) * matched.conj(), s=shape)
    t = filtered[:, scene.places[:, 0], scene.places[:, 1]]
    a = np.asarray(scene.contrasts)
    exponents = a * t[..., None] - a**2 * energy / 2
    return logsumexp(exponents, axis=(1, 2)) - np.log(exponents[0].size)
