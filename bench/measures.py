"""What is measured, against whom, and what each figure must reach."""

import dataclasses
from collections.abc import Sequence

from bench.race import Contender

TENSORFLOW = {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
# As launch.py sets them.
OURS = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
JAX = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclasses.dataclass(frozen=True)
class Measure:
    """A race.

    Attributes:
      name: in `results.json`.
      what: one line for a reader.
      unit: of what a lap returns.
      ours: dogjax.
      peers: by the peer's name, its modes; the fastest counts.
      wanted: the least ratio of their time to ours; without peers, the most that ours may be.
      rounds: laps of each.
    """

    name: str
    what: str
    unit: str
    ours: Contender
    peers: dict[str, Sequence[Contender]]
    wanted: dict[str, float]
    rounds: int


def _step(size: int) -> Measure:
    arguments = {"size": size}
    return Measure(
        name=f"train_step_{size}",
        what=f"one training step of the post's network, batch 64, {size} x {size} pixels",
        unit="s",
        ours=Contender("dogjax", "dogjax", "train_step", arguments),
        peers={
            "keras_tensorflow": [Contender("Keras on TensorFlow", "keras", "train_step", arguments, TENSORFLOW)],
            "keras_jax": [Contender("Keras on JAX", "keras", "train_step", arguments, JAX)],
            "pytorch": [
                Contender("PyTorch, eager", "pytorch", "train_step", {**arguments, "compiled": False}),
                Contender("PyTorch, torch.compile", "pytorch", "train_step", {**arguments, "compiled": True}),
            ],
            "flax": [Contender("plain Flax", "flax", "train_step", arguments)],
        },
        wanted={"keras_tensorflow": 1.0, "pytorch": 1.2, "flax": 6.0},
        rounds=15 if size == 64 else 11,
    )


def _limit(size: int) -> Measure:
    arguments = {"size": size}
    return Measure(
        name=f"step_limit_{size}",
        what=f"the step at {size} pixels, against its operations at the best rate of any library's matrix product",
        unit="s",
        ours=Contender("dogjax", "dogjax", "train_step", arguments),
        peers={"matrix_product": [Contender(name, "limit", name, arguments) for name in ("jax", "pytorch", "numpy")]},
        wanted={},
        rounds=9,
    )


def _replicas(count: int) -> Measure:
    return Measure(
        name=f"replicas_{count}",
        what=f"one training step of {count} replicas side by side, divided by {count}, against one run's step",
        unit="s",
        ours=Contender(f"{count} replicas", "dogjax", "replicas", {"size": 64, "count": count}),
        peers={"compute": [Contender("one run", "dogjax", "train_step", {"size": 64})]},
        wanted={"compute": 1.0},
        rounds=9,
    )


MEASURES = [
    _step(64),
    _step(128),
    _limit(64),
    _limit(128),
    _replicas(4),
    _replicas(8),
    Measure(
        name="epoch_vs_compute",
        what="an epoch from end to end, 1,350 + 450 frames, against its steps and forward passes alone",
        unit="s",
        ours=Contender("dogjax", "epochs", "end_to_end", {}, OURS),
        peers={"compute": [Contender("compute alone", "epochs", "compute", {}, OURS)]},
        wanted={"compute": 0.9},
        rounds=15,
    ),
    Measure(
        name="epoch_64",
        what="an epoch from end to end, 1,350 + 450 frames",
        unit="s",
        ours=Contender("dogjax", "epochs", "end_to_end", {}, OURS),
        peers={
            "keras_tensorflow": [
                Contender("Keras fit, ImageDataGenerator", "keras", "epoch", {"size": 64}, TENSORFLOW)
            ],
            "pytorch": [Contender("PyTorch, DataLoader", "pytorch", "epoch", {"size": 64})],
        },
        wanted={"keras_tensorflow": 1.5},
        rounds=9,
    ),
    Measure(
        name="frame_extraction",
        what="a frame a second out of a clip, 64 x 64 pixels, the mean over the embedded clips",
        unit="s",
        ours=Contender("dogjax", "frames", "dogjax"),
        peers={"ffmpeg": [Contender("the ffmpeg program", "frames", "ffmpeg")]},
        wanted={"ffmpeg": 1.0},
        rounds=3,
    ),
    Measure(
        name="memory_growth_mb",
        what="peak resident memory while drawing 500 training batches, 200,000 frames on disk against 2,000",
        unit="MB",
        ours=Contender("dogjax", "memory", "growth", {"few": 2000, "many": 200_000}, OURS),
        peers={},
        wanted={"": 300.0},
        rounds=1,
    ),
    Measure(
        name="second_start_s",
        what="from `python launch.py` to the end of the first step, everything prepared and compiled before",
        unit="s",
        ours=Contender("dogjax", "starts", "start"),
        peers={},
        wanted={"": 10.0},
        rounds=5,
    ),
    Measure(
        name="study_8_runs",
        what="a study of eight runs of configs/seed_study.py, against eight runs of launch.py",
        unit="s",
        ours=Contender("one study", "studies", "study"),
        peers={"launches": [Contender("eight launches", "studies", "launches")]},
        wanted={"launches": 1 / 0.6},
        rounds=2,
    ),
]
