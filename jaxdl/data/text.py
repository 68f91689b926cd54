"""Text as integers and back: tokenizers of bytes, characters, words, and subwords (byte-pair encoding).

Four tokens come first in every vocabulary: PAD 0 (nothing), BOS 1 (start), EOS 2 (end), UNK 3 (not in the vocabulary).
A tokenizer is plain data, so that a run can store it: `to_json`, `from_json`.

Reference: Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", 2016 (byte-pair
encoding; here over bytes, by the library `tokenizers`).
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias, get_args

from jaxdl.validation import require_name

PAD, BOS, EOS, UNK = range(4)
N_SPECIAL = 4
REPLACEMENT = "\ufffd"  # what an unknown token is decoded to

Kind: TypeAlias = Literal["bytes", "characters", "words", "bpe"]


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """How a text is cut into tokens, and their numbers.

    Attributes:
        kind: "bytes" of UTF-8, "characters", "words" between white space, or "bpe".
        tokens: of characters and words: the token at place i has the number 4 + i.
        model: of "bpe": the library's own JSON.
        upper: turn texts into upper case first.
    """

    kind: Kind
    tokens: tuple[str, ...] = ()
    model: str = ""
    upper: bool = False

    def __post_init__(self) -> None:
        require_name("Tokenizer", "kind", self.kind, get_args(Kind))
        if len(set(self.tokens)) != len(self.tokens):
            raise ValueError(f"Tokenizer: a token stands twice among the {len(self.tokens)}")


def byte_tokenizer() -> Tokenizer:
    """The 256 bytes of UTF-8: every text, no vocabulary to learn, three tokens for a Korean syllable.

    >>> encode(byte_tokenizer(), "é"), decode(byte_tokenizer(), [199, 173])
    ([199, 173], 'é')
    """
    return Tokenizer("bytes")


def character_tokenizer(texts: Iterable[str], *, upper: bool = False) -> Tokenizer:
    """Every character (Unicode code point) of some texts, in the order of code points.

    >>> encode(character_tokenizer(["abc"]), "cab!")
    [6, 4, 5, 3]
    """
    return Tokenizer("characters", tuple(sorted({c for text in texts for c in text})), upper=upper)


def word_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Every word of some texts, in alphabetic order. `decode` puts single spaces between them.

    >>> decode(word_tokenizer(["HH AH L OW"]), encode(word_tokenizer(["HH AH L OW"]), "L OW"))
    'L OW'
    """
    return Tokenizer("words", tuple(sorted({word for text in texts for word in text.split()})))


def bpe_tokenizer(texts: Iterable[str], n_tokens: int) -> Tokenizer:
    """Byte-pair encoding: start from the 256 bytes and merge the commonest pair, again and again, within words.

    Args:
        texts: to count pairs in.
        n_tokens: size of the vocabulary with the four special tokens, at least 260; few texts may give fewer.
    Raises: ValueError if n_tokens is too small or the library is missing.
    """
    if n_tokens < 256 + N_SPECIAL:
        raise ValueError(f"bpe_tokenizer: n_tokens must hold 256 bytes and 4 special tokens, 260, got {n_tokens}")
    library = _require_tokenizers()
    pairs = library.Tokenizer(library.models.BPE())
    pairs.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=n_tokens - N_SPECIAL,
        initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    pairs.train_from_iterator(texts, trainer)
    return Tokenizer("bpe", model=pairs.to_str())


def vocabulary_size(tokenizer: Tokenizer) -> int:
    """The number of tokens, the four special ones included.

    >>> vocabulary_size(byte_tokenizer()), vocabulary_size(character_tokenizer(["ab"]))
    (260, 6)
    """
    if tokenizer.kind == "bytes":
        return 256 + N_SPECIAL
    if tokenizer.kind == "bpe":
        return _library(tokenizer.model).get_vocab_size() + N_SPECIAL
    return len(tokenizer.tokens) + N_SPECIAL


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """The numbers of a text's tokens; UNK for what is not in the vocabulary. No start or end is added."""
    text = text.upper() if tokenizer.upper else text
    if tokenizer.kind == "bytes":
        return [byte + N_SPECIAL for byte in text.encode()]
    if tokenizer.kind == "bpe":
        return [number + N_SPECIAL for number in _library(tokenizer.model).encode(text).ids]
    numbers = _numbers(tokenizer.tokens)
    return [numbers.get(token, UNK) for token in (text if tokenizer.kind == "characters" else text.split())]


def decode(tokenizer: Tokenizer, ids: Iterable[int]) -> str:
    """The text of tokens up to the first EOS; PAD and BOS are nothing, UNK is U+FFFD. Never raises for a known number.

    >>> decode(byte_tokenizer(), [BOS, 101, 102, EOS, 103])
    'ab'
    """
    kept: list[int] = []
    for number in map(int, ids):
        if number == EOS:
            break
        if number not in (PAD, BOS):
            kept.append(number)
    if tokenizer.kind in ("bytes", "bpe"):
        return _decode_runs(tokenizer, kept)
    join = "".join if tokenizer.kind == "characters" else " ".join
    return join(_token(tokenizer, number) for number in kept)


def pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """What each token stands for by itself, for people to look at: spaces shown, part of a character as U+FFFD.

    >>> pieces(character_tokenizer(["a b"]), [5, 4, EOS])
    ['a', '␣', '⟩']
    """
    special = {PAD: "", BOS: "⟨", EOS: "⟩", UNK: REPLACEMENT}
    found = [special.get(int(i)) if int(i) < N_SPECIAL else decode(tokenizer, [i]) for i in ids]
    return [(text or "").replace(" ", "␣") for text in found]


def to_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer as JSON values.

    >>> from_json(to_json(character_tokenizer(["ab"]))) == character_tokenizer(["ab"])
    True
    """
    return dataclasses.asdict(tokenizer)


def from_json(values: Any) -> Tokenizer:
    """The tokenizer that `to_json` wrote. Raises ValueError for anything else."""
    try:
        return Tokenizer(**{**values, "tokens": tuple(values["tokens"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a stored tokenizer: {error!r}") from None


def dumps(values: Any) -> str:
    """JSON with the letters of all scripts as they are."""
    return json.dumps(values, ensure_ascii=False)


def _decode_runs(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Bytes and subwords: whole characters may lie across tokens; an UNK stands between runs of them."""
    runs: list[list[int]] = [[]]
    for number in ids:
        if number == UNK:
            runs.append([])
        else:
            runs[-1].append(number - N_SPECIAL)
    if tokenizer.kind == "bytes":
        return REPLACEMENT.join(bytes(i for i in run if i < 256).decode(errors="replace") for run in runs)
    return REPLACEMENT.join(_library(tokenizer.model).decode(run) for run in runs)


def _token(tokenizer: Tokenizer, number: int) -> str:
    place = number - N_SPECIAL
    return tokenizer.tokens[place] if 0 <= place < len(tokenizer.tokens) else REPLACEMENT


@functools.lru_cache(maxsize=16)
def _numbers(tokens: tuple[str, ...]) -> dict[str, int]:
    return {token: N_SPECIAL + i for i, token in enumerate(tokens)}


@functools.lru_cache(maxsize=16)
def _library(model: str) -> Any:
    try:
        return _require_tokenizers().Tokenizer.from_str(model)
    except Exception as error:  # the library raises bare exceptions
        raise error if isinstance(error, ValueError) else ValueError(f"not a stored tokenizer: {error}") from None


def _require_tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise ValueError("byte-pair encoding needs the library tokenizers: pip install 'jaxdl[text]'") from None
    return tokenizers
