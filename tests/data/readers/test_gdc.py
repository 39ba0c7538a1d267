"""A sample sheet and its STAR-counts files become one table a case; what does not fit is one line that names it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.gdc import gdc, read_sample_sheet, read_star_counts
from pmjax.errors import UserError

HEADER = "gene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second\ttpm_unstranded\tfpkm_unstranded"
HEADER += "\tfpkm_uq_unstranded"
GENES = [("ENSG1.1", "A", "protein_coding"), ("ENSG2.2_PAR_Y", "A", "lncRNA"), ("ENSG3.1", "5'B\"", "protein_coding")]
SHEET = "File ID\tFile Name\tData Category\tData Type\tProject ID\tCase ID\tSample ID\tSample Type"


def star(counts, tpm, genes=GENES):
    summary = [f"N_{kind}\t\t\t{n}\t1\t2\t\t\t" for n, kind in enumerate(["unmapped", "multimapping", "noFeature"], 7)]
    rows = [f"{g[0]}\t{g[1]}\t{g[2]}\t{c}\t0\t{c}\t{t}\t{t}\t{t}" for g, c, t in zip(genes, counts, tpm, strict=True)]
    return "\n".join(["# gene-model: GENCODE v36", HEADER, *summary, *rows, ""])


def entry(number, case, sample, kind="Primary Tumor"):
    name = f"{number}.rna_seq.augmented_star_gene_counts.tsv"
    return f"id-{number}\t{name}\tTranscriptome Profiling\tGene Expression\tTCGA\t{case}\t{sample}\t{kind}\n"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("gdc") / "file.tsv"


@pytest.fixture
def folder(tmp_path):
    """Three cases, of which C has two primary samples, and a normal sample of A; file 2 lies in its own folder."""
    rows = [(1, "B", "B-01A"), (2, "A", "A-01A"), (3, "C", "C-01B"), (4, "C", "C-01A")]
    sheet = SHEET + "\n" + "".join(entry(*row) for row in rows) + entry(5, "A", "A-11A", "Solid Tissue Normal")
    (tmp_path / "gdc_sample_sheet.tsv").write_text(sheet)
    for number in range(1, 6):
        name = f"{number}.rna_seq.augmented_star_gene_counts.tsv"
        place = tmp_path / "id-2" if number == 2 else tmp_path
        place.mkdir(exist_ok=True)
        (place / name).write_text(star([number, 0, 10 * number], [number / 2, 1, 0.25]))
    (tmp_path / "clinical.csv").write_text("case,stage\nA,early\nB,late\nC,late\n")
    return tmp_path


def load(folder, **options):
    roles = {"id": "case", "label": "stage"}
    sheet = str(folder / "gdc_sample_sheet.tsv")
    return gdc(sheet, **{"outcomes": str(folder / "clinical.csv"), "roles": roles} | options)


def test_a_file_by_hand(folder):
    files = {"one": folder / "1.rna_seq.augmented_star_gene_counts.tsv"}
    counts = read_star_counts(files, "unstranded")
    assert counts.features == ("ENSG1.1", "ENSG2.2_PAR_Y", "ENSG3.1")
    np.testing.assert_array_equal(counts.values, [[1, 0, 10]])
    assert counts.values.dtype == np.float32
    coding = read_star_counts(files, "tpm_unstranded", "protein_coding")
    assert coding.features == ("ENSG1.1", "ENSG3.1")
    np.testing.assert_array_equal(coding.values, [[0.5, 0.25]])


def test_the_sheet_keeps_one_sample_type_and_finds_files_in_their_folders(folder):
    excluded = []
    files = read_sample_sheet(folder / "gdc_sample_sheet.tsv", excluded=excluded)
    assert {case: file.name[0] for case, file in files.items()} == {"A": "2", "B": "1", "C": "4"}
    assert files["A"].parent.name == "id-2"
    assert len(excluded) == 1
    assert "line 4: C has a further file, of sample C-01B" in excluded[0]
    with pytest.raises(UserError, match="line 4: C has a further file"):
        read_sample_sheet(folder / "gdc_sample_sheet.tsv")


def test_cases_join_their_outcomes(folder):
    with pytest.raises(UserError, match="keep one or set exclude=True"):
        load(folder)
    cohort = load(folder, exclude=True, measure="unstranded")
    assert cohort.patient.tolist() == ["A", "B", "C"]
    np.testing.assert_array_equal(cohort.modalities["expression"].values, [[2, 20], [1, 10], [4, 40]])
    assert len(cohort.source.files) == 2 + 3
    assert cohort.source.notes[0] == "Measure: unstranded."
    assert cohort.source.notes[1].startswith("Excluded: gdc_sample_sheet.tsv, line 4: C has")


def test_samples_join_as_rows_of_their_case(folder):
    (folder / "samples.csv").write_text("case,sample,tissue\nA,A-01A,tumour\nA,A-11A,normal\nB,B-01A,tumour\n")
    roles = {"id": "case", "sample": "sample", "label": "tissue"}
    options = {"outcomes": str(folder / "samples.csv"), "roles": roles, "keep": {}, "gene_type": None}
    cohort = load(folder, exclude=True, measure="unstranded", **options)
    assert cohort.patient.tolist() == ["A", "A", "B"]
    assert cohort.modalities["expression"].values[:, 0].tolist() == [2, 5, 1]


BROKEN_SHEETS = {
    "empty": (b"", "the file is empty"),
    "no column": (
        SHEET.replace("Case ID", "Case") + "\n",
        r"line 1: there is no column 'Case ID' \(did you mean 'Case'",
    ),
    "column twice": (SHEET + "\tCase ID\n", "the column 'Case ID' is there 2 times"),
    "nobody": (SHEET + "\n" + entry(5, "A", "A-11A", "Normal"), "no row has Sample Type 'Primary Tumor'"),
    "short row": (SHEET + "\n" + entry(1, "A", "A-01A").replace("TCGA\t", ""), "line 2: 7 fields, the header has 8"),
    "file of two": (SHEET + "\n" + entry(1, "A, B", "A-01A"), "Case ID is 'A, B'"),
    "no case": (SHEET + "\n" + entry(1, "", "A-01A"), "Case ID is ''"),
    "no such file": (SHEET + "\n" + entry(9, "A", "A-01A"), "line 2: there is neither .*id-9"),
    "path escape": (SHEET + "\n" + entry("../1", "A", "A-01A"), "is no plain file name"),
    "up": (SHEET + "\n" + entry(1, "A", "A-01A").replace("id-1", ".."), "'..' is no plain file name"),
    "root": (SHEET + "\n" + entry("/etc/1", "A", "A-01A"), "is no plain file name"),
    "NUL": (SHEET.encode() + b"\n\0", "line 2: holds a NUL byte"),
}


@pytest.mark.parametrize("name", BROKEN_SHEETS)
def test_broken_sheets_are_one_line(folder, name):
    content, fault = BROKEN_SHEETS[name]
    sheet = folder / "broken.tsv"
    sheet.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=fault) as raised:
        read_sample_sheet(sheet)
    assert "broken.tsv" in str(raised.value)
    assert "\n" not in str(raised.value)


GOOD = star([1, 2, 3], [1, 2, 3])
BROKEN = {
    "empty": ("", "the file is empty"),
    "no STAR": ("gene,count\nA,1\n", "does not name 'gene_id' once; it is no STAR-counts file"),
    "comment alone": ("# gene-model: GENCODE v36\n", "it is no STAR-counts file"),
    "header alone": (f"# x\n{HEADER}\n", "no gene below the header"),
    "no genes": (star([], [], []), "broken.tsv: there is no gene"),
    "cut row": (GOOD[:-8], "Expected 9 columns, got"),
    "word": (GOOD.replace("3\t3\t3\n", "x\t3\t3\n"), "invalid value 'x'"),
    "negative": (GOOD.replace("3\t3\t3\n", "-3\t3\t3\n"), "gene ENSG3.1: tpm_unstranded is -3.0"),
    "missing": (GOOD.replace("3\t3\t3\n", "\t3\t3\n"), "gene ENSG3.1: tpm_unstranded is nan"),
    "infinite": (GOOD.replace("3\t3\t3\n", "inf\t3\t3\n"), "gene ENSG3.1: tpm_unstranded is inf"),
    "gene twice": (GOOD.replace("ENSG3.1", "ENSG1.1"), "the gene 'ENSG1.1' is there 2 times"),
    "another model": (GOOD.replace("ENSG3.1", "ENSG3.2"), "its genes differ from those of .*good.tsv"),
    "fewer genes": (star([1, 2], [1, 2], GENES[:2]), "its genes differ"),
    "not UTF-8": (GOOD.encode() + b"\xff", "line 9: not UTF-8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_one_line(tmp_path, name):
    content, fault = BROKEN[name]
    good, broken = tmp_path / "good.tsv", tmp_path / "broken.tsv"
    good.write_text(GOOD)
    broken.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=fault) as raised:
        read_star_counts({"a": good, "b": broken})
    assert "broken.tsv" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_options_that_do_not_exist_are_named(folder):
    with pytest.raises(UserError, match=r"measure 'tpm' is unknown; choose from unstranded"):
        load(folder, exclude=True, measure="tpm")
    with pytest.raises(UserError, match="no gene is of the type 'coding'; choose from lncRNA, protein_coding"):
        load(folder, exclude=True, gene_type="coding")
    with pytest.raises(UserError, match="there is no column 'Tissue'"):
        load(folder, keep={"Tissue": "Tumor"})


def test_more_values_than_memory_are_refused(folder, monkeypatch):
    monkeypatch.setattr("pmjax.data.readers.gdc._MAX_CELLS", 5)
    with pytest.raises(UserError, match="3 files × 2 genes are more than 5 values"):
        load(folder, exclude=True)


lines = st.lists(st.text("N_EG1.\t-x\"' ", max_size=20), max_size=4)


@given(st.one_of(st.binary(max_size=200), lines.map(lambda ls: "\n".join([HEADER, *ls]).encode())))
def test_any_bytes_are_counts_or_a_user_error(scratch, content):
    scratch.write_bytes(content)
    for read in (lambda: read_star_counts({"a": scratch}), lambda: read_sample_sheet(scratch)):
        try:
            found, fault = read(), ""
        except UserError as error:
            found, fault = None, str(error)
        assert (found is None) == bool(fault)
        assert "\n" not in fault
