"""Images: breast ultrasound at the size of a stamp."""

from dataclasses import replace

from pmjax.cohort import Classify, Cohort
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import adopt
from pmjax.data.readers.images import npz

BREASTMNIST = Entry(
    name="breastmnist",
    title="BreastMNIST: breast ultrasound, 28 × 28",
    citation="J. Yang et al. MedMNIST v2 – a large-scale lightweight benchmark for 2D and 3D biomedical image "
    "classification. Sci Data 10, 41, 2023. Images: W. Al-Dhabyani, M. Gomaa, H. Khaled, A. Fahmy. Dataset of breast "
    "ultrasound images. Data Brief 28, 104863, 2020.",
    licence="CC BY 4.0",
    files=(File("medmnist/BreastMNIST.npz", "5e68d79723fb3a63a399b0a66b66451799fc2eb3651f469cec0b679cfd743b68"),),
    loader="pmjax.data.public.imaging:breastmnist",
    protocol="official parts, 546 / 78 / 156; AUROC and accuracy on test",
    published="ResNet-18 at 28 × 28: AUC .901, accuracy .863 (published, unverified)",
    how="medmnist.com, BreastMNIST at 28 × 28: the arrays of breastmnist.npz, packed again with labels of shape (N,)",
)

ENTRIES = (BREASTMNIST,)

_CLASSES = ("malignant", "benign or normal")


def breastmnist() -> Cohort:
    """Load 780 grey images (780, 28, 28, 1) in [0, 1] with their official parts; `malignant` is the positive class."""
    (path,) = files(BREASTMNIST).values()
    cohort = npz(str(path), classes=_CLASSES, task="malignancy")
    assert isinstance(cohort.task, Classify)
    task = Classify("malignancy", 1 - cohort.task.label, _CLASSES[::-1])
    return adopt(
        replace(cohort, task=task),
        BREASTMNIST,
        "MedMNIST's label is 0 for malignant and 1 for benign or normal; it is turned round, so that the positive "
        "class is the disease.",
        "The 780 images are of about 600 women, whom MedMNIST does not name: every image counts as a patient, and the "
        "official parts may share a woman.",
    )
