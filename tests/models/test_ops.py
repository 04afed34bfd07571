"""The fast operations mean what XLA's mean: values and gradients, in every shape, stride and type."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dogjax import runtime
from dogjax.models import ops, spectral
from dogjax.models.ops import conv2d, max_pool


def xla_conv2d(images, kernel, strides):
    return lax.conv_general_dilated(images, kernel, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def xla_max_pool(images, window, stride):
    return lax.reduce_window(images, -jnp.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), "VALID")


def values_and_gradients(function, *arrays):
    """The result, and the gradients of its weighted sum with respect to every array."""

    @jax.jit
    def compute(*arrays):
        out, pull = jax.vjp(function, *arrays)
        weights = np.random.default_rng(9).standard_normal(out.shape)
        return out, *pull(jnp.asarray(weights, out.dtype))

    return compute(*arrays)


def assert_equal_to_rounding(ours, theirs, tolerance):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        mine, other = np.asarray(mine, np.float64), np.asarray(other, np.float64)
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance * max(1.0, np.abs(other).max()))


# Batch, height and width, kernel, inputs, outputs, strides.
CONVOLUTIONS = {
    "least": (1, (1, 1), (1, 1), 1, 1, (1, 1)),
    "cut block": (2, (9, 12), (3, 3), 3, 16, (1, 1)),
    "whole image": (2, (7, 6), (7, 6), 4, 8, (1, 1)),
    "strides": (2, (13, 10), (5, 4), 3, 20, (3, 2)),
    "strides over the kernel": (1, (8, 9), (1, 2), 6, 5, (3, 3)),
    "strips": (3, (42, 5), (3, 3), 2, 4, (1, 1)),
    "cut strip": (1, (47, 6), (2, 5), 1, 3, (1, 1)),
    "strips with strides": (2, (64, 7), (3, 4), 2, 6, (2, 3)),
}
# A sum of some hundred products, rounded in another order; in bfloat16 both sums are rounded once, from float32.
TOLERANCES = {"float64": 1e-13, "float32": 1e-5, "bfloat16": 2**-8}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, "float64") for name in CONVOLUTIONS]
    + [(name, dtype) for name in ("cut block", "cut strip") for dtype in ("float32", "bfloat16")],
)
def test_convolution_equals_xla_s_with_both_gradients(name, dtype):
    batch, sides, size, inputs, outputs, strides = CONVOLUTIONS[name]
    with jax.enable_x64(True):
        generator = np.random.default_rng(0)
        images = jnp.asarray(generator.standard_normal((batch, *sides, inputs)), dtype)
        kernel = jnp.asarray(generator.standard_normal((*size, inputs, outputs)), dtype)
        ours = values_and_gradients(lambda x, k: conv2d(x, k, strides), images, kernel)
        theirs = values_and_gradients(lambda x, k: xla_conv2d(x, k, strides), images, kernel)
        assert_equal_to_rounding(ours, theirs, TOLERANCES[dtype])


def test_the_convolutions_above_cover_blocks_and_strips_that_are_cut():
    plans = {
        name: spectral._Plan((*sides, inputs, batch), (*size, inputs, outputs), strides)
        for name, (batch, sides, size, inputs, outputs, strides) in CONVOLUTIONS.items()
    }
    assert min(plans[name].strips for name in ("strips", "cut strip", "strips with strides")) > 1
    assert plans["cut strip"].rows % plans["cut strip"].strips
    assert plans["cut block"].columns % plans["cut block"].block


@pytest.mark.parametrize(
    ("window", "stride", "sides", "dtype", "tolerance"),
    [
        (3, 2, (11, 8), "float64", 1e-14),
        (3, 2, (11, 8), "float32", 1e-6),
        (3, 2, (11, 8), "bfloat16", 2e-2),
        (1, 1, (3, 5), "float64", 1e-14),
        (2, 2, (7, 4), "float64", 1e-14),
        (2, 4, (11, 9), "float64", 1e-14),
        (4, 1, (4, 6), "float64", 1e-14),
    ],
)
def test_pooling_equals_xla_s_and_ties_go_to_the_first(window, stride, sides, dtype, tolerance):
    with jax.enable_x64(True):
        # Three levels: nearly every window has ties; a thousand: few have.
        parts = [np.random.default_rng(1).integers(-levels, levels, (2, *sides, 3)) for levels in (3, 1000)]
        images = jnp.asarray(np.concatenate(parts), dtype)
        ours = values_and_gradients(lambda x: max_pool(x, window, stride), images)
        theirs = values_and_gradients(lambda x: xla_max_pool(x, window, stride), images)
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert_equal_to_rounding(ours, theirs, tolerance)


def test_pooling_passes_on_what_is_not_a_number():
    images = jnp.zeros((1, 5, 5, 1)).at[0, 1, 1, 0].set(jnp.nan)
    np.testing.assert_array_equal(max_pool(images, 3, 2), xla_max_pool(images, 3, 2))


def test_under_vmap_each_network_has_its_own_kernel():
    generator = np.random.default_rng(2)
    images = jnp.asarray(generator.standard_normal((3, 2, 16, 16, 3)), jnp.float32)
    kernels = jnp.asarray(generator.standard_normal((3, 5, 5, 3, 8)), jnp.float32)

    def pooled(pool, convolve, x, k):
        return pool(convolve(x, k, (1, 1)), 3, 2)

    ours = values_and_gradients(jax.vmap(lambda x, k: pooled(max_pool, conv2d, x, k)), images, kernels)
    for replica in range(3):
        weights = np.random.default_rng(9).standard_normal(ours[0].shape)[replica]
        out, pull = jax.vjp(lambda x, k: pooled(xla_max_pool, xla_conv2d, x, k), images[replica], kernels[replica])
        theirs = out, *pull(jnp.asarray(weights, out.dtype))
        assert_equal_to_rounding([each[replica] for each in ours], theirs, 1e-5)


@pytest.mark.parametrize("side", [40, 90])  # one strip, and several with a cut last one
def test_a_network_s_block_is_a_convolution_and_a_pooling(side):
    generator = np.random.default_rng(3)
    images = jnp.asarray(generator.standard_normal((2, side, side - 7, 3)), jnp.float32)
    kernel = jnp.asarray(generator.standard_normal((11, 11, 3, 8)), jnp.float32)

    def block(x, k):
        return ops.leave(ops.conv2d_and_max_pool(ops.enter(x), k, 3, 2))

    ours = values_and_gradients(block, images, kernel)
    theirs = values_and_gradients(lambda x, k: xla_max_pool(xla_conv2d(x, k, (1, 1)), 3, 2), images, kernel)
    assert_equal_to_rounding(ours, theirs, 1e-5)


def test_entering_the_layout_and_leaving_it_changes_no_bit():
    images = jnp.asarray(np.random.default_rng(4).standard_normal((5, 6, 7, 3)), jnp.float32)
    np.testing.assert_array_equal(ops.enter(images), np.moveaxis(images, 0, -1))
    np.testing.assert_array_equal(ops.leave(ops.enter(images)), images)


def test_accelerators_keep_their_layout_and_xla_s_convolution(monkeypatch):
    monkeypatch.setattr(runtime, "on_accelerator", lambda: True)
    images, kernel = jnp.zeros((1, 9, 9, 3)), jnp.zeros((3, 3, 3, 4))
    assert ops.enter(images) is images
    assert "conv_general_dilated" in str(jax.make_jaxpr(conv2d)(images, kernel))
    assert jax.grad(lambda x: max_pool(x, 3, 2).sum())(images).sum() == 4 * 4 * 3
