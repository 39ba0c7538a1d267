"""The registry of named public cohorts: where each comes from, how it is judged, what was published.

Importing it reads no file and no heavy library: the module of a cohort is imported when it is asked for.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from pmjax.data.public.entry import Entry, File

__all__ = ["LOADERS", "REGISTRY", "Entry", "File"]

_COHORTS = {
    "sequences": ("uci_splice", "gue_tata", "gue_mouse2", "gue_tf2", "human_nontata_promoters"),
    "proteins": ("mice_protein",),
    "heartbeats": ("ecg200",),
    "survival": ("metabric", "support", "deepsurv_linear", "deepsurv_gaussian", "deepsurv_treatment", "whas"),
    "icu": ("physionet2012", "physionet2019", "yaib_demo"),
    "clinical": ("uci_heart",),
    "imaging": ("breastmnist",),
    "multiomics": ("breast_tcga", "tcga_brca"),
    "treatment": ("ihdp", "twins"),
    "records": ("fhir_synthea", "omop_synthea"),
}

LOADERS: Mapping[str, str] = MappingProxyType(
    {name: f"{__name__}.{module}:{name}" for module, names in _COHORTS.items() for name in names}
)
"""The "module:function" that loads each cohort."""


class _Registry(Mapping[str, Entry]):
    """Entries by name, each from the ENTRIES of the module of its loader."""

    def __getitem__(self, name: str) -> Entry:
        module = import_module(LOADERS[name].split(":")[0])
        return next(entry for entry in module.ENTRIES if entry.name == name)

    def __iter__(self) -> Iterator[str]:
        return iter(LOADERS)

    def __len__(self) -> int:
        return len(LOADERS)


REGISTRY: Mapping[str, Entry] = _Registry()
"""What is known of each cohort."""
