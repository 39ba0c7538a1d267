"""The audit as a whole: silent on the packaged cohorts, loud on planted faults, and stoppable."""

import pytest

from pmjax import data
from pmjax.audit import CHECKS, inspect, stop_if_blocked
from pmjax.errors import AuditError, UserError
from pmjax.evidence import Finding
from pmjax.prepare.splits import make_splits


@pytest.mark.parametrize("scheme", ["stratified", "grouped"])
@pytest.mark.parametrize("name", data.PACKAGED)
def test_nothing_blocks_an_honest_cohort(name, scheme):
    cohort = data.load(name)
    findings = inspect(cohort, make_splits(cohort, scheme=scheme))
    assert [f for f in findings if f.severity != "note"] == []
    stop_if_blocked(findings)


@pytest.fixture
def blocked(cohort, values, label):
    """A cohort with a duplicate across parts and a copy of the label, and its splits."""
    label[70] = label[3]
    values[:, 0] = label
    values[70] = values[3]
    made = cohort(values)
    return made, make_splits(made)


def test_a_blocking_finding_stops_with_check_and_patients(blocked):
    findings = inspect(*blocked)
    with pytest.raises(
        AuditError, match=r"duplicate-rows: .*\(patients p003, p070\).*label-copy: column 'table: f0'"
    ) as e:
        stop_if_blocked(findings)
    assert e.value.exit_code == 3
    assert "\n" not in str(e.value)


def test_an_allowed_finding_stays_in_the_list_and_does_not_stop(blocked):
    findings = inspect(*blocked, allow=("duplicate-rows",))
    assert {f.check: f.allowed for f in findings if f.severity == "blocking"} == {
        "duplicate-rows": True,
        "label-copy": False,
    }
    with pytest.raises(AuditError, match="the audit stopped the study: label-copy"):
        stop_if_blocked(findings)
    stop_if_blocked(inspect(*blocked, allow=("duplicate-rows", "label-copy")))


def test_a_long_list_of_patients_is_cut_with_its_count():
    finding = Finding("duplicate-rows", "blocking", "m", tuple("abcdefgh"))
    with pytest.raises(AuditError, match=r"\(patients a, b, c, d, e and 3 more\)"):
        stop_if_blocked([finding])


def test_warnings_and_notes_do_not_stop():
    harmless = [Finding("class-absent", "warning", "m"), Finding("site-absent", "note", "m")]
    stop_if_blocked(harmless)
    with pytest.raises(AuditError, match="label-copy"):
        stop_if_blocked([*harmless, Finding("label-copy", "blocking", "m")])


def test_an_unknown_check_in_allow_lists_the_checks(blocked):
    with pytest.raises(
        UserError, match=r"audit\.allow: 'duplicates' is no check; choose from patient-in-two-parts"
    ) as e:
        inspect(*blocked, allow=("duplicates",))
    assert all(name in str(e.value) for name in CHECKS)
