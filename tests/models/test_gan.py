"""GANs: shapes of both players, how classes enter, what is refused, and the same outputs as torch's DCGAN."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import gan
from jaxdl.tree import parameter_count

DCGAN = gan.Config()
TINY = gan.Config(size=(8, 8, 1), n_latent=5, generator=(6, 4), discriminator=(4, 6), n_embedding=3)
POINTS = gan.Config(size=(2,), kind="dense", n_latent=3, generator=(8, 7), discriminator=(7, 8), output="identity")


def players(config, key):
    params, state = gan.init(key, config), gan.init_state(config)
    return params["generator"], state["generator"], params["discriminator"], state["discriminator"]


def labels(config, n):
    return jnp.arange(n) % config.n_classes if config.n_classes else None


@pytest.mark.parametrize("base", [TINY, POINTS], ids=["convolutional", "dense"])
@pytest.mark.parametrize("norm", ["none", "batch", "spectral"])
@pytest.mark.parametrize("condition", ["", "one_hot", "embedding", "projection"])
def test_shapes(base, norm, condition, key):
    config = dataclasses.replace(
        base,
        generator_norm="none" if norm == "none" else "batch",
        discriminator_norm=norm,
        **({"n_classes": 3, "condition": condition} if condition else {}),
    )

    def play(key):
        g, g_state, d, d_state = players(config, key)
        y = labels(config, 4)
        x, g_new = gan.generate(g, g_state, jnp.ones((4, config.n_latent)), config, train=True, labels=y)
        logits, d_new = gan.discriminate(d, d_state, x, config, train=True, labels=y)
        return x, logits, (g_state, d_state), (g_new, d_new)

    x, logits, before, after = jax.eval_shape(play, key)
    assert x.shape == (4, *config.size)
    assert logits.shape == (4,)
    assert jax.tree.structure(before) == jax.tree.structure(after)
    assert len(jax.tree.leaves(before[1])) == {"none": 0, "batch": 2, "spectral": 3}[norm]


def test_dcgan_has_its_layers(key):
    """z 100, 7x7x128, 14x14x64, 28x28x1 and back: kernels, scales and biases of three norms, biases elsewhere."""
    count = parameter_count(jax.eval_shape(lambda k: gan.init(k, DCGAN), key))
    generator = 100 * 6272 + 2 * 128 + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1
    discriminator = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 6272 + 1
    assert count == generator + discriminator


def test_the_convolutional_players_equal_torch(key):
    torch = pytest.importorskip("torch")
    g, g_state, d, d_state = players(TINY, key)
    z = jax.random.normal(key, (4, 5))

    @jax.jit
    def play(g, d):
        x, _ = gan.generate(g, g_state, z, TINY, train=True)
        return x, gan.discriminate(d, d_state, x, TINY, train=True)[0]

    x, logits = play(g, d)

    def tensor(a):
        return torch.from_numpy(np.array(a))

    def kernel(layer):  # HWIO -> OIHW
        return tensor(jnp.transpose(layer["w"], (3, 2, 0, 1)))

    def transposed(layer):  # HWIO -> IOHW, turned
        return tensor(jnp.transpose(layer["w"][::-1, ::-1], (2, 3, 0, 1)))

    def norm(h, p):
        return torch.nn.functional.batch_norm(h, None, None, tensor(p["scale"]), tensor(p["bias"]), training=True)

    f = torch.nn.functional
    h = (tensor(z) @ tensor(g["layer_0"]["w"])).reshape(4, 2, 2, 6).permute(0, 3, 1, 2)
    h = f.conv_transpose2d(f.relu(norm(h, g["norm_0"])), transposed(g["layer_1"]), stride=2, padding=1)
    h = f.conv_transpose2d(
        f.relu(norm(h, g["norm_1"])), transposed(g["layer_2"]), tensor(g["layer_2"]["b"]), stride=2, padding=1
    )
    theirs = torch.sigmoid(2 * h)
    np.testing.assert_allclose(x[..., 0], theirs[:, 0].numpy(), rtol=1e-5, atol=1e-6)

    h = f.conv2d(2 * theirs - 1, kernel(d["layer_0"]), tensor(d["layer_0"]["b"]), stride=2, padding=1)
    h = norm(f.conv2d(f.leaky_relu(h, 0.2), kernel(d["layer_1"]), stride=2, padding=1), d["norm_1"])
    h = f.leaky_relu(h, 0.2).permute(0, 2, 3, 1).reshape(4, -1)
    theirs = h @ tensor(d["layer_2"]["w"]) + tensor(d["layer_2"]["b"])
    np.testing.assert_allclose(logits, theirs[:, 0].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("base", [TINY, POINTS], ids=["convolutional", "dense"])
@pytest.mark.parametrize("condition", ["one_hot", "embedding", "projection"])
def test_the_class_reaches_both_players(base, condition, key):
    config = dataclasses.replace(base, n_classes=3, condition=condition, discriminator_norm="none")
    g, g_state, d, d_state = players(config, key)
    z = jnp.broadcast_to(jax.random.normal(key, (1, config.n_latent)), (3, config.n_latent))
    x, _ = gan.generate(g, g_state, z, config, train=False, labels=jnp.arange(3))
    assert min(float(jnp.abs(x[i] - x[j]).max()) for i, j in [(0, 1), (1, 2), (0, 2)]) > 1e-6
    same = jnp.broadcast_to(x[:1], x.shape)
    logits, _ = gan.discriminate(d, d_state, same, config, train=False, labels=jnp.arange(3))
    assert len(set(np.asarray(logits).tolist())) == 3


def test_projection_is_the_inner_product(key):
    """Two classes' logits differ by (e_1 - e_0)^T h, so twice as long rows differ by twice as much."""
    config = dataclasses.replace(POINTS, n_classes=2)
    _, _, d, d_state = players(config, key)
    x = jax.random.normal(key, (6, 2))

    def difference(params):
        logits = [gan.discriminate(params, d_state, x, config, train=False, labels=jnp.full(6, k))[0] for k in (0, 1)]
        return np.asarray(logits[1] - logits[0])

    longer = d | {"label": {"table": 2 * d["label"]["table"]}}
    np.testing.assert_allclose(difference(longer), 2 * difference(d), rtol=1e-4, atol=1e-6)


def test_spectral_normalization_bounds_every_layer(key):
    """After many steps of training mode the logits of a dense D change by at most |x - y|: no layer stretches."""
    config = dataclasses.replace(POINTS, discriminator_norm="spectral")
    _, _, d, state = players(config, key)
    d = jax.tree.map(lambda leaf: 10 * leaf, d)
    x = jax.random.normal(key, (32, 2))
    advance = jax.jit(lambda s: gan.discriminate(d, s, x, config, train=True)[1])
    for _ in range(30):
        state = advance(state)
    logits, _ = gan.discriminate(d, state, x, config, train=False)
    slopes = np.abs(logits[1:] - logits[:-1]) / np.linalg.norm(x[1:] - x[:-1], axis=1)
    assert slopes.max() <= 1 + 1e-4
    without = dataclasses.replace(config, discriminator_norm="none")
    free, _ = gan.discriminate(d, {}, x, without, train=False)
    assert np.abs(free[1:] - free[:-1]).max() > 10


def test_only_training_moves_the_state(key):
    g, g_state, d, d_state = players(TINY, key)
    z = jax.random.normal(key, (4, 5))
    for train in (True, False):
        x, g_new = gan.generate(g, g_state, z, TINY, train=train)
        _, d_new = gan.discriminate(d, d_state, x, TINY, train=train)
        for old, new in ((g_state, g_new), (d_state, d_new)):
            moved = [bool((a != b).any()) for a, b in zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True)]
            assert all(moved) if train else not any(moved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generator": (4, -5)}, "generator must be positive"),
        ({"discriminator": ()}, "at least one hidden layer"),
        ({"condition": "projektion"}, "did you mean 'projection'"),
        ({"discriminator_norm": "spektral"}, "did you mean 'spectral'"),
        ({"size": (10, 8, 1)}, "divisible by 4"),
        ({"size": (8,)}, r"\(H, W, C\)"),
        ({"n_classes": -1}, "n_classes must be finite and at least 0"),
    ],
)
def test_impossible_configurations_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


def test_labels_must_fit_the_network(key):
    g, g_state, _, _ = players(POINTS, key)
    with pytest.raises(ValueError, match=r"n_classes=0, but labels \(2,\) were given"):
        gan.generate(g, g_state, jnp.ones((2, 3)), POINTS, train=True, labels=jnp.zeros(2, jnp.int32))
    with pytest.raises(ValueError, match="n_classes=3, but no labels"):
        gan.generate(g, g_state, jnp.ones((2, 3)), dataclasses.replace(POINTS, n_classes=3), train=True)
