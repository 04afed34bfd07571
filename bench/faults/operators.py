"""The faults, a row each: whence it is known, what it changes, at which strengths, and what is a right name for it.

Operators of DeepCrime (Humbatova, Jahangirova & Tonella, ISSTA 2021) carry its abbreviations: TCL changes labels of
training data, TRD removes training data, TUD unbalances it, TAN adds noise to it, TCO makes classes overlap; HLR, HNE
and HBS change learning rate, epochs and batch size; ACH changes an activation, WCI initial weights, LCH the loss, OCH
the optimizer; RAW adds weight decay, RCD changes dropout, VRM removes validation data.
"""

from collections.abc import Callable

from bench.faults import edits
from bench.faults.fault import Fault, Fields, Situation

# A network that learns nothing may be called so, whatever keeps it from learning.
NOTHING_LEARNT = "not_learning"
ADAM = {"optim.name": "adam", "optim.momentum": 0.0, "optim.learning_rate": 0.003}
# Without BatchNorm plain SGD would need more epochs than a run has.
WITHOUT_NORM = {"model.norm": "none", "model.norm_momentum": 0.99, "optim.momentum": 0.9, "optim.learning_rate": 0.05}
# Batch sizes that are no fault.
BATCHES = range(40, 97)
# Of the training frames: so few are learnt by heart.
FIFTH = 0.2
# The rate stays where it is, and the weights are those of the last step: what the fault is about.
STEADY = {"optim.schedule": "constant", "optim.ema_decay": 0.0}


def _field(name: str) -> Callable[[Situation], Fields]:
    """Returns a function that gives the field the value of the strength."""
    return lambda situation: {name: situation.strength}


def _times(name: str) -> Callable[[Situation], Fields]:
    """Returns a function that multiplies the field by the strength."""

    def fields(situation: Situation) -> Fields:
        group, field = name.split(".")
        return {name: getattr(getattr(situation.config, group), field) * situation.strength}

    return fields


def _fields(situation: Situation) -> Fields:
    """Returns the strength, which is the fields themselves."""
    return dict(situation.strength)


def _share_of_a_class(situation: Situation) -> Fields:
    """Keeps a share of one class's training frames; of share 0 the class validates alone."""
    label = situation.labels[0]
    if not situation.strength:
        return {"split.validation_only": (label,)}
    return {"split.class_shares": ((label, situation.strength),)}


def _imbalance(situation: Situation) -> Fields:
    """Keeps a share of the training frames of the class that comes last, a merged one included."""
    label = situation.sides[0].label_names[-1]
    return {"split.class_shares": ((label, situation.strength),)}


def _batch_with_tail(situation: Situation) -> dict[str, int]:
    """Returns the batch size that leaves about `strength` training frames over; of several, the nearest to 64."""
    frames, tail = situation.train_frames, situation.strength
    sizes = [size for size in BATCHES if frames % size]
    return {"train.batch_size": min(sizes, key=lambda size: (abs(frames % size - tail), abs(size - 64)))}


def _augmentation(situation: Situation) -> Fields:
    """Augments training by up to `strength` times 60 degrees, a zoom of 1.6, a factor of 2.5 and a shift of 80."""
    times = situation.strength
    return {
        "augment.rotation": min(180.0, 60.0 * times),
        "augment.zoom": (1 / (1 + 0.6 * times), 1 + 0.6 * times),
        "augment.brightness": (1 / (1 + 1.5 * times), 1 + 1.5 * times),
        "augment.channel_shift": min(255.0, 80.0 * times),
    }


def _weak_to_strong(situation: Situation) -> Fields:
    """Augments training as far as `strength` says, up to 60 degrees; validation is augmented so, too, in the fault."""
    times = situation.strength
    return {
        "augment.rotation": 60.0 * times,
        "augment.zoom": 0.5 * times,
        "augment.brightness": (1 - 0.7 * times, 1 + 0.7 * times),
        "augment.channel_shift": 60.0 * times,
    }


def _right(*names: str) -> frozenset[str]:
    return frozenset(names)


OF_DATA = (
    Fault(
        "changed_labels", "DeepCrime TCL", "a share of the recordings in another class's folder", (0.06, 0.12, 0.25),
        _right("label_noise"), "the labels are wrong", edit=edits.relabel,
    ),
    Fault(
        "few_recordings", "DeepCrime TRD", "a share of the training recordings", (0.5, 0.34, 0.17),
        _right("overfitting"), "more recordings are the only cure", _field("split.train_recordings"),
    ),
    Fault(
        "few_frames", "DeepCrime TRD", "a share of the training frames, so fewer steps, too", (0.5, 0.3, 0.15),
        _right("overfitting", "underfitting"), "fewer frames, and fewer steps",
        _field("split.train_fraction"),
    ),
    Fault(
        "imbalance", "DeepCrime TUD", "a share of one class's training frames", (0.3, 0.1, 0.03),
        _right("class_imbalance"), "its name", _imbalance,
    ),
    Fault(
        "missing_class", "keras#8346", "a class that training sees hardly, or not at all", (0.1, 0.04, 0.0),
        _right("missing_class", "class_imbalance"), "short of 0 it is an imbalance", _share_of_a_class,
        setting={"data.merge_labels": ()},
    ),
    Fault(
        "training_noise", "DeepCrime TAN", "noise in the training frames, SD of 255", (10.0, 30.0, 90.0),
        _right("sides_differ"), "the sides differ in their pixels", edit=edits.add_noise,
    ),
    Fault(
        "overlapping_classes", "DeepCrime TCO", "a share of a class's recordings, in another class, too",
        (0.25, 0.5, 1.0), _right("label_noise", "look_alikes", "duplicates"),
        "one picture has two labels, and lies on both sides", edit=edits.overlap,
    ),
    Fault(
        "darker_validation", "keras#12689", "validation frames times", (0.8, 0.5, 0.25),
        _right("sides_differ"), "two preprocessings", edit=edits.darken_validation,
    ),
    Fault(
        "swapped_channels", "keras#2622", "red and blue exchanged in validation, share", (0.25, 0.5, 1.0),
        _right("sides_differ"), "two preprocessings", edit=edits.swap_channels,
    ),
    Fault(
        "leaky_split", "HULKs#2831", "frames of one recording on both sides: blocks of seconds, or single frames",
        (("block", 12.0), ("block", 6.0), ("frame", None)), _right("leaky_split", "duplicates"),
        "the score is of recordings that were trained on",
        lambda situation: {"split.strategy": situation.strength[0]}
        | ({"split.block_seconds": situation.strength[1], "split.gap_seconds": 0.0} if situation.strength[1] else {}),
        harm="flatters",
    ),
    Fault(
        "duplicates", "own", "a share of the recordings twice, encoded again", (0.25, 0.5, 1.0),
        _right("duplicates", "leaky_split"), "copies lie on both sides", edit=edits.duplicate, harm="flatters",
    ),
    Fault(
        "background_confound", "own", "a share of the clips filmed away from each class's own place left out",
        (0.5, 0.8, 1.0), _right("background_confound"), "the place tells the class", edit=edits.confine,
        setting={"split.folds": 3}, control_edit=edits.thin, harm="flatters",
    ),
    Fault(
        "recording_format", "own", "one class from a camera that encodes more coarsely, x264's rate factor",
        (24, 34, 44), _right("recording_format", "background_confound"),
        "the encoding tells the class, in the border, too", edit=edits.coarsen, harm="flatters",
    ),
    Fault(
        "small_validation", "DeepCrime VRM", "folds, of which one validates", (3, 4, 6),
        _right("small_validation"), "its name", _field("split.folds"), harm="unsettles",
    ),
)  # fmt: skip

OF_TRAINING = (
    Fault(
        "rate_too_high_sgd", "DeepCrime HLR", "learning rate of SGD, times", (5.0, 20.0, 80.0),
        _right("learning_rate", NOTHING_LEARNT), "its name", _times("optim.learning_rate"), setting=STEADY,
    ),
    Fault(
        "rate_too_high_momentum", "DeepCrime HLR", "learning rate of SGD with momentum, times", (5.0, 20.0, 80.0),
        _right("learning_rate", NOTHING_LEARNT), "its name", _times("optim.learning_rate"),
        setting=STEADY | {"optim.momentum": 0.9, "optim.learning_rate": 0.02},
    ),
    Fault(
        "rate_too_high_adam", "DeepCrime HLR", "learning rate of Adam, times", (5.0, 20.0, 80.0),
        _right("learning_rate", "optimizer_instability", NOTHING_LEARNT), "its name",
        _times("optim.learning_rate"), setting=STEADY | ADAM,
    ),
    Fault(
        "rate_too_low", "DeepCrime HLR", "learning rate, times", (0.1, 0.01, 0.001),
        _right("underfitting", NOTHING_LEARNT), "too little is learnt; more epochs would do as well",
        _times("optim.learning_rate"),
    ),
    Fault(
        "few_epochs", "DeepCrime HNE", "epochs", (10, 6, 4),
        _right("underfitting", NOTHING_LEARNT), "too little is learnt; a higher rate would do as well",
        _field("train.epochs"),
    ),
    Fault(
        "small_batch", "DeepCrime HBS", "frames to a batch, at a steady rate", (16, 6, 2),
        _right("small_batch", "learning_rate", "batch_norm_statistics"),
        "a lower rate averages as a larger batch does, and BatchNorm's part can be measured anew",
        _field("train.batch_size"), setting=STEADY,
    ),
    Fault(
        "tail_batch", "fastai#2416", "frames in the last batch of an epoch", (12, 6, 2),
        _right("tail_batch", "batch_norm_statistics"), "it acts through BatchNorm",
        lambda situation: _batch_with_tail(situation) | {"train.drop_remainder": False},
        setting=STEADY, control=_batch_with_tail,
    ),
    Fault(
        "in_order", "keras#3894", "classes one after the other in every epoch, frames to a batch", (64, 32, 16),
        _right("batch_norm_statistics", "learning_rate", "small_batch"),
        "each calms it: BatchNorm's statistics are of the last class, and the steps are of one class each",
        lambda situation: {"train.sampling": "in_order"}, setting=STEADY,
        control=_field("train.batch_size"),
    ),
    Fault(
        "optimizer", "DeepCrime OCH", "another rule at the rate of SGD", ("adagrad", "rmsprop", "lion"),
        _right("learning_rate", "optimizer_instability", "underfitting", NOTHING_LEARNT),
        "the rate does not suit the rule", _field("optim.name"), setting=STEADY,
    ),
    Fault(
        "loss", "DeepCrime LCH", "another loss: focal, squared error, squared error of smoothed labels",
        (
            (("optim.loss", "focal"),),
            (("optim.loss", "mean_squared_error"),),
            (("optim.loss", "mean_squared_error"), ("optim.label_smoothing", 0.5)),
        ),
        _right("underfitting", NOTHING_LEARNT), "its gradients are small", _fields,
    ),
    Fault(
        "label_smoothing", "own", "share of the target spread over all classes", (0.4, 0.7, 0.95),
        _right("underfitting", NOTHING_LEARNT), "predictions stay near chance",
        _field("optim.label_smoothing"),
    ),
    Fault(
        "weight_decay", "DeepCrime RAW", "decoupled weight decay", (0.1, 1.0, 10.0),
        _right("underfitting", NOTHING_LEARNT), "the weights are pulled to 0", _field("optim.weight_decay"),
    ),
    Fault(
        "augmentation", "own", "turns, zooms, light and colours of training frames, times", (0.5, 1.0, 3.0),
        _right("underfitting", "sides_differ"), "training sees what validation never shows", _augmentation,
    ),
    Fault(
        "augmented_validation", "keras-preprocessing#218", "validation augmented as training is, by the strength",
        (0.25, 0.5, 1.0), _right("augmented_validation"), "its name",
        lambda situation: {"augment.validation": True}, control=_weak_to_strong,
    ),
    Fault(
        "overconfidence", "own", "epochs on a fifth of the frames, learnt by heart", (16, 40, 80),
        _right("overconfidence", "overfitting"), "sure, and wrong",
        lambda situation: {
            "train.epochs": situation.strength, "split.train_fraction": FIFTH,
            # A batch that the fifth fills: the clips have 22 frames of it.
            "train.batch_size": 32 if situation.train_frames * FIFTH >= 32 else 16,
        },
        setting={"optim.label_smoothing": 0.0, "augment.zoom": 0.0, "augment.horizontal_flip": False,
                 "model.norm": "group", "model.norm_momentum": 0.99, "optim.momentum": 0.9,
                 "optim.learning_rate": 0.05},
    ),
)  # fmt: skip

OF_THE_NETWORK = (
    Fault(
        "activation", "DeepCrime ACH", "the activation", ("tanh", "sigmoid", "identity"),
        _right("underfitting", NOTHING_LEARNT), "the network can say or learn less", _field("model.activation"),
    ),
    Fault(
        "constant_weights", "DeepCrime WCI", "initial kernels: small, all ones, all zeros",
        (
            (("model.initializer_scale", 0.01),),
            (("model.initializer", "ones"),),
            (("model.initializer", "zeros"),),
        ),
        _right("underfitting", NOTHING_LEARNT), "units stay alike, or never move", _fields,
        setting=WITHOUT_NORM,
    ),
    Fault(
        "large_weights", "DeepCrime WCI", "initial kernels, times", (2.0, 4.0, 16.0),
        _right("overconfidence", "learning_rate", NOTHING_LEARNT), "logits, gradients and steps are far too large",
        _field("model.initializer_scale"), setting=WITHOUT_NORM,
    ),
    Fault(
        "dropout", "DeepCrime RCD", "share of units dropped before the last layer", (0.5, 0.8, 0.97),
        _right("underfitting", "dropout_before_norm"), "too little is left", _field("model.dropout"),
    ),
    Fault(
        "dropout_before_norm", "own", "share of units dropped before a BatchNorm", (0.3, 0.6, 0.9),
        _right("dropout_before_norm", "batch_norm_statistics"), "it acts through BatchNorm's variance",
        _field("model.dropout"), setting={"model.dense": (32, 32)},
    ),
    Fault(
        "norm_momentum", "keras#10666", "how much of BatchNorm's running statistics stays", (0.97, 0.99, 0.997),
        _right("batch_norm_statistics"), "its name", _field("model.norm_momentum"),
    ),
    Fault(
        "small_network", "own", "channels of the two blocks", ((6, 12), (3, 6), (1, 2)),
        _right("underfitting"), "the network can say less", _field("model.widths"),
    ),
    Fault(
        "input_too_large", "keras#13517", "input of 0..255: with group norm, batch norm, none",
        ("group", "batch", "none"), _right("input_scale", "learning_rate", NOTHING_LEARNT),
        "the first layer's outputs are far too large",
        lambda situation: {"data.scale": "raw"},
        control=lambda situation: {}
        if situation.strength == "batch"
        else WITHOUT_NORM | {"model.norm": situation.strength},
    ),
    Fault(
        "input_too_small", "keras (integer division)", "pixels of all frames, times, unscaled otherwise",
        (0.3, 0.06, 0.004), _right("input_scale", "underfitting", NOTHING_LEARNT),
        "the input hardly varies: at the last strength it is 0 or 1 of 255", edit=edits.fade,
        setting={"data.scale": "unit"} | WITHOUT_NORM,
    ),
)  # fmt: skip

FAULTS = {fault.name: fault for fault in (*OF_DATA, *OF_TRAINING, *OF_THE_NETWORK)}
