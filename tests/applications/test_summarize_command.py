"""The command `jaxdl summarize`: files in, sentences and key words out, mistakes in one line."""

import io
import json
import re
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import pytest
from refusal import refused
from small_tasks import needs_papers
from texts import HARBOR, LIBRARY

from jaxdl import cli
from jaxdl.artifacts import files
from jaxdl.data.sentences import split_sentences
from jaxdl.models import ranker
from jaxdl.recipes import scitldr_ranker
from jaxdl.runs import run_folder
from jaxdl.training import TrainState
from jaxdl.training.parameters import write_params

pytestmark = pytest.mark.usefixtures("own_caches")


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
    line = refused(capsys, "summarize", str(path), *words)
    assert re.search(message, line), line


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
def test_what_cannot_be_written_is_named(harbor, here, capsys, name):
    target = str(here / name) if name == "." else name
    err = refused(capsys, "summarize", harbor, "--out", target)
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
def test_command_refuses_what_is_no_file(words, here, capsys):
    refused(capsys, "summarize", *words)


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
