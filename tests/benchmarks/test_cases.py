"""Every case is one that the product builds, learns what is in its data, and counts its arithmetic right."""

import jax
import numpy as np
import pytest

from benchmarks import cases
from benchmarks.cases import CASES
from pmjax import models

SMALL = [case for name, case in CASES.items() if name.endswith("-small")]


@pytest.mark.parametrize("case", CASES.values(), ids=str)
def test_a_case_is_a_model_of_the_product(case):
    model = models.build(case.family, case.classes, **case.keywords)
    inputs = jax.ShapeDtypeStruct((case.batch, *case.shape), np.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), inputs)
    assert jax.eval_shape(model.apply, params, inputs).shape == (case.batch, case.classes)


@pytest.mark.parametrize("case", [*SMALL, CASES["cnn2d-large"], CASES["hybrid"]], ids=lambda case: case.name)
def test_products_are_those_of_the_parameters(case):
    """Each kernel is used once a position it is applied at: count them from the shapes of the parameters."""
    model = models.build(case.family, case.classes, **case.keywords)
    inputs = jax.ShapeDtypeStruct((1, *case.shape), np.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), inputs)["params"]
    positions = list(case.shape[:-1])
    expected = 0
    for layer in params["encoder"].get("Convolutions_0", {}).values():
        expected += np.prod(positions) * layer["kernel"].size
        positions = [-(-p // case.keywords["pool"]) for p in positions]
    recurrent = params["encoder"].get("TanhRNN_0", {})
    expected += sum(positions[0] * recurrent[name].size for name in ("w", "u") if recurrent)
    dense = [*params["encoder"].get("Layers_0", {}).values(), params["Dense_0"]]
    expected += sum(layer["kernel"].size for layer in dense)
    assert cases.forward_flops(case) == 2 * expected
    first = cases.macs(case)[0]
    assert cases.train_flops(case) == case.batch * 2 * (3 * expected - first)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_data_are_the_same_each_time_and_of_every_class(case):
    one, two = cases.make_data(case), cases.make_data(case)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.values.shape == (case.rows, *case.shape)
    assert set(one.labels) == set(range(case.classes))


def test_every_kind_of_model_has_three_sizes():
    kinds = [name.split("-")[0] for name in CASES]
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(("dnn", "cnn1d", "cnn2d", "rnn", "hybrid"), 3)
