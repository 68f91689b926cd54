"""Columns of a user's table: what they hold, what they become, beside scikit-learn; mistakes by row and column."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxdl.data import columns
from jaxdl.data.table_files import as_table, parse_table


def table_of(**cells):
    return as_table(cells)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2,5", "", "1e3", "7"], "number"),
        (["2024-05-01", "2024-05-02T08:00", "2023-01-01"], "date"),
        (["31.12.2020", "1.2.2021", "3.4.1999"], "date"),
        (["3 May 2020", "4 Jun 2021"], "date"),
        (["20200101", "20210101", "20220202"], "number"),
        (["a", "b", "a", "b"], "category"),
        (["x"] * 9, None),
        ([""] * 9, None),
        ([f"N{i}" for i in range(60)], None),
        ([f"the parcel number {i} is here" for i in range(60)], "text"),
    ],
)
def test_what_a_column_holds(cells, kind):
    assert columns.kind_of(table_of(x=cells), "x") == kind


def test_a_counter_is_left_out():
    assert columns.kind_of(table_of(ID=["1", "2", "3"]), "ID") is None


def test_numbers_are_those_of_scikit_learn():
    values = np.array([1.0, np.nan, 3.0, 8.0, np.nan, -2.5])
    table = table_of(x=["" if np.isnan(v) else str(v) for v in values])
    ours = columns.encode([columns.learn(table, "x", "number")], table)
    theirs = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit_transform(values[:, None])
    np.testing.assert_allclose(ours[:, 0], theirs[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(ours[:, 1], np.isnan(values))


def test_a_text_is_its_commonest_words():
    texts = ["red red apple", "green apple tree", "tree house red"]
    table = table_of(x=texts)
    counts: Any = CountVectorizer(min_df=2).fit_transform(texts)
    np.testing.assert_allclose(
        columns.encode([columns.learn(table, "x", "text")], table), np.log1p(counts.toarray()), rtol=1e-6
    )


def test_dates_are_days_with_their_place_in_week_and_year():
    table = table_of(x=["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-11T12:00"])
    found = columns.encode([columns.learn(table, "x", "date")], table)
    np.testing.assert_allclose(found[0, 3:], found[1, 3:], atol=1e-4)  # both are Mondays
    days = np.array([0, 7, 14, 10.5])
    np.testing.assert_allclose(found[:, 0], (days - days.mean()) / days.std(), rtol=1e-5)
    turned = np.arctan2(found[3, 3], found[3, 4]) - np.arctan2(found[0, 3], found[0, 4])
    np.testing.assert_allclose(np.exp(1j * turned), np.exp(2j * np.pi * 10.5 / 7), atol=1e-4)


@pytest.mark.parametrize(
    ("cells", "median", "said"),
    [
        (["1,200.50", "2,000", "13"], 1200.5, "commas between thousands"),
        (["1,250", "0,850", "2,000"], 1.25, "decimal commas"),
        (["1.234,5", "1.300", "0,5"], 1.3, "decimal commas"),
    ],
)
def test_commas_are_judged_by_the_whole_column(cells, median, said):
    table = table_of(x=cells)
    column = columns.learn(table, "x", "number")
    assert column.learned["median"] == median
    assert said in columns.about(column, table)


def test_what_is_learned_survives_json_and_new_rows():
    table = table_of(n=["1", "", "3"], c=["a", "b", "a"], d=["2024-01-01", "2024-02-01", ""], t=["x y z"] * 3)
    kinds: dict[str, columns.Kind] = {"n": "number", "c": "category", "d": "date"}
    learned = [columns.learn(table, name, kind) for name, kind in kinds.items()]
    back = columns.from_json(json.loads(json.dumps(columns.to_json(learned))))
    new = table_of(n=["", "9"], c=["new", ""], d=["2024-03-01", ""], more=["1", "2"])
    first, second = columns.encode(back, new)
    np.testing.assert_array_equal(columns.encode(back, new), columns.encode(learned, new))
    assert not first[2:4].any()  # a category that the training part has not
    assert np.isfinite(second).all()
    with pytest.raises(ValueError, match="no kind 'x'"):
        columns.from_json([{"name": "a", "kind": "x", "learned": {}}])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("age,b\n1,2\nx,3\n", "number", "p.csv, line 3, column age: 'x' is not a number"),
        ("age,b\n1,2\ninf,3\n", "number", "p.csv, line 3, column age: 'inf' is not finite"),
        ("age,b\n2024-01-01,2\n2024-01-02,2\n2024-01-03,1\n2024-01-04,1\n2024-02-31,3\n", "date", "line 6, column age"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(text, kind, message):
    with pytest.raises(ValueError, match=message):
        columns.learn(parse_table(text, "p.csv"), "age", kind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1\n", "p.csv, line 3: 1 cell, but the header names 2 columns"),
        ("a,a\n1,2\n", "line 1: the column 'a' is named twice"),
        ("1,2\n3,4\n", "the first line must name the columns"),
        ("a,b\n", "a header and no rows"),
        ('a,b\n"1,2\n3,4\n', "a quoted cell does not end"),
    ],
)
def test_a_bad_table_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_table(text, "p.csv")


def test_tables_from_python():
    class Frame:
        columns = ("a",)

        def __iter__(self):
            return iter(self.columns)

        def __getitem__(self, name):
            return [1, float("nan")]

    for inputs in ([{"a": 1}, {"a": None}], {"a": [1, float("nan")]}, Frame()):
        assert as_table(inputs).columns == {"a": ["1", ""]}
    with pytest.raises(ValueError, match="got a ndarray"):
        as_table(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="one length"):
        as_table({"a": [1], "b": []})
    with pytest.raises(ValueError, match="did you mean 'age'"):
        as_table({"age": [1]}).column("aeg")
    assert as_table({"Big Age": [1]}).named("big_age") == "Big Age"
