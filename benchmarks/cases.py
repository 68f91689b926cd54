"""The workloads: model, sizes, data and initial weights as numpy arrays, so that every implementation starts equal.

    mlp      784-512-512-10, ReLU, batch 128
    cnn      conv 3x3x32, ReLU, pool, conv 3x3x64, ReLU, pool, dense; no padding; 28x28x1, batch 128; no dropout
    resnet   stem 16, three stages 16/32/64 of two blocks with batch norm, 32x32x3, batch 64

All float32, mean softmax cross-entropy, Adam with eps 1e-8. A case has a few batches; an epoch is one pass over them
and the unit that is timed. The learning rate is 1e-3, and 1e-4 for the residual network: at 1e-3 its loss curve
magnifies rounding so much that torch in float32 leaves torch in float64 by 2e-3 within 20 steps (5e-5 at 1e-4), and no
parity could be told. The rate does not change the work.

>>> case = make("mlp")
>>> case.batch, case.n_examples, f"{case.flops / 1e9:.2f} GFLOP"
(128, 5120, '0.41 GFLOP')
"""

import itertools
import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax
import numpy as np

from jaxdl.models import cnn, mlp, resnet

N_CLASSES = 10
NAMES = ("mlp", "cnn", "resnet")


@dataclass(frozen=True)
class Case:
    """One workload.

    Attributes:
        name: one of `NAMES`.
        model: the module in `jaxdl.models`.
        config: its `Config`.
        batch: examples a step.
        steps: batches in the data, and steps in a timed epoch.
        shape: of one example.
        learning_rate: of Adam.
        flops: floating-point operations of one training step, by `_step_flops`.
    """

    name: str
    model: ModuleType
    config: Any
    batch: int
    steps: int
    shape: tuple[int, ...]
    learning_rate: float
    flops: int

    @property
    def n_examples(self) -> int:
        """Rows of the data."""
        return self.batch * self.steps

    @property
    def on_images(self) -> bool:
        """Whether an example is an image [H, W, C]."""
        return len(self.shape) == 3

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x [N, *shape] float32 and labels y [N] int32: Gaussian noise, labeled by a fixed random linear rule."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.n_examples, *self.shape), dtype=np.float32)
        rule = rng.standard_normal((math.prod(self.shape), N_CLASSES), dtype=np.float32)
        return x, (x.reshape(self.n_examples, -1) @ rule).argmax(-1).astype(np.int32)

    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The data cut into `steps` batches, in order."""
        x, y = self.data()
        return list(zip(np.split(x, self.steps), np.split(y, self.steps), strict=True))

    def weights(self) -> dict[str, Any]:
        """The initial parameters as a tree of numpy arrays, with jaxdl's names and layouts."""
        return jax.tree.map(np.array, self.model.init(jax.random.key(0), self.config))


def make(name: str, *, small: bool = False) -> Case:
    """A workload by name; `small` keeps its structure and reduces its sizes, for tests.

    Raises: ValueError for an unknown name.
    """
    if name == "mlp":
        config = mlp.Config(12, N_CLASSES, (16, 16)) if small else mlp.Config(784, N_CLASSES, (512, 512))
        batch, steps, shape = (16, 4, (12,)) if small else (128, 40, (784,))
        forward = _mlp_flops(config)
        module = mlp
    elif name == "cnn":
        config = cnn.Config(size=(12, 12), channels=(4, 8)) if small else cnn.Config(size=(28, 28), channels=(32, 64))
        batch, steps, shape = (16, 4, (12, 12, 1)) if small else (128, 10, (28, 28, 1))
        forward = _cnn_flops(config)
        module = cnn
    elif name == "resnet":
        config = resnet.Config(channels=(4, 8), blocks=1) if small else resnet.Config(channels=(16, 32, 64), blocks=2)
        batch, steps, shape = (16, 4, (8, 8, 3)) if small else (64, 4, (32, 32, 3))
        forward = _resnet_flops(config, shape[0])
        module = resnet
    else:
        raise ValueError(f"benchmarks: no workload {name!r}; there are {', '.join(NAMES)}")
    rate = 1e-4 if name == "resnet" else 1e-3
    return Case(name, module, config, batch, steps, shape, rate, _step_flops(forward, batch))


def _step_flops(forward: list[int], batch: int) -> int:
    """Matrix products and convolutions of a training step, a multiply-add counted as 2.

    The backward pass of a layer costs its forward pass twice, for the weights' and the input's gradient; the first
    layer needs no input gradient.
    """
    return batch * (3 * sum(forward) - forward[0])


def _conv_flops(side: int, window: int, n_in: int, n_out: int) -> int:
    return 2 * side * side * window * window * n_in * n_out


def _mlp_flops(config: mlp.Config) -> list[int]:
    sizes = (config.n_in, *config.widths, config.n_out)
    return [2 * n_in * n_out for n_in, n_out in itertools.pairwise(sizes)]


def _cnn_flops(config: cnn.Config) -> list[int]:
    flops, side, n_in = [], config.size[0], config.n_in
    for n_out in config.channels:
        side -= config.window - 1
        flops.append(_conv_flops(side, config.window, n_in, n_out))
        side, n_in = side // 2, n_out
    return [*flops, 2 * side * side * n_in * config.n_out]


def _resnet_flops(config: resnet.Config, side: int) -> list[int]:
    n_in = config.channels[0]
    flops = [_conv_flops(side, 3, config.n_in, n_in)]
    for stage, n_out in enumerate(config.channels):
        for i in range(config.blocks):
            side //= 2 if stage and i == 0 else 1
            flops += [_conv_flops(side, 3, n_in, n_out), _conv_flops(side, 3, n_out, n_out)]
            if n_in != n_out:
                flops.append(_conv_flops(side, 1, n_in, n_out))
            n_in = n_out
    return [*flops, 2 * n_in * config.n_out]
