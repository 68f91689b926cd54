"""A user's images: found by folders, brought to one size, trained, predicted from the run's folder alone."""

import json

import numpy as np
import pytest
from PIL import Image
from refusal import refused

import jaxdl
from jaxdl import cli, runs
from jaxdl.data.image_files import list_images, looks, read_image
from jaxdl.data.sources import cache_folder
from jaxdl.recipes import images

pytestmark = pytest.mark.usefixtures("own_caches", "shared_programs")

TINY = ["--channels", "4", "--widths", "8", "--epochs", "6", "--batch-size", "8", "--dropout", "0"]


def picture(path, color, size=(12, 12), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)


def folder(root, n=10, sizes=((12, 12),)):
    """n red and n blue images."""
    for i in range(n):
        for name, color in (("red", (200 + i, i, 0)), ("blue", (0, i, 200 + i))):
            picture(root / name / f"{i}.png", color, sizes[i % len(sizes)])


def test_a_run_predicts_from_its_folder_alone(here, capsys, caplog):
    folder(here / "x", sizes=((12, 12), (20, 30)))
    (here / "x" / "red" / "notes.txt").write_text("red ones")
    assert cli.main(["train", "images", "--data", "x", "--side", "8", "--learning-rate", "0.01", *TINY]) == 0
    said = capsys.readouterr().err
    assert "Clipping" not in caplog.text  # kernels of color images are drawn whole
    assert "x: 20 images in color, 8 x 8, resized from 2 sizes" in said
    assert "1 other files are left out" in said
    assert "blue: 10, red: 10" in said
    (here / "x").rename(here / "y")
    assert cli.main(["predict", "runs/images/1", "y", "y/red/3.png", "--out", "z.csv"]) == 0
    printed = capsys.readouterr().err.splitlines()
    assert printed == ["jaxdl: images are resized to 8 x 8", "jaxdl: 3.png: 20 x 30 pixels are resized to 8 x 8"]
    lines = (here / "z.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0].split("/")[0] == line.split(",")[1] for line in lines[:20]] == [True] * 20
    assert lines[20].startswith("3.png,red")
    assert runs.evaluate_run("runs/images/1", here / "y").scores["test"]["accuracy"] == 1
    assert jaxdl.load("runs/images/1").predict(np.zeros((1, 8, 8, 3), np.uint8)).classes == ("blue", "red")
    picture(here / "w" / "green" / "1.png", "green")
    assert "'green' is none of the classes blue, red" in refused(capsys, "evaluate", "runs/images/1", "w")


def test_a_stream_of_images_is_the_run_in_memory(here, capsys):
    folder(here / "x")
    for stream in ([], ["--stream"]):
        assert cli.main(["train", "images", "--data", "x", "--learning-rate", "0.01", *TINY, *stream]) == 0
    rows = [(here / "runs/images" / run / "metrics.jsonl").read_text().splitlines() for run in "12"]
    kept = [[json.loads(row) for row in file] for file in rows]
    assert all(0 <= row["waiting"] < 1 for row in kept[1])
    assert [row["val_loss"] for row in kept[1]] == pytest.approx([row["val_loss"] for row in kept[0]], rel=1e-4)
    cached = list((cache_folder() / "images").glob("*.npy"))
    assert len(cached) >= 3  # one for each part
    assert cli.main(["evaluate", "runs/images/2", "x"]) == 0


def test_images_in_npy_files(here, capsys):
    (here / "x").mkdir()
    x = np.random.default_rng(0).integers(0, 50, (40, 9, 9), dtype=np.uint8)
    y = np.arange(40) % 2
    x[y == 1] += 150
    np.save(here / "x/x.npy", x)
    np.save(here / "x/y.npy", y)
    assert cli.main(["train", "images", "--data", "x", "--learning-rate", "0.01", "--stream", *TINY]) == 0
    assert "40 images in gray, 9 x 9, 2 classes" in capsys.readouterr().err
    assert runs.evaluate_run("runs/images/1", here / "x").scores["test"]["accuracy"] == 1
    assert "leave out --side" in refused(capsys, "train", "images", "--data", "x", "--side", "8")
    (here / "x/x.npy").write_bytes((here / "x/x.npy").read_bytes()[:-9])
    assert "x.npy cannot be mapped: it is cut off" in refused(capsys, "train", "images", "--data", "x")
    np.save(here / "x/x.npy", x.astype(np.float32))
    assert "bytes (uint8) are expected, got float32" in refused(capsys, "train", "images", "--data", "x")
    np.save(here / "x/x.npy", x[:30])
    assert "the same number of rows" in refused(capsys, "train", "images", "--data", "x")


def test_one_size_stays_and_gray_is_found(here):
    for i in range(8):
        for name, shade in (("dark", 20), ("light", 220)):
            picture(here / "x" / name / f"{i}.png", shade + i, (10, 14), "L")
    task = images.task(images.Config(batch_size=4, data=str(here / "x")))
    assert task.data.train["x"].shape == (11, 14, 10, 1)
    assert [len(part["y"]) for part in task.data] == [11, 2, 3]
    assert task.notes[0] == "x: 16 images in gray, 10 x 14"
    color = images.task(images.Config(batch_size=4, data=str(here / "x"), colors="color", side=9))
    assert color.data.train["x"].shape == (11, 9, 9, 3)


def test_large_images_are_made_small(here):
    folder(here / "x", sizes=((100, 80),))
    assert images.task(images.Config(batch_size=4, data=str(here / "x"))).data.train["x"].shape[1:] == (32, 32, 3)


def test_official_parts_are_kept(here):
    folder(here / "x" / "train", n=10)
    folder(here / "x" / "test", n=3)
    task = images.task(images.Config(batch_size=4, data=str(here / "x"), validation=0.2))
    assert [len(part["y"]) for part in task.data] == [16, 4, 6]
    assert task.data.test["y"].tolist() == [0] * 3 + [1] * 3
    picture(here / "x" / "test" / "green" / "1.png", "green")
    with pytest.raises(ValueError, match="the class 'green' is not in all parts"):
        images.task(images.Config(batch_size=4, data=str(here / "x")))


@pytest.mark.slow
def test_the_example_is_learned(tmp_path):
    done = runs.train("images", images.Config(epochs=6), run_dir=tmp_path / "1")
    assert done.score > 0.7
    assert (tmp_path / "1" / "mistakes.png").exists()


def test_transparency_turns_and_deep_gray(here):
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    clear.save(here / "clear.png")
    assert (read_image(here / "clear.png", (4, 4, 3)) == 255).all()
    deep = Image.fromarray(np.full((4, 4), 200 * 256, np.uint16))
    deep.save(here / "deep.png")
    assert (read_image(here / "deep.png", (4, 4, 1)) == 200).all()
    assert looks([here / "deep.png"]) == ({(4, 4)}, False)
    lying = Image.fromarray(np.arange(8, dtype=np.uint8).reshape(2, 4) * 30)
    turned = Image.Exif()
    turned[0x0112] = 6  # upright after a quarter turn
    lying.save(here / "turned.png", exif=turned)
    assert read_image(here / "turned.png", (4, 2, 1))[0, :, 0].tolist() == [120, 0]


def test_bad_folders_are_one_line(here, capsys):
    folder(here / "x", n=4)
    (here / "x" / "red" / "0.png").write_bytes(b"no image")
    assert "x/red/0.png is no image that can be read" in refused(capsys, "train", "images", "--data", "x")
    content = (here / "x" / "red" / "1.png").read_bytes()
    (here / "x" / "red" / "0.png").write_bytes(content[: len(content) - 30])
    assert "x/red/0.png is damaged" in refused(capsys, "train", "images", "--data", "x")
    (here / "x" / "red" / "0.png").unlink()
    (here / "x" / "green").mkdir()
    assert "green has no images" in refused(capsys, "train", "images", "--data", "x")
    picture(here / "x" / "green" / "1.jpg", "green")
    assert "x: the class 'green' has 1 image(s), fewer than 3" in refused(capsys, "train", "images", "--data", "x")
    assert "only 'red'" not in refused(capsys, "train", "images", "--data", "x/red")
    assert "nowhere is no folder" in refused(capsys, "train", "images", "--data", "nowhere")
    assert not (here / "runs").exists()


def test_names_of_classes_are_in_alphabetic_order(here):
    folder(here / "x", n=2)
    found = list_images(here / "x")
    assert found.classes == ("blue", "red")
    assert found.labels.tolist() == [0, 0, 1, 1]
