"""TextRank: PageRank against linear algebra and networkx, the ranking of `summa`, and graphs with nothing to follow."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import textrank


def random_graph(n, seed, density=0.2, symmetric=False):
    rng = np.random.default_rng(seed)
    graph = np.where(rng.random((n, n)) < density, rng.random((n, n)), 0.0)
    graph = graph + graph.T if symmetric else graph
    graph[seed % n] = 0.0  # a dangling node
    np.fill_diagonal(graph, 0.0)
    return graph


def by_linear_algebra(graph, damping=0.85, restart=None):
    """(I - d P^T) s = (1 - d) v, solved directly."""
    n = len(graph)
    v = np.full(n, 1 / n) if restart is None else restart / restart.sum()
    degree = graph.sum(1)
    transitions = np.where(degree[:, None] > 0, graph / np.maximum(degree, 1e-300)[:, None], v[None, :])
    return np.linalg.solve(np.eye(n) - damping * transitions.T, (1 - damping) * v)


@pytest.mark.parametrize("seed", range(8))
def test_pagerank_solves_its_equation(x64, seed):
    n, damping = (2, 3, 10, 40)[seed % 4], (0.85, 0.5)[seed // 4]
    graph = random_graph(n, seed, density=0.4 if n < 10 else 0.1, symmetric=seed % 2 == 0)
    restart = np.random.default_rng(seed).random(n) if seed > 5 else None
    found = textrank.pagerank(jnp.asarray(graph), damping=damping, restart=restart, tolerance=1e-12)
    np.testing.assert_allclose(found, by_linear_algebra(graph, damping, restart), atol=1e-10)
    assert found.sum() == pytest.approx(1.0, abs=1e-10)


def test_default_tolerance_in_float32_is_within_a_millionth():
    for seed in range(5):
        graph = random_graph(40, seed)
        found = textrank.pagerank(jnp.asarray(graph, jnp.float32))
        np.testing.assert_allclose(found, by_linear_algebra(graph), atol=1e-6)


@pytest.mark.parametrize("damping", [0.5, 0.85])
def test_pagerank_equals_networkx(damping):
    networkx = pytest.importorskip("networkx")
    graph = random_graph(40, 3)
    theirs = networkx.pagerank(networkx.from_numpy_array(graph, create_using=networkx.DiGraph), damping, tol=1e-10)
    ours = textrank.pagerank(jnp.asarray(graph, jnp.float32), damping=damping)
    np.testing.assert_allclose(ours, [theirs[i] for i in range(40)], atol=1e-6)


def test_pagerank_stops_within_its_iterations():
    graph = random_graph(10, 1)
    early, late = (
        textrank.pagerank(jnp.asarray(graph, jnp.float32), tolerance=0.0, max_iterations=n) for n in (1, 200)
    )
    assert np.abs(early - by_linear_algebra(graph)).max() > 1e-3
    np.testing.assert_allclose(late, by_linear_algebra(graph), atol=1e-6)


@pytest.mark.parametrize("graph", [np.zeros((4, 4)), np.ones((4, 4)), np.roll(np.eye(4), 1, axis=1)])
def test_where_no_node_is_better_all_are_alike(graph):
    np.testing.assert_allclose(textrank.pagerank(jnp.asarray(graph, jnp.float32)), np.full(4, 0.25), atol=1e-6)


def test_graphs_of_no_and_one_node():
    assert textrank.pagerank(jnp.zeros((0, 0))).shape == (0,)
    assert textrank.pagerank(jnp.zeros((1, 1))).tolist() == [pytest.approx(1.0)]


def test_gradient_flows_through_the_solution_not_the_loop(x64):
    """The derivative by finite differences of the direct solution."""
    graph, target = random_graph(6, 2, density=0.8), np.arange(6.0)
    slope = jax.grad(lambda g: (textrank.pagerank(g, tolerance=1e-14) * target).sum())(jnp.asarray(graph))
    for i, j in ((0, 1), (3, 5), (5, 0)):
        step = np.zeros_like(graph)
        step[i, j] = 1e-6
        by_difference = (by_linear_algebra(graph + step) - by_linear_algebra(graph - step)) @ target / 2e-6
        assert slope[i, j] == pytest.approx(by_difference, abs=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: textrank.pagerank(jnp.ones((2, 3))), r"weights \(2, 3\) must be square"),
        (lambda: textrank.pagerank(jnp.ones((2, 2)), restart=jnp.ones(3)), r"restart \(3,\) must be \(2,\)"),
        (lambda: textrank.pagerank(jnp.ones((2, 2)), restart=jnp.zeros(2)), "restart must be finite, at least 0 and"),
        (lambda: textrank.pagerank(jnp.ones((2, 2)), restart=jnp.array([2.0, -1.0])), "restart must be finite"),
        (lambda: textrank.pagerank(jnp.ones((2, 2)), restart=jnp.array([1.0, jnp.nan])), "restart must be finite"),
        (lambda: textrank.pagerank(jnp.ones((2, 2)), damping=1.0), r"damping must be in \[0, 1\), got 1.0"),
        (lambda: textrank.Config(similarity="overlaps"), "did you mean 'overlap'"),  # type: ignore[arg-type]
        (lambda: textrank.Config(damping=1.0), r"damping must be in \[0, 1\), got 1.0"),
        (lambda: textrank.keywords(["a"], 0), "k must be positive, got 0"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- sentences

SENTENCES = [["red", "fox", "hunts"], ["fox", "hunts", "mice", "mice"], ["mice", "eat", "corn"], [], ["corn"], ["corn"]]


def test_overlap_is_mihalceas():
    graph = textrank.sentence_graph(SENTENCES)
    assert graph[0, 1] == pytest.approx(2 / (np.log(3) + np.log(4)), rel=1e-6)
    assert graph[2, 4] == pytest.approx(1 / np.log(3), rel=1e-6)
    assert graph[4, 5] == 0  # two single words: ln 1 + ln 1 = 0
    assert graph[3].tolist() == [0.0] * 6
    np.testing.assert_array_equal(graph, graph.T)


def test_tf_idf_is_the_cosine_of_scikit_learns_weights():
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer: Any = TfidfVectorizer(analyzer=lambda sentence: sentence)  # type: ignore[arg-type]
    weights = vectorizer.fit_transform(SENTENCES).toarray()
    expected = weights @ weights.T
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(textrank.sentence_graph(SENTENCES, "tf_idf"), expected, atol=1e-6)


def test_bm25_is_not_symmetric():
    graph = textrank.sentence_graph(SENTENCES, "bm25")
    rarity = np.log(1 + (6 - 2 + 0.5) / (2 + 0.5))  # "mice" stands in two of six sentences
    mean_length = 12 / 6
    expected = rarity * 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 4 / mean_length))
    assert graph[2, 1] == pytest.approx(expected, rel=1e-5)
    assert graph[1, 2] != pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("similarity", ["overlap", "tf_idf", "bm25"])
def test_rank_of_special_texts(similarity):
    config = textrank.Config(similarity=similarity)
    assert textrank.rank([], config).shape == (0,)
    assert textrank.rank([["one"]], config) == pytest.approx([1.0])
    np.testing.assert_allclose(textrank.rank([["a", "b"]] * 70, config), np.full(70, 1 / 70), atol=1e-6)
    np.testing.assert_allclose(textrank.rank([[], [], []], config), np.full(3, 1 / 3), atol=1e-6)
    assert np.isfinite(textrank.rank(SENTENCES, config)).all()


def test_padding_to_a_common_size_changes_nothing(monkeypatch):
    padded = textrank.rank(SENTENCES, textrank.Config(position_bias=1.0))
    monkeypatch.setattr(textrank, "_COMMON_SIZE", 0)
    np.testing.assert_allclose(textrank.rank(SENTENCES, textrank.Config(position_bias=1.0)), padded, atol=1e-6)


def test_position_bias_prefers_early_sentences():
    scores = textrank.rank([["a", "b"]] * 5, textrank.Config(position_bias=1.0))
    assert (np.diff(scores) < 0).all()


def test_five_thousand_sentences():
    rng = np.random.default_rng(0)
    sentences = [[f"w{i}" for i in rng.zipf(1.5, 8) % 3000] for _ in range(5000)]
    scores = textrank.rank(sentences)
    assert scores.shape == (5000,)
    assert scores.sum() == pytest.approx(1.0, abs=1e-4)
    assert scores.min() > 0


def test_a_graph_that_would_fill_the_memory_is_refused():
    with pytest.raises(ValueError, match="graph of 20001 sentences is too large"):
        textrank.rank([["word"]] * 20_001)


# What summa 1.2.0 makes of `HARBOR` in tests/applications/texts.py: its words of each sentence (Snowball stems, its
# own stop words; it also ends a sentence at "... and") and its scores (the eigenvector of length 1; ours sum to 1).
SUMMA = [
    ("harbor port elleri built dr jame whitlock engin seen sea came u vienna", 0.186964),
    ("measur tide year", 0.129135),
    ("tide port elleri rise meter averag harbor wall higher highest tide", 0.337374),
    ("believ wall town archivist say today", 0.227236),
    ("storm open destroy fish boat harbor wall held", 0.316925),
    ("fish brought money town", 0.251187),
    ("money brought railway", 0.16669),
    ("harbor ship fish harbor coast", 0.197157),
    ("railway close", 0.090361),
    ("fish boat fewer year e g left", 0.136006),
    ("town turn visitor", 0.133594),
    ("today visitor walk harbor wall buy smoke fish ferri island", 0.320446),
    ("small museum show whitlock draw tabl tide", 0.108974),
    ("winter sea rose higher", 0.117163),
    ("engin measur tide whitlock town decid build higher harbor wall", 0.435785),
    ("higher wall cost million dollar", 0.211803),
    ("visitor come view old wall mayor say want lose", 0.1771),
    ("higher wall storm harbor", 0.337323),
]


def test_scores_are_summas_on_summas_words():
    scores = textrank.rank([words.split() for words, _ in SUMMA])
    theirs = np.array([score for _, score in SUMMA])
    np.testing.assert_allclose(scores, theirs / theirs.sum(), atol=2e-6)
    assert np.argsort(-scores).tolist() == np.argsort(-theirs).tolist()


# ---------------------------------------------------------------- key words


def test_the_word_beside_all_others_is_the_key():
    found = dict(textrank.keywords(["Alpha hub.", "Beta hub.", "Hub gamma."], 5))
    assert max(found, key=lambda word: found[word]) == "hub"
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-5)


def test_neighbors_that_come_back_make_a_phrase():
    text = ["Neural networks learn.", "We train neural networks.", "Some neural networks forget."]
    found = textrank.keywords(text, 3)
    assert found[0][0] == "neural networks"
    assert "neural" not in dict(found)


def test_two_words_that_seldom_meet_are_no_phrase():
    text = [*["Licenses cover work."] * 2, *["A license binds the user.", "The license ends.", "Read the license."] * 3]
    met = [*text, "License document.", "License document."]
    assert "license document" not in dict(textrank.keywords(met, 9))
    assert "license document" in dict(textrank.keywords(met[-2:], 9))


@pytest.mark.parametrize("text", [[], [""], ["the of and"]])
def test_no_words_no_keywords(text):
    assert textrank.keywords(text, 3) == []


def test_fewer_words_than_wanted():
    assert [word for word, _ in textrank.keywords(["Fox."], 5)] == ["fox"]


def test_only_the_most_frequent_words_of_a_long_text_are_nodes(monkeypatch):
    monkeypatch.setattr(textrank, "_MOST_WORDS", 2)
    found = textrank.keywords(["Cat dog.", "Cat bird.", "Dog fish cat."], 4)
    assert {word for word, _ in found} == {"cat", "dog"}


def test_a_wider_window_joins_more():
    narrow, wide = (dict(textrank.keywords(["apple berry cherry"], 3, window=w)) for w in (2, 3))
    assert narrow["berry"] > narrow["apple"]
    assert wide["berry"] == pytest.approx(wide["apple"], abs=1e-5)
