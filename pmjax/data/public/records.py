"""Records: synthetic patients as FHIR bundles and as an OMOP zip, too few to learn from, enough to try the way."""

from pmjax.cohort import Cohort
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import adopt
from pmjax.data.readers.fhir import fhir, files_of
from pmjax.data.readers.omop import omop
from pmjax.errors import UserError

_BUNDLES = {
    "hospitals": "fc447eaa12b1e68577810d8084c89690ae6a29e50cddcd1f1f3f96c176b72a68",
    "patient-01": "f902ffe4cebc5cec0dec8c8f2056b2e9acd79ea3d86ecc498ecc7f4648e3d505",
    "patient-02": "2228892ab20ed4ddb0d461e36950ee6de827ae54ed09df1075411ded03fc3ef4",
    "patient-03": "83ee6ca54db9cf790659e663227b2b8319d3e84f1f0661966130ecf3a65c456e",
    "patient-04": "409d668d525c6b966e770b1b476993246d0a06dd2a776d7cab431b7dbc371747",
    "patient-05": "1a683f8c7163e992d430569051b1a0c7ec1df6f44d38d670b60164473d377e6c",
    "patient-06": "4aa2ffe1684f25ad186febcc7c29da1c3b5ddaf78c7a8b33638742cab7b6f149",
    "patient-07": "05b68c7371d3620b2fdc9b98445c36a4b38019cf2f1d20ffb83c99fec175b68a",
    "practitioners": "7503c1083c9fa6f9b1beae0dd154b9958f1e8ea79c9a086ba6cbde6f73bc5fe6",
}
_SYNTHEA = (
    "J. Walonoski et al. Synthea: an approach, method, and software mechanism for generating synthetic patients and "
    "the synthetic electronic health care record. J Am Med Inform Assoc 25, 230–238, 2018."
)
FHIR_SYNTHEA = Entry(
    name="fhir_synthea",
    title="Synthea: seven synthetic patients as FHIR R4 bundles",
    citation=_SYNTHEA,
    licence="Apache-2.0",
    files=tuple(File(f"fhir_synthea_r4/{name}.json", sha256) for name, sha256 in _BUNDLES.items()),
    loader="pmjax.data.public.records:fhir_synthea",
    protocol="none: a trial of the reader",
    published="",
    how="by hand: seven transaction bundles of Synthea (R4) with their hospitals and practitioners",
)

OMOP_SYNTHEA = Entry(
    name="omop_synthea",
    title="Synthea27Nj: 28 synthetic persons in OMOP CDM 5.4",
    citation=f"{_SYNTHEA} Packed by OHDSI Eunomia.",
    licence="Apache-2.0",
    files=(
        File(
            "omop_synthea27nj/Synthea27Nj_5.4.zip", "cdd3971be325e17b0e872bf4560711ab4c346917ecb079e2faf32badb55cb693"
        ),
    ),
    loader="pmjax.data.public.records:omop_synthea",
    protocol="none: a trial of the reader",
    published="",
    how="github.com/OHDSI/EunomiaDatasets, datasets/Synthea27Nj/Synthea27Nj_5.4.zip",
)

ENTRIES = (FHIR_SYNTHEA, OMOP_SYNTHEA)

_WEIGHT = "loinc|29463-7"
_MEASURES = (
    _WEIGHT,
    "loinc|8302-2",  # height
    "loinc|8480-6",  # systolic pressure
    "loinc|8462-4",  # diastolic pressure
    "loinc|718-7",  # haemoglobin
    "loinc|6690-2",  # leukocytes
    "loinc|777-3",  # platelets
)
_FIVE_YEARS = 1826
_SIMULATED = "All patients are simulated by Synthea; they are too few for any result to mean something."


def fhir_synthea() -> Cohort:
    """Load six patients: viral sinusitis within five years of the first body weight, from that day's measurements.

    Raises:
        UserError: another JSON file lies in the folder, which the reader would take for a part of the record.
    """
    verified = set(files(FHIR_SYNTHEA).values())
    folder = min(verified).parent
    for path in files_of(str(folder)):
        if path not in verified:
            raise UserError(f"{path}: is no file of cohort {FHIR_SYNTHEA.name!r}; move it to another folder")
    cohort = fhir(
        str(folder),
        window={"index": {"code": _WEIGHT}, "before": 0, "after": 1, "codes": _MEASURES},
        outcome={"event": {"code": "snomed|444814009"}, "within": _FIVE_YEARS, "name": "viral sinusitis"},
    )
    return adopt(cohort, FHIR_SYNTHEA, _SIMULATED, simulated=True)


def omop_synthea() -> Cohort:
    """Load 18 persons: acute viral pharyngitis within five years of 2014, from the five years before.

    Persons who died or had it before are not asked; the flow counts them.
    """
    (path,) = files(OMOP_SYNTHEA).values()
    cohort = omop(
        str(path),
        window={"index": {"date": "2014-01-01"}, "before": _FIVE_YEARS, "codes": _MEASURES},
        outcome={"event": {"code": "snomed|195662009"}, "within": _FIVE_YEARS, "name": "acute viral pharyngitis"},
    )
    return adopt(cohort, OMOP_SYNTHEA, _SIMULATED, simulated=True)
