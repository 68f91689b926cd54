"""Reviews of a hotel, drawn from a grammar: an example of texts with a class. Single words do not decide it.

"not" turns the word after it round, and of two clauses with a "but" between them the second one counts.
"""

import numpy as np

CLASSES = ("negative", "positive")

_GOOD = ("good", "lovely", "clean", "friendly", "fresh", "quiet", "wonderful", "generous")
_BAD = ("bad", "awful", "dirty", "rude", "stale", "noisy", "horrible", "stingy")
_NOUNS = ("room", "breakfast", "staff", "view", "pool", "bed", "lobby", "bar", "garden", "bathroom")
_DEGREES = ("very", "really", "quite", "so")
_OPENINGS = ("we stayed two nights", "came here in may", "a house near the station", "third time for us", "booked late")
_ENDINGS = ("that was our stay", "parking is across the street", "the lift has mirrors", "we left on sunday")


def draw(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """n reviews and their classes, 0 or 1.

    >>> draw(2)[0][:1]
    ['not very wonderful lobby but generous lobby']
    """
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=n)
    return [_review(generator, bool(label)) for label in labels], labels.astype(np.int32)


def _review(generator: np.random.Generator, positive: bool) -> str:
    pick = lambda words: str(generator.choice(words))  # noqa: E731
    contrast = generator.random() < 0.5
    first = _clause(generator, positive != contrast)
    parts = [first, "but" if contrast else "and", _clause(generator, positive)]
    if generator.random() < 0.6:
        parts.insert(0, pick(_OPENINGS))
    if generator.random() < 0.6:
        parts.append(pick(_ENDINGS))
    return " ".join(parts)


def _clause(generator: np.random.Generator, positive: bool) -> str:
    """Such as "not very clean room"."""
    turned = generator.random() < 0.4
    words = ["not"] if turned else []
    if generator.random() < 0.4:
        words.append(str(generator.choice(_DEGREES)))
    words.append(str(generator.choice(_GOOD if positive != turned else _BAD)))
    return " ".join([*words, str(generator.choice(_NOUNS))])
