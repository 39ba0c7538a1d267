"""DICOM: volumes lie as their positions say, identities stay inside, and no bytes give anything but one line."""

import io
import os
import pickle
import sys
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from pmjax.data.readers import dicom_file
from pmjax.data.readers.dicom import dicom
from pmjax.data.readers.dicom_file import shorten
from pmjax.data.readers.dicom_series import read_series
from pmjax.data.readers.display import display, resize
from pmjax.errors import UserError

SECRET = {"PatientName": "Sekret^Name", "PatientID": "SEKRET-ID-4711", "PatientBirthDate": "19470229"}
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 4096, (6, 8), dtype=np.uint16)
ROW, COLUMN = np.array([0.6, 0.8, 0.0]), np.array([0.0, 0.0, -1.0])
NORMAL = np.cross(ROW, COLUMN)


def dataset(pixels=GREY, syntax=ExplicitVRLittleEndian, raw=None, **tags):
    """One slice whose tags can be changed, or dropped by None."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3"
    bits = 8 * pixels.itemsize
    given_tags = {
        **SECRET,
        "Modality": "CT",
        "SeriesInstanceUID": "1.2.3.4",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1 if pixels.ndim == 2 else pixels.shape[2],
        "PhotometricInterpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB",
        "PlanarConfiguration": None if pixels.ndim == 2 else 0,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "ImageOrientationPatient": [*ROW, *COLUMN],
        "ImagePositionPatient": [0, 0, 0],
        "PixelSpacing": [0.5, 0.25],
        "PixelData": pixels.tobytes() if raw is None else raw,
        **tags,
    }
    for key, value in given_tags.items():
        if value is not None:
            setattr(ds, key, value)
    if "PixelData" in ds:
        ds["PixelData"].VR = "OB" if bits == 8 or raw is not None else "OW"
        ds["PixelData"].is_undefined_length = syntax.is_encapsulated
    return ds


def written(ds):
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def made(*args, **tags):
    return written(dataset(*args, **tags))


def read(folder, data, name="given.dcm", **options):
    (folder / name).write_bytes(data)
    return read_series(folder / name, **options)


def stack(folder, depths, names=None, **tags):
    """Slices of values 0, 1, … at depths along the normal."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, depth in enumerate(depths):
        slice_tags = {"ImagePositionPatient": [round(float(v), 6) for v in depth * NORMAL], **tags}
        data = made(np.full((6, 8), k, np.uint16), InstanceNumber=len(depths) - k, **slice_tags)
        (folder / (names[k] if names else f"{k}.dcm")).write_bytes(data)
    return folder


def test_slices_lie_in_the_order_of_their_positions(tmp_path):
    depths = [4.0, -2.0, 2.0, 0.0]
    (series,) = read_series(stack(tmp_path / "s", depths, names=["a", "b", "c.dcm", "d.IMA"]))
    assert series.volume[:, 0, 0, 0].tolist() == np.argsort(depths).tolist()
    assert series.files == ("b", "d.IMA", "c.dcm", "a")
    np.testing.assert_allclose(series.spacing, [2.0, 0.5, 0.25], atol=1e-5)
    assert (series.modality, series.tilt, series.inverted) == ("CT", 0.0, False)


def test_real_series_lie_by_position_not_by_name(data_folder):
    (series,) = read_series(data_folder / "dicom_series" / "siemens")
    assert [Path(f).stem[8:12] for f in series.files] == ["0115", "0114", "0113", "0112"]
    np.testing.assert_allclose(series.spacing, [1, 1, 1], atol=1e-3)
    first = pydicom.dcmread(data_folder / "dicom_series" / "siemens" / series.files[0])
    np.testing.assert_array_equal(series.volume[0, :, :, 0], np.frombuffer(first.PixelData, "<u2").reshape(256, 256))


def test_a_tilted_gantry_is_refused_unless_allowed(data_folder):
    folder = data_folder / "dicom_series" / "failing"
    with pytest.raises(UserError, match=r"IM-0001-0001\.dcm: its series is tilted by 14\.0°"):
        read_series(folder)
    (series,) = read_series(folder, allow_tilt=True)
    assert series.tilt == pytest.approx(14, abs=1e-6)
    assert series.spacing[0] == pytest.approx(5 * np.cos(np.radians(14)), abs=1e-6)


@pytest.mark.parametrize("name", ["", "_implicit", "_bigendian", "_RLE", "_jp2klossless"])
def test_transfer_syntaxes_give_the_same_pixels(data_folder, name):
    folder = data_folder / "dicom_pydicom"
    (series,) = read_series(folder / f"MR_small{name}.dcm")
    raw = pydicom.dcmread(folder / "MR_small.dcm").PixelData
    np.testing.assert_array_equal(series.volume[0, :, :, 0], np.frombuffer(raw, "<i2").reshape(64, 64))
    assert series.window == (600.0, 1600.0, "LINEAR")


def test_values_are_the_modality_s(data_folder, tmp_path):
    (series,) = read_series(data_folder / "dicom_pydicom" / "CT_small.dcm")
    ds = pydicom.dcmread(data_folder / "dicom_pydicom" / "CT_small.dcm")
    raw = np.frombuffer(ds.PixelData, "<i2").reshape(128, 128)
    np.testing.assert_array_equal(series.volume[0, :, :, 0], raw * float(ds.RescaleSlope) + float(ds.RescaleIntercept))
    (dose,) = read_series(data_folder / "dicom_pydicom" / "rtdose.dcm")
    ds = pydicom.dcmread(data_folder / "dicom_pydicom" / "rtdose.dcm")
    raw = np.frombuffer(ds.PixelData, "<u4").reshape(15, 10, 10)
    np.testing.assert_allclose(dose.volume[..., 0], raw * float(ds.DoseGridScaling), rtol=1e-6)
    assert dose.spacing[0] == pytest.approx(np.diff(ds.GridFrameOffsetVector)[0])
    (scaled,) = read(tmp_path, made(RescaleSlope=2.5, RescaleIntercept=-1000))
    np.testing.assert_allclose(scaled.volume[0, :, :, 0], GREY * 2.5 - 1000, rtol=1e-6)


def test_colours_are_shares_whatever_their_layout(tmp_path):
    colour = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    (series,) = read(tmp_path, made(colour))
    np.testing.assert_allclose(series.volume[0], colour / 255, rtol=1e-6)
    planes = np.moveaxis(colour, 2, 0).tobytes()
    (planar,) = read(tmp_path, made(colour, PlanarConfiguration=1, PixelData=planes))
    np.testing.assert_array_equal(planar.volume, series.volume)
    grey = np.dstack([colour[..., 0], np.full((6, 8, 2), 128, np.uint8)])
    (luma,) = read(tmp_path, made(grey, PhotometricInterpretation="YBR_FULL"))
    np.testing.assert_allclose(luma.volume[0], np.repeat(colour[..., :1] / 255, 3, axis=2), atol=1 / 255)


def test_an_enhanced_file_tells_its_frames_apart(tmp_path):
    frames = RNG.integers(0, 99, (3, 6, 8), dtype=np.uint16)

    def item(**groups):
        ds = Dataset()
        for key, values in groups.items():
            inner = Dataset()
            for keyword, value in values.items():
                setattr(inner, keyword, value)
            setattr(ds, key, Sequence([inner]))
        return ds

    shared = item(
        PlaneOrientationSequence={"ImageOrientationPatient": [*ROW, *COLUMN]},
        PixelMeasuresSequence={"PixelSpacing": [0.5, 0.25], "SliceThickness": 9},
    )
    own = [
        item(
            PlanePositionSequence={"ImagePositionPatient": [round(float(v), 6) for v in 1.5 * k * NORMAL]},
            PixelValueTransformationSequence={"RescaleSlope": k + 1, "RescaleIntercept": -k},
        )
        for k in range(3)
    ]
    gone = {"ImageOrientationPatient": None, "ImagePositionPatient": None, "PixelSpacing": None}
    enhanced = {"NumberOfFrames": 3, "PixelData": frames.tobytes(), **gone}
    data = made(
        **enhanced, SharedFunctionalGroupsSequence=Sequence([shared]), PerFrameFunctionalGroupsSequence=Sequence(own)
    )
    (series,) = read(tmp_path, data)
    k = np.arange(3)[:, None, None]
    np.testing.assert_array_equal(series.volume[..., 0], frames * (k + 1.0) - k)
    np.testing.assert_allclose(series.spacing, [1.5, 0.5, 0.25], atol=1e-5)
    short = made(**enhanced, PerFrameFunctionalGroupsSequence=Sequence(own[:2]))
    with pytest.raises(UserError, match=r"given\.dcm: describes 2 frames and has 3"):
        read(tmp_path, short)


FAILING = {
    "JPEG-lossy.dcm": "12-bit",
    "LICENSE": "no DICOM file",
    "MR_truncated.dcm": "take 8192 bytes, the file has 8130",
    "liver_1frame.dcm": "describes 3 frames and has 1",
    "no_meta.dcm": "no DICOM file",
    "rtplan.dcm": "it is of kind RTPLAN",
    "rtstruct.dcm": "no DICOM file",
    "test-SR.dcm": "it is of kind SR",
    "DICOMDIR": "IM000000: holds no image",
}


def identities(file):
    """The strings of a file that must not leave it."""
    try:
        ds = pydicom.dcmread(file, stop_before_pixels=True, force=True)
    except pydicom.errors.InvalidDicomError:
        return []
    with_names = [str(ds.get(k, "")) for k in (*SECRET, "OtherPatientIDs", "PatientAddress")]
    parts = [part for text in with_names for part in (text, *text.split("^"))]
    return [part.encode() for part in parts if len(part) > 3]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the test's own look at the identities
def test_every_public_file_gives_an_image_or_one_line_without_identities(data_folder):
    outcome, kept = {}, 0
    for file in sorted(p for p in (data_folder / "dicom_pydicom").rglob("*") if p.is_file()):
        try:
            (series,) = read_series(file)
            left = pickle.dumps(series)
            kept += 1
            assert np.isfinite(series.volume).all()
        except UserError as error:
            outcome[file.name] = str(error)
            left = str(error).encode()
            assert "\n" not in str(error)  # noqa: PT017
        assert not [secret for secret in identities(file) if secret in left], file.name
    empty = {name: message for name, message in outcome.items() if name.startswith("IM0000")}
    assert len(empty) == 50
    assert all("holds no image (it has no pixels)" in message for message in empty.values())
    assert set(outcome) - set(empty) == set(FAILING)
    assert all(FAILING[name] in outcome[name] for name in FAILING)
    assert kept == 43


def encapsulated(frame):
    return (
        b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0"
        + len(frame).to_bytes(4, "little")
        + frame
        + b"\xfe\xff\xdd\xe0\0\0\0\0"
    )


def with_bytes(old, new):
    return made().replace(old, new)


BIG = {"Rows": 60_000, "Columns": 60_000}
BAD = {
    "empty": (b"", "the file is empty"),
    "text": (b"id,label\n" * 99, "no DICOM file"),
    "prefix alone": (bytes(128) + b"DICM", "holds no image|header is broken"),
    "cut in the meta header": (made()[:200], "holds no image|header is broken"),
    "cut in the header": (made()[:500], "holds no image|header is broken"),
    "cut in the pixels": (made()[:-7], "take 96 bytes, the file has 89"),
    "no pixels": (made(PixelData=None), "holds no image"),
    "no rows": (made(Rows=None), "holds no image"),
    "zero rows": (made(Rows=0), "0 × 8 × 1 pixels"),
    "absurd size": (made(**BIG), "60000 × 60000 × 1 pixels"),
    "absurd frames": (made(NumberOfFrames=2**31 - 1), "2147483647 frames"),
    "negative frames": (made(NumberOfFrames=-3), "-3 frames"),
    "more pixels than declared": (made(Rows=5), "take 80 bytes, the file has 96"),
    "more frames than pixels": (made(NumberOfFrames=2), "take 192 bytes, the file has 96"),
    "absurd size, compressed": (
        made(syntax=RLELossless, raw=encapsulated(bytes(64)), Rows=16000, Columns=16000),
        "its header is absurd",
    ),
    "run lengths that are none": (made(syntax=RLELossless, raw=encapsulated(b"\x63" * 64)), "do not decode"),
    "a JPEG that is none": (made(syntax=JPEGBaseline8Bit, raw=encapsulated(b"\xff\xd8" * 40)), "do not decode"),
    "no decoder": (
        made(syntax=JPEGLosslessSV1, raw=encapsulated(b"\xff\xd8")),
        "'JPEG Lossless.*needs a decoder.*pylib",
    ),
    "a private syntax": (with_bytes(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0"), "is not read|is broken"),
    "palette": (made(PhotometricInterpretation="PALETTE COLOR"), "'PALETTE COLOR' are not read"),
    "grey of three samples": (made(SamplesPerPixel=3), "3 samples of colours 'MONOCHROME2'"),
    "twelve bits allocated": (made(BitsAllocated=12), "16 of 12 bits|of 12 bits"),
    "a lookup table": (made(ModalityLUTSequence=Sequence([Dataset()])), "lookup table"),
    "infinite slope": (made(RescaleSlope="1e39", RescaleIntercept="0"), "infinite"),
    "a slope of letters": (with_bytes(b"CS\x02\0CT", b"CS\x02\0CT").replace(b"0.5\\0.25", b"0.5\\x.25"), "is broken"),
    "one spacing": (made(PixelSpacing=[0.5]), "is broken"),
    "deflated rubbish": (made(syntax=DeflatedExplicitVRLittleEndian)[:-40] + bytes(40), "broken|cut short"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_is_no_image_is_one_line_without_identities(tmp_path, case):
    data, message = BAD[case]
    with pytest.raises(UserError, match=r"given\.dcm: .*(" + message + ")") as caught:
        read(tmp_path, data)
    assert "\n" not in str(caught.value)
    assert not [v for v in SECRET.values() if v in str(caught.value)]
    assert str(tmp_path) not in str(caught.value)


def test_deflated_files_are_inflated_within_bounds(tmp_path, monkeypatch):
    (plain,), (deflated,) = read(tmp_path, made()), read(tmp_path, made(syntax=DeflatedExplicitVRLittleEndian))
    np.testing.assert_array_equal(plain.volume, deflated.volume)
    monkeypatch.setattr(dicom_file, "LIMIT_FILE", 2**16)
    data = made(syntax=DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(wbits=-15)
    bomb = data[:start] + packer.compress(bytes(2**22)) + packer.flush()
    with pytest.raises(UserError, match="holds more than 65536 bytes when inflated"):
        read(tmp_path, bomb)
    packer = zlib.compressobj(wbits=-15)
    nested = data[:start] + packer.compress(data[144:start]) + packer.flush()
    with pytest.raises(UserError, match="deflated in a way that is not read"):
        read(tmp_path, nested)


STACKS = {
    "two at one place": ([0, 1, 1, 2], {}, r"2\.dcm: lies where 1\.dcm lies"),
    "one missing": ([0, 1, 2, 4], {}, r"3\.dcm: lies 2\.00 mm after 2\.dcm, others 1\.00 mm"),
    "orientation askew": ([0, 1], {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "is no right angle"),
}


@pytest.mark.parametrize("case", STACKS)
def test_slices_that_are_no_volume_are_one_line(tmp_path, case):
    depths, tags, message = STACKS[case]
    with pytest.raises(UserError, match=message):
        read_series(stack(tmp_path / "s", depths, **tags))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Rows": 4, "PixelData": bytes(64)}, "slices of 6 × 8 × 1 MONOCHROME2 and 4 × 8 × 1"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "several orientations"),
        ({"PixelSpacing": [1, 1]}, "pixels of"),
        ({"PatientID": "another"}, "two patients"),
    ],
)
def test_slices_of_another_kind_are_named(tmp_path, change, message):
    folder = stack(tmp_path / "s", [0, 1, 2])
    (folder / "x.dcm").write_bytes(made(**{"ImagePositionPatient": [0, 0, 9], **change}))
    with pytest.raises(UserError, match=r"x\.dcm: .*" + message) as caught:
        read_series(folder)
    assert "another" not in str(caught.value)


def directory(folder, *names):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    records = [Dataset() for _ in names]
    for record, name in zip(records, names, strict=True):
        record.DirectoryRecordType, record.PatientName = "IMAGE", SECRET["PatientName"]
        record.ReferencedFileID = list(name)
    ds.DirectoryRecordSequence = Sequence(records)
    ds.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return folder / "DICOMDIR"


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS:UserWarning")  # of the test's own writing
def test_a_dicomdir_gives_the_files_that_it_lists(tmp_path):
    folder = stack(tmp_path / "s", [0, 1, 2], names=["A", "B", "C"])
    (series,) = read_series(directory(folder, ["A"], ["B"]))
    assert series.files == ("A", "B")
    (all_of_it,) = read_series(folder)
    assert all_of_it.files == ("A", "B", "C")
    with pytest.raises(UserError, match="DICOMDIR: the file of record 1 is not there"):
        read_series(directory(folder, ["D"]))
    with pytest.raises(UserError, match="DICOMDIR: record 1 names a file outside"):
        read_series(directory(folder, ["..", "..", "x"]))
    with pytest.raises(UserError, match="DICOMDIR: lists no file"):
        read_series(directory(folder))
    (folder / "DICOMDIR").write_bytes((folder / "DICOMDIR").read_bytes()[:150])
    with pytest.raises(UserError, match="DICOMDIR: "):
        read_series(folder / "DICOMDIR")


SEEDS = ("MR_small.dcm", "CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "rtdose.dcm", "image_dfl.dcm")


@settings(max_examples=100)
@given(st.data())
def test_damaged_files_are_images_or_one_line(tmp_path_factory, data):
    beside = Path(__file__).parents[4] / "shared" / "data"
    source = Path(os.environ.get("PMJAX_DATA", beside)) / "dicom_pydicom"
    seeds = [made(), made(syntax=DeflatedExplicitVRLittleEndian)]
    seeds += [(source / name).read_bytes() for name in SEEDS if (source / name).is_file()]
    damaged = bytearray(data.draw(st.sampled_from(seeds)))
    header = min(len(damaged), 2200)
    for at, value in data.draw(st.lists(st.tuples(st.integers(132, header - 1), st.integers(0, 255)), max_size=5)):
        damaged[at] = value
    keep = data.draw(st.one_of(st.just(1.0), st.floats(0, 1)))
    folder = tmp_path_factory.mktemp("fuzz")
    try:
        (series,) = read(folder, bytes(damaged[: int(keep * len(damaged))]))
    except UserError as error:
        left = str(error).encode()
        assert b"given.dcm: " in left
        assert b"\n" not in left
    else:
        left = pickle.dumps(series)
        assert series.volume.dtype == np.float32
        assert np.isfinite(series.volume).all()
    names = (*SECRET.values(), "CompressedSamples", "Lastname", "Sekret")
    assert not [name for name in names if name.encode() in left]


@pytest.mark.parametrize("length", [20, 60, 200])
def test_a_length_that_swallows_the_name_does_not_let_it_out(tmp_path, length):
    data = made()
    at = data.index(b"\x08\x00\x60\x00CS\x02\x00CT")
    for field in (at + 6, data.index(b"CS\x0c\x00MONOCHROME2") + 2, data.index(b"UI", 150) + 2):
        broken = data[:field] + length.to_bytes(2, "little") + data[field + 2 :]
        try:
            left = pickle.dumps(read(tmp_path, broken))
        except UserError as error:
            left = str(error).encode()
        assert not [value for value in SECRET.values() if value.encode() in left]


def grey_series(tmp_path, values, **tags):
    pixels = np.asarray(values, np.uint16).reshape(1, -1)
    return read(tmp_path, made(pixels, **tags))[0]


def test_windows_are_those_of_the_standard(tmp_path):
    # PS3.3 C.11.2.1.2.1: c = 2048, w = 4096 takes 0 to 0 and 4095 to 1, and c = 2048, w = 1 is a step above 2047.5
    shown = display(grey_series(tmp_path, [0, 1, 4095, 5000], WindowCenter=2048, WindowWidth=4096))
    np.testing.assert_allclose(shown.ravel(), [0, 1 / 4095, 1, 1], atol=1e-6)
    exact = {"WindowCenter": 100, "WindowWidth": 100, "VOILUTFunction": "LINEAR_EXACT"}
    np.testing.assert_allclose(
        display(grey_series(tmp_path, [0, 50, 75, 150, 200], **exact)).ravel(), [0, 0, 0.25, 1, 1], atol=1e-6
    )
    shown = display(grey_series(tmp_path, [100, 125], **{**exact, "VOILUTFunction": "SIGMOID"}))
    np.testing.assert_allclose(shown.ravel(), [0.5, 1 / (1 + np.exp(-1))], atol=1e-6)
    several = grey_series(
        tmp_path, [0, 50, 100], WindowCenter=[50, 1], WindowWidth=[100, 1], RescaleSlope=2, RescaleIntercept=-50
    )
    assert several.window == (50.0, 100.0, "LINEAR")
    np.testing.assert_allclose(display(several, (50, 400)).ravel(), [0.25, 0.5, 0.75], atol=1e-6)
    np.testing.assert_allclose(display(several, "range").ravel(), [0, 0.5, 1], atol=1e-6)
    assert display(grey_series(tmp_path, [7, 7])).tolist() == display(grey_series(tmp_path, [7, 7]), "range").tolist()


def test_monochrome1_is_inverted_when_shown(tmp_path):
    window = {"WindowCenter": 100, "WindowWidth": 100, "VOILUTFunction": "LINEAR_EXACT"}
    series = grey_series(tmp_path, [0, 75, 200], PhotometricInterpretation="MONOCHROME1", **window)
    assert series.inverted
    assert series.volume.ravel().tolist() == [0, 75, 200]
    np.testing.assert_allclose(display(series).ravel(), [1, 0.75, 0], atol=1e-6)


def test_images_shrink_by_area_and_grow_linearly():
    image = RNG.random((2, 6, 9, 2)).astype(np.float32)
    halved = resize(image, 3, 3)
    np.testing.assert_allclose(halved, image.reshape(2, 3, 2, 3, 3, 2).mean(axis=(2, 4)), rtol=1e-5)
    np.testing.assert_allclose(resize(image, 4, 5).mean(axis=(1, 2)), image.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(resize(image, 6, 9), image)
    np.testing.assert_allclose(resize(np.ones((1, 5, 7, 1), np.float32), 13, 3), 1, rtol=1e-6)
    ramp = np.array([0.0, 1.0], np.float32).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(resize(ramp, 1, 4).ravel(), [0, 0.25, 0.75, 1])


@pytest.fixture
def clinic(tmp_path):
    """Three patients with a series of three slices each, brighter by patient, and a table that names their folders."""
    for k in range(3):
        tags = {
            "PatientID": f"SEKRET-{k}",
            "SeriesInstanceUID": f"1.2.{k}",
            "RescaleIntercept": 10 * k,
            "RescaleSlope": 1,
        }
        stack(tmp_path / "scans" / f"case{k}", [2, 0, 1], **tags)
    rows = [f"p{k},SEKRET-{k},case{k},{'yes' if k % 2 else 'no'}" for k in range(3)]
    (tmp_path / "outcomes.csv").write_text("\n".join(["pid,hospital_id,file,ill", *rows]) + "\n")
    return tmp_path


ROLES = {"id": "pid", "label": "ill", "classes": ("no", "yes")}


def load(folder, roles=ROLES, **options):
    options = {"size": (3, 4), "window": (50, 100), **options}
    return dicom(str(folder / "scans"), outcomes=str(folder / "outcomes.csv"), roles=roles, **options)


def test_each_row_gets_its_series(clinic):
    cohort = load(clinic)
    image = cohort.modalities["image"]
    assert image.values.shape == (3, 3, 4, 1)
    np.testing.assert_allclose(image.values[:, 0, 0, 0], [0.02, 0.12, 0.22], atol=1e-6)
    slices = load(clinic, slice="all").modalities["image"]
    assert slices.features == ("slice 1 grey", "slice 2 grey", "slice 3 grey")
    np.testing.assert_allclose(slices.values[1, 0, 0], [0.11, 0.12, 0.10], atol=1e-6)
    assert cohort.patient.tolist() == ["p0", "p1", "p2"]
    assert cohort.source.notes == (
        "Images: the middle slice of each series, window 50 and 100, brought to 3 × 4 by area or linearly.",
    )
    assert "3 of 3 series: no window of its own" in load(clinic, window="file").source.notes[1]
    assert b"SEKRET" not in pickle.dumps(cohort)
    assert b"1947" not in pickle.dumps(cohort)


def test_rows_are_matched_by_patient_only_where_identity_is_allowed(clinic):
    by_id = {**ROLES, "id": "hospital_id"}
    cohort = load(clinic, by_id, identity=True)
    np.testing.assert_array_equal(cohort.modalities["image"].values, load(clinic).modalities["image"].values)
    (series,) = read_series(clinic / "scans" / "case1")
    assert series.patient == shorten("SEKRET-1")
    (salted,) = read_series(clinic / "scans" / "case1", salt="pepper")
    assert salted.patient != series.patient
    (known,) = read_series(clinic / "scans" / "case1", identity=True)
    assert known.patient == "SEKRET-1"
    assert b"Sekret^Name" not in pickle.dumps(known)


def test_what_does_not_fit_is_an_error_or_counted_when_allowed(clinic):
    scans = clinic / "scans"
    (scans / "case0" / "notes.txt").write_text("none")
    with pytest.raises(UserError, match=r"case0/notes\.txt: no DICOM file"):
        load(clinic)
    (scans / "case0" / "notes.txt").unlink()
    (scans / "case1" / "1.dcm").unlink()
    with pytest.raises(
        UserError, match=r"case1/.*its series has 2 slices of 1 channels, that of case0/.* has 3 slices"
    ):
        load(clinic, slice="all")
    (scans / "case2" / "0.dcm").write_bytes(b"broken")
    (scans / "case2" / "1.dcm").unlink()
    (scans / "case2" / "2.dcm").unlink()
    cohort = load(clinic, exclude=True)
    assert cohort.patient.tolist() == ["p0", "p1"]
    assert dict(cohort.flow) == {"rows with an outcome": 3, "excluded: no image that can be read": 1, "analysed": 2}
    assert sum("case2" in note for note in cohort.source.notes) == 2
    assert str(clinic).encode() not in pickle.dumps(cohort)


def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UserError, match=r"reading DICOM files needs pydicom, .*pmjax\[formats\]"):
        read(tmp_path, made())


def test_a_folder_of_two_series_must_be_told_apart(clinic):
    table = clinic / "outcomes.csv"
    text = table.read_text()
    table.write_text(text.replace(",case0,", ",.,"))
    with pytest.raises(UserError, match=r"the folder '\.' holds 3 series"):
        load(clinic)
    table.write_text(text.replace(",case0,", ",case0/2.dcm,"))
    np.testing.assert_allclose(load(clinic).modalities["image"].values[:, 0, 0, 0], [0.02, 0.12, 0.22], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (0, 4)}, "size must be two whole numbers"),
        ({"size": (4,)}, "size must be two whole numbers"),
        ({"window": "lung"}, "window must be"),
        ({"window": (40, 0)}, "window must be"),
        ({"file_column": "scan"}, "no column 'scan'"),
    ],
)
def test_options_that_do_not_exist_are_one_line(clinic, options, message):
    with pytest.raises(UserError, match=message):
        load(clinic, **options)
