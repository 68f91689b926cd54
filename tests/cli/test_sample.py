"""`jaxdl sample`: sheets from a trained generator, the recipes' samples and interpolations, the judge, and refusals."""

import dataclasses
import json
import math

import jax
import numpy as np
import pytest
from PIL import Image
from refusal import refused

from jaxdl import cli, runs
from jaxdl.artifacts import pictures
from jaxdl.losses import minimax
from jaxdl.models import cnn, gan
from jaxdl.recipes import _gan, _judge, digits_cnn, digits_gan, mixture_gan
from jaxdl.runs import training_runs
from jaxdl.tasks import adversarial, game
from jaxdl.training import Event, History

MODEL = gan.Config(
    size=(8, 8, 1),
    kind="dense",  # compiles sooner
    n_latent=4,
    generator=(8,),
    discriminator=(8,),
    generator_norm="none",
    discriminator_norm="none",
    n_classes=10,
)
CONFIG = digits_gan.Config(model=MODEL, epochs=2, batch_size=256, r1=0.0)
SMALL_JUDGE = digits_cnn.Config(
    epochs=1, batch_size=256, model=cnn.Config(size=(8, 8), channels=(4,), padding="SAME", widths=(6,))
)


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory):
    """A judge of a second, kept in a cache of its own, and few samples for the scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("xla")))
        patch.setattr(_gan, "SAMPLES", 200)
        patch.setitem(_judge._RECIPES, "digits", (digits_cnn, SMALL_JUDGE))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runs.train("digits_gan", CONFIG, run_dir=tmp_path_factory.mktemp("runs") / "1")


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_run_folder_shows_the_training(run):
    assert [path.name for path in sorted((run.folder / "frames").iterdir())] == ["0000.png", "0001.png", "0002.png"]
    first, last = (pixels(run.folder / "frames" / name) for name in ("0000.png", "0002.png"))
    assert first.shape == last.shape
    assert (first != last).any()
    assert (run.folder / "training.gif").stat().st_size > 1000


def test_a_game_shows_its_samples_and_its_equilibrium(run):
    assert pixels(run.folder / "samples.png").std() > 1
    levels = game.equilibrium(dataclasses.replace(CONFIG, label_smoothing=0.0))
    assert levels["d_real"] == levels["d_fake"] == 0.5
    assert levels["discriminator_loss"] == pytest.approx(math.log(4))
    scores = {name: [0.9, 0.5] for name in (*levels, "val_coverage")}
    figure = pictures.curves(scores, [1, 2], levels)
    assert figure.get_size_inches()[0] < 13  # three panels in a row, not five
    lines = {
        ax.get_title(): [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"] for ax in figure.axes
    }
    assert lines == {name: [value] for name, value in levels.items()} | {"coverage": []}


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_the_equilibrium_is_where_no_discriminator_loses_less(smoothing):
    levels = game.equilibrium(dataclasses.replace(CONFIG, label_smoothing=smoothing))
    logits = jax.numpy.linspace(-3, 3, 6001)
    losses = jax.vmap(lambda v: minimax.discriminator_loss(v[None], v[None], label_smoothing=smoothing))(logits)
    assert float(losses.min()) == pytest.approx(levels["discriminator_loss"], abs=1e-6)
    assert float(jax.nn.sigmoid(logits[losses.argmin()])) == pytest.approx(levels["d_real"], abs=2e-3)


def test_few_frames_are_kept_and_a_resumed_run_leaves_the_first_as_it_was(tmp_path):
    drawn = training_runs._frames(lambda state: np.full((2, 2), 0.5), tmp_path)
    history = History(params={"epochs": 200})

    def tell(kind, epoch, step):
        if kind == "epoch":
            history.append(epoch, {})
        drawn(Event(kind, epoch, step, None, {}, history, None))  # pyright: ignore

    tell("begin", 1, 0)
    first = (tmp_path / "frames" / "0000.png").stat().st_mtime_ns
    for epoch in range(1, 101):
        tell("epoch", epoch, epoch)
    tell("begin", 101, 100)
    for epoch in range(101, 201):
        tell("epoch", epoch, epoch)
    tell("end", 200, 200)
    frames = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert len(frames) == 20
    assert (frames[0], frames[-1]) == ("0000.png", "0200.png")
    assert (tmp_path / "frames" / "0000.png").stat().st_mtime_ns == first


def test_more_samples_than_the_memory_holds_are_refused(run, tmp_path, capsys):
    line = refused(capsys, "sample", str(run.folder), "--out", str(tmp_path / "a.png"), "--count", "4000000000")
    assert "sample: 4,000,000,000 examples take" in line


def test_a_score_of_the_validation_part_alone_has_its_panel():
    """Coverage is watched there only."""
    figure = pictures.curves({"d_real": [0.9, 0.5], "seconds": [1.0, 1.0], "val_d_real": [0.8, 0.6]}, [1, 2])
    more = pictures.curves({"d_real": [0.9, 0.5], "val_coverage": [0.1, 0.7]}, [1, 2])
    assert [ax.get_title() for ax in figure.axes] == ["d_real"]
    assert [(ax.get_title(), len(ax.lines)) for ax in more.axes] == [("d_real", 1), ("coverage", 1)]


def test_scores_come_back(run):
    assert {"parzen", "parzen_sigma", "frechet", "frechet_data", "class_entropy", "label_accuracy"} <= set(
        run.more_scores
    )
    assert run.headline == "label_accuracy"
    without = dataclasses.replace(CONFIG, model=dataclasses.replace(MODEL, n_classes=0))
    assert digits_gan.task(without).headline == "frechet"
    assert run.more_scores["frechet_data"] < run.more_scores["frechet"]
    again = runs.evaluate_run(run.folder)
    assert again.more_scores == run.more_scores
    assert again.scores == run.scores
    assert json.loads((run.folder / "environment.json").read_text())["more_scores"] == run.more_scores


def test_the_judge_is_kept_under_its_configuration(run, monkeypatch):
    first = _judge.judge("digits")
    monkeypatch.setattr(_judge, "fit", None)  # whoever trains now fails
    again = _judge.judge("digits")
    assert again.accuracy == first.accuracy == run.more_scores["judge_accuracy"]
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    for a, b in zip(first.classify(x), again.classify(x), strict=True):
        np.testing.assert_array_equal(a, b)
    other = dataclasses.replace(SMALL_JUDGE, seed=1)
    monkeypatch.setitem(_judge._RECIPES, "digits", (digits_cnn, other))
    with pytest.raises(TypeError, match="not callable"):
        _judge.judge("digits")


def test_features_are_those_in_front_of_the_logits(run):
    judge = _judge.judge("digits")
    params = judge.classify.args[1].params["dense_1"]  # type: ignore[attr-defined]
    h, logits = judge.classify(np.random.default_rng(0).random((5, 8, 8, 1), np.float32))
    assert h.shape == (5, 6)
    np.testing.assert_allclose(h @ params["w"] + params["b"], logits, rtol=1e-4, atol=1e-5)


def test_samples_depend_on_key_and_label_alone(run):
    draw = lambda seed, **options: digits_gan.sample(CONFIG, run.state, jax.random.key(seed), **options)  # noqa: E731
    assert draw(0, count=12).shape == (12, 8, 8, 1)
    np.testing.assert_array_equal(draw(0, count=12), draw(0, count=12))
    assert (draw(0, count=12) != draw(1, count=12)).any()
    in_turn, threes = draw(0, count=12), draw(0, count=12, label=3)
    np.testing.assert_allclose(in_turn[3], threes[3], rtol=1e-5, atol=1e-6)
    assert np.abs(in_turn[4] - threes[4]).max() > 1e-3


def test_blocks_do_not_show(run, monkeypatch):
    draw = lambda: digits_gan.sample(CONFIG, run.state, jax.random.key(0), count=7)  # noqa: E731
    whole = draw()
    monkeypatch.setattr(_gan, "_ROWS", 3)
    np.testing.assert_allclose(draw(), whole, rtol=1e-5, atol=1e-6)


def test_a_walk_begins_and_ends_at_samples_of_the_noise(run):
    """The ends are the generator's examples of the two noises, and what lies between keeps their length."""
    seen = []
    original = _gan._generate

    def spy(config, state, z, labels):
        seen.append(np.asarray(z))
        return original(config, state, z, labels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_gan, "_generate", spy)
        shown = digits_gan.interpolate(CONFIG, run.state, jax.random.key(0), count=2, steps=5, label=1)
    assert shown.shape == (10, 8, 8, 1)
    z = seen[0].reshape(2, 5, 4)
    ends = np.asarray(jax.random.normal(jax.random.key(0), (2, 2, 1, 4)))[:, :, 0]
    np.testing.assert_allclose(z[:, 0], ends[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(z[:, -1], ends[1], rtol=1e-5, atol=1e-6)
    lengths = np.linalg.norm(z, axis=-1)
    assert (lengths.min(1) >= 0.99 * np.minimum(lengths[:, 0], lengths[:, -1])).all()


def test_the_command_writes_sheets(run, tmp_path, capsys):
    sheets = {}
    for name, words in {
        "plain": ["--count", "20"],
        "again": ["--count=20", "--seed", "0"],
        "seed": ["--count", "20", "--seed", "1"],
        "label": ["--count", "9", "--label", "3"],
        "walk": ["--count", "2", "--interpolate", "6"],
    }.items():
        assert cli.main(["sample", str(run.folder), *words, "--out", str(tmp_path / f"{name}.png")]) == 0
        sheets[name] = pixels(tmp_path / f"{name}.png")
    np.testing.assert_array_equal(sheets["plain"], sheets["again"])
    assert (sheets["plain"] != sheets["seed"]).any()
    ratio = {name: image.shape[1] / image.shape[0] for name, image in sheets.items()}
    assert ratio["plain"] == pytest.approx(91 / 19)  # ten columns, one a class, and two rows of 8 + 1 pixels
    assert ratio["label"] == pytest.approx(1.0)
    assert ratio["walk"] == pytest.approx(55 / 19)
    assert "20 examples of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{run}", "--out FILE.png says where"),
        ("{run} --out x.jpg", "--out FILE.png says where"),
        ("{run} --out nowhere/x.png", "there is no folder nowhere"),
        ("{run} --out x.png --count 0", "--count needs a whole number from 1 on, got '0'"),
        ("{run} --out x.png --count many", "--count needs a whole number from 1 on, got 'many'"),
        ("{run} --out x.png --label", "--label needs a whole number from 0 on, got ''"),
        ("{run} --out x.png --label 10", "label 10: this network has the classes 0 to 9"),
        ("{run} --out x.png --interpolate 1", "--interpolate needs a whole number from 2 on"),
        ("{run} --out x.png --counts 3", "unknown option --counts"),
        ("nowhere --out x.png", "nowhere is not a run folder"),
        ("--out x.png", "expected 1 argument(s), got 0"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(run, words, message, here, capsys):
    assert message in refused(capsys, "sample", *words.format(run=run.folder).split())
    assert not list(here.iterdir())


def test_a_recipe_without_samples_names_those_that_have_some(here, capsys):
    (here / "config.json").write_text('{"recipe": "xor_mlp", "config": {}}')
    err = refused(capsys, "sample", str(here), "--out", "x.png")
    assert "is a run of xor_mlp, which draws no samples; these do: digits_ddpm, digits_gan" in err
    assert "mnist_cgan" in err


def test_an_unconditional_network_has_no_labels():
    config = mixture_gan.Config(
        model=dataclasses.replace(mixture_gan.Config().model, generator=(4,), discriminator=(4,))
    )
    players = adversarial.players(gan, config.model)
    state = jax.jit(lambda key: adversarial.init_game(key, players, config))(jax.random.key(0))
    assert mixture_gan.sample(config, state, jax.random.key(0), count=3).shape == (3, 2)
    with pytest.raises(ValueError, match="label 0: this network has no classes"):
        mixture_gan.sample(config, state, jax.random.key(0), count=3, label=0)


def test_points_lie_on_the_ring_in_equal_shares():
    x = np.asarray(jax.jit(mixture_gan.points, static_argnums=1)(jax.random.key(0), 8000))
    distances = np.linalg.norm(x[:, None] - mixture_gan.CENTERS[None], axis=-1)
    counts = np.bincount(distances.argmin(1), minlength=8)
    assert np.abs(counts / 1000 - 1).max() < 0.15
    assert distances.min(1).mean() == pytest.approx(mixture_gan.STD * np.sqrt(np.pi / 2), rel=0.05)
    image = mixture_gan.raster(x)
    assert image.shape == (160, 160)
    assert 0.0 <= image.min() < image.max() <= 1.0
