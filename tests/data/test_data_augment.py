"""Augmentation: each image changes as its name says, by its own key, in its own dtype."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import augment

TRANSFORMS = {
    "shift": partial(augment.random_shift, max_shift=2),
    "crop": partial(augment.random_crop, size=(5, 6), padding=1),
    "flip": augment.random_flip,
    "flip/vertical": partial(augment.random_flip, axis=1),
    "cutout": partial(augment.cutout, size=3),
    "noise": partial(augment.gaussian_noise, std=4.0),
    "compose": augment.compose(augment.random_flip, partial(augment.random_shift, max_shift=1)),
}
COMPILED = {name: jax.jit(transform) for name, transform in TRANSFORMS.items()}
H, W = 7, 8


def pictures(n, dtype="float32"):
    """Images whose pixels all differ and none of which is zero."""
    return jnp.asarray(np.random.default_rng(0).permutation(n * H * W * 2).reshape(n, H, W, 2) % 250 + 1, dtype)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_jit_and_shape(name, key):
    x = pictures(6)
    y = TRANSFORMS[name](x, key=key)
    assert y.shape == ((6, 5, 6, 2) if name == "crop" else x.shape)
    close = 1e-6 if name == "noise" else 0  # compiled, the multiplication and the sum are one instruction
    np.testing.assert_allclose(COMPILED[name](x, key=key), y, rtol=close)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_dtype_is_kept(name, key, x64):
    for dtype in ("uint8", "float16", "bfloat16", "float32", "float64"):
        assert jax.eval_shape(TRANSFORMS[name], pictures(6, dtype), key=key).dtype == dtype


@pytest.mark.parametrize("name", ["shift", "flip", "cutout"])
def test_bytes_move_like_floats(name, key):
    whole = COMPILED[name](pictures(6, "uint8"), key=key)
    np.testing.assert_array_equal(whole, COMPILED[name](pictures(6), key=key).astype(jnp.uint8))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_row_does_not_see_its_mates(name, key):
    x = pictures(6)
    whole = COMPILED[name](x, key=key)
    np.testing.assert_array_equal(COMPILED[name](x[:4], key=key), whole[:4])  # the batch's size does not matter
    changed = COMPILED[name](x.at[0].set(0.0), key=key)
    np.testing.assert_array_equal(changed[1:], whole[1:])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_rows_and_keys_differ(name, key):
    x = jnp.broadcast_to(pictures(1), (6, H, W, 2))
    y = np.asarray(COMPILED[name](x, key=key))
    assert len({row.tobytes() for row in y}) > 1
    assert (y != np.asarray(COMPILED[name](x, key=jax.random.key(1)))).any()
    np.testing.assert_array_equal(y, COMPILED[name](x, key=key))


@pytest.mark.parametrize("name", ["shift", "flip", "cutout"])
def test_under_vmap(name):
    x = jnp.stack([pictures(6), pictures(6) + 1])
    keys = jax.random.split(jax.random.key(0), 2)
    y = jax.jit(jax.vmap(lambda images, key: TRANSFORMS[name](images, key=key)))(x, keys)
    np.testing.assert_array_equal(y[1], COMPILED[name](x[1], key=keys[1]))


def windows(x, size, padding):
    """Every window that a crop may cut, with its place."""
    padded = np.pad(np.asarray(x), ((padding, padding), (padding, padding), (0, 0)))
    tops, lefts = padded.shape[0] - size[0] + 1, padded.shape[1] - size[1] + 1
    return {(i, j): padded[i : i + size[0], j : j + size[1]] for i in range(tops) for j in range(lefts)}


@pytest.mark.parametrize(("size", "padding"), [((5, 6), 1), ((H, W), 2), ((H, W), 0)])
def test_crops_are_windows_and_all_of_them_come(size, padding, key):
    x = jnp.broadcast_to(pictures(1), (600, H, W, 2))
    y = augment.random_crop(x, size, padding=padding, key=key)
    places = {window.tobytes(): place for place, window in windows(x[0], size, padding).items()}
    found = [places[row.tobytes()] for row in np.asarray(y)]  # a KeyError: not a window
    assert set(found) == set(places.values())


def test_shift_is_a_crop_of_the_same_size(key):
    x = pictures(5)
    np.testing.assert_array_equal(
        augment.random_shift(x, 3, key=key), augment.random_crop(x, (H, W), padding=3, key=key)
    )
    np.testing.assert_array_equal(augment.random_shift(x, 0, key=key), x)


@pytest.mark.parametrize("axis", [1, 2])
def test_flip(axis, key):
    x = pictures(400)
    y = augment.random_flip(x, axis=axis, key=key)
    flipped = (y == jnp.flip(x, axis)).all(axis=(1, 2, 3))
    same = (y == x).all(axis=(1, 2, 3))
    assert bool((flipped ^ same).all())
    assert 150 < int(flipped.sum()) < 250
    np.testing.assert_array_equal(augment.random_flip(x, 0.0, key=key), x)
    np.testing.assert_array_equal(augment.random_flip(x, 1.0, axis=axis, key=key), jnp.flip(x, axis))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_cutout_is_one_square_clipped_at_the_border(size, key):
    x = pictures(300)
    y = np.asarray(augment.cutout(x, size, key=key))
    holes = (y == 0).all(axis=3)
    np.testing.assert_array_equal(np.where(holes[..., None], np.asarray(x), y), x)  # the rest is untouched
    centers, clipped = set(), set()
    for hole in holes:
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        assert hole.sum() == len(rows) * len(columns)  # a rectangle
        assert len(rows) == rows[-1] - rows[0] + 1
        assert max(len(rows), len(columns)) <= size
        if len(rows) < size:
            clipped.add("top" if rows[0] == 0 else "bottom")
        if len(rows) == len(columns) == size:
            centers.add((int(rows[0]) + size // 2, int(columns[0]) + size // 2))
    assert len(centers) > 10
    assert clipped == {1: set(), 2: {"top"}, 3: {"top", "bottom"}}[size]  # the center, not the corner, is inside
    assert holes.any(axis=0).all()  # every pixel is blanked in some image
    np.testing.assert_array_equal(augment.cutout(x, 0, key=key), x)


def test_noise(key):
    x = jnp.full((50, 20, 20, 3), 100.0)
    noise = np.asarray(augment.gaussian_noise(x, 3.0, key=key) - x)
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 3) < 0.05
    assert abs(np.corrcoef(noise[:25].ravel(), noise[25:].ravel())[0, 1]) < 0.03  # rows are independent
    np.testing.assert_array_equal(augment.gaussian_noise(x, 0.0, key=key), x)


def test_noise_on_bytes_is_clipped_not_wrapped(key):
    black, white = jnp.zeros((4, 9, 9, 1), jnp.uint8), jnp.full((4, 9, 9, 1), 255, jnp.uint8)
    assert int(augment.gaussian_noise(black, 5.0, key=key).max()) < 40
    assert int(augment.gaussian_noise(white, 5.0, key=key).min()) > 215
    gray = augment.gaussian_noise(jnp.full((4, 40, 40, 1), 100, jnp.uint8), 2.0, key=key)
    assert abs(float(gray.astype(jnp.float32).mean()) - 100) < 0.15  # rounded, not cut off


def test_compose_gives_each_step_its_own_key(key):
    x = jnp.zeros((1, 30, 30, 1))
    noise = partial(augment.gaussian_noise, std=1.0)
    twice = augment.compose(noise, noise)(x, key=key)
    assert abs(float(twice.std()) - 2**0.5) < 0.1  # the same noise twice would give 2
    np.testing.assert_array_equal(augment.compose()(x, key=key), x)


def test_numpy_input(key):
    x = np.asarray(pictures(6))
    for name, transform in TRANSFORMS.items():
        np.testing.assert_allclose(transform(x, key=key), COMPILED[name](pictures(6), key=key), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, k: augment.random_flip(x[0], key=k), r"must be \[B, H, W, C\], got shape \(7, 8, 2\)"),
        (lambda x, k: augment.random_crop(x, (9, 9), key=k), r"a window of \(9, 9\) does not fit into \(1, 7, 8, 2\)"),
        (lambda x, k: augment.random_crop(x, (0, 4), key=k), "a window of"),
        (lambda x, k: augment.random_shift(x, -1, key=k), "padding -1"),
        (lambda x, k: augment.random_flip(x, 1.5, key=k), "rate=1.5"),
        (lambda x, k: augment.random_flip(x, axis=3, key=k), "axis=3"),
        (lambda x, k: augment.cutout(x, -1, key=k), "got -1"),
        (lambda x, k: augment.gaussian_noise(x, -0.1, key=k), "got -0.1"),
    ],
)
def test_wrong_arguments(call, message, key):
    with pytest.raises(ValueError, match=message):
        call(pictures(1), key)
