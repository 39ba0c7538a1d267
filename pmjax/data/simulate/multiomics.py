"""Multi-omics: four views of one hidden state, some missing for reasons on record, some because of the class."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Truth
from pmjax.data.packaged import band
from pmjax.data.simulate import BLOCK, Rows, blocks, gather, keys, patient_ids, simulated
from pmjax.data.simulate.ceiling import classification_ceiling
from pmjax.data.simulate.views import CLASSES, PRIOR, STATES, centres, class_log_likelihood, loadings, look, planted
from pmjax.errors import UserError
from pmjax.types import Array

OMICS = ("mrna", "mirna", "protein")
CLINICAL = ("age", "female", "site B")
MARKERS = 5  # of the clinical modality, which is a view as well, and always present
SITES = ("A", "B")
# Site A leaves an assay out more often where the first clinical marker is high: log-odds at 0, and per unit.
ABSENT_AT_ZERO, ABSENT_PER_UNIT = (-2.5, -1.2, -0.8), 0.4
# Site B loses samples by class (rows: classes, columns: assays), as when the tissue of one subtype is used up.
ABSENT_BY_CLASS = ((0.05, 0.10, 0.50), (0.05, 0.30, 0.25), (0.20, 0.50, 0.10))


def simulate_multiomics(
    n: int = 3_000, mrna: int = 200, mirna: int = 100, protein: int = 80, seed: int = 0, first: int = 0
) -> Cohort:
    """Simulate rows `first` … `first + n − 1` of the patients that `seed` makes: four modalities and their subtype.

    Modality `clinical` (N, 8) is always there: age, sex, site and five markers. `mrna`, `mirna` and `protein`
    (N, features) may be absent, `present` False and values NaN: at site A at random given a clinical marker, at site B
    not at random, with a chance that depends on the subtype itself.

    Truth: `probability` (N, 3) is exact given all that is observed, absences included. Not-at-random absence keeps it
    exact because it depends on the hidden state through the class alone: then p(class | views, absences) is
    proportional to p(class) · p(views | class) · p(absences | class, site), three closed forms.

    Raises:
        UserError: for an assay of fewer than 1 feature, or no rows.
    """
    sizes = dict(zip(OMICS, (mrna, mirna, protein), strict=True))
    for name, size in sizes.items():
        if size < 1:
            raise UserError(f"simulated multiomics: {name}={size}; each assay needs at least 1 feature")
    population, row_keys = keys(seed)
    sizes |= {"clinical": MARKERS}
    how = loadings(population, tuple(sizes.items()))
    rows = gather(blocks(partial(_draw, how), row_keys, first, n), n)
    return Cohort(
        name="simulated_multiomics",
        patient=patient_ids(first, n),
        modalities=_modalities(rows),
        task=Classify("subtype", rows["label"], CLASSES),
        source=simulated(
            "multi-omics",
            "Views: D. V. Lindley, A. F. M. Smith. Bayes estimates for the linear model. J R Stat Soc B 34, 1–41, "
            "1972. "
            "Absence: D. B. Rubin. Inference and missing data. Biometrika 63, 581–592, 1976.",
            "Planted: the first fifth of each view shows the subtype.",
            "Site A leaves assays out at random given the first clinical marker; site B loses them by subtype.",
        ),
        groups=pd.DataFrame(
            {
                "sex": np.where(rows["clinical"][:, 1] == 1, "female", "male"),
                "age": band(rows["clinical"][:, 0].astype(int), (50, 65)),
            }
        ),
        site=np.asarray(SITES)[rows["site"].astype(int)],
        flow=(("simulated", n), ("analysed", n)),
        truth=Truth(
            probability=rows["probability"],
            planted={name: feature_names(name, size)[: planted(size)] for name, size in sizes.items()},
            ceiling=classification_ceiling(rows["probability"]),
            notes=("Exact given every view that is present, the site, and which views are absent.",),
        ),
    )


def feature_names(name: str, size: int) -> tuple[str, ...]:
    """Name the features of one view."""
    return tuple(f"{name} {i + 1:03d}" for i in range(size))


def absence(label: Array, marker: Array, site: Array) -> Array:
    """Compute each assay's chance (3,) to be absent.

    Args:
        label: class, int, by which site B loses samples.
        marker: the first clinical marker, on which site A decides.
        site: True for site B.
    """
    at_random = jax.nn.sigmoid(jnp.asarray(ABSENT_AT_ZERO) + ABSENT_PER_UNIT * marker)
    return jnp.where(site, jnp.asarray(ABSENT_BY_CLASS)[label], at_random)


@jax.jit
def _draw(how: dict[str, Array], key: Array) -> dict[str, Array]:
    return jax.vmap(lambda k: _row(k, how))(jax.random.split(key, BLOCK))


def _row(key: Array, how: dict[str, Array]) -> dict[str, Array]:
    """Draw one patient and the posterior of the class."""
    which, person, hidden, assays, losses = jax.random.split(key, 5)
    label = jax.random.categorical(which, jnp.log(jnp.asarray(PRIOR)))
    years, sex, place = jax.random.split(person, 3)
    age = jnp.clip(jnp.round(60 + 12 * jax.random.normal(years)), 18, 95)
    female, site = jax.random.bernoulli(sex), jax.random.bernoulli(place)
    state = centres()[label] + jax.random.normal(hidden, (STATES,))
    views = look(assays, state, how)
    marker = views["clinical"][0]
    chance = jax.vmap(lambda k: absence(k, marker, site))(jnp.arange(len(CLASSES)))
    absent = jax.random.bernoulli(losses, chance[label])
    present = dict(zip(OMICS, ~absent, strict=True)) | {"clinical": jnp.bool_(True)}
    log_p = jnp.log(jnp.asarray(PRIOR)) + class_log_likelihood(views, present, how)
    log_p += jnp.log(jnp.where(absent[None], chance, 1 - chance)).sum(axis=1)
    known = jnp.stack([age, female.astype(age.dtype), site.astype(age.dtype)])
    return {
        "label": label,
        "site": site,
        "probability": jax.nn.softmax(log_p),
        "clinical": jnp.concatenate([known, views["clinical"]]),
        **{name: jnp.where(present[name], views[name], jnp.nan) for name in OMICS},
        **{f"{name} present": present[name] for name in OMICS},
    }


def _modalities(rows: Rows) -> dict[str, Modality]:
    clinical = (*CLINICAL, *feature_names("clinical", MARKERS))
    return {"clinical": Modality("table", rows["clinical"], clinical)} | {
        name: Modality("table", rows[name], feature_names(name, rows[name].shape[1]), present=rows[f"{name} present"])
        for name in OMICS
    }
