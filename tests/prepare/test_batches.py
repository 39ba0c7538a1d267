"""Index tables: every row once, whatever the sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.prepare.batches import index_table, shuffled, stack_tables, table_shape

SIZES = st.lists(st.integers(1, 70), min_size=1, max_size=5)


@given(SIZES, st.integers(1, 32), st.sampled_from([1, 2, 8]), st.integers(0, 99))
def test_every_row_of_every_run_comes_once_with_weight_1(sizes, batch_size, multiple, seed):
    steps, width = table_shape(np.array(sizes), batch_size, multiple)
    assert width % multiple == 0
    rows = [shuffled(np.arange(n) * 3, seed, run) for run, n in enumerate(sizes)]
    tables, weights = stack_tables([index_table(r, steps, width) for r in rows])
    assert tables.shape == weights.shape == (len(sizes), steps, width)
    assert tables.dtype == np.int32
    assert weights.dtype == np.float32
    for run, n in enumerate(sizes):
        np.testing.assert_array_equal(np.sort(tables[run][weights[run] == 1]), np.arange(n) * 3)
        assert set(np.unique(weights[run])) <= {0.0, 1.0}
        # Padding repeats a row of the run: rows of other parts never enter, not even with weight 0.
        assert set(tables[run].ravel()) <= set(rows[run])


@given(st.integers(1, 200), st.integers(1, 64))
def test_batches_are_even_and_at_most_the_batch_size(n, batch_size):
    steps, width = table_shape(np.array([n]), batch_size)
    assert width <= batch_size
    filled = index_table(np.arange(n), steps, width)[1].sum(axis=1)
    assert filled.max() - filled.min() <= 1
    assert filled.min() >= 1


def test_the_order_depends_on_the_given_integers_alone():
    rows = np.arange(100)
    np.testing.assert_array_equal(shuffled(rows, 1, 2, 3), shuffled(rows, 1, 2, 3))
    assert (shuffled(rows, 1, 2, 3) != shuffled(rows, 1, 2, 4)).any()
    np.random.seed(0)  # noqa: NPY002 (the global state is what must not matter)
    first = shuffled(rows, 7)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(first, shuffled(rows, 7))


def test_rows_that_do_not_fit_are_refused_not_dropped():
    with pytest.raises(ValueError, match="5 rows do not fit 2 batches of 2"):
        index_table(np.arange(5), 2, 2)
