"""Multi-omics: breast cancer of The Cancer Genome Atlas, subtypes with a modality missing, and survival."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Survive
from pmjax.data.packaged import band
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import source_of
from pmjax.data.readers.tables import read_table
from pmjax.types import HostArray

_MIXOMICS = {
    "train_labels": "95fb95bba2f6447f0667522c132b8cfbe712d1d489f74578d098407671d810b1",
    "train_mrna": "c8a5b38f93c9c4f6fc9f8658d560be0470bc2bcf797e78c6333b612917535f35",
    "train_mirna": "9fbc9fae70e96bad97bbe2132c6aab176a9c07893e651719969037680ec629be",
    "train_protein": "7b63e1edb8f0d05ff82168ac51ab3b703c106ead9f2e63b4912815e803890056",
    "test_labels": "50fd60bdab1e0caaee0c6fdcfa58caea47153543b43780b53d0531534f85dbb0",
    "test_mrna": "b03509eccad8629aff2928a0354e9592329415b4558dc49ce414571785d952f1",
    "test_mirna": "86c90106132bcf7cbf8a4d204881ad02ac852866d2f2d3b78c0474bdd03389cc",
}
BREAST_TCGA = Entry(
    name="breast_tcga",
    title="TCGA breast cancer, mRNA, miRNA and protein (mixOmics)",
    citation="A. Singh et al. DIABLO: an integrative approach for identifying key molecular drivers from multi-omics "
    "assays. Bioinformatics 35, 3055–3062, 2019. Data: The Cancer Genome Atlas Network. Comprehensive molecular "
    "portraits of human breast tumours. Nature 490, 61–70, 2012.",
    licence="GPL (R package mixOmics); TCGA open tier",
    files=tuple(File(f"breast_tcga_mixomics/{name}.csv", sha256) for name, sha256 in _MIXOMICS.items()),
    loader="pmjax.data.public.multiomics:breast_tcga",
    protocol="official parts, 150 / 70; accuracy on test",
    published="",
    how="Bioconductor package mixOmics, data(breast.TCGA): write data.train and data.test as one CSV a table",
)

_SALMON = {
    "clinical": "9e63660eb292995060a215b960198d424226e818a01c08d42701a8005561101a",
    "RNAseq_EigengeneMatrix": "cb62e40062e0204f84dc6c2e913bd5196785dc67e97d567aba7d73947ae4798b",
    "miRNAseq_EigengeneMatrix": "7d1180ffff49b3a66a9ab1af9fa1e21e2818b1a15b41e86c6fffdb1a7985b52f",
    "CNV": "de6c934c8c2ed963da51caf700826bad4b1bf610e0581bda05b1f531962415f1",
    "TMB": "44afe8fe443176c30fe4821fb11d4d549319ce59e95445baf94474c1bb02e046",
}
_SALMON_AT = (
    "https://raw.githubusercontent.com/huangzhii/SALMON/3864c5d6f471e680189bf2211f656baf0f9b6603/data/BRCA_583_new"
)
TCGA_BRCA = Entry(
    name="tcga_brca",
    title="TCGA breast cancer, multi-omics survival (SALMON)",
    citation="Z. Huang et al. SALMON: Survival Analysis Learning with Multi-Omics Neural networks on breast cancer. "
    "Front Genet 10, 166, 2019.",
    licence="none stated; TCGA open tier",
    files=tuple(
        File(f"tcga_brca_salmon/{name}.csv", sha256, f"{_SALMON_AT}/{name}.csv") for name, sha256 in _SALMON.items()
    ),
    loader="pmjax.data.public.multiomics:tcga_brca",
    protocol="5-fold; Harrell's C of overall survival",
    published="median C .73 (published, unverified)",
    how="",
)

ENTRIES = (BREAST_TCGA, TCGA_BRCA)


def breast_tcga() -> Cohort:
    """Load 220 tumours of subtype Basal, Her2 or LumA: `mrna` (220, 200), `mirna` (220, 184), `protein` (220, 142).

    Proteins are absent (`present` False, NaN) for the 70 patients of the test part.
    """
    local = dict(zip(_MIXOMICS, files(BREAST_TCGA).values(), strict=True))
    frames = {name: read_table(path, text=("sample",)).set_index("sample") for name, path in local.items()}
    labels = pd.concat([frames["train_labels"], frames["test_labels"]])["subtype"]
    modalities = {}
    for kind in ("mrna", "mirna", "protein"):
        parts = [frames[name] for name in (f"train_{kind}", f"test_{kind}") if name in frames]
        measured = pd.concat(parts)
        present = labels.index.isin(measured.index)
        values = measured.reindex(labels.index).to_numpy(np.float64)
        modalities[kind] = Modality(
            "table", values, tuple(map(str, measured)), present=None if present.all() else present
        )
    classes, label = np.unique(labels.to_numpy(str), return_inverse=True)
    part = np.repeat(["train", "test"], [len(frames["train_labels"]), len(frames["test_labels"])])
    return Cohort(
        name=BREAST_TCGA.name,
        patient=labels.index.to_numpy(str),
        modalities=modalities,
        task=Classify("subtype", label, tuple(classes.tolist())),
        source=source_of(
            BREAST_TCGA,
            "No patient of the test part has proteins.",
            "The subtypes were called from mRNA (PAM50), which is so close to the label's own definition.",
            "mRNA and miRNA reach below zero in the test part and never in the training part: the two were prepared "
            "differently.",
        ),
        part=part,
        flow=(("patients in the source", len(labels)), ("analysed", len(labels))),
    )


def tcga_brca() -> Cohort:
    """Load 581 women: `mrna` (581, 57) and `mirna` (581, 12) eigengenes, `cnv` 1, `tmb` 8, `clinical` 3; survival.

    Time is in months. `clinical` holds age, and 1 for a positive oestrogen and progesterone receptor.
    """
    local = dict(zip(_SALMON, files(TCGA_BRCA).values(), strict=True))
    tables = {name: read_table(path, text=("",)).set_index("") for name, path in local.items()}
    everyone = tables["clinical"]
    person = everyone[everyone["OS_Months"] > 0]
    ids = person.index
    receptors = (person[["ER_Status", "PR_Status"]] == "Positive").to_numpy(np.float64)
    clinical = np.column_stack([person["Age"].to_numpy(np.float64), receptors])
    return Cohort(
        name=TCGA_BRCA.name,
        patient=ids.to_numpy(str),
        modalities={
            "mrna": _upright(tables["RNAseq_EigengeneMatrix"], ids, "mRNA eigengene"),
            "mirna": _upright(tables["miRNAseq_EigengeneMatrix"], ids, "miRNA eigengene"),
            "cnv": Modality("table", _rows(tables["CNV"][["LENGTH_KB"]], ids), ("LENGTH_KB",)),
            "tmb": Modality("table", _rows(tables["TMB"], ids), tuple(map(str, tables["TMB"]))),
            "clinical": Modality("table", clinical, ("age", "ER positive", "PR positive")),
        },
        task=Survive(
            "overall survival",
            person["OS_Months"].to_numpy(np.float64),
            (person["OS_Status"] == "DECEASED").to_numpy(),
            unit="months",
        ),
        source=source_of(
            TCGA_BRCA,
            "Two women alive at 0 months (TCGA-C8-A12T, TCGA-C8-A133) are left out: they were not followed.",
            "Each eigengene has length 1 over all 583 women: it was made of all of them, before any split.",
            "Deaths are few (86), and follow-up is short for most (median 31.7 months).",
        ),
        groups=pd.DataFrame(
            {
                "age": band(person["Age"].to_numpy(np.float64), (50, 65)),
                "oestrogen receptor": np.where(receptors[:, 0] == 1, "positive", "negative"),
            }
        ),
        flow=(
            ("patients in the source", len(everyone)),
            ("not followed", len(everyone) - len(ids)),
            ("analysed", len(ids)),
        ),
    )


def _upright(table: pd.DataFrame, ids: pd.Index, what: str) -> Modality:
    """Turn a matrix with features in rows."""
    return Modality("table", _rows(table.T, ids), tuple(f"{what} {name}" for name in table.index))


def _rows(table: pd.DataFrame, ids: pd.Index) -> HostArray:
    return table.loc[ids].to_numpy(np.float64)
