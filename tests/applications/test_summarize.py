"""Summaries: what is chosen, and the command `jaxdl summarize`."""

import io
import json
import re
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import needs_papers

from jaxdl import cli
from jaxdl.applications.summarization import METHODS, Sentence, choose, oracle, rank, summarize
from jaxdl.artifacts import files
from jaxdl.data.sentences import split_sentences
from jaxdl.models import ranker
from jaxdl.recipes import scitldr_ranker
from jaxdl.runs import run_folder
from jaxdl.training import TrainState
from jaxdl.training.parameters import write_params

pytestmark = pytest.mark.usefixtures("own_caches")

HARBOR = """The harbor of Port Ellery was built in 1874 by Dr. James Whitlock, an engineer who had never seen the sea
before he came to the U.S. from Vienna. He measured the tides for two years. The tides at Port Ellery rise 3.14 meters
on average, and the harbor walls had to be higher than the highest tide.

"Nobody believed in the walls," the town's archivist says today. The first storm after the opening destroyed eleven
fishing boats, but the harbor walls held. Fishing brought money to the town... and the money brought a railway. By 1900
the harbor shipped more fish than any other harbor on the coast.

The railway closed in 1961. Fishing boats became fewer every year, e.g. only forty were left in 1980. The town turned
to visitors. Today, visitors walk on the harbor walls, buy smoked fish, and take the ferry to the islands. A small
museum shows Whitlock's drawings and his tables of the tides.

Last winter the sea rose higher than ever before. Engineers now measure the tides again, as Whitlock did, and the town
must decide whether to build higher harbor walls. Higher walls would cost 40 million dollars. Many visitors come for
the view over the old walls, the mayor says, and nobody wants to lose it. But without higher walls, the storms will
take the harbor.
"""
LIBRARY = """한강 옆의 작은 도서관이 올해 문을 연 지 30년이 되었다. 도서관은 1995년 주민들이 직접 모은 책 2,000권으로
시작했다. 처음에는 사서가 한 명뿐이었고, 난방도 되지 않았다고 한다. "겨울에는 장갑을 끼고 책을 읽었어요."
첫 사서였던 김 씨는 이렇게 말했다.

지금 도서관에는 책이 8만 권 있고, 하루에 400명이 넘는 주민이 도서관을 찾는다. 가장 인기 있는 곳은 어린이 책방이다.
어린이 책방에서는 매주 토요일마다 주민들이 아이들에게 책을 읽어 준다. 책을 읽어 주는 주민은 모두 자원봉사자다.

하지만 도서관의 앞날은 밝지만은 않다. 시는 예산이 3.5% 줄어서 도서관 운영 시간을 줄여야 한다고 발표했다. 주민들은
운영 시간을 지키기 위해 서명을 모으고 있다. 서명에는 벌써 주민 5,000명이 참여했다. 시는 다음 달에 도서관 예산을 다시
논의할 예정이다.
"""

# ---------------------------------------------------------------- what is chosen


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", [HARBOR, LIBRARY], ids=["english", "korean"])
def test_every_method_keeps_order_and_wording(text, method):
    sentences = split_sentences(text)
    summary = summarize(text, sentences=4, method=method).sentences
    assert [sentence.text for sentence in summary] == [sentences[sentence.index] for sentence in summary]
    numbers = [sentence.index for sentence in summary]
    assert numbers == sorted(numbers)
    scores = rank(sentences, method)
    assert min(scores[numbers]) >= max(np.delete(scores, numbers))
    assert summary == summarize(text, sentences=4, method=method).sentences


def test_the_most_central_sentences_are_summas():
    """summa 1.2.0 chooses these three from the same text, with words of its own."""
    chosen = summarize(HARBOR, sentences=3).sentences
    assert [sentence.index for sentence in chosen] == [2, 13, 16]


def test_keywords_say_what_a_text_is_about():
    assert summarize(HARBOR, keywords=3).keywords[0][0] == "harbor walls"
    assert {word for word, _ in summarize(LIBRARY, keywords=3).keywords} >= {"도서관", "주민"}


def test_baselines():
    assert [s.index for s in summarize(HARBOR, sentences=2, method="lead").sentences] == [0, 1]
    assert rank(["a b", "a b c", "z"], "centroid").argmin() == 2
    assert (rank(["a"] * 9, "random") == rank(["b"] * 9, "random")).all()


@pytest.mark.parametrize("method", METHODS)
def test_one_sentence_none_and_identical_ones(method):
    (only,) = summarize("Only one", sentences=3, method=method).sentences
    assert (only.index, only.text) == (0, "Only one")
    with pytest.raises(ValueError, match="no sentence in this text"):
        summarize(" \n", method=method)
    twice = summarize("Foxes hunt mice. Foxes hunt mice. It rained.", sentences=2, method=method)
    assert len({sentence.text for sentence in twice.sentences}) == 2
    assert np.isfinite(rank(["The of and.", "...", "!"], method)).all()


@pytest.mark.parametrize(("ratio", "n"), [(0.01, 1), (0.5, 9), (1.0, 17)])
def test_a_share_of_the_sentences(ratio, n):
    assert len(summarize(HARBOR, ratio=ratio, method="lead").sentences) == n


def test_equal_scores_go_to_the_earlier():
    assert choose(np.ones(4), 2) == [0, 1]
    assert choose(np.array([0.1, 0.9, 0.9]), 2, ["a", "b", "b"]) == [0, 1]
    assert choose(np.array([0.1, 0.9, 0.9]), 3, ["a", "b", "b"]) == [0, 1, 2]


def test_a_function_can_be_the_method():
    chosen = summarize("Aaa. Bbbb. Cc.", sentences=1, method=lambda sentences: np.array([len(s) for s in sentences]))
    assert chosen.sentences == (Sentence(1, 5.0, "Bbbb."),)


def test_oracle_stops_when_nothing_is_gained():
    sentences = ["Foxes hunt mice.", "It rained.", "Birds sing songs."]
    assert oracle(sentences, ["Foxes hunt mice and birds sing songs"], 3) == [0, 2]
    assert oracle(sentences, ["nothing in common"]) == [0]
    assert oracle([], ["a"]) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentences": 0}, "at least 1, got 0"),
        ({"ratio": 0.0}, r"in \(0, 1\], got 0.0"),
        ({"ratio": 1.5}, r"in \(0, 1\], got 1.5"),
        ({"ratio": 0.5, "sentences": 2}, "not both"),
        ({"keywords": -1}, "at least 0, got -1"),
        ({"method": "texrank"}, "did you mean 'textrank'"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        summarize(HARBOR, **options)


# ---------------------------------------------------------------- the command


@pytest.fixture
def harbor(tmp_path):
    path = tmp_path / "harbor.txt"
    path.write_text(HARBOR)
    return str(path)


def test_command_prints_numbers_scores_sentences_and_keywords(harbor, capsys):
    assert cli.main(["summarize", harbor, "--sentences", "2", "--keywords", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["2", "13"]
    assert lines[0].endswith("higher than the highest tide.")
    assert lines[3].startswith("keywords: harbor walls (0.")


@pytest.mark.parametrize("order", [0, 1, 2])
def test_command_json_from_anywhere_in_the_line(harbor, capsys, order):
    words = ["--ratio", "0.2", "--method=lexrank", "--json", "--keywords", "3"]
    words.insert((0, 2, 6)[order], harbor)
    assert cli.main(["summarize", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["sentences", "keywords"]
    assert [list(sentence) for sentence in found["sentences"]] == [["index", "score", "text"]] * 4
    assert len(found["keywords"]) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_command_reads_the_standard_input_in_any_encoding(encoding, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LIBRARY.encode(encoding)), encoding="ascii"))
    named = ["--encoding", encoding] if encoding == "cp949" else []
    assert cli.main(["summarize", "-", "--json", *named]) == 0
    sentences = json.loads(capsys.readouterr().out)["sentences"]
    assert all(sentence["text"] in split_sentences(LIBRARY) for sentence in sentences)


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (b"", [], "is empty"),
        (b" \n\t\n", [], "is empty"),
        (b"\x00\x01\x02" * 50, [], "is binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", [], "is binary"),
        (bytes(range(1, 32)) * 3, [], "is binary"),
        ("도서관".encode("cp949"), [], r"is not UTF-8 \(byte 0xb5 at place 0\); .* --encoding cp949"),
        (b"text", ["--encoding", "utf-99"], "unknown encoding 'utf-99'"),
        (b"text", ["--method", "texrank"], "did you mean 'textrank'"),
        (b"text", ["--sentences", "0"], "sentences must be at least 1, got 0"),
        (b"text", ["--sentences", "two"], "--sentences"),
        (b"text", ["--sentence", "2"], "unknown option --sentence, did you mean '--sentences'"),
        (b"text", ["--ratio", "2"], r"ratio must be in \(0, 1\]"),
        (b"text", ["more.txt"], "cannot read more.txt"),
        (b"<!doctype html><p>Yes.</p>", [], "is a page of HTML: --html summarizes its text"),
        (b"<html><script>1</script></html>", ["--html"], "no sentence in this text"),
    ],
)
def test_command_refuses_in_one_line(content, words, message, tmp_path, capsys):
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    assert cli.main(["summarize", str(path), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert re.search(message, err), err


PAGE = """<!DOCTYPE html><html><head><title>Tea</title><style>p {}</style></head><body>
<nav><a href="/">Home</a> <a href="/b">Blog</a></nav><h1>On tea</h1>
<p>Tea is <b>hot</b>.<br>It cools &amp; waits.</p><ul><li>Green tea</li><li>Black tea</li></ul>
<script>var x = "<p>No.</p>";</script><footer>Imprint</footer></body>"""


def test_command_reads_pages(tmp_path, capsys):
    path = tmp_path / "page.html"
    path.write_text(PAGE)
    assert cli.main(["summarize", str(path), "--html", "--sentences", "9", "--json"]) == 0
    found = [sentence["text"] for sentence in json.loads(capsys.readouterr().out)["sentences"]]
    assert found == ["On tea", "Tea is hot.", "It cools & waits.", "Green tea", "Black tea"]


FORM = """<!doctype html><body><form method="post"><div><ul><li><a href="/">Home</a></li><li><a href="/n">News</a></ul>
</div><article><header><h1>Foxes return</h1></header><p>Foxes came. <a href="x">Experts say</a> it was for food.
<p hidden>Secret.<p>They hunt mice.<div style="display: none"><div>Also</div> secret.</div>
<p>Read more: <a href="1">Ten facts</a></p></article><button>Subscribe</button><select><option>One<option>Two</select>
</form>"""


def test_pages_in_forms_with_menus_and_hidden_parts(tmp_path, capsys):
    path = tmp_path / "page.html"
    path.write_text(FORM)
    assert cli.main(["summarize", str(path), "--html", "--sentences", "9", "--json"]) == 0
    found = [sentence["text"] for sentence in json.loads(capsys.readouterr().out)["sentences"]]
    assert found == [
        "Foxes return",
        "Foxes came.",
        "Experts say it was for food.",
        "They hunt mice.",
        "Read more: Ten facts",
    ]


@pytest.mark.parametrize("name", ["nowhere/a.txt", "."])
def test_what_cannot_be_written_is_named(harbor, tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    target = str(tmp_path / name) if name == "." else name
    assert cli.main(["summarize", harbor, "--out", target]) == 2
    err = capsys.readouterr().err
    assert err.endswith(f": {target}\n")
    assert ".part" not in err


def test_command_takes_several_files_and_writes_one(harbor, tmp_path, capsys):
    other = tmp_path / "library.txt"
    other.write_text(LIBRARY, encoding="utf-8")
    out = tmp_path / "found.json"
    assert cli.main(["summarize", harbor, str(other), "--json", "--sentences", "1", "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [(one["file"], len(one["sentences"])) for one in found] == [(harbor, 1), (str(other), 1)]
    assert cli.main(["summarize", harbor, str(other), "--sentences", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == harbor
    assert lines[3] == str(other)


def test_custom_stop_words_are_no_key_words(harbor, tmp_path, capsys):
    (tmp_path / "stop.txt").write_text("harbor Walls\n")
    words = ["summarize", harbor, "--keywords", "5", "--json", "--stop-words", str(tmp_path / "stop.txt")]
    assert cli.main(words) == 0
    keywords = {one["keyword"] for one in json.loads(capsys.readouterr().out)["keywords"]}
    assert not {word for keyword in keywords for word in keyword.split()} & {"harbor", "walls"}


@pytest.mark.parametrize("words", [[], ["missing.txt"], ["."]])
def test_command_refuses_what_is_no_file(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["summarize", *words]) == 2
    assert capsys.readouterr().err.startswith("jaxdl: ")


@pytest.mark.slow
def test_command_answers_fast(harbor):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "jaxdl", "summarize", harbor], check=True, capture_output=True)
    assert time.perf_counter() - start < 10


@needs_papers
def test_a_run_of_the_ranker_serves_the_command(harbor, tmp_path, monkeypatch, capsys):
    """A trained network in a run folder, on a text with more sentences than it was trained with."""
    monkeypatch.chdir(tmp_path)
    config = scitldr_ranker.Config(model=ranker.Config(n_hash=32, n_sentences=4))
    key = jax.random.key(0)
    run_folder.write_config(tmp_path, "scitldr_ranker", config)
    state = TrainState(ranker.init(key, config.model), {}, (), key, jnp.zeros((), jnp.int32))
    write_params(tmp_path, state)
    assert cli.main(["summarize", harbor, "--ranker", str(tmp_path), "--json", "--sentences", "17"]) == 0
    found = json.loads(capsys.readouterr().out)["sentences"]
    assert sum(sentence["score"] for sentence in found) == pytest.approx(1.0, abs=1e-4)
    files.write_json(tmp_path / "config.json", {"recipe": "digits_mlp"})
    assert cli.main(["summarize", harbor, "--ranker", str(tmp_path)]) == 2
