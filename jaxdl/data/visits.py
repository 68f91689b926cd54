"""MSWeb: which areas of www.microsoft.com 37,711 users visited in a week of February 1998, from its official files.

U users, I areas.
"""

from pathlib import Path

import numpy as np

from jaxdl.data.arrays import Arrays, Dataset
from jaxdl.data.catalog_files import dst_catalog
from jaxdl.data.rating_files import parse_ratings
from jaxdl.data.ratings import Ratings
from jaxdl.data.sources import DataDamaged, DataNotFound, File, Source, path_of, read_verified

SETS = {
    "msweb": Source(
        name="msweb",
        contents="32,711 + 5,000 users, their visits to 294 areas",
        about="Breese, Heckerman and Kadie, 1998: Anonymous Microsoft Web Data; x is 1 where the user visited "
        "the area. UCI also packs the files as https://archive.ics.uci.edu/static/public/4/anonymous+microsoft+web+data.zip",
        license="CC BY 4.0 (UCI Machine Learning Repository)",
        folder="msweb",
        files=(
            File("anonymous-msweb.data", "60fd5f438a55d2105ca0ff4142e748e2146486bde84c96d55dc98b37a8139cbd", 1_423_097),
            File("anonymous-msweb.test", "db0a902a744ac488a0a6817a5df871f2341df083b6ab8ee1a046a69c635e7241", 228_555),
        ),
        urls=("https://archive.ics.uci.edu/ml/machine-learning-databases/anonymous/",),
    ),
}


def visits(ratings: Ratings, items: tuple[str, ...]) -> Arrays:
    """{"x": [U, I] uint8}: 1 where the user visited the item; the columns in the order of `items`.

    Raises: DataDamaged for a visit to an item that is not among them.
    """
    column = {name: place for place, name in enumerate(items)}
    if unknown := next((name for name in ratings.item_names if name not in column), None):
        raise DataDamaged(f"a visit to {unknown!r}, which the file does not list")
    places = np.array([column[name] for name in ratings.item_names])
    x = np.zeros((len(ratings.user_names), len(items)), np.uint8)
    x[ratings.users, places[ratings.items]] = 1
    return {"x": x}


def read(source: Source, folder: Path) -> Dataset:
    """Read and verify MSWeb from `folder`: x uint8 [U, 294] for training and test users, the areas' titles.

    Raises: DataNotFound or DataDamaged with the file's path.
    """
    parts, catalog = [], None
    for file in source.files:
        path = path_of(folder, file)
        if path is None:
            raise DataNotFound(f"{source.name}: {folder / file.name} is missing")
        text = read_verified(path, file).decode("latin-1")
        catalog = catalog or dst_catalog(text)
        parts.append(visits(parse_ratings(text, name=str(path)), catalog.ids))
    assert catalog is not None
    train, test = parts
    return Dataset(
        name=source.name,
        train=train,
        test=test,
        class_names=(),
        feature_names=catalog.names,
        about=source.about,
        license=source.license,
        path=str(folder),
    )
