"""The workloads: model, sizes, data and initial weights as numpy arrays, so that every implementation starts equal.

    mlp          784-512-512-10, ReLU, batch 128
    cnn          conv 3x3x32, ReLU, pool, conv 3x3x64, ReLU, pool, dense; no padding; 28x28x1, batch 128; no dropout
    resnet       stem 16, three stages 16/32/64 of two blocks with batch norm, 32x32x3, batch 64
    autoencoder  784-512-128-512-784, ReLU, linear code, batch 128; cross-entropy summed over the pixels
    gan          DCGAN: noise 100, dense 7x7x128, two 4x4 transposed convolutions (64, 1) of stride 2; a discriminator
                 that mirrors it; batch norm; 28x28x1, batch 64. A step moves both players: the discriminator on real
                 images and G(z), then the generator on the same G(z), judged by the new discriminator
    epoch        the network of mlp; its epochs shuffle the examples and cut the batches themselves

Those on sequences are in `sequence_cases`. Classifiers minimize the mean softmax cross-entropy. Adam with eps 1e-8. A
case has a few batches; an epoch is one pass over them and the unit that is timed.

The learning rate does not change the work, but it must let parity be told: it is 1e-3, and less where that magnifies
rounding too much. Residual network, 1e-4: at 1e-3 torch in float32 leaves torch in float64 by 2e-3 within 20 steps
(5e-5 at 1e-4). Autoencoder, 1e-4: its loss is 550 nats; at 1e-3 torch stays within 1e-4 of us, but optax, which rounds
the bias correction 1 - b2^t to float32, leaves both by 0.6 (1e-4 at 1e-4). Game, 2e-5 with b1 = 0.5: at DCGAN's 2e-4
torch's two memory orders leave each other by 2e-3, and us by 4e-3 and 6e-3 (6e-6 at 2e-5).

>>> case = make("mlp")
>>> case.batch, case.n_examples, f"{case.flops / 1e9:.2f} GFLOP"
(128, 5120, '0.41 GFLOP')
"""

import dataclasses

from benchmarks.workloads import flops as counts
from benchmarks.workloads import sequence_cases
from benchmarks.workloads.case import N_CLASSES as N_CLASSES
from benchmarks.workloads.case import Case as Case
from jaxdl.models import autoencoder, cnn, gan, mlp, resnet


def make(name: str, *, small: bool = False) -> Case:
    """A workload by name; `small` keeps its structure and reduces its sizes, for tests.

    Raises: ValueError for an unknown name.
    """
    builders = BUILDERS | WHOLE_EPOCHS | sequence_cases.BUILDERS
    if name not in builders:
        raise ValueError(f"benchmarks: no workload {name!r}; there are {', '.join(NAMES)}")
    return builders[name](small)


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


def _epoch(small: bool) -> Case:
    return dataclasses.replace(_mlp(small), name="epoch")


BUILDERS = {"mlp": _mlp, "cnn": _cnn, "resnet": _resnet, "autoencoder": _autoencoder, "gan": _gan}
WHOLE_EPOCHS = {"epoch": _epoch}
NAMES = (*BUILDERS, *WHOLE_EPOCHS, *sequence_cases.BUILDERS)
