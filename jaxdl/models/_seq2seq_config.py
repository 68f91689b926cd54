"""The sizes and options of the recurrent sequence-to-sequence model (`models.seq2seq`)."""

from dataclasses import dataclass
from typing import Literal

from jaxdl.nn.recurrence import CellName
from jaxdl.validation import require_not_negative, require_positive, require_rate, require_types

Attention = Literal["none", "additive", "dot"]
ComputeDType = Literal["params", "bfloat16"]


@dataclass(frozen=True)
class Config:
    """Any cell, depth and width.

    Attributes:
        n_source: V of the source.
        n_target: V of the target.
        d_embedding: E, features of a token.
        n_hidden: H, units of every layer.
        n_layers: of the encoder and of the decoder.
        cell: "rnn", "lstm" or "gru".
        attention: "none" leaves the single context vector; "additive" is Bahdanau's, "dot" Luong's.
        bidirectional: let the encoder read in both directions.
        dropout: rate after the embeddings and after every layer, in [0, 1).
        copy: let the decoder copy tokens of the source (`nn.pointer`): the outputs are log-probabilities then.
        pad: the token that stands for nothing: encoder and attention skip it; None if nothing is padded.
        dtype: what the layers compute in; parameters, softmax and logits keep theirs.
    """

    n_source: int
    n_target: int
    d_embedding: int = 256
    n_hidden: int = 256
    n_layers: int = 1
    cell: CellName = "lstm"
    attention: Attention = "additive"
    bidirectional: bool = False
    dropout: float = 0.0
    copy: bool = False
    pad: int | None = 0
    dtype: ComputeDType = "params"

    def __post_init__(self) -> None:
        require_types("seq2seq", self)
        require_positive("seq2seq", n_source=self.n_source, n_target=self.n_target, d_embedding=self.d_embedding)
        require_positive("seq2seq", n_hidden=self.n_hidden, n_layers=self.n_layers)
        require_not_negative("seq2seq", pad=self.pad or 0)
        require_rate("seq2seq", dropout=self.dropout)
        if self.copy and self.attention == "none":
            raise ValueError('seq2seq: copy points by attention, got attention="none"')
        if self.copy and self.n_source != self.n_target:
            raise ValueError(
                f"seq2seq: copy needs one vocabulary for both sides, got n_source {self.n_source} "
                f"and n_target {self.n_target}"
            )
