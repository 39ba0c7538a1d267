"""Zip, tar and gzip files, read in memory member by member, never unpacked to disk and never trusted.

Limits are held while decompressing: what a header says of sizes is checked, not believed.
"""

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pmjax.errors import UserError

LIMIT_BYTES = 2**31
LIMIT_MEMBERS = 100_000
LIMIT_RATIO = 200  # honest text and images stay far below; deflate reaches 1032 on zeros
LIMIT_DEPTH = 32

_CHUNK = 2**18
_SMALL = 2**24  # below 16 MiB no ratio is a danger; blank images reach 1000
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,  # zipfile, on a version or compression of the future
    ValueError,  # both modules, on names and numbers that do not decode
    OverflowError,
)


def members(
    path: str | Path,
    *,
    suffixes: tuple[str, ...] = (),
    limit_bytes: int = LIMIT_BYTES,
    limit_members: int = LIMIT_MEMBERS,
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each regular file of a zip, tar or tar.gz, in the archive's order.

    Only names that end in one of `suffixes` (any case) are yielded, all where it is empty; folders, `__MACOSX` and dot
    files never are. An archive within an archive is yielded as it is.

    Raises:
        UserError: naming archive and member, for one that is broken or cut short, encrypted, a link or a device,
            outside its folder, twice there, or beyond a limit: `limit_bytes` decompressed in all, `limit_members`.
    """
    path = Path(path)
    wanted = tuple(s.lower() for s in suffixes)
    try:
        with path.open("rb") as file:
            head = file.read(512)
            file.seek(0)
            if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                yield from _of_zip(str(path), file, wanted, limit_bytes, limit_members)
            elif head[:2] == b"\x1f\x8b":
                yield from _of_tar(str(path), _Unzipped(str(path), file, limit_bytes), wanted, limit_members)
            elif head[257:262] == b"ustar":
                yield from _of_tar(str(path), _Bounded(str(path), file, limit_bytes), wanted, limit_members)
            else:
                raise UserError(f"{path} is no zip, tar or tar.gz file (or is empty or cut short)")
    except OSError as error:
        raise UserError(f"{path} cannot be read as an archive: {_reason(error)}") from error


def gunzip(source: str | Path | bytes, limit: int = LIMIT_BYTES, where: str = "gzip data") -> bytes:
    """Decompress a gzip file, or bytes of one that errors call `where`, to at most `limit` bytes."""
    if isinstance(source, bytes):
        return _all_of(_Unzipped(where, io.BytesIO(source), limit), where)
    where = str(source)
    try:
        with Path(source).open("rb") as file:
            return _all_of(_Unzipped(where, file, limit), where)
    except OSError as error:
        raise UserError(f"{where} cannot be read: {_reason(error)}") from error


class _Bounded:
    """A stream that may give `limit` bytes and no more."""

    def __init__(self, where: str, file: io.BufferedIOBase, limit: int) -> None:
        self.where, self.file, self.left, self.limit = where, file, limit, limit

    def read(self, size: int) -> bytes:
        data = self.file.read(min(size, _CHUNK))
        self.left -= len(data)
        if self.left < 0:
            raise UserError(f"{self.where} holds more than {self.limit} bytes unpacked; raise the limit or split it")
        return data


class _Unzipped(_Bounded):
    """The same of what a gzip stream holds, with a bound on how much it may swell."""

    def __init__(self, where: str, file: io.BufferedIOBase, limit: int) -> None:
        super().__init__(where, gzip.GzipFile(fileobj=file), limit)
        self.packed = file

    def read(self, size: int) -> bytes:
        data = super().read(size)
        _check_ratio(self.where, self.limit - self.left, self.packed.tell())
        return data


def _all_of(stream: _Bounded, where: str) -> bytes:
    try:
        return b"".join(iter(lambda: stream.read(_CHUNK), b""))
    except _BROKEN as error:
        raise UserError(f"{where} is broken or cut short: {_reason(error)}") from error


def _of_zip(
    where: str, file: io.BufferedIOBase, wanted: tuple[str, ...], limit_bytes: int, limit_members: int
) -> Iterator[tuple[str, bytes]]:
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN as error:
        raise UserError(f"{where} is broken or cut short: {_reason(error)}") from error
    infos = archive.infolist()
    _check_count(where, len(infos), limit_members)
    seen: set[str] = set()
    names = [_new_name(where, info.orig_filename, seen, info.is_dir()) for info in infos]
    left = limit_bytes
    for info, name in zip(infos, names, strict=True):
        if info.is_dir() or not _is_wanted(name, wanted):
            continue
        _check_zipped(where, name, info)
        if info.file_size > left:
            raise UserError(f"{where}: {name!r} brings it above {limit_bytes} bytes; raise the limit or split it")
        data = _zipped(where, name, archive, info)
        left -= len(data)
        yield name, data


def _check_zipped(where: str, name: str, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise UserError(f"{where}: {name!r} is encrypted; unpack it with its password first")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UserError(f"{where}: {name!r} is a link or a device, not a file")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile does not bound the others
        raise UserError(f"{where}: {name!r} is compressed by method {info.compress_type}; pack it again with deflate")


def _zipped(where: str, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    parts, size = [], 0
    try:
        with archive.open(info) as file:
            while part := file.read(_CHUNK):  # stops at the declared size, then compares the checksum
                parts.append(part)
                size += len(part)
                _check_ratio(f"{where}: {name!r}", size, info.compress_size)
    except _BROKEN as error:
        raise UserError(f"{where}: {name!r} is broken or cut short: {_reason(error)}") from error
    if size != info.file_size:
        raise UserError(f"{where}: {name!r} has {size} bytes, its header says {info.file_size}; it is cut short")
    return b"".join(parts)


class _StrictInfo(tarfile.TarInfo):
    """A header that fails when it is broken or missing; tarfile takes both for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_StrictInfo":
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise  # a block of zeros, the proper end
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if info.size < 0:
            raise tarfile.ReadError("negative size")
        return info


def _of_tar(where: str, stream: _Bounded, wanted: tuple[str, ...], limit_members: int) -> Iterator[tuple[str, bytes]]:
    count, name = 0, ""
    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictInfo) as archive:  # type: ignore[call-overload]
            while (info := archive.next()) is not None:
                name = _new_name(where, info.name, seen, info.isdir())
                count += 1
                _check_count(where, count, limit_members)
                if info.isdir() or not _is_wanted(name, wanted):
                    continue
                if not info.isreg() or info.issparse():
                    raise UserError(f"{where}: {name!r} is a link, a device or a sparse file, not a plain file")
                yield name, _tarred(archive, info)
            while stream.read(_CHUNK):  # to the end, where gzip keeps the checksum
                pass
    except _BROKEN as error:
        after = f" after {name!r}" if name else ""
        raise UserError(f"{where} is broken or cut short{after}: {_reason(error)}") from error


def _tarred(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    assert file is not None, "a regular file has content"
    return b"".join(iter(lambda: file.read(_CHUNK), b""))


def _new_name(where: str, name: str, seen: set[str], is_folder: bool) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if not name.isprintable():
        raise UserError(f"{where}: member {name!r} has a name that is no plain text")
    if path.is_absolute() or ".." in path.parts or name[1:2] == ":":
        raise UserError(f"{where}: member {name!r} points outside of the archive")
    if len(path.parts) > LIMIT_DEPTH:
        raise UserError(f"{where}: member {name[:40]!r}… lies {len(path.parts)} folders deep, at most {LIMIT_DEPTH}")
    if str(path) in seen and not is_folder:
        raise UserError(f"{where}: {name!r} is there twice; which one is meant cannot be known")
    seen.add(str(path))
    return str(path)


def _is_wanted(name: str, wanted: tuple[str, ...]) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return not hidden and (not wanted or name.lower().endswith(wanted))


def _check_count(where: str, count: int, limit: int) -> None:
    if count > limit:
        raise UserError(f"{where} has more than {limit} members; raise the limit or split it")


def _check_ratio(where: str, unpacked: int, packed: int) -> None:
    if unpacked > _SMALL and unpacked > LIMIT_RATIO * max(packed, 1):
        raise UserError(f"{where} swells more than {LIMIT_RATIO} times when unpacked; it may be a zip bomb")


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(said.split())
