"""What a data set is here (a dict of numpy arrays with a common leading axis), and its check on the host.

N examples, K classes.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from jaxdl.data.mapped import SelectedRows, is_mapped

Arrays: TypeAlias = dict[str, Any]  # {"x": [N, ...], "y": [N]}: numpy; one row of every array is one example


class Dataset(NamedTuple):
    """A loaded data set: host arrays and what is known about them.

    Attributes:
        name: as in `jaxdl.data.load(name)`.
        train: {"x": [N, ...], "y": [N]}; all examples where there is no official test part (see `split`).
        test: the official test part in the same form, or None.
        class_names: the name of class k at place k; empty for a regression.
        feature_names: the name of each column of x; empty for images.
        about: where the data come from, and what was done to them on loading.
        license: the license under which the authors publish them.
        path: the folder or package that these arrays were read from.
        validation: the official validation part in the same form, or None (see `split`).
    """

    name: str
    train: Arrays
    test: Arrays | None
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    about: str
    license: str
    path: str
    validation: Arrays | None = None

    @property
    def n_classes(self) -> int:
        """The number of classes, 0 for a regression."""
        return len(self.class_names)


def require_arrays(arrays: Any, name: str = "data") -> None:
    """Raise ValueError unless `arrays` is a dict of arrays, with what to write for a tuple, a list or a DataFrame.

    >>> require_arrays(([[1.0]], [0]))
    Traceback (most recent call last):
        ...
    ValueError: data: a data set is a dict of arrays, got a tuple: write {"x": x, "y": y}
    """
    if hasattr(arrays, "to_numpy"):
        fix = 'write {"x": table[columns].to_numpy("float32"), "y": table[target].to_numpy()}'
    else:
        fix = 'write {"x": x, "y": y}'
    if not isinstance(arrays, dict):
        raise ValueError(f"{name}: a data set is a dict of arrays, got a {type(arrays).__name__}: {fix}")
    for key, values in arrays.items():
        if hasattr(values, "to_numpy"):
            raise ValueError(f"{name}: {key} is a {type(values).__name__}, not an array: write {key}.to_numpy()")
        if not hasattr(values, "dtype"):
            raise ValueError(f"{name}: {key} is a {type(values).__name__}, not an array: write np.asarray({key})")


def count(arrays: Arrays) -> int:
    """The number of examples: the leading axis that all arrays share.

    Raises: ValueError for what is no dict of arrays, leading axes that differ or are missing, and no examples.

    >>> count({"x": np.zeros((3, 2)), "y": np.zeros(3)})
    3
    """
    require_arrays(arrays)
    shapes = {name: np.shape(values) for name, values in arrays.items()}
    if not shapes or any(len(shape) == 0 for shape in shapes.values()):
        raise ValueError(f"a data set needs arrays with a leading axis of examples, got shapes {shapes}")
    lengths = {shape[0] for shape in shapes.values()}
    if len(lengths) > 1:
        raise ValueError(f"all arrays need the same number of rows, got shapes {shapes}")
    if lengths == {0}:
        raise ValueError(f"the data set is empty: its shapes are {shapes}")
    return lengths.pop()


def take(arrays: Arrays, rows: np.ndarray) -> Arrays:
    """The examples at `rows` ([M] integers), in that order; of lists as of arrays.

    Of a memory-mapped array of more than one number a row it is a `SelectedRows`, and nothing is read.

    >>> take({"x": np.array([[1.0], [2.0], [3.0]])}, np.array([2, 0]))["x"].tolist()
    [[3.0], [1.0]]
    """

    def taken(values: Any) -> Any:
        if is_mapped(values) and values.ndim > 1:
            return SelectedRows(values, rows)
        return (values if hasattr(values, "dtype") else np.asarray(values))[rows]

    return {name: taken(values) for name, values in arrays.items()}


def validate(arrays: Arrays, n_classes: int | None = None, *, name: str = "data") -> Arrays:
    """Check once, on the host, what a compiled step cannot: lengths agree, values are finite, labels are in range.

    Args:
        arrays: {"x": [N, ...], "y": [N, ...], ...}: numbers; every floating array must be finite, but those that are
            memory-mapped, which are not read here: `nan_stop` names their rows.
        n_classes: K: then "y" must be [N] integers in [0, K). None for a regression or data without labels.
        name: the data set's name for the message.
    Returns: `arrays` unchanged.
    Raises: ValueError that names the array, the row and the value.

    >>> validate({"x": np.array([[1.0], [np.nan]]), "y": np.array([0, 1])}, 2)
    Traceback (most recent call last):
        ...
    ValueError: data: x holds nan in row 1; remove the row or replace the value
    """
    count(arrays)
    for key, values in arrays.items():
        values = values if is_mapped(values) else np.asarray(values)
        if values.dtype.kind in "iub":
            continue
        if values.dtype.kind not in "fV":  # V: bfloat16
            fix = "names, y = np.unique(y, return_inverse=True)" if values.dtype.kind in "UO" else "take real parts"
            raise ValueError(f"{name}: {key} must be real numbers, got {values.dtype}; {fix}")
        if is_mapped(values):
            continue
        finite = np.isfinite(values).reshape(len(values), -1)
        if not finite.all():
            row = int(np.argmin(finite.all(axis=1)))
            value = values.reshape(len(values), -1)[row][~finite[row]][0]
            raise ValueError(f"{name}: {key} holds {value} in row {row}; remove the row or replace the value")
    if n_classes is None:
        return arrays
    if "y" not in arrays:
        raise ValueError(f"{name}: no labels 'y' among the arrays {sorted(arrays)}")
    labels = np.asarray(arrays["y"])
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"{name}: y must be [N] integer labels, got {labels.dtype} {labels.shape}")
    wrong = (labels < 0) | (labels >= n_classes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{name}: y is {labels[row]} in row {row}, not a label in [0, {n_classes})")
    return arrays


def class_weights(labels: Any, n_classes: int) -> np.ndarray:
    """Weights that let every class count alike, however rare: w_k = N / (K N_k), 0 for a class without examples.

    Their mean over the examples is 1 where every class has some (scikit-learn's "balanced").

    Args:
        labels: [N] integers in [0, K).
        n_classes: K.
    Returns: [K] float32, for `class_weights` of the cross-entropies.
    Raises: ValueError for labels that `validate` would refuse.

    >>> class_weights(np.array([0, 0, 0, 1]), 2).round(3).tolist()
    [0.6669999957084656, 2.0]
    """
    labels = np.asarray(labels)
    validate({"y": labels}, n_classes, name="class_weights")
    counts = np.bincount(labels, minlength=n_classes)
    weights = len(labels) / (n_classes * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 0).astype(np.float32)


def one_hot(labels: Any, n_classes: int, dtype: Any = np.float32) -> Any:
    """Labels as unit vectors: y[..., k] = 1 where k is the label, else 0.

    A label outside [0, K) gives a row of zeros (a compiled function cannot raise); `validate` finds it on the host.
    The sparse cross-entropy needs no one-hot vectors and saves their memory.

    Args:
        labels: integers of any shape, numpy or JAX, traced or not.
        n_classes: K.
        dtype: of the result.
    Returns: labels.shape + [K], numpy for numpy and JAX for JAX.
    Raises: ValueError for labels that are not integers.

    >>> one_hot(np.array([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    if labels.dtype.kind not in "iu":
        raise ValueError(f"one_hot: labels must be integers, got {labels.dtype} of shape {labels.shape}")
    classes = np.arange(n_classes, dtype=np.int32).reshape((1,) * labels.ndim + (n_classes,))
    return (labels.astype(np.int32)[..., None] == classes).astype(dtype)
