"""The small sets that scikit-learn ships: no network, no files of our own.

N examples, D features.
"""

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
    if source.name == "digits":
        x, feature_names = (x / 16).reshape(-1, 8, 8, 1), ()
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
