"""Very short stories, drawn from a grammar: an example of a text. Counting and who did what can be learned from it."""

import numpy as np

_PEOPLE = (("Mira", "she", "her"), ("Tom", "he", "his"), ("Ines", "she", "her"), ("Otto", "he", "his"))
_THINGS = ("apples", "marbles", "shells", "buttons", "candles", "pears")
_PLACES = ("by the river", "behind the mill", "at the market", "under the old bridge", "near the harbor")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WEATHER = (
    "It rained all day.",
    "The sun was out.",
    "Snow lay on the roofs.",
    "A cold wind blew.",
    "It was very quiet.",
)


def text(n: int = 2400, seed: int = 0) -> str:
    """n stories, a line each.

    >>> print(text(2), end="")
    Ines had two marbles. Otto found them behind the mill and took one. Now Ines has one marble.
    Tom had four buttons. Near the harbor he found four more. Now Tom has eight buttons.
    """
    draw = np.random.default_rng(seed)
    return "".join(f"{_story(draw)}\n" for _ in range(n))


def _story(draw: np.random.Generator) -> str:
    first, second = (_PEOPLE[i] for i in draw.choice(len(_PEOPLE), 2, replace=False))
    thing, place = str(draw.choice(_THINGS)), str(draw.choice(_PLACES))
    had, moved = int(draw.integers(2, 6)), int(draw.integers(1, 6))
    weather = f"{draw.choice(_WEATHER)} " if draw.random() < 0.5 else ""
    start = f"{weather}{first[0]} had {_NUMBERS[had]} {thing}. "
    kind = int(draw.integers(3))
    if kind == 0:
        moved = min(moved, had)
        left = _many(had - moved, thing)
        return f"{start}{second[0]} found them {place} and took {_NUMBERS[moved]}. Now {first[0]} has {left}."
    if kind == 1:
        all_ = _NUMBERS[had + moved]
        return (
            f"{start}{place.capitalize()} {first[1]} found {_NUMBERS[moved]} more. Now {first[0]} has {all_} {thing}."
        )
    return f"{start}{second[0]} asked where {first[2]} {thing} were. {first[0]} said: they are {place}."


def _many(n: int, things: str) -> str:
    return f"{_NUMBERS[n]} {things[:-1] if n == 1 else things}"
