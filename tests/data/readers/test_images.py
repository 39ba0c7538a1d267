"""PNG files and arrays become images in [0, 1] beside their outcomes; broken ones are one line that names the file."""

import hashlib
import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pmjax.data.readers.arrays import read_arrays, read_npy
from pmjax.data.readers.images import images, npz
from pmjax.data.readers.png import png_shape, read_png
from pmjax.errors import UserError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def png(pixels, **options):
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(out, "PNG", **options)
    return out.getvalue()


def saved(array, **options):
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def made(width=7, height=5, depth=8, colour=0, rows=5, extra=b"", idat=None, interlaced=0):
    """A PNG file whose header may lie about its rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    pixels = chunk(b"IDAT", zlib.compress(bytes(rows * 8)) if idat is None else idat)
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(("pixels", "largest"), [(GREY, 255), (DEEP, 65535), (COLOUR, 255), (GREY > 99, 1)])
def test_png_pixels_are_shares_of_the_greatest_value(pixels, largest):
    found = read_png(png(pixels), "a.png")
    assert found.dtype == np.float32
    assert found.shape == png_shape(png(pixels), "a.png") == (5, 7, 1 if pixels.ndim == 2 else 3)
    np.testing.assert_allclose(found, pixels.reshape(found.shape) / largest, rtol=1e-6)


def test_interlaced_files_are_read_whole():
    rows = [b"\0" + bytes(GREY[top::down, left::across][k].tolist()) for left, top, across, down in PASSES
            for k in range(GREY[top::down, left::across].shape[0]) if GREY[top::down, left::across].size]  # fmt: skip
    data = made(interlaced=1, idat=zlib.compress(b"".join(rows)))
    np.testing.assert_array_equal(read_png(data, "a.png"), read_png(png(GREY), "a.png"))
    with pytest.raises(UserError, match="bytes of pixels"):
        read_png(made(interlaced=1, idat=zlib.compress(b"".join(rows[:-1]))), "a.png")


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
ANIMATED = png(Image.fromarray(GREY), save_all=True, append_images=[Image.fromarray(GREY[::-1])])
BAD_PNG = {
    "empty": (b"", "no PNG file"),
    "JPEG": (b"\xff\xd8\xff\xe0" + bytes(99), "no PNG file; convert"),
    "cut short": (png(GREY)[:-20], "cut short at byte"),
    "signature alone": (png(GREY)[:8], "cut short at byte 8"),
    "one bit of the pixels": (png(GREY)[:45] + bytes([png(GREY)[45] ^ 1]) + png(GREY)[46:], "damaged at byte"),
    "no header": (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "has no header"),
    "short header": (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"12") + chunk(b"IEND", b""), "has no header|0 ×|pixels"),
    "bomb": (made(width=60_000, height=60_000), "60000 × 60000 pixels"),
    "no pixels": (made(width=0), "0 × 5 pixels"),
    "animated": (ANIMATED, "is animated"),
    "palette": (png(Image.fromarray(COLOUR).quantize(4)), "'palette' are not read"),
    "transparency": (png(np.dstack([COLOUR, GREY])), "'RGB with transparency' are not read"),
    "a transparent colour": (made(extra=chunk(b"tRNS", b"\0\1")), "'transparency' are not read"),
    "16-bit colour": (made(depth=16, colour=2), "16-bit RGB is not read"),
    "too few rows": (made(rows=2), "16 bytes of pixels, its header says 40"),
    "too many rows": (made(rows=6), "41 bytes of pixels, its header says 40"),
    "pixels that do not inflate": (made(idat=b"no zlib"), "do not decode"),
    "unknown depth": (made(depth=7), "do not decode"),
    "unknown colour": (made(colour=9), "'unknown' are not read"),
}


@pytest.mark.parametrize("case", BAD_PNG)
def test_a_png_file_that_is_not_read_is_one_line(case):
    data, message = BAD_PNG[case]
    with pytest.raises(UserError, match=r"a\.png.*(" + message + ")") as caught:
        read_png(data, "a.png")
    assert "\n" not in str(caught.value)


@given(st.sampled_from([png(GREY), png(DEEP), png(COLOUR)]), st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_damaged_png_files_are_refused(data, at, patch):
    at %= len(data)
    damaged = data[:at] + patch + data[at + len(patch) :]
    try:
        found = read_png(damaged, "a.png")
    except UserError as error:
        assert str(error).startswith("a.png: ")  # noqa: PT017
    else:
        np.testing.assert_array_equal(found, read_png(data, "a.png"))


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, ">u2", "<i8", ">f4", np.float64])
def test_arrays_come_back_as_they_were_saved(kind):
    array = (RNG.random((2, 3, 4)) * 9).astype(kind)
    for given_array in (array, np.asfortranarray(array)):
        found = read_npy(saved(given_array), "a")
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype.newbyteorder("=")


def header(shape, kind="|u1", data=b"x" * 12):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


BAD_NPY = {
    "empty": (b"", "header is broken"),
    "text": (b"1,2,3\n", "header is broken"),
    "objects": (saved(np.array([{}, []], object), allow_pickle=True), "type object are not read"),
    "text values": (saved(np.array(["a"])), "type <U1 are not read"),
    "records": (saved(np.zeros(2, "u1,f4")), "are not read"),
    "complex": (saved(np.zeros(2, complex)), "type complex128 are not read"),
    "cut short": (saved(np.zeros(9))[:-1], "takes 72 bytes, the file has 71"),
    "too long": (saved(np.zeros(9)) + b"0", "takes 72 bytes, the file has 73"),
    "absurd shape": (header("(4294967296, 4294967296, 99)"), "takes .* bytes, the file has 12"),
    "negative shape": (header("(-3, -4)"), "takes 12 bytes"),
    "code in the header": (header("__import__('os').getpid()"), "header is broken"),
    "header that nests": (header("(" * 5000), "header is broken"),
    "long header": (header("(12," + " " * 20_000 + ")"), "header is broken"),
    "version of the future": (b"\x93NUMPY\x09\x00" + saved(np.zeros(2))[8:], "version|header is broken"),
}


@pytest.mark.parametrize("case", BAD_NPY)
def test_an_array_that_is_not_read_is_one_line(case):
    data, message = BAD_NPY[case]
    with pytest.raises(UserError, match="x: .*(" + message + ")") as caught:
        read_npy(data, "x")
    assert "\n" not in str(caught.value)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=4), st.integers(0, 300))
def test_damaged_arrays_are_arrays_or_one_line(at, patch, keep):
    data = saved(RNG.integers(0, 9, (3, 4, 5)))
    damaged = (data[:at] + patch + data[at + len(patch) :])[: len(data) - keep]
    try:
        found = read_npy(damaged, "x")
    except UserError as error:
        found = str(error)
    assert isinstance(found, np.ndarray) or found.startswith("x: ")


@pytest.fixture
def folder(tmp_path):
    """Four images, of which one is in a subfolder, and their outcomes."""
    shots = tmp_path / "shots"
    (shots / "ward").mkdir(parents=True)
    names = ["a.png", "b.png", "ward/c.png", "d.png"]
    for k, name in enumerate(names):
        (shots / name).write_bytes(png(GREY // (k + 1)))
    rows = [f"p{k},{name},{'yes' if k % 2 else 'no'}" for k, name in enumerate(names)]
    (tmp_path / "outcomes.csv").write_text("\n".join(["pid,file,ill", *rows]) + "\n")
    return tmp_path


ROLES = {"id": "pid", "label": "ill", "classes": ("no", "yes")}


def load(folder, path="shots", **options):
    return images(str(folder / path), outcomes=str(folder / "outcomes.csv"), roles=ROLES, **options)


def test_each_row_gets_the_image_that_it_names(folder):
    cohort = load(folder)
    assert cohort.modalities["image"].features == ("grey",)
    for k in range(4):
        np.testing.assert_allclose(cohort.modalities["image"].values[k, :, :, 0], GREY // (k + 1) / 255, rtol=1e-6)
    assert cohort.patient.tolist() == ["p0", "p1", "p2", "p3"]
    assert cohort.task.label.tolist() == [0, 1, 0, 1]
    digest = hashlib.sha256((folder / "outcomes.csv").read_bytes()).hexdigest()
    assert cohort.source.files["outcomes.csv"] == digest


def test_an_archive_gives_what_its_folder_gives(folder):
    with zipfile.ZipFile(folder / "shots.zip", "w") as archive:
        for file in sorted((folder / "shots").rglob("*.png")):
            archive.write(file, file.relative_to(folder / "shots").as_posix())
    one, other = load(folder), load(folder, "shots.zip")
    np.testing.assert_array_equal(one.modalities["image"].values, other.modalities["image"].values)
    assert one.source.files["shots"] == other.source.files["shots.zip"]


def test_what_does_not_fit_is_named_or_counted_when_allowed(folder):
    (folder / "shots" / "extra.png").write_bytes(png(GREY))
    with pytest.raises(UserError, match=r"the file 'extra\.png' has no row"):
        load(folder)
    (folder / "shots" / "d.png").write_bytes(png(GREY)[:-5])
    (folder / "shots" / "ward" / "c.png").unlink()
    with pytest.raises(UserError, match=r"row 3: the file 'ward/c\.png' is not among those found"):
        load(folder)
    cohort = load(folder, exclude=True)
    assert cohort.patient.tolist() == ["p0", "p1"]
    assert cohort.flow == (("rows with an outcome", 4), ("excluded: no image that can be read", 2), ("analysed", 2))
    assert [name in note for note, name in zip(cohort.source.notes, ["c.png", "extra.png", "d.png"], strict=True)]
    assert len(cohort.source.notes) == 3
    assert str(folder) not in str(cohort.source)


def test_faults_of_the_set_are_one_line(folder):
    table = folder / "outcomes.csv"
    given_text = table.read_text()
    (folder / "shots" / "b.png").write_bytes(png(GREY[:4]))
    with pytest.raises(UserError, match=r"'b\.png' has 4 × 7 × 1, 'a\.png' has 5 × 7 × 1"):
        load(folder)
    with pytest.raises(UserError, match="no column 'image'"):
        load(folder, file_column="image")
    table.write_text(given_text.replace("b.png", "a.png"))
    with pytest.raises(UserError, match=r"row 2: the file 'a\.png' is named twice"):
        load(folder, exclude=True)
    table.write_text(given_text.replace("b.png", "../outcomes.csv"))
    with pytest.raises(UserError, match=r"row 2: the file '\.\./outcomes\.csv' is not among those found"):
        load(folder)
    (folder / "none").mkdir()
    with pytest.raises(UserError, match="none: holds no PNG file"):
        load(folder, "none")


def write_npz(folder, **arrays):
    np.savez_compressed(folder / "set.npz", **arrays)
    return str(folder / "set.npz")


def parts(**change):
    given_arrays = {"train_images": GREY[None].repeat(4, 0), "train_labels": np.array([[0], [1], [0], [1]])}
    given_arrays |= {"test_images": GREY[None].repeat(2, 0), "test_labels": np.array([1, 0])}
    return given_arrays | change


def test_medmnist_has_its_official_parts(data_folder):
    cohort = npz(str(data_folder / "medmnist" / "BreastMNIST.npz"), classes=("malignant", "benign"), task="breast")
    assert cohort.modalities["image"].values.shape == (780, 28, 28, 1)
    assert [(cohort.part == p).sum() for p in ("train", "validation", "test")] == [546, 78, 156]
    with np.load(data_folder / "medmnist" / "BreastMNIST.npz") as raw:
        np.testing.assert_allclose(
            cohort.modalities["image"].values[624:, :, :, 0], raw["test_images"] / 255, rtol=1e-6
        )
        np.testing.assert_array_equal(cohort.task.label[624:], raw["test_labels"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": np.zeros((4, 14), int)}, r"train: labels of shape \(4, 14\)"),
        ({"train_labels": np.zeros(3, int)}, r"labels of shape \(3,\)"),
        ({"test_labels": np.zeros(2)}, "type float64"),
        ({"test_images": np.zeros((2, 4, 4), np.uint8)}, "'test_images' has 4 × 4 × 1, others have 5 × 7 × 1"),
        ({"test_images": np.zeros((2, 5, 7), np.int16)}, "signed values"),
        ({"test_images": np.zeros((2, 5), np.uint8)}, r"has shape \(2, 5\)"),
        ({"test_images": np.zeros((0, 5, 7), np.uint8)}, r"has shape \(0, 5, 7, 1\)"),
        ({"val_labels": np.zeros(2, int)}, "no array 'val_images'"),
    ],
)
def test_a_set_of_arrays_that_does_not_fit_is_one_line(tmp_path, change, message):
    assert len(npz(write_npz(tmp_path, **parts()))) == 6
    with pytest.raises(UserError, match=message):
        npz(write_npz(tmp_path, **parts(**change)))


def test_arrays_join_a_table_of_outcomes_by_row(tmp_path):
    table = tmp_path / "outcomes.csv"
    table.write_text("pid,ill\np0,no\np1,yes\n")
    np.save(tmp_path / "set.npy", np.stack([COLOUR, COLOUR[::-1]]))
    cohort = npz(str(tmp_path / "set.npy"), outcomes=str(table), roles=ROLES)
    np.testing.assert_allclose(cohort.modalities["image"].values[1], COLOUR[::-1] / 255, rtol=1e-6)
    assert cohort.modalities["image"].features == ("red", "green", "blue")
    table.write_text("pid,ill\np0,no\np1,yes\np2,no\n")
    with pytest.raises(UserError, match="2 images for 3 rows"):
        npz(str(tmp_path / "set.npy"), outcomes=str(table), roles=ROLES)


def test_an_archive_without_arrays_is_one_line(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.txt", "1")
    with pytest.raises(UserError, match=r"x\.npz: holds no array"):
        read_arrays(tmp_path / "x.npz")
