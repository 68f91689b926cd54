"""README's tables of generative models: means over seeds, what stands beside them, nothing where no record is."""

import json

import pytest

from benchmarks.reports import generative


def _keep(folder, recipe: str, *runs: dict[str, float]) -> None:
    rows = [{"score": run.pop("score", 0.0), "more_scores": run} for run in runs]
    (folder / f"{recipe}.json").write_text(json.dumps({"recipe": recipe, "runs": rows}))


def test_codes_beside_scores_of_the_same_record_and_published_ones(tmp_path):
    _keep(tmp_path, "mnist_sparse_autoencoder", {"probe accuracy": 0.97, "probe accuracy of pixels": 0.9})
    before = "test accuracy before fine-tuning"
    _keep(tmp_path, "mnist_stacked_autoencoder", {"score": 0.98, before: 0.93}, {"score": 0.99, before: 0.95})
    head, rule, *lines = generative.codes(tmp_path).splitlines()
    assert head.count("|") == rule.count("|") == lines[0].count("|")
    assert lines[0].endswith("| 97.00 | 90.00 (on pixels) | 1 |")
    assert lines[1].endswith("| 94.00 ± 12.71 | 87.7 (UFLDL, published) | 2 |")  # Student's t, one degree of freedom
    assert lines[2].endswith("| 98.50 ± 6.35 | 97.6 (UFLDL, published) | 2 |")
    assert len(lines) == 3


def test_decibels_are_no_percent(tmp_path):
    scores = {"PSNR, dB": 18.84, "PSNR of the noisy input, dB": 6.0, "probe accuracy": 0.96}
    scores |= {"probe accuracy of the plain one": 0.93, "probe accuracy of pixels": 0.92}
    _keep(tmp_path, "mnist_denoising_autoencoder", scores)
    lines = generative.codes(tmp_path).splitlines()[2:]
    assert lines[0].endswith("| 96.00 | 93.00 (plain autoencoder), 92.00 (on pixels) | 1 |")
    assert lines[1].endswith("| PSNR, dB | 18.84 | 6.00 (noisy input) | 1 |")


def test_games_with_and_without_classes(tmp_path):
    scores = {"parzen": 120.0, "parzen_error": 1.5, "parzen_sigma": 0.2, "frechet": 2.0, "frechet_data": 0.5}
    scores["class_entropy"] = 2.3
    _keep(tmp_path, "mnist_gan", scores, scores | {"parzen": 130.0})
    _keep(tmp_path, "mnist_cgan", scores | {"label_accuracy": 0.976})
    gan, cgan = generative.table(tmp_path).splitlines()[2:4]
    assert gan == "| `mnist_gan` | 125.0 ± 1.5 | 0.20 | 2.00 | 0.50 | 2.300 |  | 2 |"
    assert "| 97.6 | 1 |" in cgan


@pytest.mark.parametrize("table", [generative.codes, generative.table])
def test_nothing_without_records(table, tmp_path):
    assert "`" not in table(tmp_path)
