"""The synthetic records: who is asked, what is known when, and that nothing comes from after the window."""

import shutil

import numpy as np
import pytest

from pmjax.data.public.records import fhir_synthea, omop_synthea
from pmjax.errors import UserError


@pytest.mark.parametrize(
    ("load", "in_source", "labels", "features"),
    [(fhir_synthea, 7, [3, 3], 8), (omop_synthea, 28, [14, 4], 8)],
)
def test_records_answer_the_declared_question(data_folder, load, in_source, labels, features):
    cohort = load()
    flow = dict(cohort.flow)
    assert flow["patients in the source"] == in_source
    left_out = sum(count for step, count in cohort.flow[1:-1])
    assert in_source - left_out == flow["analysed"] == len(cohort)
    assert list(np.bincount(cohort.task.label)) == labels
    assert cohort.modalities["series"].values.shape[-1] == features
    assert cohort.source.simulated
    known = cohort.recorded.to_numpy()
    late = known >= cohort.outcome_at[:, None]
    assert not late[np.isfinite(known)].any()


def test_a_stray_bundle_is_no_part_of_a_verified_cohort(data_folder, tmp_path, monkeypatch):
    folder = tmp_path / "fhir_synthea_r4"
    shutil.copytree(data_folder / "fhir_synthea_r4", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    monkeypatch.setenv("PMJAX_DATA", str(tmp_path))
    assert len(fhir_synthea()) == 6
    (folder / "patient-08.json").write_bytes((folder / "patient-07.json").read_bytes())
    with pytest.raises(UserError, match=r"patient-08\.json: is no file of cohort 'fhir_synthea'"):
        fhir_synthea()
