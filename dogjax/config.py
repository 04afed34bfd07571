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

from dogjax.errors import UserError
from dogjax.strict import alternatives, build, nearest_name, typed_fields

Range = tuple[float, ...]


def _setting(default: Any, *, choices: tuple = (), low: float | None = None, high: float | None = None) -> Any:
    return dataclasses.field(default=default, metadata={"choices": choices, "low": low, "high": high})


@dataclasses.dataclass(frozen=True)
class SourceFields:
    """A source of frames, as the configuration sees it.

    Attributes:
      module: the module whose `open_source` opens it.
      reads: the fields of `DataConfig` that it reads, besides those of every source.
      required: the field that must be given; empty where none must.
      holds: what that field holds, in words.
    """

    module: str
    reads: tuple[str, ...]
    required: str = ""
    holds: str = ""


# By `data.source`. A new source is a module and a row.
SOURCES = {
    "synthetic": SourceFields("dogjax.data.sources.world", ("fps", "on_bad_video")),
    "videos": SourceFields(
        "dogjax.data.sources.videos", ("path", "fps", "on_bad_video"), "path", "the folder that holds the clips"
    ),
    "tfds": SourceFields(
        "dogjax.data.sources.catalogue", ("path", "name"), "name", "a dataset's name, such as stanford_dogs"
    ),
}
# The strategies of every data set; a list of clips may add columns, each of which is one more.
STRATEGIES = ("frame", "block", "recording", "background")


@dataclasses.dataclass(frozen=True)
class SeedsConfig:
    """Root seeds of the random streams; None means the seed at the top."""

    split: int | None = _setting(None, low=0, high=2**32 - 1)
    init: int | None = _setting(None, low=0, high=2**32 - 1)
    order: int | None = _setting(None, low=0, high=2**32 - 1)
    augment: int | None = _setting(None, low=0, high=2**32 - 1)
    dropout: int | None = _setting(None, low=0, high=2**32 - 1)
    # The floor of a seed study: where it is set, one parameter starts one unit in the last place off.
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
    dropout: float = _setting(0.3, low=0, high=0.99)  # share of units dropped
    norm: str = _setting("batch", choices=("batch", "group", "layer", "none"))
    norm_momentum: float = _setting(0.99, low=0, high=0.99999)  # batch: how much of the running statistics stays
    # batch: what an epoch is evaluated with; precise: recomputed on clean training frames, with the weights held still.
    norm_statistics: str = _setting("running", choices=("running", "precise"))
    head: str = _setting("flatten", choices=("flatten", "average"))  # average: over places, before the dense layers
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
    loss: str = _setting("cross_entropy", choices=("cross_entropy", "focal"))  # of training; validation's is the first


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long, in what batches, and what is kept."""

    batch_size: int = _setting(64, low=1)  # frames to a step
    epochs: int = _setting(100, low=1)
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


# What a study may vary; the poke is its floor.
STUDIED_STREAMS = tuple(field.name for field in dataclasses.fields(SeedsConfig) if field.name != "poke")

# Fields that say where things lie and when to stop, and cannot change a bit of the result; but on an accelerator
# study.width can, and there the environment in a run's identity says how many trained as one.
OPERATIONAL_FIELDS = (
    "data.path",
    "data.cache_dir",
    "data.on_bad_video",
    "train.checkpoint_every_epochs",
    "train.keep",
    "train.keep_weights",
    "train.max_minutes",
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
    _check_together(config)
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


def _check_together(config: Config) -> None:
    """What no field can say alone."""
    model, split, optim, augment, data = config.model, config.split, config.optim, config.augment, config.data
    if len(model.widths) != len(model.kernels):
        raise UserError(f"model.widths={model.widths} and model.kernels={model.kernels}: give one kernel to each width")
    for name in ("widths", "kernels", "dense"):
        if any(size < 1 for size in getattr(model, name)):
            raise UserError(f"model.{name}={getattr(model, name)}: every size must be at least 1")
    if split.fold >= split.folds:
        raise UserError(f"split.fold={split.fold}: must be below split.folds={split.folds}")
    if both := set(split.train_only) & set(split.validation_only):
        raise UserError(f"split.train_only and split.validation_only both name {sorted(both)}; name each label in one")
    if optim.momentum and optim.name not in ("sgd", "rmsprop"):
        raise UserError(f"optim.momentum={optim.momentum}: optim.name='{optim.name}' has none; set it to 0, or use sgd")
    if optim.weight_decay and optim.name == "adam":
        raise UserError(f"optim.weight_decay={optim.weight_decay}: adam has none; use optim.name=adamw")
    for name in ("zoom", "brightness"):
        value = getattr(augment, name)
        if isinstance(value, tuple) and (len(value) != 2 or not 0 < value[0] <= value[1]):
            raise UserError(f"augment.{name}={value}: give (low, high) with 0 < low <= high")
    if not isinstance(augment.zoom, tuple) and not 0 <= augment.zoom < 1:
        raise UserError(f"augment.zoom={augment.zoom}: must be at least 0 and below 1, or a (low, high) pair")
    for name in ("width_shift", "height_shift"):
        value = getattr(augment, name)
        if value == () or (not isinstance(value, tuple) and value < 0):
            raise UserError(f"augment.{name}={value}: must be at least 0, or the shifts to choose from")
    groups = data.merge_labels if any(isinstance(each, tuple) for each in data.merge_labels) else (data.merge_labels,)
    if not all(isinstance(group, tuple) and all(isinstance(label, str) for label in group) for group in groups):
        raise UserError(f"data.merge_labels={data.merge_labels}: give labels in quotes, ('a','b'), or groups of them")
    _check_study(config.study)
    _check_source(data)
    _check_effects(config)


def _check_source(data: DataConfig) -> None:
    """Checks the fields that one source reads and another does not."""
    source = SOURCES[data.source]
    of_sources = {field for fields in SOURCES.values() for field in fields.reads}
    for field in dataclasses.fields(DataConfig):
        value = getattr(data, field.name)
        if field.name in of_sources - set(source.reads) and value != field.default:
            others = " or ".join(f"'{name}'" for name, fields in SOURCES.items() if field.name in fields.reads)
            raise UserError(
                f"data.{field.name}={value!r}: data.source='{data.source}' does not use it; leave it out, or set "
                f"data.source to {others}"
            )
    if source.required and not getattr(data, source.required):
        raise UserError(f"data.{source.required} is empty: data.source='{data.source}' needs it; give {source.holds}")


def _check_effects(config: Config) -> None:
    """Refuses settings that would change nothing."""
    model, split = config.model, config.split
    if split.strategy not in STRATEGIES and config.data.source != "videos":
        raise UserError(f"split.strategy={split.strategy!r}: {nearest_name(split.strategy, list(STRATEGIES))}")
    if split.strategy != "block":
        for name in ("block_seconds", "gap_seconds"):
            if getattr(split, name) is not None:
                raise UserError(
                    f"split.{name}={getattr(split, name)}: split.strategy='{split.strategy}' has no blocks of time; "
                    "set split.strategy=block, or leave it out"
                )
    if model.norm != "batch":
        for field in dataclasses.fields(ModelConfig):
            if field.name in ("norm_momentum", "norm_statistics") and getattr(model, field.name) != field.default:
                raise UserError(
                    f"model.{field.name}={getattr(model, field.name)!r}: model.norm='{model.norm}' keeps no "
                    "statistics; set model.norm=batch, or leave it out"
                )
    if not model.dense and model.dropout != ModelConfig.dropout:
        raise UserError(
            f"model.dropout={model.dropout}: dropout follows dense layers, and model.dense=() has none; leave it out"
        )


def _check_study(study: StudyConfig) -> None:
    if unknown := set(study.streams) - set(STUDIED_STREAMS):
        raise UserError(f"study.streams names {sorted(unknown)}; the streams are {', '.join(STUDIED_STREAMS)}")
    if not study.streams or len(set(study.streams)) < len(study.streams):
        raise UserError(f"study.streams={study.streams}: name at least one stream, and each once")
    if not study.lengths or not all(0 < share <= 1 for share in study.lengths):
        raise UserError(f"study.lengths={study.lengths}: give shares of train.epochs, above 0 and at most 1")
    part, _, parts = study.shard.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UserError(f"study.shard='{study.shard}': write i/n, such as 1/2 for the first of two parts")
    for arm in study.arms:
        named = isinstance(arm, tuple) and len(arm) == 2 and isinstance(arm[0], str) and isinstance(arm[1], tuple)
        if not named or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in arm[1]):
            raise UserError(f"study.arms: {arm!r} must be (name, ((field, value), ...))")
        for field, _ in arm[1]:
            _check_arm_field(arm[0], field)


def _check_arm_field(arm: str, field: Any) -> None:
    known = [name for name in field_names() if name != "seed" and not name.startswith("study.")]
    if field in known:
        return
    if not isinstance(field, str):
        raise UserError(f"study.arms: '{arm}': {field!r} is no field; give its name in quotes, such as 'model.dropout'")
    if field in field_names():
        raise UserError(
            f"study.arms: '{arm}': {field} is the study's own, the same for every arm; set it once, by --config.{field}"
        )
    raise UserError(f"study.arms: '{arm}': unknown configuration field '{field}'; {nearest_name(field, known)}")
