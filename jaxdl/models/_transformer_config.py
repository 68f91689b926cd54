"""The sizes and options of the Transformer (`models.transformer`)."""

from dataclasses import dataclass
from typing import Literal

from jaxdl.nn import activations
from jaxdl.validation import require_name, require_not_negative, require_positive, require_rate, require_types

Positions = Literal["sinusoidal", "learned", "rotary"]
Tied = Literal["none", "output", "all"]
ComputeDType = Literal["params", "bfloat16"]


@dataclass(frozen=True)
class Config:
    """Any size of encoder and decoder.

    Attributes:
        n_source: V of the source.
        n_target: V of the target.
        d_model: D, features of every position.
        n_heads: H, a divisor of D.
        n_encoder_layers: blocks of the encoder; 0 for a language model.
        n_decoder_layers: blocks of the decoder; 0 for an encoder alone.
        d_hidden: units inside each block's feed-forward network.
        dropout: rate, in [0, 1).
        norm: "pre" trains without warm-up; "post" is the paper's.
        positions: "sinusoidal" (the paper's), "learned" or "rotary".
        max_length: positions that can be learned.
        tied: "output" shares the target's embedding with the output layer, "all" the source's as well.
        activation: of the feed-forward networks.
        copy: let the decoder copy tokens of the source (`nn.pointer`): the outputs are log-probabilities then.
        pad: the token that stands for nothing; no query reads from it. None if nothing is padded.
        dtype: what the layers compute in; parameters, norms, softmax and logits keep theirs.
        remat: compute each block again in the backward pass instead of keeping what is inside.
    """

    n_source: int
    n_target: int
    d_model: int = 256
    n_heads: int = 4
    n_encoder_layers: int = 3
    n_decoder_layers: int = 3
    d_hidden: int = 1024
    dropout: float = 0.1
    norm: Literal["pre", "post"] = "pre"
    positions: Positions = "sinusoidal"
    max_length: int = 512
    tied: Tied = "output"
    activation: str = "relu"
    copy: bool = False
    pad: int | None = 0
    dtype: ComputeDType = "params"
    remat: bool = False

    def __post_init__(self) -> None:
        require_types("transformer", self)
        require_positive("transformer", n_source=self.n_source, n_target=self.n_target, d_model=self.d_model)
        require_positive("transformer", n_heads=self.n_heads, d_hidden=self.d_hidden, max_length=self.max_length)
        require_not_negative("transformer", n_encoder_layers=self.n_encoder_layers, pad=self.pad or 0)
        require_not_negative("transformer", n_decoder_layers=self.n_decoder_layers)
        require_rate("transformer", dropout=self.dropout)
        require_name("transformer", "activation", self.activation, activations.DERIVATIVES)
        if self.d_model % self.n_heads:
            raise ValueError(f"transformer: n_heads {self.n_heads} must divide d_model {self.d_model}")
        if self.n_encoder_layers + self.n_decoder_layers == 0:
            raise ValueError("transformer: n_encoder_layers and n_decoder_layers are both 0; give at least one layer")
        if self.n_source != self.n_target and (self.copy or self.tied == "all"):
            what = "copy" if self.copy else 'tied="all"'
            raise ValueError(
                f"transformer: {what} needs one vocabulary for both sides, got n_source {self.n_source} "
                f"and n_target {self.n_target}"
            )
        if self.copy and not (self.n_encoder_layers and self.n_decoder_layers):
            raise ValueError("transformer: copy needs an encoder and a decoder")
