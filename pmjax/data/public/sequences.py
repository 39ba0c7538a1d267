"""DNA: splice junctions, promoters and sites of transcription factors."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import adopt, source_of
from pmjax.data.readers.alphabet import DNA, one_hot
from pmjax.data.readers.arff import read_arff
from pmjax.data.readers.dna import reverse_complement
from pmjax.data.readers.sequences import sequence_csv
from pmjax.types import PARTS, HostArray

UCI_SPLICE = Entry(
    name="uci_splice",
    title="UCI Molecular Biology (Splice-junction Gene Sequences): primate DNA around splice junctions",
    citation="M. O. Noordewier, G. G. Towell, J. W. Shavlik. Training knowledge-based neural networks to recognize "
    "genes in DNA sequences. NIPS 3, 530–536, 1991.",
    licence="CC BY 4.0",
    files=(File("uci_splice/splice.arff", "f2ef13e1d8b0388ffa25f983e41a326e6fd2e39df90446d57098cc3966cfacd7"),),
    loader="pmjax.data.public.sequences:uci_splice",
    protocol="10-fold, copies of a sequence kept together; accuracy",
    published="error of KBANN 4.6, 7.6 and 8.5 % and of back-propagation 5.3, 5.7 and 10.8 % on neither, EI and IE, "
    "10-fold on 1000 of the rows (from the comments of the file)",
    how="archive.ics.uci.edu, data set 69 (Splice-junction Gene Sequences), as ARFF",
)

_GUE = (
    "Z. Zhou, Y. Ji, W. Li, P. Dutta, R. Davuluri, H. Liu. DNABERT-2: efficient foundation model and benchmark for "
    "multi-species genomes. ICLR 2024."
)


def _gue(name: str, title: str, folder: str, hashes: tuple[str, str, str], published: str) -> Entry:
    paths = (f"gue/{folder}/{part}.csv" for part in ("train", "dev", "test"))
    return Entry(
        name=name,
        title=f"Genome Understanding Evaluation (GUE): {title}",
        citation=_GUE,
        licence="Apache-2.0",
        files=tuple(File(path, sha256) for path, sha256 in zip(paths, hashes, strict=True)),
        loader=f"pmjax.data.public.sequences:{name}",
        protocol="official parts; Matthews' correlation on test",
        published=f"DNABERT-2, fine-tuned: Matthews' correlation {published} (published, unverified)",
        how=f"github.com/MAGICS-LAB/DNABERT_2 links GUE.zip: its folder {folder}",
    )


GUE_TATA = _gue(
    "gue_tata",
    "human core promoters with a TATA box, 70 bp",
    "prom/prom_core_tata",
    (
        "6ff19d1296628f1ff30f663f154596aeda27e2c48b8d8c35926029a33c64d3fb",
        "dcacb3b86726376899ad4023339ccaae04a9150f41c34268b4ab38e447316a70",
        "35ba337b4f1f3ca53c5045d51ab6eaedbd382619527a38d4a41f5402015dbad4",
    ),
    ".742",
)
GUE_MOUSE2 = _gue(
    "gue_mouse2",
    "sites of mouse transcription factors, set 2, 101 bp",
    "mouse/2",
    (
        "23dbd0ca3b6153ffc9028ab05034abdc61aaf618bfa2d93e86f4bce798a0efde",
        "b05b11fc0ca80aff8191dc5560a309c35c5e1ca014af138ec2bb640e821a4e04",
        "09f08a1428c9e1b8076ad85582b5c302490fa05c86757c40470605cdfe047b50",
    ),
    ".793",
)
GUE_TF2 = _gue(
    "gue_tf2",
    "sites of human transcription factors, set 2, 101 bp",
    "tf/2",
    (
        "7f7483c2179242b6f42dd3578640e1496478e56e627e8fabd2ac79e088b1cbaa",
        "002168deb50cebb8dc94a9268e220d0ffa49068e4d9ae28b5873b74ba287c4a1",
        "78de7c31aea4393b98387f6768cc9144fc912c9391c6b20d27028e355a95c4f1",
    ),
    ".665",
)

PROMOTERS = Entry(
    name="human_nontata_promoters",
    title="Genomic Benchmarks: human promoters without a TATA box, 251 bp, the test half",
    citation="K. Grešová, V. Martinek, D. Čechák, P. Šimeček, P. Alexiou. Genomic benchmarks: a collection of datasets "
    "for genomic sequence classification. BMC Genom Data 24, 25, 2023.",
    licence="Apache-2.0",
    files=(
        File(
            "genomic_benchmarks_test/test_human_nontata_promoters.csv",
            "aab011d7aa457fb7001cd882101c01b98827328e79fc0cb839cc9495f486a48a",
        ),
    ),
    loader="pmjax.data.public.sequences:human_nontata_promoters",
    protocol="5-fold of the test half; AUROC and accuracy",
    published="",
    how="github.com/ML-Bioinfo-CEITEC/genomic_benchmarks, human_nontata_promoters: its test part as a CSV of seq,label",
)

ENTRIES = (UCI_SPLICE, GUE_TATA, GUE_MOUSE2, GUE_TF2, PROMOTERS)

_JUNCTIONS = ("N", "EI", "IE")
_JUNCTION_NAMES = ("neither", "exon to intron", "intron to exon")


def uci_splice() -> Cohort:
    """Load 3190 windows of 60 bases: a splice junction in the middle, exon to intron, intron to exon, or neither.

    `patient` is the number of the first row with the same sequence on either strand, so that copies stay together;
    `sample` is the number of the row itself.
    """
    (path,) = files(UCI_SPLICE).values()
    frame, attributes = read_arff(path)
    letters = [a.name for a in attributes if a.name.startswith("attribute_")]
    sequences = frame[letters].agg("".join, axis=1).tolist()
    values, _ = one_hot(sequences, DNA)
    first = first_copy(sequences)
    copies = int((first != np.arange(len(first))).sum())
    return Cohort(
        name=UCI_SPLICE.name,
        patient=(first + 1).astype(str),
        sample=np.arange(1, len(frame) + 1).astype(str),
        modalities={"sequence": Modality("sequence", values, tuple(DNA.symbols))},
        task=Classify("splice junction", pd.Index(_JUNCTIONS).get_indexer(pd.Index(frame["Class"])), _JUNCTION_NAMES),
        source=source_of(
            UCI_SPLICE,
            f"{copies} rows are copies of an earlier one; copies count as one patient, so that no fold has one on both "
            "sides. One sequence is there with two different classes.",
            "15 sequences hold the ambiguous letters D, N, R or S: an equal share to each base that they may be.",
            "Many windows are of the same gene, or of genes of one family: similar sequences lie on both sides of a "
            "split by sequence.",
        ),
        flow=(
            ("rows in the source", len(frame)),
            ("distinct sequences", len(frame) - copies),
            ("analysed", len(frame)),
        ),
    )


def gue_tata() -> Cohort:
    """Load 6130 sequences of 70 bases with official parts: a core promoter with a TATA box, or none."""
    return _load_gue(
        GUE_TATA,
        "core promoter",
        ("none", "promoter"),
        "16 sequences of the test part are in the training part too, one of them with the other label; so are 8 of the "
        "validation part, one with the other label. 2 of the test part are in the validation part.",
    )


def gue_mouse2() -> Cohort:
    """Load 3276 sequences of 101 bases with official parts: bound by a mouse transcription factor, or not."""
    return _load_gue(GUE_MOUSE2, "site of a transcription factor", ("none", "site"))


def gue_tf2() -> Cohort:
    """Load 21,000 sequences of 101 bases with official parts: bound by a human transcription factor, or not."""
    return _load_gue(
        GUE_TF2,
        "site of a transcription factor",
        ("none", "site"),
        "19 sequences of the validation part are in the training part too, none of the test part is; 185 rows of the "
        "training part are copies of another.",
    )


def human_nontata_promoters() -> Cohort:
    """Load 9034 sequences of 251 bases: a promoter without a TATA box, or none."""
    (path,) = files(PROMOTERS).values()
    roles = {"label": "label", "classes": {"0": "none", "1": "promoter"}, "name": "promoter without TATA box"}
    cohort = sequence_csv(str(path), roles=roles, sequence="seq")
    return adopt(
        cohort,
        PROMOTERS,
        "Only the benchmark's test half is read: results do not compare with those that were published.",
        "All sequences are distinct, on either strand; the source does not say which of them overlap in the genome.",
    )


def first_copy(sequences: Sequence[str]) -> HostArray:
    """Find the first row with the same DNA on either strand: (N,) int, its own number where there is none before."""
    strands = pd.Series([min(s, reverse_complement(s)) for s in sequences])
    codes, _ = pd.factorize(strands)
    return np.flatnonzero(~strands.duplicated())[codes]


def _load_gue(entry: Entry, task: str, classes: tuple[str, str], *notes: str) -> Cohort:
    paths: dict[str, str] = dict(zip(PARTS, map(str, files(entry).values()), strict=True))
    roles = {"label": "label", "classes": dict(zip("01", classes, strict=True)), "name": task}
    cohort = adopt(sequence_csv(paths, roles=roles), entry, *notes)
    counts = tuple((f"rows in {name}", int(np.sum(cohort.part == name))) for name in PARTS)
    return replace(cohort, flow=(*counts, ("analysed", len(cohort))))
