"""Two diagnosticians that look at no run: what a diagnosis must beat to be worth its minutes."""

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]


def always_batch_norm(config: Row) -> list[str]:
    """Names BatchNorm's statistics, whatever the run."""
    del config
    return ["batch_norm_statistics"]


def by_configuration(config: Row) -> list[str]:
    """Names what an experienced reader of the configuration alone would suspect, in the order of suspicion.

    Args:
      config: values by dotted field name.
    """
    return [cause for cause, suspected in _SUSPICIONS if suspected(config)]


_ADAPTIVE = ("adam", "adamw", "nadamw", "rmsprop", "lion", "adagrad")
# A rate that is high for its rule: Adam's default is .001, and SGD with BatchNorm bears ten times Keras's .01.
_HIGH = {"sgd": 0.3} | dict.fromkeys(_ADAPTIVE, 0.01)
_LOW = {"sgd": 0.001} | dict.fromkeys(_ADAPTIVE, 1e-5)
_SUSPICIONS: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("leaky_split", lambda c: c["split.strategy"] == "frame"),
    ("missing_class", lambda c: bool(c["split.validation_only"])),
    ("augmented_validation", lambda c: c["augment.validation"]),
    ("learning_rate", lambda c: c["optim.learning_rate"] / (1 - c["optim.momentum"]) > 3 * _HIGH[c["optim.name"]]),
    ("not_learning", lambda c: c["model.initializer"] in ("zeros", "ones")),
    ("batch_norm_statistics", lambda c: c["model.norm"] == "batch" and c["model.norm_momentum"] >= 0.99),
    ("small_batch", lambda c: c["train.batch_size"] <= 8),
    ("tail_batch", lambda c: not c["train.drop_remainder"]),
    (
        "dropout_before_norm",
        lambda c: c["model.norm"] == "batch" and c["model.dropout"] > 0 and len(c["model.dense"]) > 1,
    ),
    ("class_imbalance", lambda c: bool(c["split.class_shares"])),
    (
        "underfitting",
        lambda c: (
            c["train.epochs"] < 10
            or c["optim.learning_rate"] < _LOW[c["optim.name"]]
            or c["optim.weight_decay"] > 0.3
            or c["optim.label_smoothing"] > 0.3
            or c["model.dropout"] > 0.6
        ),
    ),
    ("overfitting", lambda c: c["split.train_fraction"] < 0.5 or c["split.train_recordings"] < 0.5),
    ("input_scale", lambda c: c["data.scale"] == "raw"),
    ("small_validation", lambda c: c["split.folds"] >= 5),
)
