"""The gradient check itself: it catches planted errors, passes right gradients, and says what it found."""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.checks import check_gradients, gradient_report


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def planted(x, change):
    """The identity, whose gradient passes through `change`."""
    return x


planted.defvjp(lambda x, change: (x, None), lambda change, _, dy: (change(dy),))


def network(params, x):
    hidden = jnp.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"][None])
    return hidden @ params["out"]["w"] + params["out"]["b"][None]


def network_arguments():
    keys = jax.random.split(jax.random.key(1), 4)
    params = {
        "hidden": {"w": jax.random.normal(keys[0], (5, 4)), "b": jnp.zeros(4)},
        "out": {"w": jax.random.normal(keys[1], (4, 3)), "b": jax.random.normal(keys[2], (3,))},
    }
    return params, jax.random.normal(keys[3], (6, 5))


LEAVES = [("hidden", "w"), ("hidden", "b"), ("out", "w"), ("out", "b")]


def plant(layer, name, change):
    """The network with `change` applied to the gradient of one leaf."""

    def wrong(params, x):
        leaf = planted(params[layer][name], change)
        return network({**params, layer: {**params[layer], name: leaf}}, x)

    return wrong


class TestPlantedErrors:
    @pytest.mark.parametrize("leaf", LEAVES)
    @pytest.mark.parametrize("factor", [1 + 1e-4, 1 - 1e-4, 1 + 3e-6, -1.0, 0.0, 2.0])
    def test_scale_of_one_leaf(self, leaf, factor):
        params, x = network_arguments()
        report = gradient_report(plant(leaf[0], leaf[1], lambda dy: factor * dy), params, x)
        path = f"args[0]['{leaf[0]}']['{leaf[1]}']"
        assert [failure.path for failure in report.failures] == [path]
        assert report.failures[0].verdict == "wrong"
        assert report.worst == pytest.approx(abs(factor - 1) / max(1, abs(factor)), rel=0.01)

    @pytest.mark.parametrize("leaf", LEAVES)
    def test_one_element(self, leaf):
        params, x = network_arguments()
        last = tuple(n - 1 for n in params[leaf[0]][leaf[1]].shape)
        report = gradient_report(plant(leaf[0], leaf[1], lambda dy: dy.at[last].multiply(1 + 1e-4)), params, x)
        assert [failure.index for failure in report.failures] == [last]

    def test_wrong_axis(self):
        x = jax.random.normal(jax.random.key(0), (4, 4))
        with pytest.raises(AssertionError, match=r"args\[0\] at index"):
            check_gradients(lambda x: jnp.sin(planted(x, jnp.transpose)), x)

    def test_added_constant(self):
        with pytest.raises(AssertionError, match="wrong"):
            check_gradients(lambda x: jnp.sin(planted(x, lambda dy: dy + 1e-4)), jnp.ones(3))

    @pytest.mark.parametrize("n", [1, 100, 5000])
    @pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
    def test_zero_gradient_of_a_mean(self, n, scale):
        """An absolute tolerance would let this pass: every entry of the true gradient is about scale / n."""
        x = jax.random.normal(jax.random.key(0), (n,))
        assert not gradient_report(lambda x: scale * jax.lax.stop_gradient(x**2).mean(), x).ok
        assert gradient_report(lambda x: scale * (x**2).mean(), x).ok

    def test_only_one_output_of_many_is_wrong(self):
        def f(x):
            return {"right": jnp.sin(x), "wrong": [jnp.cos(planted(x, lambda dy: dy * (1 + 1e-4)))]}

        with pytest.raises(AssertionError, match="wrong"):
            check_gradients(f, jnp.linspace(0.2, 1.0, 4))

    @pytest.mark.parametrize("value", [jnp.nan, jnp.inf])
    def test_not_finite(self, value):
        with pytest.raises(AssertionError, match=r"args\[0\] at index \(2,\).*not finite"):
            check_gradients(lambda x: jnp.sin(planted(x, lambda dy: dy.at[2].set(value))), jnp.ones(4))

    def test_nan_of_a_root_at_zero(self):
        with pytest.raises(AssertionError, match="the gradient is nan"):
            check_gradients(lambda x: jnp.sqrt(jnp.sum(x**2)), jnp.zeros(3))

    @pytest.mark.parametrize("point", [1e-8, 1e-3, 1e3, 1e8])
    @pytest.mark.parametrize("f", [jnp.square, jnp.log, jnp.sqrt, lambda x: jnp.square(1.0 + x)])
    def test_badly_scaled_values(self, f, point):
        x = point * jnp.array([1.0, -2.0, 3.0]) if f is jnp.square else point * jnp.array([1.0, 2.0, 3.0])
        check_gradients(f, x)
        report = gradient_report(lambda x: f(planted(x, lambda dy: dy * (1 + 1e-4))), x)
        assert report.worst == pytest.approx(1e-4, rel=0.02)

    def test_mixed_scales_in_one_leaf(self):
        x = jnp.array([1e-8, 1.0, 1e8])
        assert check_gradients(jnp.log, x).leaves[0].kinks == 0
        for i in range(3):
            change = functools.partial(lambda i, dy: dy.at[i].multiply(1 + 1e-4), i)
            assert gradient_report(lambda x, c=change: jnp.log(planted(x, c)), x).leaves[0].index == (i,)


class TestKinks:
    @pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-12])
    @pytest.mark.parametrize("f", [jax.nn.relu, jnp.abs, jax.nn.elu, lambda x: jnp.maximum(x, -2 * x)])
    def test_near(self, f, distance):
        x = jnp.array([distance, -distance, 1.0])
        assert check_gradients(f, x).leaves[0].checked == 3
        assert not gradient_report(lambda x: f(planted(x, lambda dy: dy * (1 + 1e-4))), x).ok

    @pytest.mark.parametrize("f", [jax.nn.relu, jnp.abs, lambda x: jnp.maximum(x, 2 * x), lambda x: jnp.clip(x, 0, 1)])
    def test_every_coordinate_at_a_kink(self, f):
        leaf = check_gradients(f, jnp.zeros(5)).leaves[0]
        assert (leaf.checked, leaf.kinks, leaf.undecided) == (5, 5, 0)
        wrong = gradient_report(lambda x: f(planted(x, lambda dy: dy * (1 + 1e-4))), jnp.zeros(5))
        assert [failure.verdict for failure in wrong.failures] == ["wrong"]

    def test_second_derivative_jumps(self):
        assert check_gradients(jax.nn.elu, jnp.zeros(3)).leaves[0].kinks == 0  # the derivative itself is continuous

    def test_step_function(self):
        leaf = check_gradients(lambda x: (x > 0).astype(x.dtype), jnp.array([0.0, 1e-4, -1.0])).leaves[0]
        assert (leaf.kinks, leaf.error) == (1, 0.0)

    def test_ties_of_a_maximum(self):
        leaf = check_gradients(lambda x: x.reshape(2, 2, 2).max(axis=-1), jnp.ones((2, 4))).leaves[0]
        assert leaf.kinks == 8

    def test_end_of_a_domain(self):
        leaf = check_gradients(lambda x: jnp.where(x >= 0, x**2, jnp.nan), jnp.array([0.0, 0.5])).leaves[0]
        assert (leaf.kinks, leaf.verdict) == (1, "ok")

    def test_nothing_settles_is_reported(self):
        """Far finer than any step: no point has a neighborhood in which the function looks smooth."""
        with pytest.raises(AssertionError, match=r"args\[0\] at index .*3 of 3 undecided.*lies on a kink"):
            check_gradients(lambda x: jnp.abs(jnp.sin(1e12 * x)), jnp.array([0.1, 0.7, 1.3]))

    def test_relu_network_with_dead_units_at_zero(self):
        params, x = network_arguments()
        zeros = jax.tree.map(jnp.zeros_like, params)
        report = check_gradients(lambda p, x: jax.nn.relu(network(p, x)), zeros, x)
        assert all(leaf.undecided == 0 for leaf in report.leaves)


class TestPassing:
    def test_report(self):
        params, x = network_arguments()
        report = check_gradients(network, params, x, argnums=(0, -1))
        assert [leaf.path for leaf in report.leaves][-1] == "args[1]"
        assert [leaf.checked for leaf in report.leaves] == [4, 20, 3, 12, 30]
        assert report.ok
        assert not report.directional
        assert report.worst < 1e-8
        assert str(report).splitlines()[0].split() == [
            "leaf",
            "shape",
            "worst",
            "relative",
            "error",
            "kinks",
            "verdict",
        ]
        assert [line.split()[0] for line in str(report).splitlines()[1:]] == [leaf.path for leaf in report.leaves]
        assert all(line.endswith("  ok") for line in str(report).splitlines()[1:])

    @pytest.mark.parametrize("x", [2.0, np.float32(2), np.float16(2), jnp.bfloat16(2), np.ones((2, 0, 3), np.float32)])
    def test_scalars_and_empty_arrays(self, x):
        assert check_gradients(jnp.sin, x).leaves[0].shape == np.shape(x)

    def test_zero_gradient(self):
        assert check_gradients(lambda a, b: jnp.sin(a), jnp.ones(2), jnp.ones(3), argnums=(0, 1)).worst < 1e-9

    def test_zero_by_cancellation(self):
        """A shift leaves log-softmax as it is: the difference is rounding noise, the gradient is (nearly) zero."""
        logits = jax.random.normal(jax.random.key(0), (5, 4))
        check_gradients(lambda b, x: jax.nn.log_softmax(x + b), jnp.zeros(()), logits)

    def test_tiny_entries_beside_large_ones(self):
        logits = jnp.array([[8.0, 0.0, -8.0, -16.0]])
        check_gradients(lambda x: jax.nn.log_softmax(x)[:, 0], logits)

    def test_sum_over_many(self):
        x = jax.random.normal(jax.random.key(0), (5000,))
        check_gradients(lambda x: jnp.sum(jnp.sin(x)), x)
        check_gradients(lambda s, x: jnp.mean(jnp.tanh(s * x)), 0.7, x)

    @pytest.mark.parametrize("frequency", [1e-4, 1.0, 1e4])
    def test_curvature(self, frequency):
        check_gradients(lambda x: jnp.sin(frequency * x), jax.random.normal(jax.random.key(0), (5,)))

    def test_scan_and_while_inside(self):
        def f(x):
            return jax.lax.scan(lambda c, row: (jnp.tanh(c + row), c), jnp.zeros_like(x[0]), x)

        check_gradients(f, jax.random.normal(jax.random.key(0), (6, 2)))

    def test_without_batching_rule(self):
        """A kernel that cannot be vectorized is evaluated one point after another."""
        from jax.extend.core import Primitive
        from jax.interpreters import mlir

        twice = Primitive("twice")
        twice.def_abstract_eval(lambda x: x)
        mlir.register_lowering(twice, mlir.lower_fun(lambda x: x + x, multiple_results=False))
        f = jax.custom_vjp(lambda x: twice.bind(x))
        f.defvjp(lambda x: (twice.bind(x), None), lambda _, dy: (2.0 * dy,))
        check_gradients(f, jnp.ones(3))

    def test_other_arguments_are_handed_on(self):
        def f(x, labels, key, name, rate, nothing):
            assert (name, rate, nothing) == ("name", 0.5, None)
            assert labels.dtype == jnp.int32
            return rate * x[labels] * jax.random.bernoulli(key, 0.5, (2,)).astype(x.dtype)

        labels = jnp.array([0, 2], jnp.int32)
        check_gradients(f, jnp.arange(3.0), labels, jax.random.key(0), "name", 0.5, None)

    def test_integer_outputs_are_left_out(self):
        check_gradients(lambda x: (jnp.sum(x**2), x.shape[0], jnp.argmax(x)), jnp.arange(3.0))

    def test_flag_is_restored(self):
        for x in (jnp.ones(2), jnp.arange(2)):
            with contextlib.suppress(TypeError):
                check_gradients(jnp.sin, x)
            assert jnp.ones(1).dtype == jnp.float32

    def test_deterministic(self):
        params, x = network_arguments()
        assert gradient_report(network, params, x) == gradient_report(network, params, x)


class TestDirections:
    def setup_method(self):
        keys = jax.random.split(jax.random.key(0), 3)
        shapes = {"w": (60, 50), "v": (50, 1), "b": (50,)}
        self.params = {n: 0.3 * jax.random.normal(k, shapes[n]) for n, k in zip(shapes, keys, strict=True)}
        self.x = jax.random.normal(keys[0], (8, 60))

    def f(self, params, x):
        return jax.nn.relu(x @ params["w"] + params["b"][None]) @ params["v"]

    def test_automatic_above_max_elements(self):
        report = check_gradients(self.f, self.params, self.x)
        assert report.directional
        assert max(leaf.checked for leaf in report.leaves) <= 12
        assert not check_gradients(self.f, self.params, self.x, max_elements=4000).directional

    @pytest.mark.parametrize("name", ["w", "v", "b"])
    def test_scale_of_one_leaf(self, name):
        def wrong(params, x):
            return self.f({**params, name: planted(params[name], lambda dy: dy * (1 + 1e-4))}, x)

        report = gradient_report(wrong, self.params, self.x)
        assert [failure.path for failure in report.failures] == [f"args[0]['{name}']"]
        assert report.worst > 9e-5

    def test_steepest_element(self):
        """One wrong element among 50 that carries most of the leaf's gradient; the dead ones change nothing."""
        gradient = jax.grad(lambda p: self.f(p, self.x).sum())(self.params)["v"]
        steepest = jnp.unravel_index(jnp.argmax(jnp.abs(gradient * self.params["v"])), (50, 1))

        def wrong(params, x):
            v = planted(params["v"], lambda dy: dy.at[steepest].multiply(1.1))
            return self.f({**params, "v": v}, x)

        assert [failure.path for failure in gradient_report(wrong, self.params, self.x).failures] == ["args[0]['v']"]

    def test_message_of_a_direction(self):
        def wrong(params, x):
            return self.f({**params, "w": planted(params["w"], lambda dy: jnp.roll(dy, 1))}, x)

        with pytest.raises(AssertionError, match=r"args\[0\]\['w'\]"):
            check_gradients(wrong, self.params, self.x)
