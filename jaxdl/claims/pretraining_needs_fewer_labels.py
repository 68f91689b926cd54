"""Labels are dear, images are not. Learn the layers one by one without labels, then the whole network with a few.

    layer i     min_{f_i, g_i} L(g_i(f_i(c(h_{i-1}))), h_{i-1}),    h_i = f_i(h_{i-1}),  h_0 = x     on all images
    then        min_{f_1, f_2, o} cross-entropy(o(f_2(f_1(x))), y)                            on those with labels

The first weights already tell strokes apart; the labels only have to say which strokes make which digit. With many
labels these say it all, and the start no longer matters.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._drawing import intervals
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import autoencoder, mlp
from jaxdl.types import Array, Key, Params

STATEMENT = "Stacked autoencoders, trained layer by layer without labels, help a network that has few labels."
SOURCE = "Hinton, Salakhutdinov, 2006; Bengio, Lamblin, Popovici, Larochelle, 2007; Vincent and others, 2008 and 2010"
RULE = (
    "With the labels of 50 digits a network of two hidden layers of 128 sigmoid units, pre-trained layer by layer as "
    "denoising autoencoders of all training digits, is surely more accurate on the test part than from random weights, "
    "each at the best of four learning rates; with the labels of all 1,438 digits the gain is surely smaller."
)
SEEDS, SECONDS = 10, 40

LABELS, RATES = (50, 100, 200, 400, 1438), (3e-4, 1e-3, 3e-3, 1e-2)
WIDTH, CORRUPTION, STEPS = 128, 0.3, 1000
NETWORK = mlp.Config(64, 10, (WIDTH, WIDTH), "sigmoid", "glorot_uniform")
STARTS = ("pre-trained", "random weights")


def run(key: Key, budget: Budget) -> Result:
    """Pre-train, then train from both starts with few and with many labels."""
    labels = (LABELS[0], LABELS[-1]) if budget.small else LABELS
    keys = jax.random.split(key, budget.seeds)
    budget.stage("layer by layer, without labels")
    starts = {
        "pre-trained": jax.jit(jax.vmap(pretrained))(keys),
        "random weights": jax.vmap(lambda k: mlp.init(k, NETWORK))(keys),
    }
    accuracy = {}
    for n in labels:
        budget.stage(f"{n} labels")
        rates = jax.vmap(lambda start, k, rate, n=n: fine_tuned(start, k, rate, n), (None, None, 0))
        train = jax.jit(jax.vmap(lambda start, k, r=rates: r(start, k, jnp.array(RATES))))
        for name in STARTS:
            every = train(starts[name], keys)  # [seeds, RATES]
            accuracy[name, n] = every[:, int(every.mean(0).argmax())]
    gain = {n: accuracy["pre-trained", n] - accuracy["random weights", n] for n in labels}
    return Result(
        figures=tuple(
            measured(f"test accuracy, {name}: {n:,} labels", 100 * values, "%")
            for (name, n), values in accuracy.items()
        ),
        checks={
            "it helps where labels are few": surely_above(gain[labels[0]]),
            "with all labels it helps less": surely_above(gain[labels[0]] - gain[labels[-1]]),
        },
        drawn=accuracy,
    )


def pretrained(key: Key) -> Params:
    """A network whose hidden layers are the encoders of denoising autoencoders, each of the layer below."""
    init_key, *layer_keys = jax.random.split(key, len(NETWORK.widths) + 1)
    params, h = mlp.init(init_key, NETWORK), digits()[0]
    for i, k in enumerate(layer_keys):
        config = autoencoder.Config(
            (h.shape[1],),
            WIDTH,
            activation="sigmoid",
            code_activation="sigmoid",
            corruption="masking",
            corruption_level=CORRUPTION,
        )
        coder = reconstruct(k, h, config)
        params[f"layer_{i}"] = coder["encoder"]["layer_0"]
        h = autoencoder.encode(coder, h, config)
    return params


def reconstruct(key: Key, h: Array, config: autoencoder.Config) -> Params:
    """An autoencoder of the rows of h [N, n]."""
    init_key, order_key, noise_key = jax.random.split(key, 3)
    batches = batch_rows(order_key, len(h), 64, STEPS), jax.random.split(noise_key, STEPS)

    def loss(params: Params, batch: tuple[Array, Key]) -> Array:
        return autoencoder.objective(params, h[batch[0]], config, key=batch[1])[0]

    return descend(loss, autoencoder.init(init_key, config), optim.adam(optim.cosine_schedule(3e-3, STEPS)), batches)[0]


def fine_tuned(params: Params, key: Key, rate: Array, n: int) -> Array:
    """Test accuracy after training the whole network with the labels of n digits."""
    x, y, test_x, test_y = digits()
    part_key, order_key = jax.random.split(key)
    part = jax.random.permutation(part_key, len(x))[:n]
    rows = part[batch_rows(order_key, n, min(n, 50), 400)]
    params, _ = descend(lambda p, r: mlp.mean_loss(p, x[r], y[r], NETWORK), params, optim.adam(rate), rows)
    return (mlp.apply(params, test_x, NETWORK).argmax(-1) == test_y).mean()


def picture(result: Result) -> Any:
    """Test accuracy by the number of labels, from both starts."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.4, height=3.4)
    labels = list(dict.fromkeys(n for _, n in result.drawn))
    for name, style in zip(STARTS, ("-o", "--s"), strict=True):
        intervals(ax, labels, [100 * result.drawn[name, n] for n in labels], style, name)
    ax.set_xscale("log")
    ax.set_xticks(labels, [f"{n:,}" for n in labels])
    ax.minorticks_off()
    ax.set_xlabel("labels")
    ax.set_ylabel("accuracy on the test digits (%)")
    ax.legend(frameon=False, loc="lower right")
    return figure
