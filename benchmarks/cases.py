"""The workloads: model, sizes, data and initial weights as numpy arrays, so that every implementation starts equal.

    mlp          784-512-512-10, ReLU, batch 128
    cnn          conv 3x3x32, ReLU, pool, conv 3x3x64, ReLU, pool, dense; no padding; 28x28x1, batch 128; no dropout
    resnet       stem 16, three stages 16/32/64 of two blocks with batch norm, 32x32x3, batch 64
    autoencoder  784-512-128-512-784, ReLU, linear code, batch 128; cross-entropy summed over the pixels
    gan          DCGAN: noise 100, dense 7x7x128, two 4x4 transposed convolutions (64, 1) of stride 2; a discriminator
                 that mirrors it; batch norm; 28x28x1, batch 64. A step moves both players: the discriminator on real
                 images and G(z), then the generator on the same G(z), judged by the new discriminator

All float32; classifiers minimize the mean softmax cross-entropy. Adam with eps 1e-8. A case has a few batches; an epoch
is one pass over them and the unit that is timed.

The learning rate does not change the work, but it must let parity be told: it is 1e-3, and less where that magnifies
rounding too much. Residual network, 1e-4: at 1e-3 torch in float32 leaves torch in float64 by 2e-3 within 20 steps
(5e-5 at 1e-4). Autoencoder, 1e-4: its loss is 550 nats; at 1e-3 torch stays within 1e-4 of us, but optax, which rounds
the bias correction 1 - b2^t to float32, leaves both by 0.6 (1e-4 at 1e-4). Game, 2e-5 with b1 = 0.5: at DCGAN's 2e-4
torch's two memory orders leave each other by 2e-3, and us by 4e-3 and 6e-3 (6e-6 at 2e-5).

>>> case = make("mlp")
>>> case.batch, case.n_examples, f"{case.flops / 1e9:.2f} GFLOP"
(128, 5120, '0.41 GFLOP')
"""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import flops as counts
from jaxdl.models import autoencoder, cnn, gan, mlp, resnet
from jaxdl.training.step import TrainState, step_key

N_CLASSES = 10
FACTORS = 16


@dataclass(frozen=True)
class Case:
    """One workload.

    Attributes:
        name: a key of `BUILDERS`.
        kind: what is trained, and so what the data and the loss are.
        model: the module in `jaxdl.models`.
        config: its `Config`.
        batch: examples a step.
        steps: batches in the data, and steps in a timed epoch.
        shape: of one example.
        flops: matrix products and convolutions of one training step, a multiply-add counted as 2.
        learning_rate: of Adam.
        b1: decay of Adam's first moment.
    """

    name: str
    kind: Literal["classifier", "autoencoder", "game"]
    model: ModuleType
    config: Any
    batch: int
    steps: int
    shape: tuple[int, ...]
    flops: int
    learning_rate: float = 1e-3
    b1: float = 0.9

    @property
    def n_examples(self) -> int:
        """Rows of the data."""
        return self.batch * self.steps

    @property
    def on_images(self) -> bool:
        """Whether an example is an image [H, W, C]."""
        return len(self.shape) == 3

    def data(self) -> dict[str, np.ndarray]:
        """Float32 examples "x" [N, *shape] and what belongs to them.

        A classifier has Gaussian noise and labels "y" [N] int32 by a fixed random linear rule. The others have x in
        [0, 1], the sigmoid of a random linear map of `FACTORS` numbers; a game has noise "z" [N, Z] beside it.
        """
        rng = np.random.default_rng(0)
        if self.kind == "classifier":
            x = rng.standard_normal((self.n_examples, *self.shape), dtype=np.float32)
            rule = rng.standard_normal((math.prod(self.shape), N_CLASSES), dtype=np.float32)
            return {"x": x, "y": (x.reshape(self.n_examples, -1) @ rule).argmax(-1).astype(np.int32)}
        factors = rng.standard_normal((self.n_examples, FACTORS), dtype=np.float32)
        logits = factors @ rng.standard_normal((FACTORS, math.prod(self.shape)), dtype=np.float32)
        data = {"x": (1 / (1 + np.exp(-logits))).reshape(self.n_examples, *self.shape)}
        return data | {"z": self._noise()} if self.kind == "game" else data

    def _noise(self) -> np.ndarray:
        """What `make_adversarial_step` draws in the first `steps` steps of a run from key 0; peers get it as data."""
        run_key = jax.random.split(jax.random.key(0))[1]
        shape, draws = (self.batch, self.config.n_latent), []
        for i in range(self.steps):
            key = step_key(TrainState({}, {}, {}, run_key, jnp.asarray(i, jnp.int32)))
            draws.append(np.array(jax.random.normal(jax.random.fold_in(key, 0), shape)))
        return np.concatenate(draws)

    def batches(self) -> list[dict[str, np.ndarray]]:
        """The data cut into `steps` batches, in order."""
        parts = {name: np.split(values, self.steps) for name, values in self.data().items()}
        return [{name: part[i] for name, part in parts.items()} for i in range(self.steps)]

    def weights(self) -> dict[str, Any]:
        """The initial parameters as a tree of numpy arrays, with jaxdl's names and layouts."""
        return jax.tree.map(np.array, self.model.init(jax.random.key(0), self.config))


def make(name: str, *, small: bool = False) -> Case:
    """A workload by name; `small` keeps its structure and reduces its sizes, for tests.

    Raises: ValueError for an unknown name.
    """
    if name not in BUILDERS:
        raise ValueError(f"benchmarks: no workload {name!r}; there are {', '.join(NAMES)}")
    return BUILDERS[name](small)


def _mlp(small: bool) -> Case:
    config = mlp.Config(12, N_CLASSES, (16, 16)) if small else mlp.Config(784, N_CLASSES, (512, 512))
    batch, steps = (16, 4) if small else (128, 40)
    flops = counts.step(counts.mlp(config), batch)
    return Case("mlp", "classifier", mlp, config, batch, steps, (config.n_in,), flops)


def _cnn(small: bool) -> Case:
    config = cnn.Config(size=(12, 12), channels=(4, 8)) if small else cnn.Config(size=(28, 28), channels=(32, 64))
    batch, steps = (16, 4) if small else (128, 10)
    flops = counts.step(counts.cnn(config), batch)
    return Case("cnn", "classifier", cnn, config, batch, steps, (*config.size, 1), flops)


def _resnet(small: bool) -> Case:
    config = resnet.Config(channels=(4, 8), blocks=1) if small else resnet.Config(channels=(16, 32, 64), blocks=2)
    batch, steps, shape = (16, 4, (8, 8, 3)) if small else (64, 4, (32, 32, 3))
    flops = counts.step(counts.resnet(config, shape[0]), batch)
    return Case("resnet", "classifier", resnet, config, batch, steps, shape, flops, learning_rate=1e-4)


def _autoencoder(small: bool) -> Case:
    shape, n_code, widths = ((12,), 3, (8,)) if small else ((784,), 128, (512,))
    config = autoencoder.Config(shape, n_code, widths)
    batch, steps = (16, 4) if small else (128, 40)
    flops = counts.step(counts.autoencoder(config), batch)
    return Case("autoencoder", "autoencoder", autoencoder, config, batch, steps, shape, flops, learning_rate=1e-4)


def _gan(small: bool) -> Case:
    config = gan.Config(size=(8, 8, 1), n_latent=6, generator=(8, 4), discriminator=(4, 8)) if small else gan.Config()
    batch, steps = 16 if small else 64, 20  # the noise of all steps whose losses are compared
    flops = counts.game_step(config, batch)
    return Case("gan", "game", gan, config, batch, steps, config.size, flops, learning_rate=2e-5, b1=0.5)


BUILDERS = {"mlp": _mlp, "cnn": _cnn, "resnet": _resnet, "autoencoder": _autoencoder, "gan": _gan}
NAMES = tuple(BUILDERS)
