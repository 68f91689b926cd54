"""Pictures in any script: no empty boxes, no warnings (here warnings are errors)."""

import matplotlib.image
import numpy as np
import pytest

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
