"""Genomic: two motifs whose order and distance carry the class, in a first-order Markov background.

Every sequence holds motif A once and motif B once, so that neither presence nor composition tells: k-mer counts have
the same law in both classes, but for what spans a gap. The class y is 0 or 1 with chance 1/2. Given y:

- order: A lies left of B with chance `fidelity` in class 1, 1 − `fidelity` in class 0;
- gap: the number of letters between them is uniform on `gaps[y]` (lowest, highest);
- place: the pair lies anywhere that it fits, uniformly.

The sequence is a Markov chain of letters with `TRANSITION`; at a planted position the letter comes from the motif's PWM
instead, and the chain goes on from it. Relative to the chain alone, motif m at p has the likelihood ratio
r_m(p) = Π_k PWM_m[k, x_{p+k}] / T[x_{p+k−1}, x_{p+k}], a pair of places has r_A r_B, and the likelihood of a class is
the sum over orders, gaps and places: the posterior is exact. It is computed in float64 from the letters alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt8

from pmjax.cohort import Cohort, Modality
from pmjax.data.simulate import BLOCK, Rows, blocks, gather, keys, patient_ids, simulated
from pmjax.data.simulate.ceiling import classification_ceiling
from pmjax.errors import UserError
from pmjax.task import Classify
from pmjax.truth import Truth

LETTERS = "ACGT"
TRANSITION = np.array(
    [[0.33, 0.17, 0.29, 0.21], [0.35, 0.26, 0.05, 0.34], [0.29, 0.21, 0.26, 0.24], [0.22, 0.20, 0.25, 0.33]]
)
"""[from, to] in the order of `LETTERS`: roughly human DNA, where CG is rare."""
START = np.linalg.matrix_power(TRANSITION, 64)[0]
"""(4,) the chain's stationary law, that of a first letter."""

Letters = UInt8[np.ndarray, "N L"]


@dataclass(frozen=True)
class Grammar:
    """What carries the class: see the module. `conservation` is the PWM's chance of the consensus letter."""

    length: int = 1_000
    motifs: tuple[str, ...] = ("ATGACTCATC", "CCATATTAGG")  # consensus sites of AP-1 and of SRF (the CArG box)
    conservation: float = 0.85
    fidelity: float = 0.9
    gaps: tuple[tuple[int, ...], ...] = ((16, 35), (6, 25))

    def __post_init__(self) -> None:
        if len(self.motifs) != 2 or not all(0 < len(m) <= 40 and set(m) <= set(LETTERS) for m in self.motifs):
            raise UserError(f"motifs {self.motifs}: give two of 1 to 40 letters from {LETTERS}")
        if len(self.gaps) != 2 or not all(len(gap) == 2 and 0 <= gap[0] <= gap[1] for gap in self.gaps):
            raise UserError(
                f"gaps {self.gaps}: give (lowest, highest) of class 0 and of class 1, 0 <= lowest <= highest"
            )
        if not (0.25 <= self.conservation <= 1 and 0 <= self.fidelity <= 1):
            raise UserError(
                f"conservation {self.conservation} must lie in 0.25 to 1, fidelity {self.fidelity} in 0 to 1"
            )
        if self.length > 100_000:
            raise UserError(f"length {self.length}: at most 100,000 letters")
        if self.length < self.shortest:
            raise UserError(
                f"length {self.length} is too short for both motifs and their gap: at least {self.shortest}"
            )

    @property
    def shortest(self) -> int:
        """The fewest letters that hold both motifs at the widest gap."""
        return sum(map(len, self.motifs)) + max(high for _, high in self.gaps)

    @property
    def pwms(self) -> tuple[Float[np.ndarray, "W 4"], ...]:
        """The chance of each letter at each position of A and of B."""
        other = (1 - self.conservation) / 3
        hits = [np.array([[letter == c for letter in LETTERS] for c in motif]) for motif in self.motifs]
        return tuple(np.where(hit, self.conservation, other) for hit in hits)


def simulate_genomic(
    n: int = 10_000,
    length: int = 1_000,
    seed: int = 0,
    first: int = 0,
    motifs: Sequence[str] = Grammar.motifs,
    conservation: float = Grammar.conservation,
    fidelity: float = Grammar.fidelity,
    gaps: Sequence[Sequence[int]] = Grammar.gaps,
) -> Cohort:
    """Simulate n sequences of `length` letters, one-hot uint8 (N, L, 4), from row `first` on.

    Raises:
        UserError: for a grammar that cannot be, or no rows.
    """
    grammar = Grammar(length, tuple(motifs), conservation, fidelity, tuple(map(tuple, gaps)))
    rows = gather(genomic_rows(grammar, seed, first, n), n)
    return Cohort(
        name="simulated_genomic",
        patient=patient_ids(first, n),
        modalities={"sequence": Modality("sequence", rows["sequence"], tuple(LETTERS))},
        task=Classify("arrangement", rows["label"], ("reversed", "canonical")),
        source=simulated(
            "sequences: two motifs whose order and distance carry the class",
            "Motifs: AP-1 and SRF consensus sites; background: first-order Markov chain.",
            "Every sequence holds both motifs once; k-mer counts have (nearly) the same law in both classes.",
            "One strand: the reverse complement of a sequence is another sequence.",
        ),
        flow=(("simulated", n), ("analysed", n)),
        truth=Truth(
            probability=rows["probability"],
            planted={"sequence": grammar.motifs},
            ceiling=classification_ceiling(rows["probability"]),
            notes=("Exact posterior given the letters: the sum over orders, gaps and places of both motifs.",),
        ),
    )


def genomic_rows(grammar: Grammar, seed: int, first: int, n: int) -> Iterator[Rows]:
    """Yield blocks of rows with sequence (B, L, 4), label (B,), probability (B, 2) and where A and B start (B, 2)."""

    def draw(key: Key[Array, ""]) -> Rows:
        drawn = {name: np.asarray(column) for name, column in _draw(key, grammar).items()}
        letters = drawn.pop("letters")
        one_hot = np.eye(4, dtype=np.uint8)[letters]
        return drawn | {"sequence": one_hot, "probability": genomic_posterior(letters, grammar)}

    return blocks(draw, keys(seed)[1], first, n)


@partial(jax.jit, static_argnames="grammar")
def _draw(key: Key[Array, ""], grammar: Grammar) -> dict[str, Array]:
    """Draw a block: class, arrangement and planted letters, then the chain around them."""
    of_label, of_order, of_gap, of_place, of_motif, of_chain = jax.random.split(key, 6)
    label = jax.random.bernoulli(of_label, 0.5, (BLOCK,)).astype(jnp.int32)
    canonical = jax.random.bernoulli(of_order, jnp.where(label == 1, grammar.fidelity, 1 - grammar.fidelity))
    low, high = jnp.asarray(grammar.gaps)[label].T
    gap = jax.random.randint(of_gap, (BLOCK,), low, high + 1)
    a, b = map(len, grammar.motifs)
    left = jax.random.randint(of_place, (BLOCK,), 0, grammar.length - a - b - gap + 1)
    starts = jnp.stack([jnp.where(canonical, left, left + b + gap), jnp.where(canonical, left + a + gap, left)], axis=1)
    planted = jnp.full((BLOCK, grammar.length), -1, jnp.int8)
    put = jax.vmap(lambda row, motif, at: jax.lax.dynamic_update_slice(row, motif, (at,)))
    for m, pwm in enumerate(grammar.pwms):
        chosen = jax.random.categorical(jax.random.fold_in(of_motif, m), jnp.log(pwm), shape=(BLOCK, len(pwm)))
        planted = put(planted, chosen.astype(jnp.int8), starts[:, m])
    return {"label": label, "starts": starts, "letters": _chain(of_chain, planted)}


def _chain(key: Key[Array, ""], planted: Array) -> Array:
    """Run the chain over (B, L) letters, taking a planted one (>= 0) where there is one; (B, L) uint8."""
    cumulative = jnp.asarray(np.vstack([TRANSITION, START]).cumsum(axis=1)[:, :3], jnp.float32)

    def step(previous: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        uniform, letter = now
        drawn = (uniform[:, None] >= cumulative[previous]).sum(axis=1, dtype=jnp.int32)
        letter = jnp.where(letter >= 0, letter.astype(jnp.int32), drawn)
        return letter, letter.astype(jnp.uint8)

    before = jnp.full(planted.shape[:1], len(LETTERS))
    uniforms = jax.random.uniform(key, planted.T.shape)
    return jax.lax.scan(step, before, (uniforms, planted.T))[1].T


def genomic_posterior(letters: Letters, grammar: Grammar) -> Float[np.ndarray, "N 2"]:
    """Compute the exact chance of each class given the letters (indices into `LETTERS`)."""
    a, b = (likelihood_ratio(letters, pwm) for pwm in grammar.pwms)
    likelihood = np.zeros((len(letters), 2))
    for gap in range(min(low for low, _ in grammar.gaps), max(high for _, high in grammar.gaps) + 1):
        canonical = _mean_over_places(a, b, len(grammar.motifs[0]) + gap)
        inverted = _mean_over_places(b, a, len(grammar.motifs[1]) + gap)
        for y, (low, high) in enumerate(grammar.gaps):
            if low <= gap <= high:
                share = grammar.fidelity if y == 1 else 1 - grammar.fidelity
                likelihood[:, y] += (share * canonical + (1 - share) * inverted) / (high - low + 1)
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def likelihood_ratio(letters: Letters, pwm: Float[np.ndarray, "W 4"]) -> Float[np.ndarray, "N P"]:
    """Compute P(letters | a motif starts at p) / P(letters | the chain alone) for each of P = L − W + 1 places."""
    places = letters.shape[1] - len(pwm) + 1
    step = letters.astype(np.intp)
    step[:, 1:] += 4 * letters[:, :-1]
    step[:, 0] += 4 * len(LETTERS)  # the row of START
    ratio = np.ones((len(letters), places))
    for k, chances in enumerate(pwm):
        ratio *= (chances / np.vstack([TRANSITION, START])).ravel()[step[:, k : k + places]]
    return ratio


def _mean_over_places(left: np.ndarray, right: np.ndarray, offset: int) -> np.ndarray:
    places = right.shape[1] - offset
    return np.einsum("np,np->n", left[:, :places], right[:, offset:]) / places
