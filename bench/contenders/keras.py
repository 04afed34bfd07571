"""The post's own model, in Keras 3; the backend is the one that KERAS_BACKEND names."""

import functools
from collections.abc import Callable

import keras
from keras import layers

from bench.contenders import post


def model(size: int) -> keras.Model:
    """The post's model, compiled as the post compiled it."""
    network = keras.Sequential([layers.Input((size, size, 3))])
    for width, kernel in zip(post.WIDTHS, post.KERNELS):
        network.add(layers.Conv2D(width, kernel, activation="relu"))
        network.add(layers.MaxPooling2D(post.POOL, post.POOL_STRIDE))
        network.add(layers.BatchNormalization(momentum=post.NORM_MOMENTUM))
    network.add(layers.Flatten())
    for width in post.DENSE:
        network.add(layers.Dense(width, activation="relu"))
        network.add(layers.BatchNormalization(momentum=post.NORM_MOMENTUM))
        network.add(layers.Dropout(post.DROPOUT))
    network.add(layers.Dense(post.CLASSES))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(post.LEARNING_RATE), loss, metrics=["accuracy"])
    return network


def train_step(size: int) -> Callable[[], float]:
    """A step as `fit` takes it, without fit's own bookkeeping."""
    network, data = model(size), post.batch(size)
    network.train_on_batch(*data)  # builds everything
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_step(network, data)
    return _jax_step(network, data)


def _tensorflow_step(network: keras.Model, data: tuple) -> Callable[[], float]:
    import tensorflow as tf

    network.make_train_function(force=True)
    batches = iter(tf.data.Dataset.from_tensors(tuple(map(tf.constant, data))).repeat())
    variable = network.trainable_variables[0].value
    return post.lap_of(lambda: network.train_function(batches), lambda: variable.numpy())


def _jax_step(network: keras.Model, data: tuple) -> Callable[[], float]:
    import jax

    network.make_train_function(force=True)
    variables = (
        network.trainable_variables,
        network.non_trainable_variables,
        network.optimizer.variables,
        network.metrics_variables,
    )
    state = tuple([jax.numpy.array(variable.value) for variable in group] for group in variables)
    batch = tuple(map(jax.device_put, data))

    def one() -> None:
        nonlocal state
        _, state = network.train_function(state, iter([batch]))

    return post.lap_of(one, lambda: jax.block_until_ready(state))


def epoch(size: int) -> Callable[[], float]:
    """`fit` over 1,350 frames with ImageDataGenerator, and validation on 450, as in the post, from memory."""
    import numpy as np
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (1800, size, size, 3)).astype(np.uint8)
    labels = generator.integers(0, post.CLASSES, 1800)
    source = ImageDataGenerator(zoom_range=0.2, horizontal_flip=True, vertical_flip=True, validation_split=0.25)
    flows = [source.flow(images, labels, post.BATCH, subset=subset) for subset in ("training", "validation")]
    network = model(size)

    fit = functools.partial(network.fit, flows[0], validation_data=flows[1], epochs=1, verbose=0)
    return post.lap_of(fit, lambda: None, post.EPOCHS)
