"""`jaxdl predict`: what the model of a run says of a user's own inputs."""

import sys
from pathlib import Path
from typing import Any

from jaxdl.cli.arguments import new_file, pop_options, positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_table

HELP = """predict RUN INPUT ... [--out FILE.csv|FILE.json]
                 what a run's model says of images, of the rows of a table of numbers, of texts;
                 - reads standard input, --out has every class's probability"""

_USAGE = "predict RUN INPUT ... [--out FILE.csv|FILE.json]"


def run(argv: list[str]) -> int:
    """Print one line for each input; returns the exit code."""
    options, rest = pop_options(argv, "--out")
    dashed = ["\0" if word == "-" else word for word in rest]  # an input, not an option
    folder, *inputs = positional(dashed, _USAGE, least=2, most=len(rest) + 2)
    value = options.get("--out")
    out = None if value is None else new_file("--out", value, "FILE.csv or FILE.json", ".csv", ".json")
    use_compilation_cache()
    from jaxdl.runs import trained

    model = trained.load(Path(folder))
    names, predictions = [], []
    for word in inputs:
        some, values = _inputs(word, model)
        names += some
        predictions.append(model.predict(values))
    whole = _joined(predictions)
    if out is not None:
        trained.write_predictions(out, names, whole)
    _print(names, whole)
    return 0


def _inputs(word: str, model: Any) -> tuple[list[str], Any]:
    """Of a file, of standard input ("-"), or of the word itself where the model reads texts."""
    from jaxdl.runs.trained import read_inputs

    if word == "\0":
        import tempfile  # not above, where `jaxdl --help` would wait for it

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "-")
            path.write_text(sys.stdin.read(), encoding="utf-8")
            return read_inputs(path, model.predictor)
    path = Path(word)
    if path.is_file() or model.predictor.shape is not None or model.predictor.read is not None:
        return read_inputs(path, model.predictor)
    return [word], [word]


def _joined(predictions: list[Any]) -> Any:
    import numpy as np

    first = predictions[0]
    values = np.concatenate([part.values for part in predictions])
    if first.probabilities is None:
        return first._replace(values=values)
    return first._replace(values=values, probabilities=np.concatenate([part.probabilities for part in predictions]))


def _print(names: list[str], predictions: Any) -> None:
    texts = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in predictions.values.tolist()]
    rows = [[name, text] for name, text in zip(names, texts, strict=True)]
    if predictions.probabilities is None:
        print_table(["input", "prediction"], rows)
        return
    sure = predictions.probabilities.max(1)
    print_table(["input", "prediction", "probability"], [[*row, f"{p:.4f}"] for row, p in zip(rows, sure, strict=True)])
