"""Augmentation: pure in (seed, frame), and Keras's ImageDataGenerator in meaning and distribution."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from dogjax.config import AugmentConfig, Config, DataConfig
from dogjax.data import augment, resident, transforms
from dogjax.data.philox import uniform_rows
from dogjax.data.pipeline import augment_in_graph

FILLS = ("nearest", "constant", "reflect", "wrap")
SEED = np.array([31, -7], np.int64)
# Every option, at a size at which it matters.
OPTIONS = {
    "zoom": 0.3,
    "rotation": 40.0,
    "width_shift": 0.3,
    "height_shift": 0.2,
    "shear": 25.0,
    "brightness": (0.4, 1.7),
    "channel_shift": 60.0,
    "horizontal_flip": True,
    "vertical_flip": True,
}
# Those that read no pixel outside of a frame, so that `fill` is nothing to them.
UNFILLED = ("brightness", "channel_shift", "horizontal_flip", "vertical_flip")
EVERYTHING = AugmentConfig(**OPTIONS)
# A p value below this fails. The seeds are fixed, so a correct sampler passes always once it passes;
# at a thousandth, one of the twenty comparisons fails by bad luck for one choice of seed in fifty.
P_VALUE = 1e-3

# Keras 3.15 still calls SciPy by a name that SciPy 1.17 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")


def keras_generator(config):
    return tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=config.rotation,
        width_shift_range=config.width_shift,
        height_shift_range=config.height_shift,
        brightness_range=config.brightness,
        shear_range=config.shear,
        zoom_range=config.zoom,
        channel_shift_range=config.channel_shift,
        fill_mode=config.fill,
        horizontal_flip=config.horizontal_flip,
        vertical_flip=config.vertical_flip,
    )


def keras_parameters(config, count, side):
    generator = keras_generator(config)
    np.random.seed(5)  # Keras has no other way to be seeded
    return [generator.get_random_transform((side, side, 3)) for _ in range(count)]


def keras_images(images, parameters, config):
    generator = keras_generator(config)
    rows = zip(images.astype(np.float32), parameters, strict=True)
    return np.stack([generator.apply_transform(image, row) for image, row in rows])


def draw(frames, seed=SEED):
    return uniform_rows(seed, frames, len(transforms._COLUMNS))


@functools.cache
def draws_of_frames(count):
    return draw(np.arange(count))


def our_parameters(config, count, side):
    return transforms._parameters(draws_of_frames(count), side, config)


@functools.cache
def graph_of(config):
    return tf.function(lambda images, changes: augment_in_graph(images, changes, config))


@functools.cache
def program_of(config):
    return jax.jit(lambda images, changes: augment.augment(resident.JAX, images, changes, config))


def on_host(images, changes, config):
    """As tf.data computes it."""
    return graph_of(config)(tf.constant(images), changes).numpy()


def on_device(images, changes, config):
    """As JAX computes it."""
    side = images.shape[1]
    computed = resident._changes(changes, Config(data=DataConfig(image_size=side), augment=config))
    return np.asarray(program_of(config)(images, computed))


def our_images(images, parameters, config, compute=on_host):
    return compute(images, transforms.transforms_of(parameters, images.shape[1]), config)


def augmented(images, config, compute=on_host):
    """The images as frames 0, 1, 2 and so on."""
    return compute(images, transforms.draw_transforms(np.arange(len(images)), images.shape[1], config, SEED), config)


def as_ours(rows):
    """Keras's dictionaries, one a frame, as our columns."""
    neutral = {"channel_shift_intensity": 0.0, "brightness": 1.0}
    columns = {}
    for name in transforms.Parameters._fields:
        values = [neutral[name] if row[name] is None else row[name] for row in rows]
        columns[name] = np.array(values, bool if name.startswith("flip") else np.float32)
    return transforms.Parameters(**columns)


def noise(count, side, seed=0):
    """Images that change as much as possible from pixel to pixel, so that a shifted sample shows."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def with_only(name, fill="nearest"):
    return AugmentConfig(fill=fill, **{name: OPTIONS[name]})


class TestKerasImages:
    @pytest.mark.parametrize("fill", FILLS)
    def test_each_geometric_option_alone_gives_the_image_of_keras(self, fill):
        self.check_each_alone([name for name in OPTIONS if name not in UNFILLED], fill)

    def test_flips_and_channel_shift_alone_give_the_image_of_keras(self):
        self.check_each_alone([name for name in UNFILLED if name != "brightness"], "nearest")

    def check_each_alone(self, names, fill):
        """All options in one traced function: each compilation takes a second."""
        configs = {name: with_only(name, fill) for name in names}
        # An even side: on an odd one a sheared middle row meets the border exactly, where Keras's own
        # `constant` and `wrap` jump with the last bit of a double.
        images = noise(24, 20)
        rows = {name: keras_parameters(config, 24, 20) for name, config in configs.items()}
        changes = {name: transforms.transforms_of(as_ours(each), 20) for name, each in rows.items()}

        @tf.function
        def apply(images, changes):
            return {name: augment_in_graph(images, changes[name], config) for name, config in configs.items()}

        for name, ours in apply(tf.constant(images), changes).items():
            theirs = keras_images(images, rows[name], configs[name])
            # Float32 positions err by some 1e-5 pixel, and neighbours differ by up to 255 grey levels.
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.02, err_msg=name)

    @pytest.mark.parametrize("fill", FILLS)
    @pytest.mark.parametrize("side", [24, 33])
    def test_all_geometric_options_and_channel_shift_together_give_the_image_of_keras(self, fill, side):
        config = dataclasses.replace(EVERYTHING, fill=fill, brightness=None)
        images, rows = noise(40, side), keras_parameters(config, 40, side)
        ours = our_images(images, as_ours(rows), config)
        np.testing.assert_allclose(ours, keras_images(images, rows, config), rtol=0, atol=0.02)

    def test_brightness_alone_gives_exactly_the_image_of_keras(self):
        config = with_only("brightness")
        images, rows = noise(40, 16), keras_parameters(config, 40, 16)
        ours = our_images(images, as_ours(rows), config)
        np.testing.assert_array_equal(ours, keras_images(images, rows, config))

    @pytest.mark.parametrize("compute", [on_host, on_device])
    @pytest.mark.parametrize("fill", FILLS)
    def test_every_option_together_gives_the_image_of_keras(self, fill, compute):
        config = dataclasses.replace(EVERYTHING, fill=fill)
        images, rows = noise(40, 24), keras_parameters(config, 40, 24)
        difference = our_images(images, as_ours(rows), config, compute) - keras_images(images, rows, config)
        # Brightness cuts to whole levels before and after, so a difference of 1e-3 before it may become
        # one level, times 1.7, cut again: 2. That must stay rare.
        assert np.abs(difference).max() <= 2
        assert np.mean(difference != 0) < 2e-3

    @pytest.mark.parametrize("compute", [on_host, on_device])
    @pytest.mark.parametrize("fill", FILLS)
    def test_whole_pixel_shifts_and_flips_give_exactly_the_image_of_keras(self, fill, compute):
        config = AugmentConfig(width_shift=9, height_shift=9, horizontal_flip=True, vertical_flip=True, fill=fill)
        images, rows = noise(60, 8), keras_parameters(config, 60, 8)
        ours = our_images(images, as_ours(rows), config, compute)
        np.testing.assert_array_equal(ours, keras_images(images, rows, config))

    @pytest.mark.parametrize("fill", FILLS)
    def test_no_pixel_is_brighter_than_white(self, fill):
        images = np.where(noise(200, 16) > 127, 255, noise(200, 16, seed=1)).astype(np.uint8)
        config = dataclasses.replace(EVERYTHING, brightness=None, channel_shift=0.0, fill=fill)
        pixels = augmented(images, config)
        assert pixels.min() >= 0 and pixels.max() == 255

    def test_even_white_frame_stays_white_under_every_geometric_option(self):
        white = np.full((200, 16, 16, 3), 255, np.uint8)
        config = dataclasses.replace(EVERYTHING, brightness=(1.0, 1.0))
        np.testing.assert_array_equal(augmented(white, config), 255.0)


CONTINUOUS = [
    ("zx", {"zoom": 0.2}),
    ("zy", {"zoom": 0.2}),
    ("zx", {"zoom": (0.5, 0.9)}),
    ("zy", {"zoom": (0.5, 0.9)}),
    ("theta", {"rotation": 30.0}),
    ("tx", {"height_shift": 0.2}),
    ("ty", {"width_shift": 0.2}),
    ("tx", {"height_shift": 1.0}),
    ("ty", {"width_shift": 5.5}),
    ("shear", {"shear": 15.0}),
    ("brightness", {"brightness": (0.5, 1.2)}),
    ("channel_shift_intensity", {"channel_shift": 20.0}),
]
DISCRETE = [
    ("tx", {"height_shift": 4}),
    ("ty", {"width_shift": 1}),
    ("ty", {"width_shift": 5}),
    ("tx", {"height_shift": (2, 7)}),
    ("ty", {"width_shift": (0.125, 0.25, 0.5)}),
    ("tx", {"height_shift": (0.5, 3.0)}),
    ("flip_horizontal", {"horizontal_flip": True}),
    ("flip_vertical", {"vertical_flip": True}),
]


class TestKerasDistribution:
    SIDE = 64
    COUNT = 4000

    def both(self, name, options):
        config = AugmentConfig(**options)
        ours = our_parameters(config, self.COUNT, self.SIDE)._asdict()[name].astype(float)
        return ours, np.array([row[name] for row in keras_parameters(config, self.COUNT, self.SIDE)], float)

    @pytest.mark.parametrize(("name", "options"), CONTINUOUS)
    def test_continuous_parameters_have_the_distribution_of_keras(self, name, options):
        ours, keras = self.both(name, options)
        assert scipy.stats.ks_2samp(ours, keras).pvalue > P_VALUE
        # The largest of 4,000 uniforms misses the end of its range by more than 0.4 % once in 10 million.
        width = np.ptp(keras)
        assert abs(ours.min() - keras.min()) < 4e-3 * width and abs(ours.max() - keras.max()) < 4e-3 * width

    @pytest.mark.parametrize(("name", "options"), DISCRETE)
    def test_discrete_parameters_have_the_values_and_the_shares_of_keras(self, name, options):
        ours, keras = self.both(name, options)
        values = np.unique(keras)
        np.testing.assert_array_equal(np.unique(ours), values)
        counts = [[np.sum(drawn == value) for value in values] for drawn in (ours, keras)]
        # With a single value there is nothing left to compare.
        assert len(values) == 1 or scipy.stats.chi2_contingency(counts).pvalue > P_VALUE

    def test_all_draws_of_a_frame_are_independent_of_one_another(self):
        draws = draws_of_frames(self.COUNT)
        correlation = scipy.stats.spearmanr(draws).statistic[np.triu_indices(draws.shape[1], 1)]
        # 66 pairs: none of them beyond 4.5 standard errors, once in 2,000 seeds.
        assert np.abs(correlation).max() < 4.5 / np.sqrt(self.COUNT)

    def test_zoom_of_the_two_axes_is_independent(self):
        zoom = our_parameters(AugmentConfig(zoom=0.2), self.COUNT, self.SIDE)
        assert abs(np.corrcoef(zoom.zx, zoom.zy)[0, 1]) < 4 / np.sqrt(self.COUNT)
        quadrants = np.histogram2d(zoom.zx, zoom.zy, bins=[[0.8, 1, 1.2]] * 2)[0]
        assert scipy.stats.chisquare(quadrants.ravel()).pvalue > P_VALUE

    def test_augmented_pixels_have_the_mean_and_the_spread_of_keras(self):
        count, side = 3000, 12
        # Brighter to the right and downwards, so that no flip, turn or shift leaves it as it was.
        image = np.add.outer(np.arange(side) * 8, np.arange(side) * 13)[..., np.newaxis] + np.array([0, 10, 20])
        images = np.repeat(image.astype(np.uint8)[np.newaxis], count, 0)
        ours = augmented(images, EVERYTHING)
        keras = keras_images(images, keras_parameters(EVERYTHING, count, side), EVERYTHING)
        for power in (1, 2):  # the mean, then the variance about the common mean
            a, b = (ours, keras) if power == 1 else ((each - keras.mean(0)) ** 2 for each in (ours, keras))
            error = np.sqrt((a.var(0) + b.var(0)) / count)
            # 432 strongly correlated comparisons: beyond 4.5 standard errors, less than once in 300 seeds.
            assert (np.abs(a.mean(0) - b.mean(0)) / error).max() < 4.5


class TestPurity:
    @pytest.mark.parametrize("compute", [on_host, on_device])
    @pytest.mark.parametrize("turned", [True, False])
    @pytest.mark.parametrize("fill", FILLS)
    def test_a_frame_is_the_same_to_the_bit_whatever_its_batch_place_and_batch_size(self, fill, turned, compute):
        config = dataclasses.replace(EVERYTHING, fill=fill)
        if not turned:
            config = dataclasses.replace(config, rotation=0.0, shear=0.0)
        count = 40
        images = noise(count, 16)
        orders = {size: np.random.default_rng(size).permutation(count) for size in (1, 8, 40)}  # each size is compiled
        results = []
        for size, order in orders.items():
            rows = {}
            for frames in order.reshape(-1, size):
                changes = transforms.draw_transforms(frames, 16, config, SEED)
                rows |= dict(zip(frames, compute(images[frames], changes, config)))
            results.append(np.stack([rows[i] for i in range(count)]))
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])

    def test_a_frame_far_into_a_dataset_draws_the_same_alone_and_among_others(self):
        frames = np.array([3, 2**40 + 5, 2**40, 5])
        together = draw(frames)
        np.testing.assert_array_equal(together[1], draw(frames[1:2])[0])
        assert len(np.unique(together)) == together.size

    @pytest.mark.parametrize("name", OPTIONS)
    def test_switching_one_option_on_or_off_leaves_the_draws_of_the_others(self, name):
        everything = our_parameters(EVERYTHING, 50, 16)._asdict()
        nothing = our_parameters(AugmentConfig(), 50, 16)._asdict()
        alone = our_parameters(with_only(name), 50, 16)._asdict()
        affected = {
            "zoom": {"zx", "zy"},
            "rotation": {"theta"},
            "width_shift": {"ty"},
            "height_shift": {"tx"},
            "channel_shift": {"channel_shift_intensity"},
            "horizontal_flip": {"flip_horizontal"},
            "vertical_flip": {"flip_vertical"},
        }.get(name, {name})
        for column, values in alone.items():
            np.testing.assert_array_equal(values, (everything if column in affected else nothing)[column])
            assert (column in affected) == np.any(values != nothing[column])

    def test_every_frame_and_every_epoch_draws_anew(self):
        seeds = [SEED, np.array([31, -6]), np.array([-7, 31])]
        epochs = np.stack([draw(np.arange(500), seed) for seed in seeds])
        rows = epochs.reshape(-1, epochs.shape[-1])
        assert len(np.unique(rows, axis=0)) == len(rows)
        for first, second in [(0, 1), (0, 2), (1, 2)]:
            correlation = np.corrcoef(epochs[first].ravel(), epochs[second].ravel())[0, 1]
            assert abs(correlation) < 4 / np.sqrt(epochs[0].size)
        neighbours = np.corrcoef(epochs[0, 1:].ravel(), epochs[0, :-1].ravel())[0, 1]
        assert abs(neighbours) < 4 / np.sqrt(epochs[0].size)


class TestWork:
    def operations(self, config):
        """Names of the operations of one batch, those of the compiled part too."""
        changes = transforms.Transforms(*[tf.TensorSpec([None], tf.float32)] * len(transforms.Transforms._fields))
        function = tf.function(lambda x, y: augment_in_graph(x, y, config))
        graph = function.get_concrete_function(tf.TensorSpec([None, 16, 16, 3], tf.uint8), changes).graph.as_graph_def()
        nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
        return [node.op for node in nodes]

    def test_no_option_leaves_the_pixels_as_they_are(self):
        images = noise(3, 16)
        result = augmented(images, AugmentConfig())
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, images.astype(np.float32))

    @pytest.mark.parametrize("fill", FILLS)
    def test_all_geometric_options_read_each_pixel_s_four_neighbours_once(self, fill):
        assert self.operations(dataclasses.replace(EVERYTHING, fill=fill)).count("GatherV2") == 4

    @pytest.mark.parametrize("config", [AugmentConfig(), with_only("brightness"), with_only("channel_shift")])
    def test_options_that_move_no_pixel_read_none_anew(self, config):
        assert "GatherV2" not in self.operations(config)

    def test_frames_that_are_not_turned_are_read_a_row_at_a_time(self):
        straight = dataclasses.replace(EVERYTHING, rotation=0.0, shear=0.0)
        for config, rows in ((straight, 1), (EVERYTHING, 16)):
            x, y, *_ = augment.changes_of(transforms.transforms_of(our_parameters(config, 5, 16), 16), 16, config)
            assert x.shape == (5, rows, 16) and y.shape == (5, 16, rows)
