"""What the image recipes share: loading, splitting, the task, and pictures of what was learned."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import data, models
from jaxdl.artifacts import pictures
from jaxdl.tasks import supervised
from jaxdl.training import Task, TrainState
from jaxdl.training.evaluation import has_rows

_ROWS = 1000


def load(name: str, config: supervised.Config) -> tuple[data.Splits, tuple[str, ...]]:
    """The parts of an image set and its class names; a share of the training part is held out for validation."""
    images = data.load(name)
    splits = data.split(images.train, validation=config.validation, test=0.0, stratify="y", seed=config.seed)
    return splits._replace(test=images.test or {}), images.class_names


def task(name: str, module: Any, config: Any) -> Task:
    """A classifier of one of the image sets; `config` is an ImageConfig with the module's Config as `model`."""
    splits, class_names = load(name, config)
    return classifier(models.bind(module, config.model), config, splits, class_names)


def classifier(model: models.Model, config: Any, splits: data.Splits, class_names: tuple[str, ...]) -> Task:
    """A classifier of images that are already split."""
    figures: dict[str, Any] = {"mistakes": functools.partial(worst_mistakes, model, class_names)}
    if model.feature_maps is not None:
        figures["filters"] = filters
        figures["feature_maps"] = functools.partial(feature_maps, model)
    return supervised.classification(
        model, config, splits, class_names, augmentation=config.augmentation(), more_pictures=figures
    )


def filters(state: TrainState, splits: data.Splits) -> Any:
    """The kernels of the first convolution; those of color images from their least weight, black, to their largest."""
    del splits
    kernels = np.moveaxis(np.asarray(state.params["conv_0"]["w"]), -1, 0)
    if kernels.shape[-1] == 3:
        kernels = (kernels - kernels.min()) / max(float(np.ptp(kernels)), 1e-12)
    return pictures.image_grid(kernels, title="kernels of the first convolution")


def worst_mistakes(model: models.Model, class_names: tuple[str, ...], state: TrainState, splits: data.Splits) -> Any:
    """The images whose true class got the least probability; None where there are no mistakes."""
    forward = jax.jit(
        lambda x: jax.nn.log_softmax(model.apply(state.params, state.state, supervised.as_float(x), train=False)[0])
    )
    name, (x, y) = _shown(splits)
    log_p = np.concatenate(
        [jax.device_get(forward(jnp.asarray(x[i : i + _ROWS]))) for i in range(0, len(x), _ROWS)]
    )  # [N, K]
    wrong = np.flatnonzero(log_p.argmax(1) != y)
    if not len(wrong):
        return None
    worst = wrong[np.argsort(log_p[wrong, y[wrong]], kind="stable")[:24]]
    titles = [f"{class_names[y[i]]}, not {class_names[log_p[i].argmax()]}" for i in worst]
    return pictures.image_grid(x[worst], titles, columns=6, title=f"the worst mistakes on the {name} part")


def _shown(splits: data.Splits) -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    """The name, images and labels of the part that pictures are of: the test part, or all that there is."""
    name, part = ("test", splits.test) if has_rows(splits.test) else ("training", splits.train)
    return name, (part["x"], np.asarray(part["y"]))  # images that are mapped from a file stay there


def feature_maps(model: models.Model, state: TrainState, splits: data.Splits) -> Any:
    """The first image beside 15 feature maps of it, for every convolution block."""
    name, (images, _) = _shown(splits)
    x = supervised.as_float(jnp.asarray(images[:1]))
    assert model.feature_maps is not None
    maps, _ = jax.jit(model.feature_maps)(state.params, state.state, x)
    shown = []
    for h in jax.device_get(maps):
        blank = np.zeros(h.shape[1:3])
        channels = [*np.moveaxis(h[0], -1, 0)[:15]]
        shown += [np.asarray(x[0, :, :, 0]), *channels, *[blank] * (15 - len(channels))]
    return pictures.image_grid(shown, title=f"an image of the {name} part, and what each convolution block makes of it")
