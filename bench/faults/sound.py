"""Runs with nothing wrong: the base that faults are planted in, and many variations of it."""

import itertools
import pathlib
from typing import Any

import numpy as np

from bench.faults.worlds import World, sampled_videos, three_of_thirty
from dogjax import config as config_lib
from dogjax.config import Config

# Varied sound runs of each world.
VARIATIONS = {"embedded": 36, "drift": 36, "second": 24, "clips": 6, "noise": 12}
# Of those on clips, the ones from this number on have three other dogs each.
FIRST_OF_THIRTY = 4
# One phone clip of ten seconds a dog: only blocks of time can be held out.
OF_WORLDS: dict[str, dict[str, Any]] = {
    "clips": {
        "data.fps": 10.0,
        "split.strategy": "block",
        "split.folds": 2,
        "split.block_seconds": 1.0,
        "split.gap_seconds": 0.4,
        "train.batch_size": 16,
    }
}
# What varies from one sound run to the next. None of it is a fault: rates suit their optimizers, and norms need no
# running statistics that lag. Without BatchNorm plain SGD would need more epochs than a run has.
MOMENTUM = {"optim.momentum": 0.9, "optim.learning_rate": 0.05}
NORMS: tuple[dict[str, Any], ...] = (
    {},
    {"model.norm": "group", "model.norm_momentum": 0.99} | MOMENTUM,
    {"model.norm": "layer", "model.norm_momentum": 0.99} | MOMENTUM,
)
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {},
    {"optim.momentum": 0.9, "optim.learning_rate": 0.02},
    {"optim.name": "adam", "optim.momentum": 0.0, "optim.learning_rate": 0.003},
)
SIZES: tuple[dict[str, Any], ...] = ({}, {"model.widths": (16, 32), "model.dense": (64,)})
SIDES: tuple[dict[str, Any], ...] = ({}, {"data.image_size": 32})
CLASSES: tuple[dict[str, Any], ...] = ({}, {"data.merge_labels": ()})
SPLITS: tuple[dict[str, Any], ...] = (
    {},
    {"split.strategy": "block", "split.folds": 2},
    {"split.strategy": "background", "split.folds": 2},
)
AVERAGES: tuple[dict[str, Any], ...] = ({}, {"optim.ema_decay": 0.9})


def base_fields(world: World, cache: pathlib.Path) -> dict[str, Any]:
    """Returns the fields of a small run with nothing wrong, on the videos of `world`."""
    return {
        "data.source": "videos",
        "data.path": str(sampled_videos(world, cache)),
        "data.cache_dir": str(cache),
        "data.fps": 0.5,
        "data.image_size": 24,
        "data.scale": "standardise",
        "data.merge_labels": world.alike,
        "data.augment_on": "device",
        "split.strategy": "recording",
        "split.folds": 2,
        "augment.zoom": 0.2,
        "augment.horizontal_flip": True,
        "model.widths": (12, 24),
        "model.kernels": (5, 3),
        "model.head": "average",
        "model.dense": (32,),
        "model.dropout": 0.0,
        "model.norm_momentum": 0.9,
        "optim.learning_rate": 0.1,
        "optim.label_smoothing": 0.1,
        "optim.schedule": "cosine",
        "train.drop_remainder": True,
        "train.epochs": 16,
        "train.checkpoint_every_epochs": 16,
        "train.keep": 1,
    }


def base(world: World, cache: pathlib.Path, seed: int) -> Config:
    """Returns the configuration of the base."""
    return config_lib.replace_fields(
        Config(), base_fields(world, cache) | OF_WORLDS.get(world.name, {}) | {"seed": seed}
    )


def variation(world: str, number: int, cache: pathlib.Path) -> dict[str, Any]:
    """Returns the fields of a world's sound run `number`, from 1: no two worlds have a combination in common.

    Args:
      world: its name.
      number: of the run.
      cache: where the folders of videos are.
    """
    combinations = list(itertools.product(NORMS, OPTIMIZERS, SIZES, SIDES, CLASSES, SPLITS, AVERAGES))
    order = np.random.default_rng(72).permutation(len(combinations))
    before = sum(count for name, count in itertools.takewhile(lambda each: each[0] != world, VARIATIONS.items()))
    fields = {name: value for part in combinations[order[before + number - 1]] for name, value in part.items()}
    fields |= OF_WORLDS.get(world, {})
    if world == "clips" and number >= FIRST_OF_THIRTY:
        fields |= {"data.path": str(three_of_thirty(number, cache)), "data.merge_labels": ()}
    return fields
