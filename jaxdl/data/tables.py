"""The small sets that scikit-learn ships: no network, no files of our own.

N examples, D features.
"""

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from jaxdl.data.arrays import Dataset
from jaxdl.data.sources import DataNotFound, Source

_UCI = "CC BY 4.0 (UCI Machine Learning Repository)"

SETS = {
    "iris": Source(
        name="iris",
        contents="150 flowers, 4 features, 3 classes",
        about="Fisher, 1936: petal and sepal sizes of three species, in cm",
        license=_UCI,
        package="scikit-learn",
    ),
    "wine": Source(
        name="wine",
        contents="178 wines, 13 features, 3 classes",
        about="Aeberhard and Forina, 1991: chemical analysis of wines from three cultivars",
        license=_UCI,
        package="scikit-learn",
    ),
    "breast_cancer": Source(
        name="breast_cancer",
        contents="569 patients, 30 features, 2 classes",
        about="Wolberg, Street and Mangasarian, 1995: cell nuclei in images of breast masses (Wisconsin, diagnostic)",
        license=_UCI,
        package="scikit-learn",
    ),
    "diabetes": Source(
        name="diabetes",
        contents="442 patients, 10 features, regression",
        about="Efron et al., 'Least angle regression', 2004: disease progression after a year; features as measured, "
        "not scaled with statistics of all patients, so that scaling can be fitted on the training part",
        license="none stated by its authors; shipped with scikit-learn (BSD-3-Clause)",
        package="scikit-learn",
    ),
    "digits": Source(
        name="digits",
        contents="1,797 images 8x8x1, 10 classes",
        about="Alpaydin and Kaynak, 1998 (the test part of UCI's optdigits): handwritten digits, x / 16",
        license=_UCI,
        package="scikit-learn",
    ),
}


def read(source: Source) -> Dataset:
    """Load one of `SETS` from scikit-learn: x float32, y int32 (float32 for the regression).

    x is [N, D], but [N, 8, 8, 1] in [0, 1] for digits, so that an MLP flattens it and a CNN takes it as it is.

    Raises: DataNotFound if scikit-learn cannot be imported.

    >>> iris = read(SETS["iris"])
    >>> iris.train["x"].shape, iris.class_names
    ((150, 4), ('setosa', 'versicolor', 'virginica'))
    """
    if source.name == "digits":
        return _digits(source)
    try:
        from sklearn import datasets
    except ImportError as error:
        raise DataNotFound(
            f"{source.name} ships with scikit-learn, which is missing: pip install scikit-learn"
        ) from error
    options = {"scaled": False} if source.name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{source.name}")(**options)
    x = bunch.data.astype(np.float32)
    regression = source.name == "diabetes"
    feature_names = tuple(map(str, bunch.feature_names))
    return Dataset(
        name=source.name,
        train={"x": x, "y": bunch.target.astype(np.float32 if regression else np.int32)},
        test=None,
        class_names=() if regression else tuple(map(str, bunch.target_names)),
        feature_names=feature_names,
        about=source.about,
        license=source.license,
        path=source.package,
    )


def _digits(source: Source) -> Dataset:
    """The digits from scikit-learn's own file: to import scikit-learn takes a second, too long for the first job."""
    package = importlib.util.find_spec("sklearn")
    folders = package.submodule_search_locations if package else None
    path = Path(next(iter(folders)), "datasets", "data", "digits.csv.gz") if folders else None
    if path is None or not path.is_file():
        raise DataNotFound("digits ships with scikit-learn (>= 1.5), which is missing here: pip install scikit-learn")
    with gzip.open(path, "rt") as file:
        rows = np.array(file.read().replace("\n", ",").rstrip(",").split(","), np.float32).reshape(-1, 65)
    return Dataset(
        name=source.name,
        train={"x": (rows[:, :64] / 16).reshape(-1, 8, 8, 1), "y": rows[:, 64].astype(np.int32)},
        test=None,
        class_names=tuple("0123456789"),
        feature_names=(),
        about=source.about,
        license=source.license,
        path=source.package,
    )
