"""Cohorts by name: `load("lung")`. What reads a cohort is imported when it is asked for."""

import difflib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pmjax.data.public import LOADERS
from pmjax.errors import UserError

if TYPE_CHECKING:
    import pmjax.cohort  # its arrays take a second to import, which a list of names need not

__all__ = ["load", "names"]

Loader = str | Callable[..., Any]

PACKAGED: Mapping[str, Loader] = MappingProxyType(
    {
        "wisconsin": "pmjax.data.breast:wisconsin",
        "lung": "pmjax.data.lung:lung",
        "gbsg2": "pmjax.data.breast:gbsg2",
        "heart": "pmjax.data.heart:heart",
        "actg175": "pmjax.data.hiv:actg175",
    }
)
"""Cohorts that ship inside our dependencies."""

READERS: Mapping[str, Loader] = MappingProxyType(
    {
        "table": "pmjax.data.readers.tables:table",
        "arff": "pmjax.data.readers.arff:arff",
        "deepsurv": "pmjax.data.readers.hdf5:deepsurv_h5",
        "fasta": "pmjax.data.readers.sequences:fasta",
        "sequence_csv": "pmjax.data.readers.sequences:sequence_csv",
        "vcf": "pmjax.data.readers.vcf:vcf",
        "expression": "pmjax.data.readers.expression:expression",
        "gdc": "pmjax.data.readers.gdc:gdc",
        "h5ad": "pmjax.data.readers.h5ad:h5ad",
        "images": "pmjax.data.readers.images:images",
        "npz": "pmjax.data.readers.images:npz",
        "dicom": "pmjax.data.readers.dicom:dicom",
        "fhir": "pmjax.data.readers.fhir:fhir",
        "omop": "pmjax.data.readers.omop:omop",
        "icu_2012": "pmjax.data.readers.icu:physionet2012",
        "icu_2019": "pmjax.data.readers.sepsis:physionet2019",
        "hourly": "pmjax.data.readers.hourly:yaib",
    }
)
"""Files of the user: each format by the options of its reader."""

SIMULATED: Mapping[str, Loader] = MappingProxyType(
    {
        "simulated_genomic": "pmjax.data.simulate.genomic:simulate_genomic",
        "simulated_proteomic": "pmjax.data.simulate.proteomic:simulate_proteomic",
        "simulated_clinical": "pmjax.data.simulate.clinical:simulate_clinical",
        "simulated_imaging": "pmjax.data.simulate.imaging:simulate_imaging",
        "simulated_multiomics": "pmjax.data.simulate.multiomics:simulate_multiomics",
    }
)
"""Patients who do not exist, with the truth about each."""

PUBLIC: Mapping[str, Loader] = MappingProxyType(dict(LOADERS))
"""Named public cohorts, fetched from their publishers or read from PMJAX_DATA."""

_LOADERS: Mapping[str, Loader] = MappingProxyType({**PACKAGED, **PUBLIC, **SIMULATED, **READERS})


def names() -> tuple[str, ...]:
    """Name every cohort that `load` knows."""
    return tuple(_LOADERS)


def load(name: str, **options: Any) -> "pmjax.cohort.Cohort":
    """Load a cohort by its name; `options` are the keyword arguments of its loader.

    Raises:
        UserError: for a name or an option that does not exist, or an option that is missing.
    """
    if name not in _LOADERS:
        raise UserError(f"cohort.name {name!r} is unknown{_nearest(name, names())}; choose from {', '.join(names())}")
    loader = _LOADERS[name]
    function = pkgutil.resolve_name(loader) if isinstance(loader, str) else loader
    parameters = inspect.signature(function).parameters
    known = tuple(parameters)
    for option in options:
        if option not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise UserError(f"cohort {name!r} has no option {option!r}{_nearest(option, known)}; {takes}")
    for option, parameter in parameters.items():
        if parameter.default is parameter.empty and option not in options:
            raise UserError(f"cohort {name!r} needs the option {option!r}; give cohort.{option}")
    return function(**options)


def _nearest(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
