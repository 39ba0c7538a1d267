"""Two finished runs with their reports, made once."""

import fabricate
import pytest

from pmjax import report


@pytest.fixture(scope="session")
def classify_run(tmp_path_factory):
    run = fabricate.write(fabricate.wisconsin(300), tmp_path_factory.mktemp("runs") / "wisconsin")
    report.build(run)
    return run


@pytest.fixture(scope="session")
def survive_run(tmp_path_factory):
    run = fabricate.write(fabricate.lung(), tmp_path_factory.mktemp("runs") / "lung")
    report.build(run)
    return run


@pytest.fixture(params=["classify", "survive"])
def run(request):
    return request.getfixturevalue(f"{request.param}_run")
