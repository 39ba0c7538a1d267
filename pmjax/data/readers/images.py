"""Images: a folder or archive of PNG files, or arrays of NPZ and NPY files, as float32 (N, H, W, C) in [0, 1]."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.data.readers.archive import members
from pmjax.data.readers.arrays import read_arrays
from pmjax.data.readers.linked import content_of, describe_images, files_below, link
from pmjax.data.readers.measured import describe, load_outcomes
from pmjax.data.readers.png import read_png
from pmjax.data.readers.roles import build_cohort
from pmjax.data.readers.source import LIMIT
from pmjax.errors import UserError
from pmjax.types import PARTS, HostArray

_COLOURS = {1: ("grey",), 3: ("red", "green", "blue")}
_MEDMNIST = {"train": PARTS[0], "val": PARTS[1], "test": PARTS[2]}


def images(
    path: str,
    *,
    outcomes: str,
    roles: Mapping[str, Any],
    file_column: str = "file",
    exclude: bool = False,
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load PNG files of one size, each named by a row of the table `outcomes`.

    Args:
        path: of a folder, searched with its subfolders, or of a zip, tar or tar.gz.
        roles: columns of `outcomes`; see `read_outcomes`.
        file_column: the column of names, from the folder on, as in "ward/1.png".
        exclude: leave broken files, rows without a file and files without a row out, counted and named, not failing.

    Raises:
        UserError: naming the file, for one that `read_png` refuses or whose size is not that of the first.
    """
    excluded: list[str] | None = [] if exclude else None
    files = _png_files(path)
    linked = link(outcomes, roles, file_column, files, excluded)
    first: list[tuple[str, tuple[int, ...]]] = []

    def read(name: str) -> HostArray:
        pixels = read_png(content_of(files[name]), f"{path}: {name!r}")
        if not first:
            first.append((name, pixels.shape))
            _check_total((len(linked.names), *pixels.shape), path)
        if pixels.shape != first[0][1]:
            sizes = f"{_size(pixels.shape)}, {first[0][0]!r} has {_size(first[0][1])}"
            raise UserError(f"{path}: {name!r} has {sizes}; bring all to one size")
        return pixels

    linked, pixels = linked.read(read, excluded)
    origin = describe_images(path, files, outcomes, title, citation, licence)
    return linked.cohort("images", roles, _modality(np.stack(pixels)), origin, path, excluded)


def npz(
    path: str,
    *,
    outcomes: str | None = None,
    roles: Mapping[str, Any] | None = None,
    array: str = "images",
    classes: Sequence[str] = (),
    task: str = "label",
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load the images of an NPZ or NPY file: (N, H, W), or (N, H, W, C).

    Unsigned integers are divided by their type's greatest value, floats stay as they are. Without `outcomes` the file
    has MedMNIST's form: arrays `train_images`, `train_labels` and so on with `val` and `test`, which become the
    official parts; `classes` then names the labels 0, 1, … and `task` the question.

    Args:
        outcomes: a table whose rows are the images in their order, with its `roles`; see `read_outcomes`.
        array: the name of the images in the file, where `outcomes` is given ("images" in an NPY file).

    Raises:
        UserError: naming file and array, for one that is missing or broken, and where numbers of rows differ.
    """
    arrays = read_arrays(path)
    origin = describe([path] if outcomes is None else [path, outcomes], title, citation, licence)
    if outcomes is None:
        return _medmnist(path, arrays, tuple(classes), task, origin)
    values = _unit(_array(path, arrays, array), f"{path}: {array!r}")
    table = load_outcomes(outcomes, roles or {})
    if len(values) != len(table.patient):
        raise UserError(
            f"{path}: {len(values)} images for {len(table.patient)} rows of {outcomes}; give a row an image"
        )
    return build_cohort("npz", table, {"image": _modality(values)}, origin, [("analysed", len(values))])


def _png_files(path: str) -> dict[str, Path | bytes]:
    """Find the PNG files of a folder, as paths, or of an archive, as contents."""
    if Path(path).is_dir():
        found: dict[str, Path | bytes] = {n: p for n, p in files_below(path).items() if n.lower().endswith(".png")}
    else:
        found = dict(members(path, suffixes=(".png",)))
    if not found:
        raise UserError(f"{path}: holds no PNG file; give the folder or archive of the images")
    return found


def _medmnist(
    path: str, arrays: Mapping[str, HostArray], classes: tuple[str, ...], task: str, origin: Source
) -> Cohort:
    """Join MedMNIST's parts, of which at least one must be there."""
    given = [part for part in _MEDMNIST if f"{part}_images" in arrays or f"{part}_labels" in arrays]
    if not given:
        raise UserError(f"{path}: no train_images among {', '.join(arrays)}; give outcomes, and the name of the array")
    values, labels, patient, part = list[HostArray](), list[HostArray](), list[str](), list[str]()
    for prefix in given:
        images = _unit(_array(path, arrays, f"{prefix}_images"), f"{path}: '{prefix}_images'")
        label = _array(path, arrays, f"{prefix}_labels")
        if label.size != len(images) or label.dtype.kind not in "biu":
            what = f"labels of shape {label.shape} and type {label.dtype} for {len(images)} images"
            raise UserError(f"{path}: {prefix}: {what}; give each image one class")
        if values and images.shape[1:] != values[0].shape[1:]:
            sizes = f"{_size(images.shape[1:])}, others have {_size(values[0].shape[1:])}"
            raise UserError(f"{path}: '{prefix}_images' has {sizes}; bring all to one size")
        values.append(images)
        labels.append(label.ravel())
        patient += [f"{_MEDMNIST[prefix]} {row + 1}" for row in range(len(images))]
        part += [_MEDMNIST[prefix]] * len(images)
    label = np.concatenate(labels)
    names = classes or tuple(str(k) for k in range(int(label.max(initial=0)) + 1))
    return Cohort(
        name="npz",
        patient=np.asarray(patient),
        modalities={"image": _modality(np.concatenate(values))},
        task=Classify(task, label, names),
        source=origin,
        part=np.asarray(part),
        flow=(("images in the source", len(label)), ("analysed", len(label))),
    )


def _array(path: str, arrays: Mapping[str, HostArray], name: str) -> HostArray:
    if name not in arrays:
        raise UserError(f"{path}: there is no array {name!r} among {', '.join(arrays)}")
    return arrays[name]


def _unit(values: HostArray, where: str) -> HostArray:
    """Bring images to (N, H, W, C) float32."""
    if values.ndim == 3:
        values = values[..., None]
    if values.ndim != 4 or not values.size:
        raise UserError(f"{where} has shape {values.shape}; images are (N, H, W) or (N, H, W, C)")
    _check_total(values.shape, where)
    if values.dtype.kind == "i":
        raise UserError(f"{where} has signed values ({values.dtype}); save them as uint8, uint16 or float32")
    if values.dtype.kind == "u":
        return values * np.float32(1 / np.iinfo(values.dtype).max)
    return values.astype(np.float32)


def _check_total(shape: tuple[int, ...], where: str) -> None:
    if np.prod(shape, dtype=np.float64) * 4 > LIMIT:
        raise UserError(f"{where}: {shape[0]} images of {_size(shape[1:])} take over {LIMIT} bytes; make them smaller")


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _modality(values: HostArray) -> Modality:
    channels = values.shape[-1]
    return Modality("image", values, _COLOURS.get(channels, tuple(f"channel {c}" for c in range(channels))))
