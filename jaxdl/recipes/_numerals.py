"""Numbers in English words and in digits: an example of pairs of texts."""

import numpy as np

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def pairs(n: int = 4000, seed: int = 0) -> str:
    r"""n different numbers below ten thousand, a line each: in words, a tab, in digits.

    >>> pairs(1)
    'eight thousand five hundred and six\t8506\n'
    """
    chosen = np.random.default_rng(seed).choice(10_000, n, replace=False)
    return "".join(f"{words(number)}\t{number}\n" for number in chosen.tolist())


def words(number: int) -> str:
    """A number below ten thousand in words.

    >>> words(0), words(42), words(1007), words(3512)
    ('zero', 'forty-two', 'one thousand and seven', 'three thousand five hundred and twelve')
    """
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    front, rest = divmod(number, size)
    link = "" if not rest else " and " if rest < 100 else " "
    return f"{words(front)} {name}{link}" + (words(rest) if rest else "")
