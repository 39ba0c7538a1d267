"""FASTA and tables of sequences become cohorts; a broken record is one line that names it, or a counted exclusion."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.alphabet import DNA, PROTEIN
from pmjax.data.readers.sequences import fasta, read_fasta, sequence_csv
from pmjax.errors import UserError

ROLES = {"id": "id", "label": "label"}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("sequences") / "file"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_fasta_by_hand(write):
    text = "; a comment\r\n\r\n>one first of two\r\nacgt\r\nNN\r\n; within\r\n>two\r\nT T\r\n".replace("T T", "TT")
    assert read_fasta(write("a.fa", text), DNA) == {"one": "ACGTNN", "two": "TT"}
    assert read_fasta(write("a.fa.gz", gzip.compress(text.encode())), DNA) == {"one": "ACGTNN", "two": "TT"}
    assert read_fasta(write("p.fa", ">p\nMKW\nLB"), PROTEIN) == {"p": "MKWLB"}


records = st.dictionaries(
    st.text("abcdef0123456789_|.", min_size=1, max_size=8), st.text("ACGTNRYacgtn", min_size=1, max_size=40), min_size=1
)


@given(records, st.integers(1, 50), st.sampled_from(["\n", "\r\n"]))
def test_fasta_round_trip(scratch, sequences, width, end):
    lines = []
    for name, letters in sequences.items():
        lines += [f">{name} text", *(letters[at : at + width] for at in range(0, len(letters), width))]
    scratch.write_bytes(end.join(lines).encode())
    assert read_fasta(scratch, DNA) == {name: letters.upper() for name, letters in sequences.items()}


BROKEN = {
    "letter": (b">a\nACGT\n>b\nAC\nGTJA\n", r"line 5, record 'b': letter 'J'; dna is written in ACGT"),
    "gap": (b">a\nAC-GT\n", "line 2, record 'a': letter '-'"),
    "twice": (b">a\nAC\n>b\nG\n>a x\nAC\n", "line 5, record 'a': the id was there before"),
    "empty record": (b">a\n>b\nAC\n", "line 1, record 'a': no letters follow"),
    "no id": (b">a\nAC\n> \nAC\n", "line 3: a header without an id"),
    "no header": (b"\nACGT\n", "line 2: letters before the first header"),
    "empty": (b"", "the file is empty"),
    "comments alone": (b";x\n\n", "holds no record"),
    "not UTF-8": (b">a\nAC\n>\xff\nAC\n", "line 3: not UTF-8"),
    "NUL": (b">a\nA\0C\n", "line 2: holds a NUL byte"),
    "cut gzip": (gzip.compress(b">a\nACGT\n" * 50)[:-12], "broken or cut short"),
    "empty gzip": (gzip.compress(b""), "the file is empty"),
    "gzip bomb": (gzip.compress(b">a\n" + b"A" * 20_000_000), "zip bomb"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_fasta_is_one_line(write, name):
    content, fault = BROKEN[name]
    with pytest.raises(UserError, match=fault) as raised:
        read_fasta(write("broken.fa", content), DNA)
    assert "broken.fa" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_text_beyond_the_limit_is_not_read(write):
    with pytest.raises(UserError, match="more than"):
        read_fasta(write("a.fa", ">a\n" + "A" * 100), DNA, limit=50)
    with pytest.raises(UserError, match="more than 50 bytes unpacked"):
        read_fasta(write("a.fa.gz", gzip.compress(b">a\n" + b"A" * 100)), DNA, limit=50)


def test_broken_records_are_left_out_where_allowed(write):
    excluded = []
    path = write("a.fa", ">a\nAC\n>b\nJ\n>a\nGG\n>c\n>d\nTT\n")
    assert read_fasta(path, DNA, excluded) == {"a": "AC", "d": "TT"}
    assert [line.split("record ")[1][:3] for line in excluded] == ["'b'", "'a'", "'c'"]


def test_fasta_joins_its_outcomes_in_their_order(write):
    path = write("a.fa", ">x\nACGT\n>007\nAC\n>y\nGGG\n")
    outcomes = write("o.csv", "id,label\n007,ill\ny,well\nx,ill\n")
    cohort = fasta(path, outcomes=outcomes, roles={**ROLES, "classes": ["well", "ill"]})
    assert cohort.patient.tolist() == ["007", "y", "x"]
    assert cohort.task.label.tolist() == [1, 0, 1]
    sequence = cohort.modalities["sequence"]
    assert sequence.mask.sum(axis=1).tolist() == [2, 3, 4]
    np.testing.assert_array_equal(sequence.values[2], np.eye(4))
    assert set(cohort.source.files) == {"a.fa", "o.csv"}
    assert cohort.flow[-1] == ("analysed", 3)


def test_what_lacks_its_other_half_is_an_error_or_counted(write):
    path = write("a.fa", ">a\nAC\n>b\nGG\n>c\nTJ\n>z\nTT\n")
    outcomes = write("o.csv", "id,label\na,1\nb,0\nc,1\nd,0\n")
    with pytest.raises(UserError, match=r"line 6, record 'c'"):
        fasta(path, outcomes=outcomes, roles=ROLES)
    with pytest.raises(UserError, match="'c' has an outcome and no measurement"):
        fasta(write("b.fa", ">a\nAC\n>b\nGG\n>d\nA\n"), outcomes=outcomes, roles=ROLES)
    cohort = fasta(path, outcomes=outcomes, roles=ROLES, exclude=True)
    assert cohort.patient.tolist() == ["a", "b"]
    assert cohort.flow == (("rows with an outcome", 4), ("excluded: no measurement", 2), ("analysed", 2))
    notes = "\n".join(cohort.source.notes)
    assert all(f"'{name}'" in notes for name in "cdz")
    assert cohort.modalities["sequence"].mask is None


def test_a_table_of_sequences_by_hand(write):
    path = write("s.csv", "sequence,label\nacg,0\n TTTT ,1\n")
    cohort = sequence_csv(path, roles={"label": "label"})
    assert cohort.patient.tolist() == ["1", "2"]
    assert cohort.modalities["sequence"].values.dtype == np.uint8
    assert cohort.modalities["sequence"].values[:, 0].argmax(axis=1).tolist() == [0, 3]
    assert cohort.part is None


def test_an_official_split_of_tables(write):
    parts = {
        p: write(f"{p}.csv", f"seq,y\nACG,{i % 2}\nGGG,1\n") for i, p in enumerate(["train", "validation", "test"])
    }
    cohort = sequence_csv(parts, roles={"label": "y"}, sequence="seq", name="gue", licence="Apache-2.0")
    assert cohort.part.tolist() == ["train", "train", "validation", "validation", "test", "test"]
    assert cohort.patient.tolist()[:3] == ["train 1", "train 2", "validation 1"]
    assert (cohort.name, cohort.source.licence) == ("gue", "Apache-2.0")
    assert set(cohort.source.files) == {"train.csv", "validation.csv", "test.csv"}


BROKEN_TABLES = {
    "no column": ("letters,label\nA,1\n", "there is no column 'sequence'"),
    "no label": ("sequence,class\nA,1\n", "there is no column 'label'"),
    "letter": ("sequence,label\nAC,1\nA1,0\n", "row 2, column 'sequence': letter '1'"),
    "no letters": ("sequence,label\n,1\nA,0\n", "row 1, column 'sequence': no letters"),
    "shifted": ("sequence,label\nA,1\nC,0,1\n", "line 3"),
    "empty": ("", "the file is empty"),
    "header": ("sequence,label\n", "no row"),
    "one class": ("sequence,label\nA,1\nC,1\n", "only one class"),
}


@pytest.mark.parametrize("name", BROKEN_TABLES)
def test_broken_tables_are_one_line(write, name):
    content, fault = BROKEN_TABLES[name]
    with pytest.raises(UserError, match=fault) as raised:
        sequence_csv(write("broken.csv", content), roles={"label": "label"})
    assert "\n" not in str(raised.value)


def test_rows_without_a_legal_sequence_are_left_out_where_allowed(write):
    path = write("s.csv", "sequence,label\nAC,1\nA1,0\nGG,0\n,1\nC,1,7\n")
    cohort = sequence_csv(path, roles={"label": "label"}, exclude=True)
    assert cohort.patient.tolist() == ["1", "3"]
    assert cohort.flow == (("rows in the source", 5), ("excluded", 3), ("analysed", 2))
    assert len(cohort.source.notes) == 3
    with pytest.raises(UserError, match="no row has a legal sequence"):
        sequence_csv(write("t.csv", "sequence,label\nJ,1\n"), roles={"label": "label"}, exclude=True)


def test_options_that_do_not_exist_are_named(write):
    path = write("s.csv", "sequence,label\nA,1\nC,0\n")
    with pytest.raises(UserError, match=r"alphabet 'dnaa' is unknown \(did you mean 'dna'\?\)"):
        sequence_csv(path, roles={"label": "label"}, alphabet="dnaa")
    with pytest.raises(UserError, match="parts are train, validation, test; got dev"):
        sequence_csv({"dev": path}, roles={"label": "label"})


def test_gue_has_its_published_size(data_folder):
    folder = data_folder / "gue" / "mouse" / "2"
    parts = {"train": folder / "train.csv", "validation": folder / "dev.csv", "test": folder / "test.csv"}
    cohort = sequence_csv({p: str(f) for p, f in parts.items()}, roles={"label": "label"})
    assert np.unique(cohort.part, return_counts=True)[1].tolist() == [328, 2620, 328]
    assert cohort.modalities["sequence"].values.shape == (3276, 101, 4)


def test_genomic_benchmarks_names_its_column_otherwise(data_folder):
    path = data_folder / "genomic_benchmarks_test" / "test_human_nontata_promoters.csv"
    cohort = sequence_csv(str(path), sequence="seq", roles={"label": "label"})
    assert cohort.modalities["sequence"].values.shape == (9034, 251, 4)


def attempt(read, *args, **options):
    """What `read` returns, or None and its one line."""
    try:
        return read(*args, **options), ""
    except UserError as error:
        return None, str(error)


@given(st.one_of(st.binary(max_size=200), st.text(">;ACGTJ \n\r\t\0ab,").map(str.encode)))
def test_any_bytes_are_fasta_or_a_user_error(scratch, content):
    scratch.write_bytes(content)
    sequences, fault = attempt(read_fasta, scratch, DNA)
    assert bool(sequences) != bool(fault)
    assert "\n" not in fault
    assert not any(not name or not letters or DNA.strange(letters) for name, letters in (sequences or {}).items())


@given(st.one_of(st.binary(max_size=200), st.text('ACGTJ01,"\n').map(lambda t: f"sequence,label\n{t}".encode())))
def test_any_bytes_are_a_table_of_sequences_or_a_user_error(scratch, content):
    scratch.write_bytes(content)
    cohort, fault = attempt(sequence_csv, str(scratch), roles={"label": "label"})
    assert (cohort is None) == bool(fault)
    assert "\n" not in fault
