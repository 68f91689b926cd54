"""A run folder with everything in it, made by hand: nothing is trained for it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

EPOCHS = 12
FACTS = {
    "python": "3.11.7",
    "versions": {"jaxdl": "0.1.0", "jax": "0.10.2"},
    "machine": "Linux x86_64, a processor, 2 cores",
    "device": "cpu (cpu), 1 in all",
    "x64": False,
    "steps": 40,
    "batch_size": 32,
    "examples": 1258,
    "seed": 0,
    "data": "15762eb421202577",
    "epochs": EPOCHS,
    "mesh": None,
    "parameters": 8,
    "seconds": {"train": 14.47, "in_all": 19.38},
    "compilation": {"trace_s": 0.75, "compile_s": 1.25, "programs": 5, "cached": 2},
    "scores": {"train": {"loss": 0.003}, "test": {"accuracy": 0.9833, "loss": 0.0448}},
    "more_scores": {"parzen": 16.37},
    "headline": "test accuracy",
    "notes": ["column size: 3 of 150 cells are missing"],
    "levels": {"loss": 0.5},
}


def make(folder: Path, facts: dict[str, Any] | None = None, **options: Any) -> Path:
    """The folder of a finished run of `digits_mlp`; `facts` and `options` in place of its own."""
    folder.mkdir(parents=True)
    config = {"epochs": EPOCHS, "learning_rate": 0.002, "model": {"widths": [256, 256]}} | options
    (folder / "config.json").write_text(json.dumps({"recipe": "digits_mlp", "config": config}))
    (folder / "environment.json").write_text(json.dumps(FACTS | (facts or {})))
    with (folder / "metrics.jsonl").open("w") as metrics, (folder / "norms.jsonl").open("w") as norms:
        for epoch in range(1, EPOCHS + 1):
            row = {"epoch": epoch, "loss": 2.0 / epoch, "val_loss": 2.5 / epoch, "seconds": 5.0 if epoch == 1 else 0.1}
            metrics.write(json.dumps(row) + "\n")
            parts = {"": 5.0 + epoch, "layer_0": 3.0, "layer_1": 4.0}
            norms.write(json.dumps({"epoch": epoch, "parameters": parts, "gradient": parts, "average": "mu"}) + "\n")
    params = {"layer_0/w": np.ones((2, 3), np.float32), "layer_0/b": np.zeros(2, np.float32)}
    save_file(params, folder / "params.safetensors", {"sha256": "ab" * 32})
    for name in ("confusion", "curves"):
        Image.new("RGB", (60, 40), "navy").save(folder / f"{name}.png")
    return folder


EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(1)">&amp;\u2028'


def make_evil(folder: Path) -> Path:
    """A run folder in which every text is markup that would run a script."""
    facts = {"notes": [EVIL], "machine": EVIL, "headline": EVIL, "versions": {EVIL: EVIL}}
    make(folder, facts, note=EVIL)
    row = {"epoch": 1, EVIL: 1.0, "loss": 2.0}
    (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "norms.jsonl").write_text(json.dumps({"epoch": 1, "parameters": {EVIL: 1}, "average": EVIL}) + "\n")
    (folder / f"{'x' * 9}<i>.png").write_bytes((folder / "confusion.png").read_bytes())
    return folder
