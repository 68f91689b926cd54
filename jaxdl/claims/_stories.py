"""Short made stories: a greeting and the weather lead, an event is told among sentences that take up a part of it."""

import random
from typing import NamedTuple

from jaxdl.metrics.summaries import tokenize

WHO = ("council", "museum", "bakery", "school", "library", "theatre", "hospital", "orchestra", "university", "harbour")
WHERE = ("old town", "north bank", "market square", "green valley", "west end", "castle hill", "river park", "new port")
WHAT = {
    "decided to close its doors for good": "shuts down",
    "was able to collect a large sum of money": "raises funds",
    "is going to move into another building": "relocates soon",
    "has been given the most important award of the year": "wins prize",
    "made up its mind to take on forty more people": "hires staff",
    "had to send everyone home because of the water": "flooded out",
    "will let visitors in without a ticket": "goes free",
    "put solar panels on the whole of its roof": "turns green",
}
LEADS = (
    "Good evening and welcome to our late edition.",
    "Tomorrow stays mild with a few clouds before noon.",
    "Letters reach our editors at any hour.",
    "Sports results follow further below.",
    "Here comes what happened today.",
    "Thank you for reading our pages again.",
)


class Story(NamedTuple):
    """Sentences, the event among them, and the headline."""

    sentences: tuple[str, ...]
    event: str
    headline: str


def story(rng: random.Random, *, held: bool) -> Story:
    """Two leads, then an event among three sentences about parts of it, and one more that has nothing to do with it.

    Every fourth combination of who, where and what is held back: the model that writes headlines never trains on it.
    """
    while True:
        i, j, k = rng.randrange(len(WHO)), rng.randrange(len(WHERE)), rng.randrange(len(WHAT))
        if ((i + j + k) % 4 == 0) == held:
            break
    who, where, what = WHO[i], WHERE[j], tuple(WHAT)[k]
    event = f"The {who} of the {where} {what}."
    middle = [
        event,
        f"Visitors of the {who} could hardly believe it.",
        f"Nobody in the {where} talks about anything else.",
        f"It is the first time that a {who} {what}.",
    ]
    first, second, last = rng.sample(LEADS, 3)
    rng.shuffle(middle)
    return Story((first, second, *middle, last), event, f"{where} {who} {WHAT[what]}")


def all_words() -> list[str]:
    """Every word of stories and headlines."""
    rng = random.Random(0)
    stories = [story(rng, held=held) for held in (True, False) for _ in range(1000)]
    return sorted({word for s in stories for text in (*s.sentences, s.headline) for word in tokenize(text)})
