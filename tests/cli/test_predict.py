"""What a trained run says of new inputs: from Python and from the command line, numbers, images and mistakes."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refusal import refused

import jaxdl
from jaxdl import cli, data, runs
from jaxdl.recipes import digits_mlp, iris_mlp
from jaxdl.training import evaluate
from jaxdl.training.prediction import Predictions


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iris") / "1"
    return runs.train("iris_mlp", iris_mlp.Config(epochs=4), run_dir=folder)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    config = digits_mlp.Config(epochs=4, batch_size=64, learning_rate=1e-2)
    return runs.train("digits_mlp", config, run_dir=tmp_path_factory.mktemp("digits") / "1")


def probabilities(predictions: Predictions) -> np.ndarray:
    assert predictions.probabilities is not None
    return predictions.probabilities


def test_raw_inputs_are_scaled_as_the_training_part_was(iris):
    """The share of right classes among all flowers is that of evaluation over the parts."""
    run, flowers = jaxdl.load(iris.folder), data.load("iris")
    found = run.predict(flowers.train["x"])
    right = (found.values == np.array(flowers.class_names)[flowers.train["y"]]).sum()
    parts = [part for part in run.task.data if len(part["y"])]
    accuracies = [jaxdl.metrics.scalars(evaluate(run.task.evaluate, run.state, part))["accuracy"] for part in parts]
    assert right == round(sum(a * len(part["y"]) for a, part in zip(accuracies, parts, strict=True)))
    np.testing.assert_allclose(probabilities(found).sum(1), 1, rtol=1e-5)
    assert found.classes == flowers.class_names
    assert run.config.epochs == 4
    assert set(run.params) == {"layer_0", "layer_1"}


def test_inputs_flat_or_without_axes_of_one_and_any_number_of_them(digits):
    run, x = jaxdl.load(digits.folder), data.load("digits").train["x"]
    whole = run.predict(x)
    for part in (x[:3], x[:3, :, :, 0], x[:3].reshape(3, 64)):
        np.testing.assert_allclose(probabilities(run.predict(part)), probabilities(whole)[:3], atol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[0], r"a single example \(8, 8, 1\) is a batch of one: x\[None\]"),
        (lambda x: x[:, :4], r"\(5, 4, 8, 1\) must be \[N, 8, 8, 1\]"),
        (lambda x: x.astype(str), "must be numbers"),
        (lambda x: np.where(np.arange(5)[:, None, None, None] == 3, np.nan, x), "input 3 holds a value that is not"),
        (lambda x: x[:0], "N at least 1"),
    ],
)
def test_wrong_inputs_are_named(digits, spoil, message):
    with pytest.raises(ValueError, match=message):
        jaxdl.load(digits.folder).predict(spoil(data.load("digits").train["x"][:5]))


def test_tables_and_standard_input(iris, here, capsys, monkeypatch):
    table = "a;b;c;d\n5.1;3.5;1.4;0.2\n\n6.7;3.0;5.2;2.3\n"
    (here / "x.csv").write_text(table)
    expected = jaxdl.load(iris.folder).predict([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
    assert cli.main(["predict", str(iris.folder), "x.csv", "--out", "y.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2:]] == expected.values.tolist()
    rows = list(csv.DictReader((here / "y.csv").read_text().splitlines()))
    assert [row["prediction"] for row in rows] == expected.values.tolist()
    assert float(rows[1]["p(setosa)"]) == pytest.approx(float(probabilities(expected)[1, 0]))
    monkeypatch.setattr("sys.stdin", io.StringIO(table))
    assert cli.main(["predict", str(iris.folder), "-", "--out", "y.json"]) == 0
    assert [row["prediction"] for row in json.loads((here / "y.json").read_text())] == expected.values.tolist()


def test_images_are_brought_to_the_models_size(digits, here, capsys):
    x = data.load("digits").train["x"][:2]
    bytes_ = np.round(x[..., 0] * 255).astype(np.uint8)
    Image.fromarray(bytes_[0]).save(here / "small.png")
    Image.fromarray(bytes_[1]).convert("RGB").resize((32, 32), Image.Resampling.NEAREST).save(here / "large.png")
    assert cli.main(["predict", str(digits.folder), "small.png", "large.png"]) == 0
    printed = capsys.readouterr()
    expected = jaxdl.load(digits.folder).predict(bytes_)
    assert [line.split()[1] for line in printed.out.splitlines()[2:]] == expected.values.tolist()
    assert "32 x 32 pixels are resized to 8 x 8" in printed.err


def test_the_lines_of_readme(digits, here, capsys):
    blocks = re.findall(r"```python\n(.*?)```", Path(__file__).parents[2].joinpath("README.md").read_text(), re.DOTALL)
    (here / "runs" / "digits_mlp").mkdir(parents=True)
    (here / "runs" / "digits_mlp" / "1").symlink_to(digits.folder)
    exec(next(block for block in blocks if "jaxdl.load" in block), {})
    assert capsys.readouterr().out.startswith("['0' '1' '2'")


def test_mistakes_are_told_in_a_line(iris, here, capsys):
    contents = {"short": "1,2\n", "word": "1,2,3,4\n1,2,x,4\n", "empty": "\n", "header": "a,b,c,d\n", "text.png": "x"}
    for name, content in contents.items():
        (here / name).write_text(content)
    run = str(iris.folder)
    assert "line 1: the model takes 4 numbers, got 2" in refused(capsys, "predict", run, "short")
    assert "line 2: 'x' is not a number" in refused(capsys, "predict", run, "word")
    assert "is empty" in refused(capsys, "predict", run, "empty")
    assert "a header and no rows" in refused(capsys, "predict", run, "header")
    assert "no images" in refused(capsys, "predict", run, "text.png")
    assert "No such file" in refused(capsys, "predict", run, "nowhere.csv")
    assert "--out needs FILE.csv or FILE.json" in refused(capsys, "predict", run, "short", "--out", "y.xlsx")
