"""Archives give their members' bytes, and hostile or broken ones one line that names archive and member."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.archive import gunzip, members
from pmjax.errors import UserError

FILES = {"a/one.csv": b"x,y\n1,2\n", "two.txt": b"", "deep/b/c.CSV": bytes(range(256)) * 40}


def zipped(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files if isinstance(files, list) else files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files if isinstance(files, list) else files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def special(kind, name="x.csv"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def symlink(name="x.csv"):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def read(folder, data, name="given.bin", **options):
    path = folder / name
    path.write_bytes(data)
    return dict(members(path, **options))


@pytest.mark.parametrize("data", [zipped(FILES), zipped(FILES, zipfile.ZIP_STORED), tarred(FILES), tarred(FILES, "w")])
def test_members_give_back_what_was_packed(tmp_path, data):
    assert read(tmp_path, data) == FILES
    assert list(read(tmp_path, data, suffixes=(".csv",))) == ["a/one.csv", "deep/b/c.CSV"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_hidden_files_and_folders_are_passed_over(tmp_path, pack):
    hidden = {"__MACOSX/a.csv": b"1", ".DS_Store": b"2", "a/.hidden/b.csv": b"3", "./a/b.csv": b"4"}
    assert read(tmp_path, pack(hidden)) == {"a/b.csv": b"4"}


def declare(data, size):
    """Write `size` as the unpacked size of the one member of a zip into both of its headers."""
    data = bytearray(data)
    struct.pack_into("<I", data, 22, size)
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, size)
    return bytes(data)


def encrypted():
    data = bytearray(zipped({"x.csv": b"secret"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def wrong_checksum():
    data = bytearray(zipped({"x.csv": b"abcdef"}, zipfile.ZIP_STORED))
    data[data.index(b"abcdef")] ^= 1
    return bytes(data)


def broken_second_header():
    data = bytearray(tarred({"a": b"1", "b": b"2"}, "w"))
    data[1024] ^= 1
    return bytes(data)


ZEROS = bytes(2**25)
HOSTILE = {
    "empty": (b"", "is no zip, tar or tar.gz"),
    "text": (b"id,label\n" * 99, "is no zip, tar or tar.gz"),
    "absolute name": (zipped({"/etc/x.csv": b""}), "'/etc/x.csv' points outside"),
    "climbing name": (zipped({"a/../../x.csv": b""}), "points outside"),
    "climbing name with backslashes": (zipped({"..\\x.csv": b""}), "points outside"),
    "drive name": (zipped({"C:x.csv": b""}), "points outside"),
    "climbing name in a tar": (tarred({"../x.csv": b""}), "points outside"),
    "line break in a name": (zipped({"a\nb.csv": b""}), r"'a\\nb.csv' has a name that is no plain text"),
    "name deep down": (zipped({"d/" * 40 + "x.csv": b""}), "41 folders deep"),
    "name twice": (tarred([("a.csv", b"1"), ("./a.csv", b"2")]), "is there twice"),
    "symbolic link": (zipped([(symlink(), b"/etc/passwd")]), "'x.csv' is a link"),
    "symbolic link in a tar": (tarred([(special(tarfile.SYMTYPE), b"")]), "'x.csv' is a link"),
    "hard link in a tar": (tarred([(special(tarfile.LNKTYPE), b"")]), "'x.csv' is a link"),
    "device in a tar": (tarred([(special(tarfile.CHRTYPE), b"")]), "'x.csv' is a link, a device"),
    "encrypted": (encrypted(), "'x.csv' is encrypted"),
    "another compression": (zipped({"x": b"1"}, zipfile.ZIP_BZIP2), "compressed by method 12"),
    "bomb": (zipped({"x.csv": ZEROS}), "'x.csv' swells more than 200 times"),
    "bomb in gzip": (tarred({"x.csv": ZEROS}), "given.bin swells more than 200 times"),
    "bomb that denies it": (declare(zipped({"x.csv": ZEROS}), 100), "'x.csv' is broken or cut short"),
    "size that is not there": (
        declare(zipped({"x.csv": b"abc"}), 2**20),
        "'x.csv' is broken or cut short|'x.csv' has 3",
    ),
    "absurd size": (declare(zipped({"x.csv": b"abc"}), 2**32 - 2), "'x.csv' brings it above"),
    "wrong checksum": (wrong_checksum(), "'x.csv' is broken or cut short: Bad CRC-32"),
    "zip cut short": (zipped(FILES)[:-30], "is broken or cut short"),
    "tar.gz cut short": (tarred(FILES)[:-30], "is broken or cut short"),
    "tar.gz of a wrong checksum": (tarred(FILES)[:-8] + bytes(8), "is broken or cut short after 'deep/b/c.CSV': CRC"),
    "tar cut within a member": (tarred({"a": b"1" * 5000}, "w")[:2000], "is broken or cut short after 'a'"),
    "tar cut between members": (tarred({"a": b"1", "b": b"2"}, "w")[:1024], "is broken or cut short after 'a'"),
    "second header of a tar broken": (broken_second_header(), "is broken or cut short after 'a'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_broken_archive_is_one_line(tmp_path, case):
    data, message = HOSTILE[case]
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, data)
    assert "given.bin" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_limits_hold_over_all_members(tmp_path, pack):
    data = pack({f"{i}.csv": bytes([i]) * 1000 for i in range(20)})
    assert len(read(tmp_path, data, limit_bytes=50_000, limit_members=20)) == 20
    with pytest.raises(UserError, match="10000 bytes"):
        read(tmp_path, data, limit_bytes=10_000)
    with pytest.raises(UserError, match="more than 19 members"):
        read(tmp_path, data, limit_members=19)


def test_a_missing_archive_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"none\.zip cannot be read as an archive: No such file"):
        list(members(tmp_path / "none.zip"))


def test_gunzip_gives_back_bytes_within_its_limit(tmp_path):
    packed = gzip.compress(b"abc" * 1000)
    assert gunzip(packed, 3000) == b"abc" * 1000
    (tmp_path / "x.gz").write_bytes(packed)
    assert gunzip(tmp_path / "x.gz") == b"abc" * 1000
    for broken, message in [
        (packed, "x.gz holds more than 2999"),
        (packed[:-3], "x.gz is broken"),
        (packed[:20] + b"\0\1" + packed[22:], "x.gz is broken"),
        (packed + b"tail", "x.gz is broken"),
        (b"plain", "x.gz is broken or cut short: Not a gzipped file"),
        (gzip.compress(ZEROS), "x.gz (holds more|swells)"),
    ]:
        with pytest.raises(UserError, match=message):
            gunzip(broken, 2999, where="x.gz")


PACKED = [zipped(FILES), tarred(FILES), tarred(FILES, "w")]


@given(
    st.sampled_from(PACKED),
    st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), max_size=6),
    st.floats(0.2, 1),
)
def test_damaged_archives_give_members_or_one_line(tmp_path_factory, data, edits, keep):
    broken = bytearray(data)
    for where, value in edits:
        broken[int(where * len(broken))] = value
    folder = tmp_path_factory.mktemp("fuzz")
    try:
        found = read(folder, bytes(broken[: int(keep * len(broken))]))
    except UserError as error:
        found = {"given.bin": str(error).partition("given.bin")[2]}
    assert all("\n" not in name for name in found)
    assert "" not in found
