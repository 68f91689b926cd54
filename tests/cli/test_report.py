"""`jaxdl report`: one page of what run folders hold and what is missing in them; nothing of theirs is markup."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from a_run_folder import EPOCHS, EVIL, make, make_evil
from refusal import refused

from jaxdl import cli
from jaxdl.runs import reports


class Page(HTMLParser):
    """What a browser would see: the text, the addresses that are named, the numbers of the curves."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.addresses, self.tags, self.scripts = "", [], [], []
        self._kind, self._open = None, []
        self.feed(text)
        self.text = " ".join(self.text.split())
        self.data = json.loads(self.scripts[0], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert not self._open, "an element is not closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)
        if tag not in ("meta", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-1:] != ["style"]:
            self.text += f"{' '.join(data.split())} "


def report(*folders, out=None):
    return Page(reports.write(list(folders), out).read_text(encoding="utf-8"))


def test_one_run_is_told_from_its_scores_to_its_hashes(here, capsys):
    folder = make(here / "runs" / "1")
    assert cli.main(["report", "runs/1"]) == 0
    assert capsys.readouterr().out == "report: runs/1/report.html\n"
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    for said in (
        "test accuracy 0.9833",
        "Handwritten digits (8x8, embedded) with a multilayer perceptron.",
        "column size: 3 of 150 cells are missing",
        "train 0.0030",
        "parzen 16.3700",
        "learning_rate 0.002",
        "model.widths [256, 256]",
        "examples per second 12,580",
        "steps per second 400",
        "seconds of compiling 1.25",
        "of them from the cache 2",
        "jax 0.10.2",
        "layer_0/w [2, 3] F32 6",
        "training and validation data 15762eb421202577 ...",
        hashlib.sha256((folder / "params.safetensors").read_bytes()).hexdigest(),
        "ab" * 32,
        "its first moment",
    ):
        assert said in page.text, said
    assert "What is missing" not in page.text
    charts = {chart["index"]: [series["label"] for series in chart["series"]] for chart in page.data["charts"]}
    assert list(charts.values())[:3] == [["training", "validation"], ["all", "layer_0", "layer_1"], charts[1]]
    assert page.data["charts"][0]["series"][1]["y"] == [float(f"{2.5 / e:.7g}") for e in range(1, EPOCHS + 1)]
    assert page.data["charts"][0]["level"] == 0.5
    axes = page.data["runs"][0]
    assert (axes["epoch"][-1], axes["step"][-1], axes["seconds"][1]) == (EPOCHS, 40 * EPOCHS, 5.1)


def test_the_page_needs_nothing_but_itself_and_runs_no_script_but_its_own(here):
    text = reports.write([make(here / "1")]).read_text(encoding="utf-8")
    page = Page(text)
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    assert len([a for a in page.addresses if a.startswith("data:")]) == 1, "curves.png is drawn anew"
    assert {"link", "iframe", "base"} & set(page.tags) == set()
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(ids)
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert "default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-" in text
    assert f'script-src &#39;sha256-{digest}&#39;">' in text


def test_whatever_stands_in_a_run_folder_is_text(here):
    folder = make_evil(here / "<b>")
    page, bare = report(folder), report(make(here / "2"))
    assert page.tags.count("script") == bare.tags.count("script") == 2
    assert page.tags.count("img") == 2
    assert {"b", "i"} & set(page.tags) <= set(bare.tags)
    assert "</script><script>alert(1)</script><img src=x onerror=" in page.text
    assert page.data["charts"][0]["series"][0]["label"] == "training"
    assert EVIL in {series["label"] for chart in page.data["charts"] for series in chart["series"]}


def test_numbers_that_are_not_finite_are_gaps(here):
    folder = make(here / "1", {"more_scores": {"a": float("nan"), "b": float("inf")}})
    rows = [{"epoch": 1, "loss": float("nan"), "seconds": None}, {"epoch": 2, "loss": float("-inf")}, {"epoch": 3}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"epoch": 4, "loss": "x"}]))
    page = report(folder)
    assert page.data["charts"][0]["series"][0]["y"] == [None] * 4
    assert page.data["runs"][0]["seconds"] is None
    assert "a nan b inf" in page.text


def test_options_that_are_not_the_recipes_own_come_first(here):
    from jaxdl.recipes import digits_mlp

    own = json.loads(json.dumps(dataclasses.asdict(digits_mlp.Config())))
    assert "Options Every option is the recipe's own. all options" in report(make(here / "1", **own)).text
    changed = own | {"learning_rate": 0.5, "model": own["model"] | {"widths": [8]}}
    said = (
        "changed from the recipe's own this run recipe learning_rate 0.5 0.002 model.widths [8] [256, 256] all options"
    )
    assert said in report(make(here / "2", **changed)).text


def test_runs_stand_beside_each_other(here):
    make(here / "a")
    make(here / "b", {"headline": "test loss"}, learning_rate=0.01, seed=3)
    assert cli.main(["report", "a", "b"]) == 0
    page = Page((here / "report.html").read_text(encoding="utf-8"))
    assert "2 runs of digits_mlp" in page.text
    assert "options that differ a b learning_rate 0.002 0.01 seed 3 all options" in page.text
    assert "a 0.9833 test accuracy, 12 epochs b 0.0448 test loss, 12 epochs" in page.text
    labels = [series["label"] for series in page.data["charts"][0]["series"]]
    assert labels == ["a training", "a validation", "b training", "b validation"]
    assert [series["color"] for series in page.data["charts"][0]["series"]] == [0, 0, 1, 1]
    assert "confusion: b" in page.text
    assert cli.main(["report", "a", "a", "--out", "x.html"]) == 0
    assert "These runs have the same options." in Page((here / "x.html").read_text()).text


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("metrics.jsonl", None, "metrics.jsonl is not there: there are no curves"),
        ("metrics.jsonl", b"", "no epoch is logged yet"),
        ("metrics.jsonl", b'{"epoch": 1, "loss": 2}\n{"epo', "metrics.jsonl, line 2: JSONDecodeError"),
        ("metrics.jsonl", b"[1]\n", "metrics.jsonl, line 1: TypeError: an object with its epoch is expected"),
        ("metrics.jsonl", b"\xff", "metrics.jsonl: UnicodeDecodeError"),
        ("norms.jsonl", None, "norms.jsonl is not there: there are no norms"),
        ("norms.jsonl", b'{"epoch": 1, "parameters": 3}\n{"epoch": 2, "parameters": {"": "x"}}\n', ""),
        ("environment.json", None, "environment.json is not there: scores, versions and machine are not known"),
        ("environment.json", b"{", "environment.json: JSONDecodeError"),
        ("environment.json", b"[]", "environment.json: TypeError: an object is expected"),
        ("environment.json", b'{"scores": 3, "seconds": 1, "versions": [], "notes": 5, "levels": 1, "steps": "x"}', ""),
        ("config.json", b"{", "config.json is damaged"),
        ("config.json", b'{"recipe": 3, "config": []}', "config.json is damaged"),
        ("params.safetensors", None, "params.safetensors is not there: the run has not finished"),
        ("params.safetensors", b"x", "params.safetensors is damaged"),
        ("confusion.png", b"x", "confusion.png is damaged: cannot identify image file"),
    ],
)
def test_what_is_missing_or_damaged_is_said_on_the_page(here, file, content, said):
    folder = make(here / "1")
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    page = report("1")
    assert ("What is missing" in page.text) == bool(said)
    assert said in page.text


def test_a_recipe_that_has_gone_and_a_large_picture(here, monkeypatch):
    folder = make(here / "1")
    stored = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(stored | {"recipe": "./gone.py", "source_sha256": "12"}))
    monkeypatch.setattr("jaxdl.runs.report_parts._LARGEST_PICTURE", 10)
    page = report(folder)
    assert "confusion.png is too large to be embedded: 0.0 MiB" in page.text
    assert "learning_rate 0.002" in page.text
    assert "img" not in page.tags


def test_mistakes_are_told_in_a_line_and_nothing_is_written_over(here, capsys):
    make(here / "1")
    make(here / "2")
    assert "expected 1 argument(s), got 0" in refused(capsys, "report")
    assert "nowhere is not a run folder" in refused(capsys, "report", "nowhere")
    assert "nowhere is not a run folder" in refused(capsys, "report", "1", "nowhere")
    assert "--out needs FILE.html" in refused(capsys, "report", "1", "--out", "x.png")
    assert "--out needs FILE.html" in refused(capsys, "report", "1", "--out", "no/x.html")
    (here / "report.html").write_text("<p>mine")
    assert "report.html is there and is no report of jaxdl" in refused(capsys, "report", "1", "2")
    assert (here / "report.html").read_text() == "<p>mine"
    assert cli.main(["report", "1"]) == cli.main(["report", "1"]) == 0


def test_many_seeds_are_a_table(here):
    folder = make(here / "1", {"seeds": [0, 1], "seconds": 3.5, "scores": None})
    (folder / "metrics.jsonl").unlink()
    (folder / "seeds.csv").write_text("seed,best_epoch,test accuracy\n0,3,0.5\n1,4,0.75\n")
    page = report(folder)
    assert "scores of 2 seeds score mean 95 % least largest test accuracy 0.6250 ± 1.5883 0.5000 0.7500" in page.text
    assert "What is missing" not in page.text
    (folder / "seeds.csv").write_text("seed,best_epoch,test accuracy\n0,3,x\n")
    assert "seeds.csv is damaged: could not convert string to float" in report(folder).text


def test_damaged_norms_do_not_keep_runs_from_being_compared(here, capsys):
    folder = make(here / "1")
    (folder / "norms.jsonl").write_text('{"epo')
    assert cli.main(["compare", "1", "1"]) == 0
    assert "norms.jsonl, line 1: JSONDecodeError" in report(folder).text
