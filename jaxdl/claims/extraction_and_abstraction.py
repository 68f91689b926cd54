"""To extract is to choose sentences of the text; to abstract is to write new ones.

    extraction     summary = argmax_i s_i,     s = (1 - d) + d W^T s  (TextRank: W the overlap of words, rows of sum 1)
    abstraction    summary = y,                p(y | x) = prod_t p(y_t | y_1 .. y_{t-1}, x)

A sentence that shares words with many others is likely what they are about. Choosing keeps its wording and its length;
a decoder may use words that stand nowhere in the text, and say in three what took twelve.

The stories are made: a greeting and the weather lead, then an event is told among three sentences that each take up a
part of it. The reference is a headline, as an editor would write it.
"""

import itertools
import random
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.applications import summarization
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.claims._sequences import EOS, PAD, train_on, written
from jaxdl.claims._stories import Story, all_words, story
from jaxdl.metrics.intervals import confidence
from jaxdl.metrics.summaries import rouge_n, tokenize
from jaxdl.models import seq2seq
from jaxdl.types import Array, Key

STATEMENT = (
    "TextRank beats random sentences, and leads where they are weak; extraction keeps the wording, abstraction "
    "compresses."
)
SOURCE = "Mihalcea, Tarau, 2004; Rush, Chopra, Weston, 2015; See, Liu, Manning, 2017 (novelty of n-grams)"
RULE = (
    "One sentence by TextRank has surely a higher ROUGE-1 against the headline than a random one and than the lead. "
    "All its bigrams stand in the story. A headline written from it by a sequence-to-sequence model has surely less "
    "than half as many words, surely more than a quarter of its bigrams are new, and its ROUGE-1 is surely higher."
)
SEEDS, SECONDS = 5, 30

STORIES, PAIRS = 40, 1000
METHODS = ("textrank", "random", "lead")


def run(key: Key, budget: Budget) -> Result:
    """Extract a sentence of every story by three methods; write a headline from TextRank's."""
    steps = 200 if budget.small else 400
    vocabulary = {word: i for i, word in enumerate(all_words(), EOS + 1)}
    write = writer(vocabulary, steps)
    measured_of: dict[str, list[tuple[float, float, float]]] = {name: [] for name in (*METHODS, "abstraction")}
    stories, said = [], {}
    for seed in range(budget.seeds):
        budget.stage(f"stories {seed + 1} of {budget.seeds}")
        rng = random.Random(f"{seed} {jax.random.key_data(key)}")
        stories = [story(rng, held=True) for _ in range(STORIES)]
        said = {name: [extract(s, name, i) for i, s in enumerate(stories)] for name in METHODS}
        pairs = [story(rng, held=False) for _ in range(PAIRS)]
        said["abstraction"] = write(jax.random.fold_in(key, seed), pairs, said["textrank"])
        for name, texts in said.items():
            measured_of[name].append(judge(texts, stories))
    scores, novelty, length = ({n: np.array(v)[:, i] for n, v in measured_of.items()} for i in range(3))
    return Result(
        figures=(
            *(measured(f"ROUGE-1 (F): {name}", 100 * values, "%") for name, values in scores.items()),
            *(measured(f"new bigrams: {name}", 100 * novelty[name], "%") for name in ("textrank", "abstraction")),
            *(measured(f"words: {name}", length[name]) for name in ("textrank", "abstraction")),
        ),
        checks={
            "TextRank beats random": surely_above(scores["textrank"] - scores["random"]),
            "TextRank beats the lead": surely_above(scores["textrank"] - scores["lead"]),
            "extraction keeps the wording": bool(novelty["textrank"].max() == 0),
            "abstraction compresses": surely_above(length["textrank"] / length["abstraction"], 2),
            "abstraction finds new words": surely_above(novelty["abstraction"], 0.25),
            "and says more in fewer words": surely_above(scores["abstraction"] - scores["textrank"]),
        },
        drawn={"scores": scores, "example": stories[-1], "said": {name: texts[-1] for name, texts in said.items()}},
        remark="The stories are made: real leads of news are strong, and real headlines are harder to write.",
    )


def judge(texts: list[str], stories: list[Story]) -> tuple[float, float, float]:
    """Means over the stories: ROUGE-1 against the headline, the share of new bigrams, words."""
    each = [
        (rouge_n(tokenize(text), tokenize(s.headline), 1).f, new_bigrams(text, s), len(tokenize(text)))
        for text, s in zip(texts, stories, strict=True)
    ]
    rouge, new, words = np.mean(each, axis=0).tolist()
    return rouge, new, words


def extract(story: Story, method: str, number: int) -> str:
    """The best sentence by a method; a random one differs from story to story."""
    scorer = method if method != "random" else lambda s: summarization.random(s, seed=number)
    return story.sentences[summarization.choose(summarization.rank(story.sentences, scorer), 1)[0]]


def new_bigrams(text: str, story: Story) -> float:
    """The share of a text's pairs of neighboring words that stand nowhere in the story."""
    words, source = tokenize(text), [tokenize(sentence) for sentence in story.sentences]
    known = {pair for sentence in source for pair in itertools.pairwise(sentence)}
    pairs = list(itertools.pairwise(words))
    return float(np.mean([pair not in known for pair in pairs])) if pairs else 0.0


def writer(vocabulary: dict[str, int], steps: int) -> Callable[[Key, list[Story], list[str]], list[str]]:
    """(key, stories to train on, sentences) -> headlines, by a small recurrent model with attention."""
    n = EOS + 1 + len(vocabulary)
    config = seq2seq.Config(n, n, 24, 48, cell="gru", attention="additive", bidirectional=True)
    train = jax.jit(lambda key, batches: train_on(key, batches, config, 1e-2))
    decode = jax.jit(lambda params, source: written(params, source, config, 8))
    words = {number: word for word, number in vocabulary.items()}

    def numbers(texts: list[str], length: int, *end: int) -> Array:
        rows = [[*(vocabulary[word] for word in tokenize(text)), *end] for text in texts]
        return jnp.array([row + [PAD] * (length - len(row)) for row in rows], jnp.int32)

    def write(key: Key, stories: list[Story], sentences: list[str]) -> list[str]:
        train_key, order_key = jax.random.split(key)
        rows = batch_rows(order_key, len(stories), 64, steps)
        events, said = numbers([s.event for s in stories], 20), numbers([s.headline for s in stories], 8, EOS)
        params = train(train_key, (events[rows], said[rows]))
        tokens = np.asarray(decode(params, numbers(sentences, 20)))
        return [" ".join(words[number] for number in row if number in words) for row in tokens.tolist()]

    return write


def picture(result: Result) -> Any:
    """ROUGE-1 of the four summaries, and one story with what each said."""
    figure, (ax, text) = pictures.subplots(2, 2, width=4.6, height=3.4)
    for column, (name, values) in enumerate(result.drawn["scores"].items()):
        mean, spread = 100 * np.mean(values), 100 * confidence(values)
        ax.bar(
            column, mean, yerr=spread, capsize=4, color="0.35" if name == "abstraction" else "0.75", edgecolor="black"
        )
    ax.set_xticks(range(len(result.drawn["scores"])), list(result.drawn["scores"]))
    ax.set_xlabel("summary of one sentence")
    ax.set_ylabel("ROUGE-1 against the headline (%)")
    text.set_axis_off()
    story, said = result.drawn["example"], result.drawn["said"]
    lines = [*story.sentences, "", f"TextRank: {said['textrank']}", f"Abstraction: {said['abstraction']}"]
    text.text(0, 1, "\n".join(lines), fontsize=8.5, va="top", transform=text.transAxes)
    text.set_title("a story", fontsize=10)
    return figure
