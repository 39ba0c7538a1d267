"""Genotypes become dosages; a broken line is one line that names it."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.vcf import read_vcf, vcf
from pmjax.errors import UserError

FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
TOP = "##fileformat=VCFv4.2\n##contig=<ID=1>\n"


def line(*calls, chrom="1", pos=10, ref="A", alt="G", passed="PASS", form="GT"):
    return "\t".join([chrom, str(pos), ".", ref, alt, ".", passed, ".", form, *calls]) + "\n"


def text(*lines, samples=("s1", "s2", "s3"), top=TOP):
    return top + "\t".join([FIXED, *samples]) + "\n" + "".join(lines)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("vcf") / "file.vcf"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_dosages_by_hand(write):
    content = text(
        line("0/0", "0|1", "1/1"),
        line("0/1:12:.", "./.:0:.", "./1:3:.", pos=20, alt="G,T", form="GT:DP:AD"),
        line("1/2", "2|2", "0/0", pos=30, alt="G,<DEL>"),
        line("1", "0", ".", chrom="X", pos=40, ref="AT", alt="A"),
        line("0/0/1/1", "|1|0", "0/0", chrom="X", pos=50),
        line("0/0", "0/0", "./.", pos=60, alt="."),
    )
    variants = read_vcf(write("a.vcf", content))
    assert variants.samples == ("s1", "s2", "s3")
    assert variants.names == ("1:10:A:G", "1:20:A:G", "1:20:A:T", "1:30:A:G", "1:30:A:<DEL>", "X:40:AT:A", "X:50:A:G")
    nan = np.nan
    expected = [[0, 1, 2], [1, nan, nan], [0, nan, nan], [1, 0, 0], [1, 2, 0], [1, 0, nan], [2, 1, 0]]
    np.testing.assert_array_equal(variants.dosage.T, expected)
    assert variants.dosage.dtype == np.float32
    packed = read_vcf(write("a.vcf.gz", gzip.compress(content[:200].encode()) + gzip.compress(content[200:].encode())))
    np.testing.assert_array_equal(packed.dosage, variants.dosage)


def test_filters_and_missing_calls_are_counted(write):
    content = text(
        line("0/1", "0/1", "0/1"),
        line("0/1", "0/1", "0/1", pos=2, passed="q10;s50", alt="G,T"),
        line("0/1", "0/1", "0/1", pos=3, passed="."),
        line("0/1", "./.", "0/1", pos=4),
    )
    path = write("a.vcf", content)
    kept = read_vcf(path, maximum_missing=0.3)
    assert kept.names == ("1:10:A:G", "1:3:A:G")
    assert kept.left_out == {"filter": 2, "missing calls": 1}
    assert len(read_vcf(path, passing_only=False).names) == 5
    assert read_vcf(path, maximum_missing=1 / 3).names == ("1:10:A:G", "1:3:A:G", "1:4:A:G")


calls = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2), st.sampled_from("/|")), min_size=2, max_size=2)


@given(st.lists(calls, min_size=1, max_size=8))
def test_dosages_equal_a_plain_loop(scratch, rows):
    def call(a, b, mark):
        return mark.join("." if x < 0 else str(x) for x in (a, b))

    lines = [line(*(call(*c) for c in row), pos=at + 1, alt="G,T") for at, row in enumerate(rows)]
    scratch.write_text(text(*lines, samples=("s1", "s2")))
    expected = [
        [np.nan if min(a, b) < 0 else (a == allele) + (b == allele) for a, b, _ in row]
        for row in rows
        for allele in (1, 2)
    ]
    np.testing.assert_array_equal(read_vcf(scratch).dosage.T, expected)


GOOD = line("0/0", "0/1", "1/1")
BROKEN = {
    "empty": (b"", "the file is empty"),
    "no VCF": ("id,label\n1,2\n", "line 1: VCF starts with ##fileformat=VCFv4.x"),
    "VCF 3": (text(GOOD, top="##fileformat=VCFv3.3\n"), "line 1: VCF starts with"),
    "no header": (TOP + GOOD, "line 3: variants before the #CHROM line"),
    "cut in the header": (TOP, "there is no #CHROM line"),
    "header by blanks": (text(GOOD).replace("\t", " "), "line 3: variants before the #CHROM line|parted by tabs"),
    "no samples": (text(samples=()), "line 3: the header needs"),
    "sample twice": (text(GOOD, samples=("a", "b", "a")), "line 3: the sample 'a' appears 2 times"),
    "few columns": (text(GOOD, line("0/0", "0/1", pos=11)), "line 5: 11 columns, the header has 12"),
    "many columns": (text(line("0/0", "0/1", "0/0", "0/0")), "line 4: 13 columns"),
    "bad genotype": (text(line("0/0", "A/G", "0/1")), "line 4: genotype 'A/G'"),
    "empty genotype": (text(line("0/0", "", "0/1")), "line 4: genotype ''"),
    "negative allele": (text(line("0/0", "-1/0", "0/1")), "line 4: genotype '-1/0'"),
    "allele without a name": (text(line("0/0", "0/2", "0/1")), "genotype '0/2' with 1 alternative"),
    "endless allele": (text(line("0/0", "0/" + "9" * 5000, "0/1")), "line 4: genotype"),
    "no genotypes": (text(line("3", "4", "5", form="DP:GT")), "line 4: FORMAT is 'DP:GT'"),
    "bad position": (text(line("0/0", "0/1", "0/0", pos="ten")), "line 4: POS is 'ten'"),
    "no ALT": (text(line("0/0", "0/1", "0/0", alt="")), "line 4: ALT is empty"),
    "line twice": (text(GOOD, GOOD), "line 5: the variant 1:10:A:G was there before"),
    "allele twice": (text(line("0/0", "0/1", "0/2", alt="G,G")), "line 4: the variant 1:10:A:G was there"),
    "nothing passes": (text(line("0/0", "0/1", "0/0", passed="q10")), "no variant is left of 1"),
    "no variant": (text(), "no variant is left of 0"),
    "not UTF-8": (text(GOOD).encode() + b"\xff\t1\n", "line 5: not UTF-8"),
    "cut gzip": (gzip.compress(text(*[GOOD] * 100).encode())[:-9], "broken or cut short"),
    "gzip bomb": (gzip.compress(b"##fileformat=VCFv4.2\n" + b"#" * 20_000_000), "zip bomb"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_vcf_is_one_line(write, name):
    content, fault = BROKEN[name]
    with pytest.raises(UserError, match=fault) as raised:
        read_vcf(write("broken.vcf", content))
    assert "broken.vcf" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_more_dosages_than_memory_are_refused(write, monkeypatch):
    monkeypatch.setattr("pmjax.data.readers.vcf._MAX_CELLS", 5)
    with pytest.raises(UserError, match="line 5: more than 5 dosages"):
        read_vcf(write("a.vcf", text(GOOD, line("0/0", "0/1", "0/1", pos=11))))


def test_genotypes_join_their_outcomes(write):
    path = write("a.vcf", text(GOOD, line("0/1", "./.", "0/0", pos=11), line("0/1", "0/1", "0/0", pos=12, passed="q")))
    outcomes = write("o.csv", "who,days,died\ns3,5,1\ns1,7,0\ns2,9,1\n")
    roles = {"id": "who", "time": "days", "event": "died"}
    cohort = vcf(path, outcomes=outcomes, roles=roles, maximum_missing=0.5)
    assert cohort.patient.tolist() == ["s3", "s1", "s2"]
    np.testing.assert_array_equal(cohort.modalities["variants"].values, [[2, 0], [0, 1], [1, np.nan]])
    assert cohort.source.notes == ("1 alleles left out: filter.",)
    fewer = write("p.csv", "who,days,died\ns3,5,1\ns9,7,0\ns2,9,1\n")
    with pytest.raises(UserError, match="1 ids have no outcome, first 's1'"):
        vcf(path, outcomes=fewer, roles=roles)
    cohort = vcf(path, outcomes=fewer, roles=roles, exclude=True)
    assert cohort.patient.tolist() == ["s3", "s2"]
    assert cohort.source.notes[-2:] == (
        "Excluded: a.vcf: 's1' has no outcome",
        "Excluded: a.vcf: 's9' has an outcome and no measurement",
    )


cells = st.sampled_from(["0/0", "0|1", ".", "1", "2/2", "x", "", "0/1:3", "9" * 30])
lines = st.builds(
    line,
    cells,
    cells,
    pos=st.sampled_from([1, 2, "x", "²"]),
    alt=st.sampled_from(["G", "G,T", ".", "", "G,G"]),
    form=st.sampled_from(["GT", "GT:DP", "DP", ""]),
)


@given(st.one_of(st.binary(max_size=100), st.lists(lines).map(lambda ls: text(*ls, samples=("a", "b")).encode())))
def test_any_bytes_are_variants_or_a_user_error(scratch, content):
    scratch.write_bytes(content)
    try:
        variants, fault = read_vcf(scratch), ""
    except UserError as error:
        variants, fault = None, str(error)
    assert (variants is None) == bool(fault)
    assert "\n" not in fault
    assert variants is None or variants.dosage.shape == (len(variants.samples), len(variants.names))
