"""Similarities of sparse rows, what has no direction, neighbors in blocks, weights of words as scikit-learn's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from jaxdl import similarity
from jaxdl.similarity import neighbors, term_weights

MEASURES = ["cosine", "centered_cosine", "jaccard"]


def counts(n=30, d=12, seed=0, density=0.3):
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 5, (n, d)) * (rng.random((n, d)) < density)
    values[3] = 0  # a row without anything
    values[7] = 2  # a constant one
    values[9] = values[8]
    return values.astype(np.float32)


def matrix(measure):
    return getattr(similarity, f"{measure}_matrix")


@pytest.mark.parametrize("measure", MEASURES)
def test_sparse_rows_equal_dense_rows(measure):
    x, y = counts(), counts(20, seed=1)
    dense = matrix(measure)(jnp.asarray(x), jnp.asarray(y))
    for kind in (sparse.csr_matrix, sparse.coo_matrix, sparse.csr_array):
        np.testing.assert_allclose(matrix(measure)(kind(x), kind(y)), dense, atol=1e-6)
    np.testing.assert_allclose(matrix(measure)(sparse.csr_matrix(x.astype(np.int32))), matrix(measure)(x), atol=1e-6)


def test_cosine_of_sparse_counts_equals_scikit_learn():
    x = sparse.csr_matrix(np.random.default_rng(0).poisson(0.01, (200, 3000)))
    np.testing.assert_allclose(similarity.cosine_matrix(x), cosine_similarity(x), atol=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_what_has_no_direction_gives_zero(measure):
    nothing = {"cosine": jnp.zeros(4), "centered_cosine": jnp.full(4, 0.1), "jaccard": jnp.zeros(4)}[measure]
    pair = getattr(similarity, measure)
    x = jnp.array([1.0, 0.0, 3.0, 4.0])
    assert [pair(nothing, x), pair(x, nothing), pair(nothing, nothing)] == [0.0, 0.0, 0.0]
    rows = np.stack([nothing, x])
    for kind in (jnp.asarray, sparse.csr_matrix):
        found = np.asarray(matrix(measure)(kind(rows)))
        assert np.isfinite(found).all()
        assert found[0].tolist() == [0.0, 0.0]
        assert found[1, 1] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES[:2])
def test_gradient_at_zero_is_zero(measure):
    slope = jax.grad(getattr(similarity, measure))(jnp.zeros(3), jnp.array([1.0, 2.0, 4.0]))
    assert slope.tolist() == [0.0, 0.0, 0.0]


def test_neither_large_nor_small_vectors_overflow():
    x, y = jnp.array([3e30, 4e30, 0.0]), jnp.array([3e-30, 4e-30, 0.0])
    assert similarity.cosine(x, y) == pytest.approx(1.0, abs=1e-6)


def test_center_leaves_unknown_entries_out():
    known = jnp.array([[True, True, False], [False, False, False]])
    assert similarity.center(jnp.array([[1.0, 3.0, 9.0], [1.0, 2.0, 3.0]]), where=known).tolist() == [
        [-1, 1, 0],
        [0] * 3,
    ]
    with pytest.raises(ValueError, match=r"where \(3,\) must have the shape \(2, 3\)"):
        similarity.center(jnp.zeros((2, 3)), where=jnp.ones(3, bool))


def test_vectors_without_features_lists_and_numbers():
    nothing = jnp.zeros((2, 0))
    assert similarity.center(nothing).shape == similarity.unit(nothing).shape == (2, 0)
    for measure in MEASURES:
        assert getattr(similarity, measure)(nothing, nothing).tolist() == [0.0, 0.0]
        assert matrix(measure)(nothing).tolist() == [[0.0, 0.0]] * 2
        assert getattr(similarity, measure)([1.0, 2.0], [1.0, 2.0]) == pytest.approx(1.0, abs=1e-6)  # pyright: ignore
        with pytest.raises(ValueError, match="got a number"):
            getattr(similarity, measure)(1.0, 1.0)
        with pytest.raises(ValueError, match="x must be an array, got list"):
            matrix(measure)([[1.0, 2.0]])  # pyright: ignore


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(MEASURES))
def test_matrix_is_symmetric_bounded_and_one_on_the_diagonal(seed, measure):
    found = np.asarray(matrix(measure)(counts(seed=seed)))
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert np.abs(found).max() <= 1 + 1e-6
    diagonal = np.diagonal(found)
    assert ((np.abs(diagonal - 1) < 1e-6) | (diagonal == 0)).all()


# ---------------------------------------------------------------- neighbors


def by_sorting(scores, k, among_itself):
    scores = np.array(scores, np.float64)
    if among_itself:
        np.fill_diagonal(scores, -np.inf)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, rows, 1), rows


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_neighbors_equal_sorting_all_similarities(measure, kind, monkeypatch):
    monkeypatch.setattr(neighbors, "_BLOCK", 7 * 30)  # blocks of 7 rows, the last of 2
    x = counts()
    scores, rows = similarity.top_k(kind(x), 5, measure=measure)
    expected, _ = by_sorting(matrix(measure)(x), 5, True)
    assert (scores.shape, rows.shape, rows.dtype) == ((30, 5), (30, 5), jnp.int32)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    own = np.take_along_axis(np.asarray(matrix(measure)(x)), np.asarray(rows), 1)
    np.testing.assert_allclose(own, scores, atol=1e-6)
    assert (np.asarray(rows) != np.arange(30)[:, None]).all()


def test_equal_similarities_come_in_the_order_of_rows():
    _, rows = similarity.top_k(jnp.ones((5, 2)), 3)
    assert rows.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]]


def test_neighbors_among_other_items():
    x, y = counts(), counts(20, seed=1)
    scores, rows = similarity.top_k(jnp.asarray(x)[:5], 20, jnp.asarray(y))
    np.testing.assert_allclose(scores, by_sorting(similarity.cosine_matrix(x[:5], y), 20, False)[0], atol=1e-6)
    assert all(sorted(row) == list(range(20)) for row in rows.tolist())


def test_no_matrix_of_all_similarities_is_ever_made():
    """The compiled program for 40,000 x 64 needs a few blocks, not the 6.4 GB of all pairs."""
    x = jax.ShapeDtypeStruct((40_000, 64), jnp.float32)
    lower = neighbors._dense_top_k.lower
    program = lower(x, x, k=10, measure="cosine", among_itself=True, block=neighbors._BLOCK // 40_000).compile()
    memory = program.memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < 4 * 4 * neighbors._BLOCK


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: similarity.top_k(x, 0), "between 1 and the 2 candidates, got 0"),
        (lambda x: similarity.top_k(x, 3), "between 1 and the 2 candidates, got 3"),
        (
            lambda x: similarity.top_k(x, 1, measure="cosin"),  # type: ignore[arg-type]
            "did you mean 'cosine'",
        ),
        (lambda x: similarity.top_k(x, 1, jnp.ones((3, 5))), r"got \(3, 4\) and \(3, 5\)"),
        (lambda x: similarity.cosine_matrix(x[0]), r"got \(4,\) and \(4,\)"),
        (lambda x: similarity.cosine_matrix(x, sparse.csr_matrix(np.ones((3, 4)))), "both sides must be dense"),
        (lambda x: similarity.cosine(x, x[0]), r"x \(3, 4\) and y \(4,\) differ.*cosine_matrix"),
        (lambda x: similarity.jaccard(x, x[:2]), r"differ in shape"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.ones((3, 4)))


# ---------------------------------------------------------------- weights of words

DOCUMENTS = [
    "the cat sat on the mat the cat slept",
    "a dog sat on a log",
    "cats and dogs and cats",
    "the log lay on the mat",
    "zebra",
]
TOKENS = [document.split() for document in DOCUMENTS]


@pytest.mark.parametrize(
    ("ours", "theirs"), [({}, {}), ({"tf": "log"}, {"sublinear_tf": True}), ({"normalize": False}, {"norm": None})]
)
def test_tf_idf_equals_scikit_learn(ours, theirs):
    vectorizer: Any = TfidfVectorizer(**{"analyzer": str.split, **theirs})
    expected = vectorizer.fit_transform(DOCUMENTS).toarray()
    found, words = term_weights.count_terms(TOKENS)
    assert list(words) == vectorizer.get_feature_names_out().tolist()
    np.testing.assert_allclose(term_weights.tf_idf(found, **ours).toarray(), expected, atol=1e-12)
    np.testing.assert_allclose(term_weights.tf_idf(found.toarray(), **ours), expected, atol=1e-6)
    np.testing.assert_allclose(term_weights.inverse_document_frequency(found), vectorizer.idf_, atol=1e-12)


def test_a_query_is_weighed_by_the_collection():
    found, words = term_weights.count_terms(TOKENS)
    idf = term_weights.inverse_document_frequency(found)
    vectorizer: Any = TfidfVectorizer(**{"analyzer": str.split}).fit(DOCUMENTS)  # type: ignore[arg-type]
    query, _ = term_weights.count_terms([["cat", "log", "unknown"]], words)
    expected = vectorizer.transform(["cat log unknown"]).toarray()
    np.testing.assert_allclose(term_weights.tf_idf(query, idf=idf).toarray(), expected, atol=1e-12)


@pytest.mark.parametrize("scheme", ["count", "relative", "log"])
def test_sparse_term_frequencies_equal_dense_ones(scheme):
    x = counts()
    dense = term_weights.term_frequency(x, scheme=scheme)
    np.testing.assert_allclose(term_weights.term_frequency(sparse.csr_matrix(x), scheme=scheme).toarray(), dense, 1e-6)


@pytest.mark.parametrize("scheme", ["smooth", "plain", "bm25"])
def test_sparse_document_frequencies_equal_dense_ones(scheme):
    x = counts(density=0.1)
    x[:, 0], x[:, 1] = 0, 1  # a word in no document, one in every document
    dense = term_weights.inverse_document_frequency(x, scheme=scheme)
    found = term_weights.inverse_document_frequency(sparse.csr_matrix(x), scheme=scheme)
    np.testing.assert_allclose(found, dense, atol=1e-6)
    assert np.isfinite(found).all()
    if scheme == "plain":
        assert found[:2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("options", [{}, {"k1": 0.0}, {"b": 0.0}, {"k1": 2.0, "b": 1.0}])
def test_sparse_bm25_equals_dense(options):
    x = counts()
    dense = term_weights.bm25(x, **options)
    np.testing.assert_allclose(term_weights.bm25(sparse.csr_matrix(x), **options).toarray(), dense, atol=1e-5)
    assert np.isfinite(dense).all()


def test_empty_collections():
    found, words = term_weights.count_terms([])
    assert (found.shape, words) == ((0, 0), ())
    found, _ = term_weights.count_terms([[], ["word"]])
    assert term_weights.tf_idf(found).toarray().tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: term_weights.tf_idf(x, idf=jnp.ones(3)), r"counts \(2, 4\) must be \[N, V\], and idf \(3,\)"),
        (
            lambda x: term_weights.term_frequency(x, scheme="logs"),  # type: ignore[arg-type]
            "did you mean 'log'",
        ),
        (
            lambda x: term_weights.inverse_document_frequency(x, scheme="plane"),  # type: ignore[arg-type]
            "did you mean 'plain'",
        ),
        (lambda x: term_weights.bm25(x, k1=-1), "k1 must be finite and at least 0"),
    ],
)
def test_mistakes_in_weights_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.ones((2, 4)))
