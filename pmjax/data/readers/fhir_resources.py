"""FHIR resources: one Patient or one clinical resource to its row or events, every malformed field told by name."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pmjax.data.readers.binning import ABSURD
from pmjax.data.readers.fhir_time import interval

Json = dict[str, Any]
Span = tuple[float, float]
Resolve = Callable[[Json | None, str], str]

SYSTEMS = {
    "http://loinc.org": "loinc",
    "http://snomed.info/sct": "snomed",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10cm",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode": "actcode",
}
VALUES = ("Quantity", "CodeableConcept", "Boolean", "Integer")
OTHER_VALUES = ("String", "Range", "Ratio", "SampledData", "Time", "DateTime", "Period", "Attachment")
_VOID = {
    "Observation": {"entered-in-error", "cancelled", "registered"},
    "Encounter": {"entered-in-error", "cancelled", "planned"},
    "Procedure": {"entered-in-error", "not-done", "preparation"},
    "MedicationRequest": {"entered-in-error", "cancelled", "draft"},
}
_DAY_AND_ZONES = 2.5
_LONGEST = 300


class MalformedError(ValueError):
    """A resource that breaks FHIR, or lacks what an event needs."""


def get(node: Mapping[str, Any], key: str, kind: type) -> Any:
    """Take a field that must be of `kind` where it is given."""
    value = node.get(key)
    if value is None or (isinstance(value, kind) and not (kind is not bool and isinstance(value, bool))):
        return value
    raise MalformedError(f"{key} must be {'text' if kind is str else f'a {kind.__name__}'}")


def items(node: Mapping[str, Any], key: str) -> list[Json]:
    """Take a list of objects, [] where it is not given."""
    found = get(node, key, list) or []
    if not all(isinstance(one, dict) for one in found):
        raise MalformedError(f"{key} must be a list of objects")
    return found


def plain(text: str, what: str) -> str:
    """Refuse an id or code that is empty, overlong or holds control characters."""
    if not text.strip() or len(text) > _LONGEST or not text.isprintable():
        raise MalformedError(f"{what} is empty, overlong or not plain text")
    return text


def span(node: Json, key: str) -> Span | None:
    """Read a date, dateTime or instant."""
    text = get(node, key, str)
    try:
        return None if text is None else interval(text)
    except ValueError as error:
        raise MalformedError(f"{key} {error}") from error


def period(node: Json, key: str) -> Span | None:
    """Read a Period: from its start to its end, or to its start where it is open."""
    given = get(node, key, dict) or {}
    start, end = span(given, "start"), span(given, "end")
    if start and end and end[1] < start[0]:
        raise MalformedError(f"{key} ends before it starts")
    both = [s for s in (start, end) if s]
    return (both[0][0], both[-1][1]) if both else None


def concept(node: Json | None, what: str) -> tuple[str, str]:
    """Read system|code and name of a CodeableConcept: its first coding, else its text."""
    node = node or {}
    for coding in items(node, "coding"):
        if code := get(coding, "code", str):
            system = get(coding, "system", str) or "local"
            name = get(coding, "display", str) or get(node, "text", str) or code
            return plain(f"{SYSTEMS.get(system, system)}|{code}", what), _clean(name)
    if text := get(node, "text", str):
        return plain("text|" + " ".join(text.split())[: _LONGEST - 5], what), _clean(text)
    raise MalformedError(f"{what} has neither a code nor text")


def _clean(name: str) -> str:
    return " ".join(name.encode("utf-8", "replace").decode().split())[:_LONGEST]


def patient_of(node: Json) -> tuple[float, str, bool, float, float]:
    """Read birth, sex, dead, death and death_known of a Patient; a death of no certain day has no date."""
    sex = get(node, "gender", str) or "unknown"
    if sex not in ("female", "male", "other", "unknown"):
        raise MalformedError(f"gender {sex[:20]!r} is none of female, male, other, unknown")
    birth = span(node, "birthDate")
    death = span(node, "deceasedDateTime")
    dead = bool(get(node, "deceasedBoolean", bool)) or death is not None
    if death is None or death[1] - death[0] > _DAY_AND_ZONES:
        death = (np.nan, np.nan)
    return (birth[0] if birth else np.nan), sex, dead, *death


def events_of(node: Json, type_: str, resolve: Resolve) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Turn a clinical resource into events, and tell why parts of it are none.

    `resolve` gives the patient's id of a reference. An event is (patient, time, known, kind, code, name, value, unit);
    a medication that is named by reference has ("", reference) as its code.

    Raises:
        MalformedError: see there.
    """
    status = get(node, "status", str) or _verification(node)
    if status in _VOID.get(type_, {"entered-in-error", "refuted"}):
        return [], [f"{type_} with status {status}"]
    if get(node, "doNotPerform", bool):
        return [], [f"{type_} that says not to"]
    patient = resolve(get(node, "subject", dict), "subject")
    when = _WHEN[type_](node)
    if when is None:
        raise MalformedError("has no time")
    if type_ == "Observation":
        found, left_out = _observed(node)
    else:
        found, left_out = [(*_CODE[type_](node), np.nan, "")], []
    return [(patient, *when, KIND[type_], *one) for one in found], left_out


def _verification(node: Json) -> str | None:
    given = items(get(node, "verificationStatus", dict) or {}, "coding")
    return get(given[0], "code", str) if given else None


def _observation_time(node: Json) -> Span | None:
    issued = span(node, "issued")
    when = span(node, "effectiveDateTime") or span(node, "effectiveInstant") or period(node, "effectivePeriod")
    return _known_by(when, issued)


def _condition_time(node: Json) -> Span | None:
    onset = span(node, "onsetDateTime") or period({"onset": _start(node, "onsetPeriod")}, "onset")
    return _known_by(onset, span(node, "recordedDate"))


def _start(node: Json, key: str) -> Json:
    return {"start": (get(node, key, dict) or {}).get("start")}


def _known_by(when: Span | None, recorded: Span | None) -> Span | None:
    if when is None or recorded is None:
        return when or recorded
    return when[0], max(when[1], recorded[1])


def _observed(node: Json) -> tuple[list[tuple[Any, ...]], list[str]]:
    found, left_out = [], []
    components = items(node, "component")
    for part in (node, *components):
        code, name = concept(get(part, "code", dict), "code")
        value = _value(part, code)
        if isinstance(value, tuple):
            found.append((value[0], name, *value[1:]))
        elif part is not node or not components or value != "Observation without a value":
            left_out.append(value)
        if (get(part, "valueQuantity", dict) or {}).get("comparator"):
            left_out.append("Observation whose comparator is dropped and whose bound is kept")
    return found, left_out


def _value(part: Json, code: str) -> tuple[str, float, str] | str:
    """The code with its answer, number and unit of an Observation or component; or why there is none."""
    quantity = get(part, "valueQuantity", dict)
    if quantity is not None and "value" in quantity:
        unit = get(quantity, "code", str) or get(quantity, "unit", str) or ""
        return code, _number(quantity["value"]), "" if unit == "" else plain(unit, "unit")
    if (answer := get(part, "valueCodeableConcept", dict)) is not None:
        return plain(f"{code}={concept(answer, 'valueCodeableConcept')[0]}", "code"), np.nan, ""
    if (yes := get(part, "valueBoolean", bool)) is not None:
        return code, float(yes), ""
    if (number := get(part, "valueInteger", int)) is not None:
        return code, _number(number), ""
    if "dataAbsentReason" in part:
        return "Observation whose value is absent for a reason"
    other = next((v for v in OTHER_VALUES if f"value{v}" in part), None)
    return f"Observation whose value is a {other}" if other else "Observation without a value"


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedError("the value must be a number")
    if not abs(value) <= ABSURD:
        raise MalformedError(f"the value is above {ABSURD:g}")
    return float(value)


def _medication(node: Json) -> tuple[Any, str]:
    if "medicationCodeableConcept" in node:
        return concept(get(node, "medicationCodeableConcept", dict), "medicationCodeableConcept")
    given = get(node, "medicationReference", dict) or {}
    reference = get(given, "reference", str)
    if not reference:
        raise MalformedError("names no medication")
    return ("", plain(reference, "medicationReference")), _clean(get(given, "display", str) or reference)


def _encounter(node: Json) -> tuple[str, str]:
    kinds = items(node, "type")
    return concept(kinds[0] if kinds else {"coding": [get(node, "class", dict) or {}]}, "type or class")


def _coded(node: Json) -> tuple[str, str]:
    return concept(get(node, "code", dict), "code")


KIND = {
    "Observation": "observation",
    "Condition": "condition",
    "MedicationRequest": "medication",
    "Procedure": "procedure",
    "Encounter": "visit",
}
_CODE: dict[str, Callable[[Json], tuple[Any, str]]] = {
    "Condition": _coded,
    "Procedure": _coded,
    "MedicationRequest": _medication,
    "Encounter": _encounter,
}
_WHEN: dict[str, Callable[[Json], Span | None]] = {
    "Observation": _observation_time,
    "Condition": _condition_time,
    "MedicationRequest": lambda node: span(node, "authoredOn"),
    "Procedure": lambda node: span(node, "performedDateTime") or period(node, "performedPeriod"),
    "Encounter": lambda node: period({"period": _start(node, "period")}, "period"),
}
