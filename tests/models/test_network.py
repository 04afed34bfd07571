"""The network is the post's: the real Keras model, weight for weight."""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tensorflow as tf

from dogjax.config import ModelConfig, OptimConfig
from dogjax.errors import UserError
from dogjax.models import ops
from dogjax.models.network import ACTIVATIONS, INITIALIZERS, GroupNorm, Network, check_sizes, count_parameters
from dogjax.prng import Streams
from dogjax.train.state import create_state, initial_variables
from dogjax.train.step import make_train_step
from dogjax.train.step_numbers import StepNumbers

CLASSES = 3
SIDE = 64


@pytest.fixture(scope="module")
def keras_model():
    # Under some seeds the two frameworks' rounding lets a max-pool pick another of two nearly equal
    # maxima, and a gradient goes another way; under this one it does not.
    tf.keras.utils.set_random_seed(1)
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Input((SIDE, SIDE, 3))])
    for width, kernel in ((16, 11), (32, 5), (32, 3)):
        model.add(layers.Conv2D(width, kernel, activation="relu"))
        model.add(layers.MaxPooling2D(3, 2))
        model.add(layers.BatchNormalization())
    model.add(layers.Flatten())
    for width in (512, 256):
        model.add(layers.Dense(width, activation="relu"))
        model.add(layers.BatchNormalization())
        model.add(layers.Dropout(0.0))  # without dropout: the two frameworks draw other masks
    model.add(layers.Dense(CLASSES))
    # Statistics unlike the initial (0, 1), so that a parity of logits tests them.
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, var = layer.get_weights()
            noise = generator.uniform(0.5, 1.5, (4, *gamma.shape)).astype(np.float32)
            layer.set_weights([gamma * noise[0], beta + noise[1] - 1, mean + noise[2], var * 200 * noise[3]])
    return model


@pytest.fixture(scope="module")
def batch():
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (16, SIDE, SIDE, 3)).astype(np.float32)
    return images, generator.integers(0, CLASSES, 16).astype(np.int32)


def copy_weights(model) -> dict:
    """The Keras model's weights as this network's variables."""
    params, stats, counts = {}, {}, {}
    for layer in model.layers:
        kind = {"Conv2D": "Conv", "Dense": "Dense", "BatchNormalization": "BatchNorm"}.get(type(layer).__name__)
        if kind is None:
            continue
        name = f"{kind}_{counts.setdefault(kind, 0)}"
        counts[kind] += 1
        weights = [jnp.asarray(each) for each in layer.get_weights()]
        if kind == "BatchNorm":
            params[name] = {"scale": weights[0], "bias": weights[1]}
            stats[name] = {"mean": weights[2], "var": weights[3]}
        else:
            params[name] = {"kernel": weights[0], "bias": weights[1]}
    return {"params": params, "batch_stats": stats}


def post_network(**changes) -> Network:
    return Network(dataclasses.replace(ModelConfig(dropout=0.0), **changes), CLASSES)


def initialise(network: Network, images):
    return initial_variables(network, images.shape[1], jax.random.key(0))


# The network's values matter here, not its speed. As arguments: what is a constant, the compiler computes.
@functools.partial(jax.jit, static_argnums=(0, 3), compiler_options={"xla_backend_optimization_level": 0})
def outputs_of(network: Network, variables, images, batch_statistics):
    arguments = {"dropout": False, "batch_statistics": batch_statistics, "mutable": ["batch_stats"]}
    return network.apply(variables, images, **arguments)[0]


def logits_of(network: Network, variables, images):
    return outputs_of(network, variables, images, False)


def apply_with_batch_statistics(network: Network, variables, images):
    return outputs_of(network, variables, images, True)


def assert_trees_close(ours, theirs, tolerance):
    paths = jax.tree_util.tree_leaves_with_path(ours)
    for (path, mine), other in zip(paths, jax.tree.leaves(theirs), strict=True):
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance * scale, err_msg=jax.tree_util.keystr(path))


def test_parameter_count_equals_keras(keras_model):
    variables = initialise(post_network(), jnp.zeros((1, SIDE, SIDE, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == keras_model.count_params()


def test_logits_equal_keras(keras_model, batch):
    ours = logits_of(post_network(), copy_weights(keras_model), batch[0])
    theirs = keras_model(batch[0], training=False).numpy()
    # Logits of raw 0..255 input are of the order of 1; 1e-5 of their largest is float32 rounding.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("name", ["cross_entropy", "mean_squared_error"])
def test_training_step_equals_keras(keras_model, batch, name):
    images, labels = batch
    network, optimizer = post_network(), optax.sgd(0.004)
    variables = copy_weights(keras_model)
    state = create_state(network, optimizer, SIDE, Streams(0), average=False, poke=False)
    state = state.replace(**variables, opt_state=optimizer.init(variables["params"]))
    stepped, loss = jax.jit(make_train_step(network, optimizer, OptimConfig(loss=name)))(
        state, images, labels, jax.random.key(0), StepNumbers()
    )

    twin = tf.keras.models.clone_model(keras_model)
    twin.set_weights(keras_model.get_weights())
    if name == "mean_squared_error":
        compiled = tf.keras.Sequential([twin, tf.keras.layers.Softmax()])
        compiled.compile(tf.keras.optimizers.SGD(0.004), "mse")
        keras_loss = compiled.train_on_batch(images, np.eye(CLASSES, dtype=np.float32)[labels])
    else:
        twin.compile(tf.keras.optimizers.SGD(0.004), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        keras_loss = twin.train_on_batch(images, labels)

    assert float(loss) == pytest.approx(float(keras_loss), rel=1e-5)
    theirs = copy_weights(twin)
    assert_trees_close(stepped.params, theirs["params"], 1e-5)
    assert_trees_close(stepped.batch_stats, theirs["batch_stats"], 1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_keras_s_though_it_comes_after_the_maximum(name, batch):
    tf.keras.utils.set_random_seed(2)
    layers, options = tf.keras.layers, {"bias_initializer": "random_normal"}
    activation = "linear" if name == "identity" else name
    model = tf.keras.Sequential([layers.Input((SIDE, SIDE, 3))])
    model.add(layers.Conv2D(4, 5, activation=activation, **options))
    model.add(layers.MaxPooling2D(3, 2))
    model.add(layers.Flatten())
    model.add(layers.Dense(6, activation=activation, **options))
    model.add(layers.Dense(CLASSES, **options))
    network = post_network(widths=(4,), kernels=(5,), dense=(6,), norm="none", activation=name)
    images = (batch[0] - 128) / 64  # of both signs, and far from where an activation is flat
    theirs = model(images, training=False).numpy()
    ours = logits_of(network, {"params": copy_weights(model)["params"]}, images)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_every_activation_of_the_configuration_is_there_and_never_falls():
    (field,) = (each for each in dataclasses.fields(ModelConfig) if each.name == "activation")
    assert field.metadata["choices"] == tuple(ACTIVATIONS)
    x = jnp.linspace(-6, 6, 1201)
    for name, activation in ACTIVATIONS.items():
        assert np.diff(np.asarray(activation(x))).min() >= -1e-6, name
        assert activation(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16, name


def kernels_of(**changes) -> dict[str, np.ndarray]:
    network = post_network(norm="none", widths=(16,), kernels=(5,), dense=(64,), **changes)
    params = initialise(network, jnp.zeros((1, 32, 32, 3)))["params"]
    assert not any(np.any(each["bias"]) for each in params.values())
    return {name: np.asarray(each["kernel"]) for name, each in params.items()}


KERAS_INITIALIZERS = {"normal": "random_normal"}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_spreads_kernels_as_keras_s(name):
    kernels = kernels_of(initializer=name)
    assert set(kernels) == {"Conv_0", "Dense_0", "Dense_1"}
    for layer, ours in kernels.items():
        tf.keras.utils.set_random_seed(0)
        initializer: Any = tf.keras.initializers.get(KERAS_INITIALIZERS.get(name, name))
        theirs = initializer(ours.shape).numpy()
        # The ratio of two standard deviations of n normal draws each errs by n^-.5: of 192 to 200,704 here.
        assert ours.std() == pytest.approx(theirs.std(), rel=3.5 / ours.size**0.5), layer
        # Tails tell a normal from one that is cut, and from a uniform.
        ends = [np.abs(each).max() / (each.std() or 1) for each in (ours, theirs)]
        assert ends[0] == pytest.approx(ends[1], rel=0.25), layer
        if name == "orthogonal":
            columns = ours.reshape(-1, ours.shape[-1])
            np.testing.assert_allclose(columns.T @ columns, np.eye(ours.shape[-1]), atol=1e-5)


@pytest.mark.parametrize("name", ["glorot_uniform", "orthogonal", "ones"])
def test_the_scale_multiplies_kernels_alone(name):
    plain, doubled, none = (kernels_of(initializer=name, initializer_scale=scale) for scale in (1.0, 2.0, 0.0))
    for layer, kernel in plain.items():
        np.testing.assert_array_equal(doubled[layer], 2 * kernel)
        assert np.any(kernel) and not np.any(none[layer])


def test_every_initializer_of_the_configuration_is_there():
    (field,) = (each for each in dataclasses.fields(ModelConfig) if each.name == "initializer")
    assert field.metadata["choices"] == tuple(INITIALIZERS)


@pytest.mark.parametrize("norm", ["batch", "group", "layer", "none"])
@pytest.mark.parametrize("head", ["flatten", "average"])
def test_every_norm_and_head_gives_a_logit_a_class(norm, head):
    network = post_network(norm=norm, head=head, widths=(6, 8), kernels=(5, 3), dense=(10,))
    images = jax.random.uniform(jax.random.key(1), (4, 32, 32, 3)) * 255
    logits = logits_of(network, initialise(network, images), images)
    assert logits.shape == (4, CLASSES)
    assert logits.dtype == jnp.float32
    assert np.ptp(np.asarray(logits), axis=0).min() > 0


@pytest.mark.parametrize("groups", [1, 4])
def test_group_norm_equals_flax_s_in_lanes_too(groups):
    generator = np.random.default_rng(2)
    images = jnp.asarray(generator.standard_normal((5, 6, 7, 8)) * 3 + 1, jnp.float32)
    params = {name: jnp.asarray(generator.standard_normal(8), jnp.float32) for name in ("scale", "bias")}
    theirs = nn.GroupNorm(groups, epsilon=1e-3).apply({"params": params}, images)
    ours = ops.leave(GroupNorm(groups).apply({"params": params}, ops.enter(images)))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    features = images[:, 0, 0]
    theirs = nn.GroupNorm(groups, epsilon=1e-3).apply({"params": params}, features)
    np.testing.assert_allclose(GroupNorm(groups).apply({"params": params}, features), theirs, rtol=0, atol=1e-5)


def test_the_network_is_the_same_in_either_layout(batch, monkeypatch):
    network = post_network(norm="group", dense=(10,))
    variables = initialise(network, batch[0])
    lanes = logits_of(network, variables, batch[0])
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(lanes, logits_of(network, variables, batch[0]), rtol=0, atol=1e-5)


def test_group_and_layer_norm_do_not_depend_on_the_batch():
    images = jax.random.uniform(jax.random.key(1), (4, 32, 32, 3))
    changes = {}
    for norm in ("batch", "group", "layer"):
        network = post_network(norm=norm, widths=(8,), kernels=(5,), dense=(10,))
        variables = initialise(network, images)
        whole, alone = (apply_with_batch_statistics(network, variables, each) for each in (images, images[:2]))
        changes[norm] = np.abs(np.asarray(whole[:2] - alone)).max()
    assert changes["batch"] > 0.1
    assert max(changes["group"], changes["layer"]) < 1e-3  # another batch size, other sums


def test_bfloat16_computes_low_and_keeps_parameters_and_logits_in_float32(batch):
    network = post_network(dtype="bfloat16")
    variables = initialise(network, batch[0])
    logits = logits_of(network, variables, batch[0])
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    assert logits.dtype == jnp.float32
    exact = logits_of(post_network(), variables, batch[0])
    difference = np.abs(np.asarray(logits - exact)).max() / np.abs(np.asarray(exact)).max()
    assert 1e-6 < difference < 0.1  # not float32, and not nonsense


def test_a_network_too_deep_for_its_images_is_refused():
    with pytest.raises(UserError, match=r"block 3 gets 4 x 4 pixels.*larger data.image_size"):
        check_sizes(ModelConfig(), 40)
    check_sizes(ModelConfig(), 64)


def test_the_parameters_are_counted_as_keras_counts_them(keras_model):
    trainable = sum(int(np.prod(variable.shape)) for variable in keras_model.trainable_variables)
    assert count_parameters(ModelConfig(), SIDE, CLASSES) == trainable
