"""The exponent is that of a known power, and a quick run leaves its table."""

import json

import numpy as np
import pytest

from benchmarks import scale

SIZES = (32, 64, 128, 256, 512)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_known_power_is_found_exactly(power):
    slope, error = scale.exponent(SIZES, [3e-3 * size**power for size in SIZES])
    assert slope == pytest.approx(power, abs=1e-12)
    assert error == pytest.approx(0, abs=1e-12)


def test_the_standard_error_is_that_of_a_linear_regression():
    stats = pytest.importorskip("scipy.stats")
    seconds = np.array(SIZES) ** 1.3 * np.random.default_rng(0).lognormal(0, 0.2, len(SIZES))
    fit = stats.linregress(np.log(SIZES), np.log(seconds))
    np.testing.assert_allclose(scale.exponent(SIZES, seconds), (fit.slope, fit.stderr), rtol=1e-10)


@pytest.mark.slow
def test_a_quick_run_leaves_json_and_markdown(tmp_path):
    assert scale.main(["--quick", "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*/scale.json")
    data = json.loads(path.read_text())["data"]
    assert {len(record["sizes"]) for record in data.values()} == {scale.QUICK_SIZES}
    assert all(second > 0 for record in data.values() for second in record["seconds"])
    assert "exponent" in path.with_suffix(".md").read_text()
