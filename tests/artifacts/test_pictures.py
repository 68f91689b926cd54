"""Pictures in any script: no empty boxes, no warnings (here warnings are errors)."""

import matplotlib.image
import numpy as np
import pytest
from matplotlib import font_manager

from jaxdl.artifacts import pictures


@pytest.mark.parametrize("names", [("기생충", "올드보이"), ("ascii", "ünïcödé"), ("\U0010fffd", "x")])
def test_names_of_any_script_are_drawn(tmp_path, names):
    points, labels = np.array([[0.0, 0.0], [1.0, 1.0]]), [0, 1]
    figure = pictures.scatter(points, labels, names, title=names[0], legend=True)
    pictures.save(figure, tmp_path / "map.png")
    assert matplotlib.image.imread(tmp_path / "map.png").std() > 0.01


def test_letters_without_a_font_are_code_points(tmp_path):
    figure = pictures.scatter(np.zeros((1, 2)), [0], ("x",), title="a\U0010fffd")
    pictures.save(figure, tmp_path / "map.png")
    assert figure.axes[0].get_title() == "a10FFFD"


def test_names_at_ticks_change_with_the_other_texts(tmp_path):
    figure, (ax, _) = pictures.subplots(2, 2, width=2, height=2)
    ax.bar(["one", "two"], [1, 2])
    ax.set_title("one of two")
    pictures.rewrite(figure, lambda text: text.replace("two", "2\U0010fffd"))
    pictures.save(figure, tmp_path / "bars.png")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["one", "210FFFD"]
    assert ax.get_title() == "one of 210FFFD"


def test_korean_needs_no_font_of_the_machine(tmp_path, monkeypatch):
    shipped = [font for font in font_manager.fontManager.ttflist if "site-packages" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", shipped)
    pictures._add_shipped_fonts.cache_clear()
    figure = pictures.scatter(np.zeros((1, 2)), [0], ("x",), title="층마다 기울기")
    pictures.save(figure, tmp_path / "map.png")
    assert figure.axes[0].get_title() == "층마다 기울기"


@pytest.mark.parametrize("shape", [(1, 1), (1, 3, 1), (2, 2, 2), (2, 2, 3), (1, 1, 1)])
def test_images_of_any_size_and_channels(tmp_path, shape):
    """A kernel of one number is an image too."""
    pictures.save(pictures.image_grid([np.ones(shape)] * 2, ["a", "b"]), tmp_path / "grid.png")
    assert matplotlib.image.imread(tmp_path / "grid.png").std() > 0.01
