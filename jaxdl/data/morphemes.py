"""Korean words without particles and endings by the dictionary of the package kiwipiepy, in place of rules.

`jaxdl.data.words.korean_stem` knows no dictionary: of 우리나라는 it leaves 우리나, and 갔어요 as it is. Kiwi gives
우리나라 and 가다. It is an extra (`pip install 'jaxdl[korean]'`), asked for by name, so that the words of a text
do not depend on what is installed.
"""

import functools
from typing import Any

from jaxdl.data.words import Stemmer

_ENDS = ("J", "E", "XSV", "XSA", "VC", "S")  # particles, endings, (to) do and be, signs
_LATIN = ("SL", "SN", "SH")  # letters, numbers, Chinese characters


@functools.cache
def kiwi_stemmer() -> Stemmer:
    """Word -> what stands before its particle or ending, or for a verb its form in a dictionary.

    Raises: ValueError if kiwipiepy is not installed.
    Reference: Lee, "Kiwi: developing a Korean morphological analyzer based on statistical language models", 2024.
    """
    try:
        from kiwipiepy import Kiwi  # type: ignore[import-not-found]
    except ImportError:
        raise ValueError("Korean morphemes need kiwipiepy: pip install kiwipiepy (or jaxdl[korean])") from None
    kiwi: Any = Kiwi()
    korean = lambda word: any("가" <= letter <= "힣" for letter in word)  # noqa: E731
    return functools.lru_cache(maxsize=1 << 16)(lambda word: _stem(word, kiwi.tokenize(word)) if korean(word) else word)


def _stem(word: str, tokens: Any) -> str:
    """The first content of analyzed `tokens`, each with form, tag (of the Sejong corpus) and lemma."""
    if tokens[0].tag[:2] in ("VV", "VA", "VX"):
        return tokens[0].lemma
    kept = []
    for token in tokens:
        if (token.tag.startswith(_ENDS) and token.tag not in _LATIN) or (token.tag == "XSN" and token.form == "들"):
            break
        kept.append(token.form)
    return "".join(kept) or word
