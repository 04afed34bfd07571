"""The configuration of an experiment: frozen, typed, and strict about every name and value.

`configs/NAME.py` edits the `ml_collections.ConfigDict` of `defaults()`; `from_dict` turns the
result, command-line overrides included, into the frozen dataclasses below. The defaults are the post's
network on a split by blocks of time; the experiments themselves are in `configs/`.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections
from ml_collections import config_dict

from dogjax.checks import SOURCES, check_config
from dogjax.strict import alternatives, build, typed_fields

Range = tuple[float, ...]


def _setting(default: Any, *, choices: tuple = (), low: float | None = None, high: float | None = None) -> Any:
    return dataclasses.field(default=default, metadata={"choices": choices, "low": low, "high": high})


@dataclasses.dataclass(frozen=True)
class SeedsConfig:
    """Root seeds of the random streams; None means `seed`, and for `poke` that no parameter is moved."""

    split: int | None = _setting(None, low=0, high=2**32 - 1)
    init: int | None = _setting(None, low=0, high=2**32 - 1)
    order: int | None = _setting(None, low=0, high=2**32 - 1)
    augment: int | None = _setting(None, low=0, high=2**32 - 1)
    dropout: int | None = _setting(None, low=0, high=2**32 - 1)
    # The floor of a seed study: with a seed, one parameter starts at the next larger number.
    poke: int | None = _setting(None, low=0, high=2**32 - 1)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the frames come from and what they look like."""

    source: str = _setting("synthetic", choices=tuple(SOURCES))  # the embedded videos, or your own data
    path: str = ""  # videos: the folder; tfds: its data_dir, empty for TFDS's own
    name: str = ""  # tfds: the dataset, such as stanford_dogs
    fps: float = _setting(1.0, low=1e-3, high=1000)  # videos: frames taken from each second
    image_size: int = _setting(64, low=8, high=1024)  # pixels; a frame becomes a square of this side
    # raw: 0..255; unit: 0..1; standardise: by mean and standard deviation of each channel of the training frames.
    scale: str = _setting("raw", choices=("raw", "unit", "standardise"))
    on_bad_video: str = _setting("fail", choices=("fail", "skip"))  # videos: one that cannot be used
    mask: str = _setting("nothing", choices=("nothing", "middle", "border"))  # what of each frame is hidden
    # Who makes batches: tf.data on the host, or JAX on the device that trains. auto: an accelerator, if all frames fit.
    augment_on: str = _setting("auto", choices=("auto", "host", "device"))
    merge_labels: tuple = ()  # labels that become one class, as (a, b), or several such groups
    cache_dir: str = ""  # empty: $XDG_CACHE_HOME/dogjax, or ~/.cache/dogjax


@dataclasses.dataclass(frozen=True)
class SplitConfig:
    """Which frames train and which validate."""

    # What stays on one side as a whole: a frame, a block of time, a recording, a background; or the groups that another
    # column of clips.csv names.
    strategy: str = "block"
    folds: int = _setting(4, low=2)  # parts of about one size, each of which validates once
    fold: int = _setting(0, low=0)  # the part that validates, from 0
    block_seconds: float | None = _setting(None, low=1e-3)  # None: a fold of the shortest class, at most 30 s
    gap_seconds: float | None = _setting(None, low=0)  # purged beside validation; None: a quarter block, at most 5 s
    train_fraction: float = _setting(1.0, low=1e-6, high=1)  # share of each class's training frames kept
    train_recordings: float = _setting(1.0, low=1e-6, high=1)  # share of each class's training recordings kept
    class_shares: tuple = ()  # (label, share) pairs: of that class, only this share of the training frames is kept
    train_only: tuple[str, ...] = ()  # labels that never validate
    validation_only: tuple[str, ...] = ()  # labels that are never trained on


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Random transforms of a training frame, with the meaning of Keras's ImageDataGenerator."""

    zoom: float | Range = 0.0  # each axis scaled by U(1 - zoom, 1 + zoom), or by U(low, high)
    rotation: float = _setting(0.0, low=0, high=180)  # degrees, U(-rotation, rotation)
    # Below 1 a share of the side, else pixels; an integer n: whole pixels in (-n, n); (a, b): one of these.
    width_shift: int | float | Range = 0.0
    height_shift: int | float | Range = 0.0
    shear: float = _setting(0.0, low=0, high=89)  # degrees
    brightness: Range | None = None  # factor U(low, high)
    channel_shift: float = _setting(0.0, low=0, high=255)  # added to all channels, U(-shift, shift)
    horizontal_flip: bool = False  # of half of the frames
    vertical_flip: bool = False
    fill: str = _setting("nearest", choices=("nearest", "constant", "reflect", "wrap"))  # what lies beyond the frame
    validation: bool = False  # augment validation too, as the post did


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network: convolution blocks, then dense layers, then one logit a class."""

    widths: tuple[int, ...] = (16, 32, 32)  # channels of each block; (): a network without convolutions
    kernels: tuple[int, ...] = (11, 5, 3)  # side of each block's kernel, in pixels
    dense: tuple[int, ...] = (512, 256)  # units of each dense layer
    # After each block's convolution and each dense layer but the last, as Keras's of that name. All are monotonic: a
    # block takes the maximum first, which gives the same (see `Conv`), and would not for gelu or silu.
    activation: str = _setting("relu", choices=("relu", "leaky_relu", "elu", "softplus", "tanh", "sigmoid", "identity"))
    dropout: float = _setting(0.3, low=0, high=0.99)  # share of units dropped
    norm: str = _setting("batch", choices=("batch", "group", "layer", "none"))
    norm_momentum: float = _setting(0.99, low=0, high=0.99999)  # batch: how much of the running statistics stays
    # batch: what an epoch is evaluated with; precise: recomputed on clean training frames, with the weights held still.
    norm_statistics: str = _setting("running", choices=("running", "precise"))
    head: str = _setting("flatten", choices=("flatten", "average"))  # average: over positions, before the dense layers
    # Of kernels, as Keras's of that name: normal has a standard deviation of .05.
    initializer: str = _setting(
        "glorot_uniform",
        choices=("glorot_uniform", "he_normal", "lecun_normal", "orthogonal", "normal", "zeros", "ones"),
    )
    initializer_scale: float = _setting(1.0, low=0)  # kernels start as so many times what the initializer gives
    dtype: str = _setting("float32", choices=("float32", "bfloat16"))  # of the computation; parameters are float32


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """How the parameters move."""

    name: str = _setting("sgd", choices=("sgd", "adam", "adamw", "nadamw", "rmsprop", "lion", "adagrad"))
    learning_rate: float = _setting(0.004, low=0)  # the highest of its schedule
    momentum: float = _setting(0.0, low=0, high=0.9999)  # sgd and rmsprop
    weight_decay: float = _setting(0.0, low=0)  # decoupled, on kernels only
    schedule: str = _setting("constant", choices=("constant", "cosine", "linear"))  # the others fall to 0
    warmup_epochs: float = _setting(0.0, low=0)  # of a linear rise from 0
    clip_norm: float = _setting(0.0, low=0)  # of the whole gradient; 0: no clipping
    accumulate: int = _setting(1, low=1)  # batches to an update
    ema_decay: float = _setting(0.0, low=0, high=0.99999)  # 0: evaluate the last weights
    label_smoothing: float = _setting(0.0, low=0, high=0.99)  # share of the target spread over all classes
    # Of training; validation always uses cross_entropy. mean_squared_error: of the softmax's probabilities.
    loss: str = _setting("cross_entropy", choices=("cross_entropy", "focal", "mean_squared_error"))


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long, in what batches, and what is kept."""

    batch_size: int = _setting(64, low=1)  # frames to a step
    epochs: int = _setting(100, low=1)
    # Of the training frames, as many in each epoch. in_order: by class, recording and time, as Keras's shuffle=False on
    # a folder; balanced: as many of each class, so that a small class repeats.
    sampling: str = _setting("shuffled", choices=("shuffled", "balanced", "in_order"))
    drop_remainder: bool = False  # false trains on the smaller last batch of an epoch, as Keras does
    checkpoint_every_epochs: int = _setting(1, low=1)  # and at the end
    keep: int = _setting(3, low=1)  # checkpoints to resume from
    keep_weights: bool = True  # the network after every epoch, for --mode=diagnose
    max_minutes: float = _setting(0.0, low=0)  # stop, resumable, after this long; 0: never


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Many runs of one experiment: what is varied from run to run, how often, and where they run."""

    # seeds: one random stream at a time against a floor; sobol: all streams at once, shares by Sobol indices;
    # crossed: every split with every seed; arms: other configurations, tried with common seeds.
    kind: str = _setting("seeds", choices=("seeds", "sobol", "crossed", "arms"))
    streams: tuple[str, ...] = ("split", "init", "order", "augment", "dropout")
    # Runs of each arm for each base seed; crossed: seeds; sobol: rows of its design, a power of two.
    replicates: int = _setting(5, low=2, high=999)
    bases: int = _setting(2, low=1, high=999)  # base seeds; sobol and crossed take one
    lengths: tuple[float, ...] = (0.25, 0.5, 1.0)  # shares of train.epochs after which the runs are compared, too
    arms: tuple = ()  # (name, ((field, value), ...)) each; every one is compared with the experiment as it is
    width: int = _setting(2, low=1, high=64)  # runs trained at once
    shard: str = "1/1"  # "i/n": only the i-th of n parts of the runs, from 1
    submit: str = _setting("no", choices=("no", "local", "slurm"))  # through submitit: processes here, or SLURM jobs
    shards: int = _setting(2, low=1, high=999)  # jobs to submit
    slurm_partition: str = ""  # empty: SLURM's own


@dataclasses.dataclass(frozen=True)
class DiagnoseConfig:
    """What `--mode=diagnose` takes the time for."""

    # One epoch trained again with one thing changed. auto: what is asked most, where the curve jumps; off; all.
    branches: str = _setting("auto", choices=("auto", "off", "all"))


@dataclasses.dataclass(frozen=True)
class Config:
    """One experiment."""

    seed: int = _setting(0, low=0, high=2**32 - 1)
    seeds: SeedsConfig = SeedsConfig()
    data: DataConfig = DataConfig()
    split: SplitConfig = SplitConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    study: StudyConfig = StudyConfig()
    diagnose: DiagnoseConfig = DiagnoseConfig()


# What a study may vary; the poke is its floor.
STUDIED_STREAMS = tuple(field.name for field in dataclasses.fields(SeedsConfig) if field.name != "poke")

# Fields that say where things lie, when to stop and how many train at once, and cannot change a bit of the result.
OPERATIONAL_FIELDS = (
    "data.path",
    "data.cache_dir",
    "data.on_bad_video",
    "train.checkpoint_every_epochs",
    "train.keep",
    "train.keep_weights",
    "train.max_minutes",
    "diagnose.branches",
    "study.width",
    "study.shard",
    "study.submit",
    "study.shards",
    "study.slurm_partition",
)


def defaults() -> Any:
    """The default experiment: an `ml_collections.ConfigDict` for `configs/NAME.py` to edit."""
    return _config_dict(Config())


def from_dict(values: Mapping[str, Any]) -> Config:
    """Checks every name, type and range, and freezes the result.

    Args:
      values: nested mappings, such as `ConfigDict.to_dict()` or a `config.json`. Missing fields take
        their defaults.

    Raises:
      UserError: an unknown field (with the nearest known name), or a value of the wrong type or range.
    """
    config = build(Config, values)
    check_config(config, field_names(), STUDIED_STREAMS)
    return config


def replace_fields(config: Config, fields: Mapping[str, Any]) -> Config:
    """The configuration with other values in the fields of the given dotted names, checked as a whole.

    Raises:
      UserError: as `from_dict`.
    """
    values = to_dict(config)
    for name, value in fields.items():
        *groups, field = name.split(".")
        node = values
        for group in groups:
            node = node.setdefault(group, {})
        node[field] = value
    return from_dict(values)


def to_dict(config: Config) -> dict[str, Any]:
    """Nested plain dictionaries, ready for JSON."""
    return dataclasses.asdict(config, dict_factory=lambda items: {key: _plain(value) for key, value in items})


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of dotted field name and value, in order."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def field_names() -> list[str]:
    """Every dotted field name."""
    return [name for name, _ in flatten(to_dict(Config()))]


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _config_dict(node: Any) -> ml_collections.ConfigDict:
    values = {}
    for field, hint in typed_fields(type(node)):
        value = getattr(node, field.name)
        options = alternatives(hint)
        if dataclasses.is_dataclass(value):
            values[field.name] = _config_dict(value)
        elif len(options) > 1:
            # A field that may be None or of two types takes any literal on the command line;
            # `from_dict` checks it.
            reference = config_dict.FieldReference(None, field_type=object)
            reference.set(value)
            values[field.name] = reference
        else:
            values[field.name] = value
    return ml_collections.ConfigDict(values)
