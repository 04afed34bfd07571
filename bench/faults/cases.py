"""Five runs that imitate questions that people asked in public, as they were tried on the first edition.

They have no sound run to be held against, so the page lists them, and no figure counts them.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from configs import baseline, small
from dogjax.config import Config, from_dict, replace_fields


@dataclasses.dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
      name: one word or two.
      whence: where it was asked about.
      config: `small` or `baseline`.
      fields: the changes to it.
      right: names of causes that count as right.
      said: what the first edition named, first the first.
    """

    name: str
    whence: str
    config: str
    fields: Mapping[str, Any]
    right: frozenset[str]
    said: str


_NOTHING_AVERAGED = {"optim.schedule": "constant", "optim.warmup_epochs": 0.0, "optim.ema_decay": 0.0}
CASES = (
    Case(
        "few updates",
        "Stack Overflow 47157526",
        "small",
        {"model.norm": "batch", "model.norm_momentum": 0.99, "train.batch_size": 512, "train.epochs": 8}
        | _NOTHING_AVERAGED,
        frozenset({"batch_norm_statistics"}),
        "label_noise, small_validation",
    ),
    Case(
        "missing class",
        "keras#8346",
        "small",
        {"split.validation_only": ("pepper",), "train.epochs": 12},
        frozenset({"missing_class"}),
        "overconfidence",
    ),
    Case(
        "dead network",
        "keras#13006",
        "small",
        {
            "data.scale": "raw",
            "model.norm": "none",
            "optim.name": "sgd",
            "optim.weight_decay": 0.0,
            "optim.learning_rate": 0.5,
            "optim.ema_decay": 0.0,
            "optim.label_smoothing": 0.0,
            "train.epochs": 10,
        },
        frozenset({"not_learning", "learning_rate", "input_scale"}),
        "overconfidence, learning_rate",
    ),
    Case(
        "Adam too fast",
        "deepconvolution/LipNet#2",
        "small",
        {
            "optim.name": "adam",
            "optim.weight_decay": 0.0,
            "optim.learning_rate": 0.1,
            "optim.clip_norm": 0.0,
            "optim.label_smoothing": 0.0,
        }
        | _NOTHING_AVERAGED,
        frozenset({"learning_rate", "optimizer_instability"}),
        "last_iterate",
    ),
    Case(
        "the post",
        "the post that this project answers, 12 epochs of it",
        "baseline",
        {"train.epochs": 12},
        frozenset({"batch_norm_statistics", "tail_batch"}),
        "overconfidence",
    ),
)


def configure(case: Case, cache: pathlib.Path) -> Config:
    """Returns the configuration of a case."""
    module = {"small": small, "baseline": baseline}[case.config]
    config = from_dict(module.get_config().to_dict())
    return replace_fields(config, {**case.fields, "data.cache_dir": str(cache), "train.keep": 1})
