"""FHIR records: what is gathered of resources one by one, references resolved, until they make a timeline."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pmjax.data.readers.fhir_resources import (
    KIND,
    Json,
    MalformedError,
    concept,
    events_of,
    get,
    items,
    patient_of,
    plain,
)
from pmjax.data.readers.fhir_types import R4
from pmjax.data.readers.source import refuse
from pmjax.data.readers.timeline import EVENT, PATIENT, Timeline
from pmjax.errors import UserError

Links = Mapping[str, tuple[str, str]]
_REFERENCE = re.compile(r"(?:(https?://[^\s?#]+)/)?([A-Za-z]+)/([^/?#\s]+)(?:/_history/[^/\s]+)?")
_URN = re.compile(r"urn:(?:uuid|oid):(\S+)")
_UNKNOWN = (np.nan, "unknown", False, np.nan, np.nan)


class Records:
    """Patients, events and medications read so far; `excluded` takes what cannot be used, None makes it an error."""

    def __init__(self, excluded: list[str] | None) -> None:
        self.excluded = excluded
        self.patients: dict[str, tuple[Any, ...]] = {}
        self.events: list[tuple[Any, ...]] = []
        self.left_out: Counter[str] = Counter()
        self.contents: dict[tuple[str, str], int] = {}
        self.medications: dict[str, tuple[str, str]] = {}
        self.servers: dict[str, str] = {}

    def take(self, node: Json, where: str) -> None:
        """Take a Bundle or a single resource."""
        if node.get("resourceType") != "Bundle":
            self._take_one(node, where, None, {})
            return
        try:
            entries = items(node, "entry")
            links = dict(link for link in map(_link, entries) if link)
        except MalformedError as error:
            refuse(f"{where}: {error}; mend the Bundle", self.excluded)
            return
        for number, entry in enumerate(entries, start=1):
            if "resource" in entry:
                self._take_one(entry["resource"], f"{where}, entry {number}", entry.get("fullUrl"), links)
            else:
                self.left_out["Bundle entry without a resource"] += 1

    def _take_one(self, node: Any, where: str, url: Any, links: Links) -> None:
        type_ = node.get("resourceType") if isinstance(node, dict) else None
        try:
            if not isinstance(type_, str) or type_ not in R4:
                raise MalformedError(f"resourceType {str(type_)[:40]!r} is none of FHIR R4")
            if type_ in KIND or type_ in ("Patient", "Medication"):
                self._take_read(node, type_, _id_of(node, url), links)
            else:
                self.left_out[f"{type_}, which is not read"] += 1
        except MalformedError as error:
            name = f" ({type_})" if isinstance(type_, str) and type_ in R4 else ""
            refuse(f"{where}{name}: {error}; mend or exclude it", self.excluded)

    def _take_read(self, node: Json, type_: str, id_: str, links: Links) -> None:
        content, key = _content(node), (type_, id_)
        if key in self.contents:
            if self.contents[key] != content:
                raise MalformedError(f"the id {id_!r} is there twice with other content")
            self.left_out[f"{type_} repeated word for word"] += 1
            return
        if type_ == "Patient":
            self.patients[id_] = patient_of(node)
        elif type_ == "Medication":
            self.medications[id_] = concept(get(node, "code", dict), "code")
        else:
            events, reasons = events_of(node, type_, partial(self._patient, node, id_, links))
            self.events += [self._with_medication(event, node, links) for event in events]
            self.left_out.update(reasons)
        self.contents[key] = content

    def _patient(self, node: Json, id_: str, links: Links, given: Json | None, what: str) -> str:
        reference = get(given or {}, "reference", str)
        if not reference:
            raise MalformedError(f"{what} refers to no patient")
        if reference.startswith("#"):
            contained = _contained(node, reference)
            if contained.get("resourceType") != "Patient":
                raise MalformedError(f"{what} {reference[:40]!r} is no contained Patient")
            self.patients.setdefault(f"{id_}{reference}", patient_of(contained))
            return plain(f"{id_}{reference}", what)
        type_, patient, server = _refer(reference, links)
        if type_ not in ("Patient", ""):
            raise MalformedError(f"{what} is a {type_}, not a Patient")
        if server and self.servers.setdefault(patient, server) != server:
            raise UserError(
                f"patient {patient!r} is referred to on {self.servers[patient]} and on {server}; "
                "read the servers apart, their ids may be of two people"
            )
        return patient

    def _with_medication(self, event: tuple[Any, ...], node: Json, links: Links) -> tuple[Any, ...]:
        if isinstance(event[4], str):
            return event
        reference = event[4][1]
        if reference.startswith("#"):
            code = concept(get(_contained(node, reference), "code", dict), "medication")
            return (*event[:4], *code, *event[6:])
        return (*event[:4], ("", _refer(reference, links)[1]), *event[5:])

    def timeline(self, where: str) -> Timeline:
        """Make the timeline of what was taken."""
        rows = [self._named(event) for event in self.events]
        events = pd.DataFrame(rows, columns=list(EVENT)).astype({"time": float, "known": float, "value": float})
        known = events.groupby("patient")["known"].max()
        for patient in known.index.difference(list(self.patients)):
            self.left_out["patient who has no Patient resource, kept without birth and sex"] += 1
            self.patients[patient] = _UNKNOWN
        patients = pd.DataFrame(
            [(k, *v, known.get(k, np.nan)) for k, v in self.patients.items()], columns=list(PATIENT)
        )
        return Timeline(events, patients, where, dict(self.left_out))

    def _named(self, event: tuple[Any, ...]) -> tuple[Any, ...]:
        if isinstance(event[4], str):
            return event
        id_ = event[4][1]
        code = self.medications.get(id_, (f"medication|{id_}", event[5]))
        return (*event[:4], *code, *event[6:])


def _link(entry: Json) -> tuple[str, tuple[str, str]] | None:
    """Map the fullUrl of an entry to type and id of its resource."""
    url, node = get(entry, "fullUrl", str), entry.get("resource")
    if not url or not isinstance(node, dict) or not isinstance(node.get("resourceType"), str):
        return None
    try:
        return url, (node["resourceType"], _id_of(node, url))
    except MalformedError:
        return None  # told where the resource itself is taken


def _content(node: Json) -> int:
    try:
        return hash(json.dumps(node, sort_keys=True))
    except RecursionError as error:
        raise MalformedError("is nested too deep") from error


def _id_of(node: Json, url: Any) -> str:
    """The id of a resource; one that is yet to be stored has only that of its fullUrl."""
    if id_ := get(node, "id", str):
        return plain(id_, "id")
    urn = _URN.fullmatch(url) if isinstance(url, str) else None
    if not urn:
        raise MalformedError("has no id")
    return plain(urn[1], "fullUrl")


def _refer(reference: str, links: Links) -> tuple[str, str, str]:
    """Type ("" where unsaid), id and server ("" where relative) of a reference."""
    found = _REFERENCE.fullmatch(reference)
    if reference in links:
        return *links[reference], (found[1] or "") if found else ""
    if found:
        return found[2], plain(found[3], "reference"), found[1] or ""
    if urn := _URN.fullmatch(reference):
        return "", plain(urn[1], "reference"), ""
    raise MalformedError(f"reference {reference[:40]!r} is none that FHIR knows")


def _contained(node: Json, reference: str) -> Json:
    for one in items(node, "contained"):
        if one.get("id") == reference[1:]:
            return one
    raise MalformedError(f"contained resource {reference[:40]!r} is missing")
