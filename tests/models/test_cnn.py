"""The convolutional and the residual network: structure, state, and the same logits as a plain flax model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxdl import data, models
from jaxdl.models import cnn, resnet
from jaxdl.recipes import cifar10_resnet
from jaxdl.tasks import vision
from jaxdl.training import TrainState, evaluate, fit
from jaxdl.tree import parameter_count

TINY = cnn.Config(size=(9, 8), n_in=2, n_out=3, channels=(4, 5), padding="SAME", widths=(6,), normalization="batch")


@pytest.mark.parametrize(("config", "count"), [(cnn.LENET5, 61_706), (cnn.CONVNET, 34_826)])
def test_the_well_known_networks_have_their_parameter_counts(config, count, key):
    assert parameter_count(cnn.init(key, config)) == count


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_residual_network_has_6n_plus_2_layers(blocks, key):
    params = resnet.init(key, resnet.Config(blocks=blocks))
    kernels = [path for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0] if leaf.ndim >= 2]
    shortcuts = [path for path in kernels if "shortcut" in jax.tree_util.keystr(path)]
    assert len(kernels) - len(shortcuts) == 6 * blocks + 2
    assert len(shortcuts) == 2


class FlaxConvnet(linen.Module):
    @linen.compact
    def __call__(self, x):
        for i, n in enumerate((32, 64)):
            x = linen.relu(linen.Conv(n, (3, 3), padding="VALID", name=f"conv_{i}")(x))
            x = linen.max_pool(x, (2, 2), (2, 2))
        return linen.Dense(10, name="dense_0")(x.reshape(x.shape[0], -1))


def test_convnet_equals_flax(key):
    params = cnn.init(key, cnn.CONVNET)
    x = jax.random.normal(jax.random.key(1), (3, 28, 28, 1))
    ours, _ = cnn.apply(params, {}, x, cnn.CONVNET, train=False)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        copied = {name: {"kernel": leaf["w"], "bias": leaf["b"]} for name, leaf in params.items()}
        theirs = FlaxConvnet().apply({"params": copied}, x)
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5, atol=1e-5)


def reference_resnet(params, state, x):
    """Evaluation written with lax alone, for stages of one block."""

    def conv_norm(part, running, h, stride):
        w = part["conv"]["w"]
        h = jax.lax.conv_general_dilated(h, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        scale = part["norm"]["scale"] / np.sqrt(running["var"] + 1e-5)
        return (h - running["mean"]) * scale + part["norm"]["bias"]

    h = jax.nn.relu(conv_norm(params["stem"], state["stem"], x, 1))
    for stage in range(3):
        block, running = params[f"stage_{stage}_block_0"], state[f"stage_{stage}_block_0"]
        y = jax.nn.relu(conv_norm(block["first"], running["first"], h, 2 if stage else 1))
        y = conv_norm(block["second"], running["second"], y, 1)
        h = conv_norm(block["shortcut"], running["shortcut"], h, 2) if stage else h
        h = jax.nn.relu(h + y)
    return h.mean((1, 2)) @ params["dense"]["w"] + params["dense"]["b"]


def test_resnet_equals_a_plain_lax_model(key):
    config = resnet.Config(channels=(4, 6, 8), blocks=1)
    params, state = resnet.init(key, config), resnet.init_state(config)
    x = jax.random.normal(jax.random.key(1), (2, 11, 10, 3))
    _, state = resnet.apply(params, state, x, config, train=True)  # running statistics that are not 0 and 1
    ours, _ = resnet.apply(params, state, x, config, train=False)
    with jax.numpy_rank_promotion("allow"):
        theirs = reference_resnet(params, state, x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "config"), [(cnn, TINY), (resnet, resnet.Config(n_in=2, channels=(3, 4), blocks=1))]
)
def test_only_training_moves_the_running_statistics(module, config, key):
    params, state = module.init(key, config), module.init_state(config)
    x = jax.random.normal(key, (4, 9, 8, 2))
    _, evaluated = module.apply(params, state, x, config, train=False)
    _, trained = module.apply(params, state, x, config, train=True)
    assert jax.tree.structure(evaluated) == jax.tree.structure(trained) == jax.tree.structure(state)
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), state, evaluated)))
    assert not any(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), state, trained)))


def test_dropout_needs_a_key(key):
    config = dataclasses.replace(TINY, dropout=0.5, normalization="none")
    params, x = cnn.init(key, config), jnp.ones((2, 9, 8, 2))
    still, _ = cnn.apply(params, {}, x, config, train=True)
    again, _ = cnn.apply(params, {}, x, config, train=False)
    dropped, _ = cnn.apply(params, {}, x, config, train=True, key=key)
    assert (still == again).all()
    assert (still != dropped).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (4, -5)}, "channels must be positive"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
        ({"normalization": "bach"}, "did you mean 'batch'"),
        ({"size": (4, 4), "padding": "VALID", "window": 5}, "too small"),
    ],
)
def test_impossible_configurations_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


def test_the_cifar10_recipe_runs_on_generated_images(monkeypatch):
    rng = np.random.default_rng(0)
    y = np.arange(40, dtype=np.int32) % 10
    x = (rng.integers(0, 80, (40, 32, 32, 3)) + 17 * y[:, None, None, None]).astype(np.uint8)
    digits = data.load("digits")
    generated = digits._replace(name="cifar10", train={"x": x, "y": y}, test={"x": x[:10], "y": y[:10]})
    monkeypatch.setattr(data, "load", lambda name: generated)
    config = cifar10_resnet.Config(
        model=resnet.Config(channels=(4, 4, 8), blocks=1), epochs=1, warmup_epochs=0, batch_size=15, validation=0.25
    )
    task = cifar10_resnet.task(config)
    result = fit(task, epochs=1, batch_size=15, steps_per_call=1)
    assert np.isfinite(result.history.last()["val_loss"])
    picture = task.pictures["mistakes"](result.state, task.data)
    assert picture.axes
    confusion, n = evaluate(task.evaluate, result.state, task.data.test)["confusion"]
    assert confusion.sum() == n == 10


def pixel_classifier():
    """A model that is right wherever the class's own pixel is the brightest."""
    return models.Model(lambda key: ({}, {}), lambda params, state, x, **_: (9 * x.reshape(len(x), -1), state))


def test_a_network_without_mistakes_has_no_picture_of_them():
    rows = {"x": np.eye(3, dtype=np.float32).reshape(3, 1, 3, 1), "y": np.arange(3, dtype=np.int32)}
    wrong = rows | {"y": np.array([0, 1, 1], np.int32)}
    state = TrainState({}, {}, (), jax.random.key(0), jnp.int32(0))

    def picture(*splits):
        return vision.worst_mistakes(pixel_classifier(), ("a", "b", "c"), state, data.Splits(*splits))

    assert picture(wrong, {}, rows) is None
    assert [ax.get_title() for ax in picture(rows, {}, wrong).axes] == ["b, not c"]
    assert "training part" in picture(wrong, {}, {}).get_suptitle()


def test_feature_maps_are_of_what_there_is(key):
    config = dataclasses.replace(TINY, n_in=1)
    model = models.bind(cnn, config)
    state = TrainState(*model.init(key), (), key, jnp.int32(0))
    rows = {"x": np.ones((2, 9, 8, 1), np.float32), "y": np.zeros(2, np.int32)}
    assert "training part" in vision.feature_maps(model, state, data.Splits(rows, {}, {})).get_suptitle()
