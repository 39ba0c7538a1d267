"""The runs of a study by PyTorch, after one another and by joblib: `python -m benchmarks.peer_joblib WAY FOLDER`.

Reads what `benchmarks.study` hands over, in FOLDER/handed, and leaves WAY.npz and WAY.json in FOLDER. Knows neither
JAX nor pmjax: its peak of memory is PyTorch's own.
"""

import argparse
import copy
import json
import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch

from benchmarks import measure, peer_torch
from benchmarks.peer_torch import Training, Variant

CORES = len(os.sched_getaffinity(0))
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WAYS = ("choose", "torch", "joblib")


@cache
def handed(folder: Path) -> Mapping[str, Any]:
    """What is to be trained, read once a process."""
    study = json.loads((folder / "handed" / "study.json").read_text())
    with np.load(folder / "handed" / "arrays.npz") as arrays:
        for name in arrays.files:
            *path, last = name.split("/")
            place = study
            for part in path:
                place = place.setdefault(part, {})
            place[last] = arrays[name]
    return study


def train_run(folder: Path, number: int, variant: Variant) -> dict[str, Any]:
    """Trains one run: validation loss of each epoch, and the positive class's probability by the best one."""
    study = handed(folder)
    run = study["runs"][number] | study["arrays"][str(number)]
    train, validation = (torch.from_numpy(run[name].astype(np.int64)).to(DEVICE) for name in ("train", "validation"))
    training = _training(study, run, variant)
    losses, best = [], None
    for order in train:
        training.epoch(order.tensor_split(study["steps"]))
        losses.append(training.validate([validation]))
        if losses[-1] == min(losses):
            best = copy.deepcopy(training.network.state_dict())
    training.network.load_state_dict(best)
    outputs = training.outputs([torch.arange(len(study["labels"]), device=DEVICE)])
    return {
        "loss": np.array(losses),
        "probability": torch.softmax(outputs, dim=-1)[:, 1].cpu().numpy(),
        "process": os.getpid(),
        "peak": measure.high_water(),
    }


def _training(study: Mapping[str, Any], run: Mapping[str, Any], variant: Variant) -> Training:
    values = study["values"][str(run["split"])]
    network = peer_torch.build(study["family"], values.shape[1:], study["outputs"], study["keywords"], run["params"])
    return Training(
        network.to(DEVICE),
        peer_torch.arrange(study["family"], values).to(DEVICE),
        torch.from_numpy(study["labels"].astype(np.int64)).to(DEVICE),
        rates=peer_torch.warmup_cosine(run["rate"], study["steps"] * len(run["train"]), study["warmup"]),
        weight_decay=run["decay"],
        clip=study["clip"],
        variant=variant,
    )


def choose(folder: Path) -> dict[str, float]:
    """Seconds of a warm run by each way to run PyTorch's optimiser and threads."""
    variants = [Variant(o, t) for o in ("loop", "foreach", "fused") for t in dict.fromkeys((1, min(2, CORES)))]
    calls = {str(v): lambda v=v: train_run(folder, 0, v) for v in variants}
    times = measure.in_turns(calls, rounds=2, turn=0.0)
    return {name: times.median(name) for name in calls}


def after_one_another(folder: Path, variant: Variant) -> Iterator[dict[str, Any]]:
    """Every run, in this process."""
    for number in range(len(handed(folder)["runs"])):
        yield train_run(folder, number, variant)


def in_processes(folder: Path, variant: Variant) -> Iterator[dict[str, Any]]:
    """Every run, in as many processes as there are cores, each with one thread."""
    parallel = joblib.Parallel(n_jobs=CORES, return_as="generator")
    work = joblib.delayed(train_run)
    one = Variant(variant.optimizer, 1)
    yield from parallel(work(folder, number, one) for number in range(len(handed(folder)["runs"])))


def parse(name: str) -> Variant:
    """The variant that `str` named so."""
    optimizer, threads = name.split(", ")
    return Variant(optimizer, int(threads.split()[0]))


def main() -> None:
    """Goes one way twice, the first time with all first uses, and leaves what it came to."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("way", choices=WAYS)
    flags.add_argument("folder", type=Path)
    flags.add_argument("--variant", type=parse, default=Variant("fused", 1))
    asked = flags.parse_args()
    if asked.way == "choose":
        (asked.folder / "choose.json").write_text(json.dumps(choose(asked.folder)))
        return
    handed(asked.folder)
    go = after_one_another if asked.way == "torch" else in_processes
    arrived, results = [], []

    def first() -> None:
        began = time.perf_counter()
        for result in go(asked.folder, asked.variant):
            arrived.append(time.perf_counter() - began)
            results.append(result)

    _, foreign = measure.once(first)
    again, foreign_again = measure.once(lambda: list(go(asked.folder, asked.variant)))
    peaks = {result["process"]: result["peak"] for result in results} | {os.getpid(): measure.high_water()}
    record = {
        "arrived": arrived,
        "again": again,
        "foreign": max(foreign, foreign_again),
        "peak": sum(peaks.values()),
        "variant": str(asked.variant),
    }
    (asked.folder / f"{asked.way}.json").write_text(json.dumps(record))
    found = {name: np.stack([result[name] for result in results]) for name in ("loss", "probability")}
    np.savez(asked.folder / f"{asked.way}.npz", run=[run["name"] for run in handed(asked.folder)["runs"]], **found)


if __name__ == "__main__":
    from benchmarks import peer_joblib

    peer_joblib.main()  # by the name under which joblib's processes import it
