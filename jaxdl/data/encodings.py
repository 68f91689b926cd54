"""Which encoding a file without a mark has, if it is not UTF-8: a rule for Western European and Korean, a library else.

Letters of Windows' Western European alphabet (cp1252) stand alone between others, those of large alphabets in pairs.
Pairs that give the common Korean syllables are Korean. What else there is, and which of the alphabets of single letters
(Polish in cp1250, Russian in cp1251), is asked of the package charset-normalizer where it is installed
(`pip install 'jaxdl[files]'`) and the text is long enough; without an answer the file is refused.
"""

import re

_HIGH = re.compile(rb"[\x80-\xff]+")
_BESIDE = re.compile(r"[\udc80-\udcff][^\x00-\x7f]|[^\x00-\x7f][\udc80-\udcff]")  # a strange byte that is not alone
_SAMPLE = 1 << 20
_ENOUGH = 32  # letters that are not ASCII, for a library that counts which are frequent
_USUAL = "cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp874 cp866 iso8859_2 iso8859_7 iso8859_9 koi8_r"
_USUAL += " koi8_u cp932 euc_jp gb18030 big5 cp949"  # obscure ones are only a risk of confusion
_WESTERN = frozenset(
    ("", "unknown", "english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish")
)
_WESTERN |= {"norwegian", "finnish", "indonesian"}


def guess(content: bytes) -> str | None:
    """The encoding of bytes that are not UTF-8, or None where it cannot be told.

    >>> guess("café, né".encode("latin-1")), guess("기생충,5".encode("cp949"))
    ('cp1252', 'cp949')
    >>> guess("映画".encode("shift-jis"))
    """
    start = content[:_SAMPLE]
    runs = _HIGH.findall(start)
    if _is_korean(start):
        return "cp949"
    n = sum(map(len, runs))
    alone = sum(len(run) for run in runs if len(run) == 1) * 2 >= n
    encoding, language = _of_library(start) if n >= _ENOUGH else (None, "")
    return _western(content) if alone and language in _WESTERN else encoding


def mended(content: bytes) -> str | None:
    """UTF-8 in which some letters are single bytes of cp1252, as where two files were joined; None for any other text.

    >>> mended("Potosí, ".encode() + "León".encode("cp1252")), mended("León".encode("cp1252"))
    ('Potosí, León', None)
    """
    text = content.decode("utf-8-sig", errors="surrogateescape")  # a byte that is no UTF-8 becomes U+DC00 + byte
    if _BESIDE.search(text) or not re.search(r"[^\x00-\x7f\udc80-\udcff]", text):
        return None
    return re.sub(r"[\udc80-\udcff]", lambda byte: bytes([ord(byte[0]) - 0xDC00]).decode("cp1252", "replace"), text)


def _is_korean(start: bytes) -> bool:
    """Whether nearly all that is not ASCII are pairs, of the common syllables."""
    wide = [letter for letter in start.decode("euc_kr", errors="replace") if letter > "\x7f"]
    return sum("가" <= letter <= "힣" for letter in wide) >= 0.9 * len(wide) > 0


def _western(content: bytes) -> str | None:
    """Windows' alphabet, or Latin-1 where it has a byte that is none of its letters; None where signs are in words."""
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return (
        None
        if re.search(r"[a-z][¿¡³¹±¼¾¶¢¤¦¬µÆØÐÞ£][a-z]", content[:_SAMPLE].decode("cp1252", "replace"))
        else "cp1252"
    )


def _of_library(start: bytes) -> tuple[str | None, str]:
    """(encoding, language) by charset-normalizer; (None, "") without it or where it finds none."""
    try:
        from charset_normalizer import from_bytes  # type: ignore[import-not-found]
    except ImportError:
        return None, ""
    best = from_bytes(start, cp_isolation=list(map(str, _USUAL.split()))).best()
    return (None, "") if best is None else (best.encoding, best.language.lower())
