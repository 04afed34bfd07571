"""Checks what no field of a configuration can say alone; holds the table of the sources of frames."""

import dataclasses
from typing import TYPE_CHECKING, Any

from dogjax.errors import UserError
from dogjax.strict import nearest_name

if TYPE_CHECKING:
    from dogjax.config import Config, DataConfig, SplitConfig, StudyConfig


@dataclasses.dataclass(frozen=True)
class SourceFields:
    """A source of frames, as the configuration sees it.

    Attributes:
      module: the module whose `open_source` opens it.
      reads: its own fields of `DataConfig`; the fields that every source reads are not listed.
      required: the field that must be given; empty where none must.
      holds: what that field holds, in words.
      has_groups: whether the data may name further groups, each of which is a strategy of splitting.
    """

    module: str
    reads: tuple[str, ...]
    required: str = ""
    holds: str = ""
    has_groups: bool = False


# By `data.source`. A new source is a module and a row.
SOURCES = {
    "synthetic": SourceFields("dogjax.data.sources.world", ("fps", "on_bad_video")),
    "videos": SourceFields(
        "dogjax.data.sources.videos",
        ("path", "fps", "on_bad_video"),
        "path",
        "the folder that holds the clips",
        has_groups=True,
    ),
    "tfds": SourceFields(
        "dogjax.data.sources.catalogue", ("path", "name"), "name", "a dataset's name, such as stanford_dogs"
    ),
}
# The strategies of every data set; a list of clips may add columns, each of which is one more.
STRATEGIES = ("frame", "block", "recording", "background")


def check_config(config: "Config", field_names: list[str], streams: tuple[str, ...]) -> None:
    """Checks that the fields of a configuration fit together.

    Args:
      config: each of its values is of the right type and range.
      field_names: every dotted name.
      streams: what a study may vary.

    Raises:
      UserError: names the field, its value and the way out.
    """
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
    _check_class_shares(split)
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
    _check_study(config.study, field_names, streams)
    _check_source(data)
    _check_effects(config)


def _check_class_shares(split: "SplitConfig") -> None:
    for pair in split.class_shares:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise UserError(
                f"split.class_shares={split.class_shares}: give pairs of a label in quotes and a share, such as "
                "(('rex',0.1),)"
            )
        label, share = pair
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise UserError(
                f"split.class_shares: '{label}' has {share!r}; a share must be above 0 and at most 1 (to train without "
                "the class, name it in split.validation_only)"
            )
        if label in split.validation_only:
            raise UserError(
                f"split.class_shares: '{label}' is in split.validation_only and has no training frames; leave it out "
                "of one of them"
            )
    labels = [label for label, _ in split.class_shares]
    if len(set(labels)) < len(labels):
        raise UserError(f"split.class_shares={split.class_shares}: name each label once")


def _check_source(data: "DataConfig") -> None:
    """Checks the fields that one source reads and another does not."""
    source = SOURCES[data.source]
    of_sources = {field for fields in SOURCES.values() for field in fields.reads}
    for field in dataclasses.fields(data):
        value = getattr(data, field.name)
        if field.name in of_sources - set(source.reads) and value != field.default:
            others = " or ".join(f"'{name}'" for name, fields in SOURCES.items() if field.name in fields.reads)
            raise UserError(
                f"data.{field.name}={value!r}: data.source='{data.source}' does not use it; leave it out, or set "
                f"data.source to {others}"
            )
    if source.required and not getattr(data, source.required):
        raise UserError(f"data.{source.required} is empty: data.source='{data.source}' needs it; give {source.holds}")


def _check_effects(config: "Config") -> None:
    """Refuses settings that would change nothing."""
    model, split = config.model, config.split
    if split.strategy not in STRATEGIES and not SOURCES[config.data.source].has_groups:
        raise UserError(f"split.strategy={split.strategy!r}: {nearest_name(split.strategy, list(STRATEGIES))}")
    if split.strategy != "block":
        for name in ("block_seconds", "gap_seconds"):
            if getattr(split, name) is not None:
                raise UserError(
                    f"split.{name}={getattr(split, name)}: split.strategy='{split.strategy}' has no blocks of time; "
                    "set split.strategy=block, or leave it out"
                )
    if model.norm != "batch":
        for field in dataclasses.fields(model):
            if field.name in ("norm_momentum", "norm_statistics") and getattr(model, field.name) != field.default:
                raise UserError(
                    f"model.{field.name}={getattr(model, field.name)!r}: model.norm='{model.norm}' keeps no "
                    "statistics; set model.norm=batch, or leave it out"
                )
    if not model.dense and not model.widths and model.activation != type(model).activation:
        raise UserError(
            f"model.activation='{model.activation}': it follows convolutions and dense layers, and there are none; "
            "give model.widths and model.kernels, or model.dense, or leave it out"
        )
    if model.initializer == "zeros" and model.initializer_scale != type(model).initializer_scale:
        raise UserError(
            f"model.initializer_scale={model.initializer_scale}: model.initializer='zeros' is 0 at any scale; leave it "
            "out, or use another initializer"
        )
    if not model.dense and model.dropout != type(model).dropout:
        raise UserError(
            f"model.dropout={model.dropout}: dropout follows dense layers, and model.dense=() has none; leave it out"
        )


def _check_study(study: "StudyConfig", field_names: list[str], streams: tuple[str, ...]) -> None:
    if unknown := set(study.streams) - set(streams):
        raise UserError(f"study.streams names {sorted(unknown)}; the streams are {', '.join(streams)}")
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
            _check_arm_field(arm[0], field, field_names)


def _check_arm_field(arm: str, field: Any, field_names: list[str]) -> None:
    known = [name for name in field_names if name != "seed" and not name.startswith("study.")]
    if field in known:
        return
    if not isinstance(field, str):
        raise UserError(f"study.arms: '{arm}': {field!r} is no field; give its name in quotes, such as 'model.dropout'")
    if field in field_names:
        raise UserError(
            f"study.arms: '{arm}': {field} is the study's own, the same for every arm; set it once, by --config.{field}"
        )
    raise UserError(f"study.arms: '{arm}': unknown configuration field '{field}'; {nearest_name(field, known)}")
