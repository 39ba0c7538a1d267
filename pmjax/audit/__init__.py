"""What is wrong with a cohort and its splits, found before anything is trained."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from pmjax.audit.duplicates import duplicate_rows, patient_in_two_parts
from pmjax.audit.leakage import label_copy, single_column
from pmjax.audit.near import near_duplicates
from pmjax.audit.probes import fit_on_test, selection_sees_labels
from pmjax.audit.scaling import scaled_outside
from pmjax.audit.shift import shift_parts, shift_sites
from pmjax.audit.sizes import class_absent, empty_column, events_per_variable, site_absent
from pmjax.audit.times import dates_after_outcome
from pmjax.cohort import Cohort
from pmjax.errors import AuditError, UserError
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits

__all__ = ["CHECKS", "inspect", "stop_if_blocked"]

CHECKS: Mapping[str, Callable[[Cohort, Splits], list[Finding]]] = MappingProxyType(
    {
        "patient-in-two-parts": patient_in_two_parts,
        "duplicate-rows": duplicate_rows,
        "near-duplicates": near_duplicates,
        "dates-after-outcome": dates_after_outcome,
        "fit-on-test": fit_on_test,
        "selection-sees-labels": selection_sees_labels,
        "scaled-outside": scaled_outside,
        "label-copy": label_copy,
        "single-column": single_column,
        "class-absent": class_absent,
        "site-absent": site_absent,
        "empty-column": empty_column,
        "events-per-variable": events_per_variable,
        "shift-parts": shift_parts,
        "shift-sites": shift_sites,
    }
)
"""Every check by the name that its findings carry and that `config.audit.allow` accepts."""


def inspect(cohort: Cohort, splits: Splits, *, allow: tuple[str, ...] = ()) -> list[Finding]:
    """Run every check; findings of the checks in `allow` are marked as allowed, and stay in the list.

    Raises:
        UserError: when `allow` names a check that does not exist.
    """
    unknown = [name for name in allow if name not in CHECKS]
    if unknown:
        raise UserError(f"audit.allow: {unknown[0]!r} is no check; choose from {', '.join(CHECKS)}")
    found = [finding for check in CHECKS.values() for finding in check(cohort, splits)]
    return [replace(finding, allowed=finding.check in allow) for finding in found]


def stop_if_blocked(findings: Iterable[Finding], shown: int = 5) -> None:
    """Raise an AuditError that names check and patients of every blocking finding that is not allowed."""
    blocking = [f for f in findings if f.severity == "blocking" and not f.allowed]
    if not blocking:
        return
    lines = []
    for finding in blocking:
        more = f" and {len(finding.rows) - shown} more" if len(finding.rows) > shown else ""
        patients = f" (patients {', '.join(finding.rows[:shown])}{more})" if finding.rows else ""
        lines.append(f"{finding.check}: {finding.message}{patients}")
    names = ", ".join(dict.fromkeys(f.check for f in blocking))
    raise AuditError(f"the audit stopped the study: {'; '.join(lines)}. Mend it, or accept it in audit.allow: {names}")
