"""Configuration is strict: unknown names and wrong values are errors that say what to do."""

import dataclasses
import importlib
import json
import pathlib

import pytest

from dogjax.checks import SOURCES
from dogjax.config import (
    Config,
    DataConfig,
    defaults,
    field_names,
    flatten,
    from_dict,
    replace_fields,
    to_dict,
)
from dogjax.errors import UserError

CONFIGS = sorted(path.stem for path in (pathlib.Path(__file__).parent.parent / "configs").glob("*.py"))


def test_defaults_survive_the_config_dict_and_json():
    assert from_dict(defaults().to_dict()) == Config()
    assert from_dict(json.loads(json.dumps(to_dict(Config())))) == Config()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_file_is_valid_and_carries_its_command(name):
    module = importlib.import_module(f"configs.{name}")
    config = from_dict(module.get_config().to_dict())
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config
    assert f"python launch.py --config=configs/{name}.py" in module.__doc__


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"optim": {"learnign_rate": 1.0}},
            "unknown configuration field 'optim.learnign_rate'; did you mean 'learning_rate'?",
        ),
        ({"trian": {}}, "unknown configuration field 'trian'; did you mean 'train'?"),
        ({"train": {"epochs": 1.5}}, "train.epochs=1.5: must be an integer"),
        ({"train": {"epochs": True}}, "train.epochs=True: must be an integer"),
        ({"optim": {"learning_rate": "fast"}}, "optim.learning_rate='fast': must be a finite number"),
        ({"optim": {"learning_rate": float("nan")}}, "must be a finite number"),
        ({"optim": {"name": "SGD"}}, "did you mean 'sgd'?"),
        ({"data": {"fps": 0}}, "data.fps=0.0: must be at least 0.001"),
        ({"train": 3}, "configuration group 'train' is 3"),
        ({"split": {"folds": 3, "fold": 3}}, "split.fold=3: must be below split.folds=3"),
        ({"split": {"train_only": ["a"], "validation_only": ["a"]}}, "both name"),
        ({"model": {"widths": [8]}}, "give one kernel to each width"),
        ({"model": {"dense": [0]}}, "every size must be at least 1"),
        (
            {"model": {"activation": "gelu"}},
            "model.activation='gelu': must be one of relu, leaky_relu, elu, softplus, tanh, sigmoid, identity; did you",
        ),
        ({"optim": {"name": "adam", "weight_decay": 0.1}}, "use optim.name=adamw"),
        ({"optim": {"name": "adamw", "momentum": 0.9}}, "optim.momentum=0.9"),
        ({"augment": {"zoom": [1.2, 0.8]}}, "give \\(low, high\\)"),
        ({"augment": {"zoom": 1.5}}, "augment.zoom=1.5"),
        ({"data": {"source": "videos"}}, "data.path is empty"),
        ({"data": {"source": "tfds"}}, "data.name is empty"),
        ({"split": {"strategy": "blok"}}, "split.strategy='blok': did you mean 'block'?"),
        (
            {"split": {"strategy": "frame", "gap_seconds": 2.0}},
            "split.gap_seconds=2.0: .*'frame' has no blocks of time",
        ),
        (
            {"split": {"strategy": "recording", "block_seconds": 5.0}},
            "split.block_seconds=5.0: .*has no blocks of time",
        ),
        ({"model": {"norm": "group", "norm_momentum": 0.9}}, "model.norm_momentum=0.9: .* keeps no statistics"),
        ({"model": {"norm": "none", "norm_statistics": "precise"}}, "model.norm_statistics='precise': .* keeps no"),
        ({"model": {"dense": [], "dropout": 0.5}}, "model.dropout=0.5: .*model.dense=\\(\\) has none; leave it out"),
        (
            {"model": {"widths": [], "kernels": [], "dense": [], "activation": "tanh"}},
            "model.activation='tanh': it follows convolutions and dense layers, and there are none; give",
        ),
        (
            {"model": {"initializer": "zeros", "initializer_scale": 2}},
            "model.initializer_scale=2.0: model.initializer='zeros' is 0 at any scale; leave it out",
        ),
        ({"model": {"initializer": "he_norml"}}, "model.initializer='he_norml': .* did you mean 'he_normal'?"),
        ({"model": {"initializer_scale": -1}}, "model.initializer_scale=-1.0: must be at least 0"),
        (
            {"split": {"class_shares": ["rex", 0.1]}},
            "split.class_shares=\\('rex', 0.1\\): give pairs of a label in quotes",
        ),
        ({"split": {"class_shares": [[3, 0.1]]}}, "give pairs of a label in quotes and a share"),
        ({"split": {"class_shares": [["rex", 0.0]]}}, "'rex' has 0.0; a share must be above 0 and at most 1"),
        ({"split": {"class_shares": [["rex", 1.5]]}}, "'rex' has 1.5; a share must be above 0 and at most 1"),
        ({"split": {"class_shares": [["rex", "half"]]}}, "'rex' has 'half'; a share must be above 0"),
        ({"split": {"class_shares": [["rex", True]]}}, "'rex' has True; a share must be above 0"),
        ({"split": {"class_shares": [["rex", 0.1], ["rex", 0.2]]}}, "name each label once"),
        (
            {"split": {"class_shares": [["rex", 0.1]], "validation_only": ["rex"]}},
            "'rex' is in split.validation_only and has no training frames; leave it out of one",
        ),
        (
            {"train": {"sampling": "random"}},
            "train.sampling='random': must be one of shuffled, balanced, in_order; known",
        ),
        ({"data": {"source": "tfds", "name": "x", "fps": 2.0}}, "data.fps=2.0: data.source='tfds' does not use it"),
        (
            {"data": {"source": "tfds", "name": "x", "on_bad_video": "skip"}},
            "data.on_bad_video='skip': data.source='tfds'",
        ),
        ({"data": {"path": "my_dogs"}}, "data.path='my_dogs': .* set data.source to 'videos' or 'tfds'"),
        ({"data": {"name": "stanford_dogs"}}, "data.name='stanford_dogs': .* set data.source to 'tfds'"),
    ],
)
def test_mistakes_name_the_field_the_value_and_the_way_out(values, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        from_dict(values)


def test_a_range_may_stand_for_a_number():
    assert from_dict({"augment": {"zoom": [0.5, 1.0]}}).augment.zoom == (0.5, 1.0)
    assert from_dict({"augment": {"width_shift": 3}}).augment.width_shift == 3
    assert isinstance(from_dict({"augment": {"width_shift": 3}}).augment.width_shift, int)


def test_whole_numbers_for_real_fields_become_real():
    assert json.dumps(to_dict(from_dict({"optim": {"momentum": 0}}))["optim"]["momentum"]) == "0.0"


def test_field_names_are_the_contract_s():
    expected = {
        "seeds": "split init order augment dropout poke",
        "data": "source path name fps image_size scale on_bad_video mask augment_on merge_labels cache_dir",
        "split": "strategy folds fold block_seconds gap_seconds train_fraction train_recordings class_shares "
        "train_only validation_only",
        "augment": "zoom rotation width_shift height_shift shear brightness channel_shift horizontal_flip "
        "vertical_flip fill validation",
        "model": "widths kernels dense activation dropout norm norm_momentum norm_statistics head initializer "
        "initializer_scale dtype",
        "optim": "name learning_rate momentum weight_decay schedule warmup_epochs clip_norm accumulate ema_decay "
        "label_smoothing loss",
        "train": "batch_size epochs sampling drop_remainder checkpoint_every_epochs keep keep_weights max_minutes",
        "study": "kind streams replicates bases lengths arms width shard submit shards slurm_partition",
        "diagnose": "branches",
    }
    names = ["seed", *(f"{group}.{field}" for group, fields in expected.items() for field in fields.split())]
    assert field_names() == names
    assert [name for name, _ in flatten(to_dict(Config()))] == names


def test_every_source_is_a_module_with_one_function_and_reads_fields_that_exist():
    known = {field.name for field in dataclasses.fields(DataConfig)}
    for source in SOURCES.values():
        assert callable(importlib.import_module(source.module).open_source)
        assert {*source.reads, source.required} - {""} <= known


@pytest.mark.parametrize("name", CONFIGS)
def test_every_experiment_is_sound_with_every_arm(name):
    config = from_dict(importlib.import_module(f"configs.{name}").get_config().to_dict())
    for _, fields in config.study.arms:
        replace_fields(config, dict(fields))
