"""One workload: model, sizes, and data and initial weights as numpy arrays."""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.text import BOS, EOS, N_SPECIAL
from jaxdl.training.step import TrainState, step_key
from jaxdl.training.task import initial_state

N_CLASSES = 10
FACTORS = 16


@dataclass(frozen=True)
class Case:
    """One workload.

    Attributes:
        name: in `cases.NAMES`.
        kind: what is trained, and so what the data and the loss are.
        model: the module in `jaxdl.models`.
        config: its `Config`.
        batch: examples per step.
        steps: batches in the data, and steps in a timed epoch.
        shape: of one example; of sequences (T,), the length of source and target.
        flops: matrix products and convolutions of one training step, a multiply-add counted as 2.
        learning_rate: of Adam.
        b1: decay of Adam's first moment.
        tokens: of the targets of a step, where there are sequences.
        precision: of the forward and backward pass; see `precision`.
    """

    name: str
    kind: Literal["classifier", "autoencoder", "game", "sequences", "decoding"]
    model: ModuleType
    config: Any
    batch: int
    steps: int
    shape: tuple[int, ...]
    flops: int
    learning_rate: float = 1e-3
    b1: float = 0.9
    tokens: int = 0
    precision: Literal["f32", "bf16"] = "f32"

    @property
    def n_examples(self) -> int:
        """Rows of the data."""
        return self.batch * self.steps

    @property
    def on_images(self) -> bool:
        """Whether an example is an image [H, W, C]."""
        return len(self.shape) == 3

    def data(self) -> dict[str, np.ndarray]:
        """Float32 examples "x" [N, *shape] and what belongs to them, or sequences of tokens.

        A classifier has Gaussian noise and labels "y" [N] int32 by a fixed random linear rule. The others have x in
        [0, 1], the sigmoid of a random linear map of `FACTORS` numbers; a game has noise "z" [N, Z] beside it.

        Sequences: "source" [N, T] int32, random tokens and an end; "target" [N, T + 1], a start, the same in reverse
        order and an end. None holds padding.
        """
        rng = np.random.default_rng(0)
        if self.kind in ("sequences", "decoding"):
            words = rng.integers(N_SPECIAL, self.config.n_source, (self.n_examples, self.shape[0] - 1), np.int32)
            start, end = (np.full((self.n_examples, 1), token, np.int32) for token in (BOS, EOS))
            return {"source": np.hstack([words, end]), "target": np.hstack([start, words[:, ::-1], end])}
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
        return jax.tree.map(np.array, initial_state(lambda key: self.model.init(key, self.config), seed=0))

    def inputs(self, batch: dict[str, Any]) -> tuple[Any, ...]:
        """What the model reads of a batch; of sequences the source, if any, and the target but its end."""
        if self.kind != "sequences":
            return (batch["x"],)
        alone = getattr(self.config, "n_encoder_layers", 1) == 0
        return (None if alone else batch["source"], batch["target"][:, :-1])

    def expected(self, batch: dict[str, Any]) -> Any:
        """What the model's outputs for `inputs` are compared with."""
        if self.kind == "sequences":
            return batch["target"][:, 1:]
        return batch["x"] if self.kind == "autoencoder" else batch["y"]
