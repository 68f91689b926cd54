"""How the command is run, and what it covers in full and in a quick rehearsal."""

from pathlib import Path
from typing import NamedTuple

WORKLOADS = ("mlp", "cnn", "resnet", "gan", "lstm", "transformer", "transformer-8k", "decoding")
RECIPES = ("g2p_transformer", "multi30k_transformer", "mnist_gan", "mnist_cgan", "fashion_cnn", "scitldr_transformer")
QUICK_WORKLOADS = ("mlp",)
QUICK_GROUPS = ("norm",)
QUICK_RECIPES = ("digits_mlp",)
PEERS = ("flax", "torch", "torch-compile")
QUICK_PEERS = ("flax",)
QUICK_ROUNDS = 2


class Setting(NamedTuple):
    """What was asked for.

    Attributes:
        device: that is measured: "gpu", or "cpu" to rehearse.
        out: the folder of the records.
        quick: small sizes, a few rounds: a rehearsal in a minute.
    """

    device: str
    out: Path
    quick: bool = False
