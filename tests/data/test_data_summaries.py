"""The data set SciTLDR-A: its file, its parts, and its published baselines."""

import functools

import numpy as np
import pytest
from small_tasks import needs_papers

from jaxdl import data
from jaxdl.applications.summarization import rank
from jaxdl.data.sources import DataDamaged
from jaxdl.data.summaries import read_scitldr
from jaxdl.data.words import porter_stemmer
from jaxdl.metrics import summaries

LINE = '{"source": ["We try. ", "It works."], "source_labels": [0, 1], "target": ["A method."]}'


def test_reader_of_papers():
    part = read_scitldr(f"{LINE}\n{LINE}\n".encode())
    assert part["x"].shape == part["y"].shape == part["references"].shape == (2,)
    assert part["x"][1] == ("We try.", "It works.")
    assert part["y"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '"text"',
        "{}",
        LINE.replace("[0, 1]", "[0, 0]"),
        LINE.replace("[0, 1]", "[1]"),
        LINE.replace('["A method."]', "[]"),
    ],
)
def test_damaged_papers_are_named_by_their_line(line):
    with pytest.raises(DataDamaged, match=r"part\.jsonl: line 2 is not a paper"):
        read_scitldr(f"{LINE}\n{line}\n".encode(), name="part.jsonl")


@needs_papers
def test_the_official_parts():
    papers = data.load("scitldr", download=False)
    assert papers.validation is not None
    assert papers.test is not None
    assert [len(part["y"]) for part in (papers.train, papers.validation, papers.test)] == [1992, 619, 618]
    assert all(0 <= y < len(x) for x, y in zip(papers.test["x"], papers.test["y"], strict=True))


def scores(part, chosen, tokenizer):
    """Mean F of ROUGE-1, 2, L in percent of one chosen sentence a paper."""
    each = [
        [score.f for score in summaries.rouge(x[i], references, tokenizer=tokenizer).values()]
        for x, references, i in zip(part["x"], part["references"], chosen, strict=True)
    ]
    return 100 * np.mean(each, axis=0)


@needs_papers
def test_published_baselines_and_what_beats_them():
    """Lead-1 31.29/12.33/24.98 and the labels 44.38/23.77/36.71: rouge-score with stemming, measured elsewhere."""
    pytest.importorskip("nltk")
    tokenizer = functools.lru_cache(maxsize=None)(functools.partial(summaries.tokenize, stem=porter_stemmer()))
    part = data.load("scitldr", download=False).test
    assert part is not None
    lead = scores(part, [0] * 618, tokenizer)
    np.testing.assert_allclose(lead, [31.29, 12.33, 24.98], atol=0.006)
    np.testing.assert_allclose(scores(part, part["y"], tokenizer), [44.38, 23.77, 36.71], atol=0.006)
    for method in ("textrank", "lexrank", "lexrank-lead", "centroid"):
        ours = scores(part, [int(rank(x, method).argmax()) for x in part["x"]], tokenizer)
        assert (ours > lead).all(), f"{method}: {ours} against {lead}"
