"""Augmentations: shapes and padding stay, labels are out of reach, and each does what its name says."""

import inspect
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.errors import UserError
from pmjax.prepare.augment import AUGMENTATIONS, build_augment, mixup

KINDS = list(AUGMENTATIONS)
ALL = [(kind, name) for kind in KINDS for name in AUGMENTATIONS[kind]]
STILL = {
    "noise": {"sd": 0},
    "feature_dropout": {"rate": 0},
    "flip": {"probability": 0},
    "flip_vertical": {"probability": 0},
    "shift": {"pixels": 0},
    "rotate": {"degrees": 0},
    "cutout": {"size": 0},
    "reverse_complement": {"probability": 0},
    "mutate": {"rate": 0},
    "window": {"fraction": 1.0},
    "time_warp": {"strength": 0},
}


def batch(kind, seed=0, rows=6):
    """Prepared values, 0 where padded, and their mask."""
    key = np.random.default_rng(seed)
    if kind in ("table", "image"):
        shape = (rows, 7) if kind == "table" else (rows, 11, 8, 2)
        return jnp.asarray(key.normal(0, 1, shape), jnp.float32), None
    steps = 12
    mask = np.arange(steps) < key.integers(1, steps + 1, rows)[:, None]
    values = np.eye(4)[key.integers(0, 4, (rows, steps))] if kind == "sequence" else key.normal(0, 1, (rows, steps, 3))
    return jnp.asarray(np.where(mask[..., None], values, 0), jnp.float32), jnp.asarray(mask)


@cache
def compiled(kind, name, **strengths):
    return jax.jit(build_augment([{"name": name, **strengths}], kind))


@cache
def strong(kind, name):
    spec = {"name": name}
    if (kind, name) == ("sequence", "shift"):
        spec["bases"] = 3
    elif name in ("reverse_complement", "flip", "flip_vertical"):
        spec["probability"] = 0.5
    elif name == "mutate":
        spec["rate"] = 0.3
    elif name == "cutout":
        spec["size"] = 4
    return jax.jit(build_augment([spec], kind))


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_shapes_types_and_padding_stay_and_the_key_decides(kind, name):
    values, mask = batch(kind)
    augment = strong(kind, name)
    found, after = augment(jax.random.key(1), values, mask)
    assert found.shape == values.shape
    assert found.dtype == values.dtype
    assert np.isfinite(found).all()
    if mask is not None:
        assert (np.asarray(found)[~np.asarray(after)] == 0).all()
        assert not (np.asarray(after) & ~np.asarray(mask)).any()
        assert np.asarray(after).any(axis=1).all()
        assert name == "window" or (after == mask).all()
    np.testing.assert_array_equal(found, augment(jax.random.key(1), values, mask)[0])
    others = [augment(jax.random.key(k), values, mask)[0] for k in range(2, 8)]
    assert any((other != found).any() for other in others)
    assert any((other != values).any() for other in others)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_nothing_changes_at_zero_strength(kind, name):
    values, mask = batch(kind)
    still = {"bases": 0} if (kind, name) == ("sequence", "shift") else STILL[name]
    found, after = compiled(kind, name, **still)(jax.random.key(0), values, mask)
    np.testing.assert_allclose(found, values, atol=1e-5 if name == "rotate" else 0)
    assert mask is None or (after == mask).all()


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_label_is_out_of_reach_and_rows_do_not_meet(kind, name):
    assert list(inspect.signature(build_augment([name], kind)).parameters) == ["key", "values", "mask"]
    values, mask = batch(kind)
    found, _ = strong(kind, name)(jax.random.key(3), values, mask)
    other, _ = strong(kind, name)(jax.random.key(3), values.at[1:].set(0), mask)
    np.testing.assert_array_equal(found[0], other[0])


@pytest.mark.parametrize("kind", KINDS)
def test_all_in_a_row_are_the_same_under_vmap_over_runs(kind):
    values, mask = batch(kind)
    augment = jax.jit(build_augment(list(AUGMENTATIONS[kind]), kind))
    keys = jax.random.split(jax.random.key(0), 3)
    found, after = jax.jit(jax.vmap(augment, (0, None, None)))(keys, values, mask)
    for r in range(3):
        expected, real = augment(keys[r], values, mask)
        np.testing.assert_allclose(found[r], expected, atol=1e-5)
        if mask is not None:
            np.testing.assert_array_equal(after[r], real)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("sequence", "reverse_complement"), ("sequence", "shift"), ("series", "window"), ("series", "time_warp")],
)
def test_a_padded_row_equals_the_truncated_one(kind, name):
    values, _ = batch(kind, rows=1)
    mask = jnp.arange(12)[None] < 7
    values = jnp.where(mask[..., None], values + (kind == "series"), 0)
    long, real = strong(kind, name)(jax.random.key(2), values, mask)
    short, inside = strong(kind, name)(jax.random.key(2), values[:, :7], None)
    np.testing.assert_allclose(long[:, :7], short, atol=1e-6)
    if name == "window":
        np.testing.assert_array_equal(real[:, :7], inside)


@given(st.integers(0, 200))
def test_reverse_complement_twice_is_nothing_and_once_is_the_other_strand(seed):
    values, mask = batch("sequence", seed)
    augment = compiled("sequence", "reverse_complement", probability=1)
    once, _ = augment(jax.random.key(0), values, mask)
    twice, _ = augment(jax.random.key(1), once, mask)
    np.testing.assert_array_equal(twice, values)
    length = int(mask[0].sum())
    read = "".join("ACGT"[b] for b in np.argmax(values[0, :length], axis=1))
    other = "".join("ACGT"[b] for b in np.argmax(once[0, :length], axis=1))
    assert other == read[::-1].translate(str.maketrans("ACGT", "TGCA"))


def test_flips_mirror_and_shifts_move_what_they_say():
    values, _ = batch("image", rows=64)
    always = {"probability": 1}
    flipped, _ = compiled("image", "flip", **always)(jax.random.key(0), values)
    np.testing.assert_array_equal(flipped, values[:, :, ::-1])
    flipped, _ = compiled("image", "flip_vertical", **always)(jax.random.key(0), values)
    np.testing.assert_array_equal(flipped, values[:, ::-1])
    one = jnp.zeros((200, 9, 9, 1)).at[:, 4, 4].set(1)
    moved, _ = compiled("image", "shift", pixels=2)(jax.random.key(0), one)
    places = {tuple(p) for p in np.argwhere(np.asarray(moved)[..., 0])[:, 1:].tolist()}
    assert places == {(y, x) for y in range(2, 7) for x in range(2, 7)}


def test_rotation_turns_a_line_and_keeps_the_centre():
    line = jnp.zeros((1, 21, 21, 1)).at[0, 10, :].set(1)
    found = np.asarray(compiled("image", "rotate", degrees=20)(jax.random.key(5), line)[0])[0, ..., 0]
    assert found[10, 10] == pytest.approx(1, abs=1e-5)
    y, x = np.indices(found.shape) - 10
    angle = np.arctan2((found * y * np.sign(x)).sum(), (found * np.abs(x)).sum())
    drawn = jax.random.uniform(
        jax.random.split(jax.random.fold_in(jax.random.key(5), 0), 1)[0], (), jnp.float32, -20, 20
    )
    assert abs(np.rad2deg(angle)) == pytest.approx(abs(float(drawn)), abs=1)


def test_cutout_leaves_a_square_of_its_size_at_most():
    found, _ = compiled("image", "cutout", size=3)(jax.random.key(0), jnp.ones((300, 10, 10, 2)))
    holes = (np.asarray(found) == 0).all(axis=-1).sum(axis=(1, 2))
    assert holes.max() == 9
    assert set(holes.tolist()) <= {4, 6, 9}
    assert (found.min(axis=-1) == found.max(axis=-1)).all()


def test_noise_and_drop_out_keep_the_mean():
    zeros = jnp.zeros((400, 50))
    noisy, _ = compiled("table", "noise", sd=0.5)(jax.random.key(0), zeros)
    assert abs(float(noisy.mean())) < 0.02
    assert float(noisy.std()) == pytest.approx(0.5, abs=0.02)
    kept, _ = compiled("table", "feature_dropout", rate=0.3)(jax.random.key(0), zeros + 1)
    assert set(np.unique(kept).tolist()) == {0, 1}
    assert float(kept.mean()) == pytest.approx(0.7, abs=0.02)


def test_mutation_changes_the_share_of_bases_that_it_says_and_keeps_them_one_hot():
    bases = jnp.asarray(np.eye(4, dtype=np.float32)[np.zeros((50, 200), int)])
    found, _ = compiled("sequence", "mutate", rate=0.2)(jax.random.key(0), bases)
    assert (found.sum(axis=-1) == 1).all()
    share = np.asarray(found.mean(axis=(0, 1)))
    np.testing.assert_allclose(share, [0.8, 0.2 / 3, 0.2 / 3, 0.2 / 3], atol=0.01)


def test_a_shifted_sequence_is_the_sequence_moved_with_no_base_where_none_came():
    values, mask = batch("sequence", rows=100)
    found, _ = compiled("sequence", "shift", bases=2)(jax.random.key(0), values, mask)
    offsets = set()
    for before, after, length in zip(np.asarray(values), np.asarray(found), np.asarray(mask).sum(axis=1), strict=True):
        expected = {}
        for offset in range(-2, 3):
            moved = np.zeros_like(before)
            for place in range(length):
                if 0 <= place - offset < length:
                    moved[place] = before[place - offset]
            expected[offset] = moved
        fits = [offset for offset, moved in expected.items() if (moved == after).all()]
        assert fits
        if length > 6:
            offsets.update(fits)
    assert offsets == {-2, -1, 0, 1, 2}


@given(st.integers(0, 100))
def test_a_window_is_a_run_of_the_real_steps(seed):
    values, mask = batch("series", seed)
    found, after = compiled("series", "window", fraction=0.5)(jax.random.key(seed), values, mask)
    for before, real, now, kept in zip(*map(np.asarray, (values, mask, found, after)), strict=True):
        n, k = real.sum(), kept.sum()
        assert np.ceil(0.5 * n) <= k <= n
        assert kept[:k].all()
        assert any((before[s : s + k] == now[:k]).all() for s in range(n - k + 1))


@given(st.integers(0, 100))
def test_a_warped_clock_never_runs_backwards_and_keeps_its_ends(seed):
    _, mask = batch("series", seed)
    clock = jnp.where(mask, jnp.arange(12.0)[None], 0)[..., None]
    found = np.asarray(compiled("series", "time_warp", strength=0.99)(jax.random.key(seed), clock, mask)[0])[..., 0]
    for row, length in zip(found, np.asarray(mask).sum(axis=1), strict=True):
        assert row[0] == 0
        assert row[length - 1] == pytest.approx(length - 1, abs=1e-4)
        assert (np.diff(row[:length]) >= 0).all()


def test_mixup_blends_a_row_with_its_partner_by_its_weight():
    values, _ = batch("image", rows=50)
    found, partner, weight = jax.jit(mixup)(jax.random.key(0), values)
    assert sorted(partner.tolist()) == list(range(50))
    assert ((weight >= 0) & (weight <= 1)).all()
    assert np.ptp(weight) > 0.5
    for i in range(50):
        expected = float(weight[i]) * values[i] + (1 - float(weight[i])) * values[int(partner[i])]
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    np.testing.assert_array_equal(mixup(jax.random.key(0), values, alpha=0.0)[0], values)


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        (["spin"], "image", "'spin' does not fit the kind image"),
        (["flip"], "table", "'flip' does not fit the kind table; choose from noise, feature_dropout"),
        (["mixup"], "image", "'mixup' does not fit the kind image"),
        ([{"probability": 1}], "image", "None does not fit the kind image"),
        ([{"name": "flip", "degrees": 3}], "image", "it takes no 'degrees'; it takes probability"),
        ([{"name": "flip", "probability": 1.5}], "image", "is 1.5; it must be a number from 0.0 to 1.0"),
        ([{"name": "shift", "pixels": 1.5}], "image", "is 1.5; it must be a whole number"),
        ([{"name": "noise", "sd": "big"}], "series", "is 'big'"),
        ([{"name": "noise", "sd": float("nan")}], "series", "is nan"),
        ([{"name": "flip", "probability": True}], "image", "is True"),
    ],
)
def test_a_name_or_strength_that_does_not_fit_is_one_clear_line(spec, kind, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        build_augment(spec, kind)


def test_reverse_complement_refuses_what_is_no_dna():
    with pytest.raises(UserError, match="needs columns A, C, G, T, not 20"):
        build_augment(["reverse_complement"], "sequence")(jax.random.key(0), jnp.zeros((2, 5, 20)), None)
