"""SciTLDR-A: abstracts of papers with summaries of one sentence, from their official files.

N papers.
"""

import json
from pathlib import Path

import numpy as np

from jaxdl.data.arrays import Arrays, Dataset
from jaxdl.data.sources import DataDamaged, DataNotFound, File, Source, path_of, read_verified

SETS = {
    "scitldr": Source(
        name="scitldr",
        contents="1,992 + 619 + 618 abstracts with one-sentence summaries",
        about="Cachola et al., 'TLDR: extreme summarization of scientific documents', 2020 (SciTLDR-A): x are the "
        "sentences of the abstract, references one or more summaries, y the sentence that is nearest to them",
        license="Apache-2.0",
        folder="scitldr_a",
        files=(
            File("train.jsonl", "b222771d387be585cfdf5ae957b36757138415a352e0a3e3b23f73f87c3b1119", 3_155_015),
            File("dev.jsonl", "3191fa98ccc09521332b7a1cd63b1930be4e8df125a235ccd31e40329709525e", 1_124_865),
            File("test.jsonl", "fb42dd6cd4f4a1928ae8a01a189456fbfe994a07e938bd49f68653933f6503c9", 1_204_107),
        ),
        urls=("https://raw.githubusercontent.com/allenai/scitldr/master/SciTLDR-Data/SciTLDR-A/",),
    ),
}


def read_scitldr(content: bytes, *, name: str = "SciTLDR") -> Arrays:
    """Read one part: a JSON object a line, with "source", "source_labels" and "target".

    Returns: {"x": [N] tuples of sentences, "y": [N] int32 the number of the labeled sentence, "references": [N] tuples
        of summaries}; the tuples lie in arrays of objects.
    Raises: DataDamaged that names the line.

    >>> line = b'{"source": ["We try.", "It works."], "source_labels": [0, 1], "target": ["A method works."]}'
    >>> part = read_scitldr(line)
    >>> part["x"][0][part["y"][0]], part["references"][0]
    ('It works.', ('A method works.',))
    """
    sentences, labels, references = [], [], []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            row = json.loads(line)
            source, target = tuple(map(str.strip, row["source"])), tuple(map(str.strip, row["target"]))
            label = row["source_labels"].index(1)
            if len(row["source_labels"]) != len(source) or not target:
                raise ValueError(f"{len(source)} sentences, {len(row['source_labels'])} labels, {len(target)} targets")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataDamaged(f"{name}: line {number} is not a paper with labels and targets: {error!r}") from error
        sentences.append(source)
        labels.append(label)
        references.append(target)
    return {"x": _objects(sentences), "y": np.array(labels, np.int32), "references": _objects(references)}


def _objects(values: list[tuple[str, ...]]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def read(source: Source, folder: Path) -> Dataset:
    """Read and verify one of `SETS` from `folder`: train, validation and test part.

    Raises: DataNotFound or DataDamaged with the file's path.
    """
    parts = []
    for file in source.files:
        path = path_of(folder, file)
        if path is None:
            raise DataNotFound(f"{source.name}: {folder / file.name} is missing")
        parts.append(read_scitldr(read_verified(path, file), name=str(path)))
    train, validation, test = parts
    return Dataset(
        name=source.name,
        train=train,
        test=test,
        validation=validation,
        class_names=(),
        feature_names=(),
        about=source.about,
        license=source.license,
        path=str(folder),
    )
